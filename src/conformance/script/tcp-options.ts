/** TCP options of scripts, as octets and back: RFC 9293 s3.2, RFC 7323, RFC 2018, RFC 7413, RFC 2385, RFC 9768 s3.2.3. */
import type { TcpOption } from "./ast.js";

export const Kind = {
  Eol: 0,
  Nop: 1,
  Mss: 2,
  WindowScale: 3,
  SackPermitted: 4,
  Sack: 5,
  Timestamps: 8,
  Md5: 19,
  FastOpen: 34,
  AccEcn0: 172,
  AccEcn1: 174,
  Experiment: 254,
} as const;
/** RFC 7413 s4.1.1 as it was tried first: RFC 6994's magic number in kind 254. */
export const FAST_OPEN_MAGIC = 0xf989;

export function optionOctets(option: TcpOption): number {
  switch (option.kind) {
    case "nop":
    case "eol":
      return 1;
    case "mss":
      return 4;
    case "wscale":
      return 3;
    case "sackOK":
      return 2;
    case "sack":
      return 2 + 8 * option.blocks.length;
    case "TS":
      return 10;
    case "md5":
      return 2 + option.digest.length / 2;
    case "FO":
      return 2 + option.cookie.length / 2;
    case "FOEXP":
      return 4 + option.cookie.length / 2;
    case "ECN":
      return 2 + 3 * option.fields.length;
  }
}

/** The octets of options. Numbers are as the options have them: map them first. */
export function writeOptions(options: readonly TcpOption[]): Uint8Array {
  const octets = new Uint8Array(options.reduce((sum, option) => sum + optionOctets(option), 0));
  let at = 0;
  for (const option of options) {
    writeOption(octets, at, option);
    at += optionOctets(option);
  }
  return octets;
}

function writeOption(octets: Uint8Array, at: number, option: TcpOption): void {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const head = (kind: number): void => {
    octets[at] = kind;
    octets[at + 1] = optionOctets(option);
  };
  switch (option.kind) {
    case "eol":
      octets[at] = Kind.Eol;
      return;
    case "nop":
      octets[at] = Kind.Nop;
      return;
    case "mss":
      head(Kind.Mss);
      return view.setUint16(at + 2, option.value);
    case "wscale":
      head(Kind.WindowScale);
      return view.setUint8(at + 2, option.value);
    case "sackOK":
      return head(Kind.SackPermitted);
    case "sack":
      head(Kind.Sack);
      for (const [i, { left, right }] of option.blocks.entries()) {
        view.setUint32(at + 2 + 8 * i, left);
        view.setUint32(at + 6 + 8 * i, right);
      }
      return;
    case "TS":
      head(Kind.Timestamps);
      view.setUint32(at + 2, option.value ?? 0);
      return view.setUint32(at + 6, option.echo);
    case "md5":
      head(Kind.Md5);
      return setHex(octets, at + 2, option.digest);
    case "FO":
      head(Kind.FastOpen);
      return setHex(octets, at + 2, option.cookie);
    case "FOEXP":
      head(Kind.Experiment);
      view.setUint16(at + 2, FAST_OPEN_MAGIC);
      return setHex(octets, at + 4, option.cookie);
    case "ECN":
      head(option.fields[0]?.name === "e1b" ? Kind.AccEcn1 : Kind.AccEcn0);
      for (const [i, { value }] of option.fields.entries()) {
        view.setUint8(at + 2 + 3 * i, value >>> 16);
        view.setUint16(at + 3 + 3 * i, value & 0xffff);
      }
      return;
  }
}

function setHex(octets: Uint8Array, at: number, digits: string): void {
  for (let i = 0; i < digits.length; i += 2) octets[at + i / 2] = Number.parseInt(digits.slice(i, i + 2), 16);
}

/** One option as it stands on the wire, kind and length included; what has no possible length is one of kind -1 that reaches to the end. */
export interface WireOption {
  readonly kind: number;
  readonly octets: Uint8Array;
}

export function readOptions(octets: Uint8Array): WireOption[] {
  const options: WireOption[] = [];
  let at = 0;
  while (at < octets.length) {
    const kind = octets[at]!;
    const length = kind === Kind.Eol || kind === Kind.Nop ? 1 : (octets[at + 1] ?? 0);
    const whole = length >= 1 && (length >= 2 || kind <= Kind.Nop) && at + length <= octets.length;
    options.push(whole ? { kind, octets: octets.subarray(at, at + length) } : { kind: -1, octets: octets.subarray(at) });
    at += whole ? length : octets.length - at;
  }
  return options;
}

/** The option in the words of a script. */
export function describeOption({ kind, octets }: WireOption): string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const { length } = octets;
  if (kind === Kind.Eol) return "eol";
  if (kind === Kind.Nop) return "nop";
  if (kind === Kind.Mss && length === 4) return `mss ${view.getUint16(2)}`;
  if (kind === Kind.WindowScale && length === 3) return `wscale ${octets[2]}`;
  if (kind === Kind.SackPermitted && length === 2) return "sackOK";
  if (kind === Kind.Timestamps && length === 10) return `TS val ${view.getUint32(2)} ecr ${view.getUint32(6)}`;
  if (kind === Kind.Sack && length % 8 === 2 && length > 2) {
    const blocks: string[] = [];
    for (let at = 2; at < length; at += 8) blocks.push(`${view.getUint32(at)}:${view.getUint32(at + 4)}`);
    return `sack ${blocks.join(" ")}`;
  }
  if (kind === Kind.Md5) return `md5 ${hex(octets.subarray(2))}`;
  if (kind === Kind.FastOpen) return `FO ${hex(octets.subarray(2))}`.trimEnd();
  if (kind === Kind.Experiment && length >= 4 && view.getUint16(2) === FAST_OPEN_MAGIC) return `FOEXP ${hex(octets.subarray(4))}`.trimEnd();
  if ((kind === Kind.AccEcn0 || kind === Kind.AccEcn1) && length % 3 === 2) {
    const names = kind === Kind.AccEcn0 ? ["e0b", "ceb", "e1b"] : ["e1b", "ceb", "e0b"];
    const fields = names.slice(0, (length - 2) / 3).map((name, i) => `${name} ${(octets[2 + 3 * i]! << 16) | view.getUint16(3 + 3 * i)}`);
    return ["ECN", ...fields].join(" ");
  }
  return `${kind < 0 ? "broken" : `kind ${kind}`} ${hex(octets)}`;
}

export const hex = (octets: Uint8Array): string => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");

/** The TSval of a segment; null: it has none. */
export function timestampOf(options: Uint8Array): number | null {
  const view = new DataView(options.buffer, options.byteOffset, options.byteLength);
  for (let at = 0; at < options.length; ) {
    const kind = options[at]!;
    if (kind === 0) return null;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) return null;
    if (kind === 8 && length === 10) return view.getUint32(at + 2);
    at += length;
  }
  return null;
}
