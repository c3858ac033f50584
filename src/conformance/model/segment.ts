/** A segment as the model reads it: RFC 9293 s3.1, s3.2, with the options of RFC 7323 and RFC 2018. Read from octets by itself, so that an error
 *  of the stack's own parser is not repeated here. */

export const Bit = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16, Urg: 32, Ece: 64, Cwr: 128 } as const;

export interface SegmentOptions {
  readonly mss: number | null;
  readonly windowScale: number | null;
  readonly sackPermitted: boolean;
  readonly timestamps: { readonly val: number; readonly ecr: number } | null;
  /** Edges as they stand in the option: left, right. */
  readonly sack: readonly (readonly [number, number])[] | null;
  /** RFC 7413: the cookie, empty in a request. */
  readonly fastOpen: boolean;
  /** What is wrong with the option list, or null. */
  readonly problem: string | null;
  /** The capture ends within them: what they say is not known. */
  readonly cut: boolean;
}

export const noOptions: SegmentOptions = {
  mss: null,
  windowScale: null,
  sackPermitted: false,
  timestamps: null,
  sack: null,
  fastOpen: false,
  problem: null,
  cut: false,
};

export interface ModelSegment {
  /** SEG.SEQ and SEG.ACK: unsigned, as they stand in the header. */
  readonly seq: number;
  readonly ack: number;
  /** The eight flags of octet 13. */
  readonly flags: number;
  /** The four bits beside the data offset. */
  readonly reserved: number;
  readonly wnd: number;
  readonly up: number;
  /** Octets of text; `text` may have fewer of them, where a capture was cut. */
  readonly length: number;
  readonly text: Uint8Array;
  /** Octets of options with their padding. */
  readonly optionOctets: number;
  readonly options: SegmentOptions;
}

/** (AE, CWR, ECE) as a number: RFC 9768 s3.2.2. */
export const aceOf = ({ flags, reserved }: ModelSegment): number => ((reserved & 1) << 2) | (flags >> 6);

export const has = (segment: ModelSegment, bit: number): boolean => (segment.flags & bit) !== 0;

/** SEG.LEN: text, SYN and FIN. */
export const lengthOf = (segment: ModelSegment): number =>
  segment.length + (has(segment, Bit.Syn) ? 1 : 0) + (has(segment, Bit.Fin) ? 1 : 0);

/** An acknowledgment and nothing else. */
export const isBareAck = (segment: ModelSegment): boolean => lengthOf(segment) === 0 && (segment.flags & (Bit.Ack | Bit.Rst)) === Bit.Ack;

/** The segment in `octets`, which are kept, of which `missing` at its end were not captured; null when the header is not whole or its data offset is impossible. */
export function readSegment(octets: Uint8Array, missing = 0): ModelSegment | null {
  if (octets.length < 20) return null;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const header = (octets[12]! >> 4) * 4;
  if (header < 20 || header > octets.length + missing) return null;
  return {
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: octets[13]!,
    reserved: octets[12]! & 15,
    wnd: view.getUint16(14),
    up: view.getUint16(18),
    length: octets.length - header + missing,
    text: octets.subarray(header),
    optionOctets: header - 20,
    options: header > octets.length ? { ...noOptions, cut: true } : readOptions(octets.subarray(20, header)),
  };
}

/** RFC 9293 s3.2: kinds 0 and 1 are single octets, all others have a length that counts both of their own (MUST-68). */
export function readOptions(octets: Uint8Array): SegmentOptions {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const found: { -readonly [K in keyof SegmentOptions]: SegmentOptions[K] } = { ...noOptions };
  const seen = new Set<number>();
  for (let at = 0; at < octets.length; ) {
    const kind = octets[at]!;
    if (kind === 0) {
      if (octets.subarray(at).some((octet) => octet !== 0)) found.problem = "what follows the end of the options is not zero";
      break;
    }
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = at + 1 < octets.length ? octets[at + 1]! : 0;
    if (length < 2 || at + length > octets.length) {
      found.problem = `option ${kind} has length ${length}`;
      break;
    }
    if (seen.has(kind)) found.problem = `option ${kind} is there twice`;
    seen.add(kind);
    if (kind === 2 && length === 4) found.mss = view.getUint16(at + 2);
    else if (kind === 3 && length === 3) found.windowScale = octets[at + 2]!;
    else if (kind === 4 && length === 2) found.sackPermitted = true;
    else if (kind === 8 && length === 10) found.timestamps = { val: view.getUint32(at + 2), ecr: view.getUint32(at + 6) };
    else if (kind === 5 && length >= 10 && length % 8 === 2)
      found.sack = Array.from(
        { length: (length - 2) / 8 },
        (_, i) => [view.getUint32(at + 2 + 8 * i), view.getUint32(at + 6 + 8 * i)] as const,
      );
    else if (kind === 34) found.fastOpen = true;
    else if ([2, 3, 4, 5, 8].includes(kind)) found.problem = `option ${kind} has length ${length}`;
    at += length;
  }
  return found;
}

/** As packet scripts write it: "S 0:0(0) win 65535 <mss 1460>"; numbers from `seq` and `ack` on. */
export function segmentText(segment: ModelSegment, seq: number, ack: number): string {
  const letters: readonly (readonly [number, string])[] = [
    [Bit.Syn, "S"],
    [Bit.Fin, "F"],
    [Bit.Rst, "R"],
    [Bit.Psh, "P"],
    [Bit.Urg, "U"],
    [Bit.Ece, "E"],
    [Bit.Cwr, "W"],
    [Bit.Ack, "."],
  ];
  const flags = letters.map(([bit, letter]) => (segment.flags & bit ? letter : "")).join("") || "-";
  const acked = has(segment, Bit.Ack) ? ` ack ${ack}` : "";
  const urgent = has(segment, Bit.Urg) ? ` urg ${segment.up}` : "";
  const options = optionsText(segment.options);
  return `${flags} ${seq}:${seq + segment.length}(${segment.length})${acked} win ${segment.wnd}${urgent}${options === "" ? "" : ` <${options}>`}`;
}

function optionsText(options: SegmentOptions): string {
  const parts: string[] = [];
  if (options.mss !== null) parts.push(`mss ${options.mss}`);
  if (options.sackPermitted) parts.push("sackOK");
  if (options.timestamps !== null) parts.push(`TS val ${options.timestamps.val} ecr ${options.timestamps.ecr}`);
  if (options.windowScale !== null) parts.push(`wscale ${options.windowScale}`);
  if (options.sack !== null) parts.push(`sack ${options.sack.map(([left, right]) => `${left}:${right}`).join(" ")}`);
  if (options.fastOpen) parts.push("FO");
  return parts.join(",");
}
