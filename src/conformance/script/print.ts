/** A script as text again. Parsing what is printed gives the same script. */
import type {
  Action,
  Call,
  Event,
  Expr,
  Field,
  IcmpLine,
  IpInfo,
  Packet,
  Ports,
  Script,
  SeqRange,
  TcpLine,
  TcpOption,
  Time,
} from "./ast.js";

export function printScript(script: Script): string {
  const lines = script.options.map(({ name, value }) => (value === null ? `--${name}` : `--${name}=${optionValue(name, value)}`));
  if (script.init !== null) lines.push(`\`${script.init.text}\``);
  for (const event of script.events) lines.push(printEvent(event));
  if (script.cleanup !== null) lines.push(`\`${script.cleanup.text}\``);
  return `${lines.join("\n")}\n`;
}

/** Definitions keep their form; other values are words, numbers and addresses, or strings. */
const optionValue = (name: string, value: string): string =>
  name === "define" || /^(-?[0-9]+|-?[0-9]*\.[0-9]+|[A-Za-z0-9_]+|[0-9.]+|[0-9a-fA-F:]+)$/.test(value) ? value : quoted(value);

export const printEvent = ({ time, action }: Event): string =>
  `${printTime(time)}${action.kind === "call" ? blocking(action, time) : ""} ${printAction(action)}`;

export const printSeconds = (micros: number): string => {
  const text = (micros / 1e6).toFixed(6).replace(/0+$/, "");
  return text.endsWith(".") ? `${text}0` : text;
};

export function printTime(time: Time): string {
  const from = printSeconds(time.from);
  const to = printSeconds(time.to);
  switch (time.kind) {
    case "any":
      return "*";
    case "absolute":
      return from;
    case "relative":
      return `+${from}`;
    case "absolute-range":
      return `${from}~${to}`;
    case "relative-range":
      return `+${from}~+${to}`;
  }
}

const blocking = (call: Call, time: Time): string => (call.blocksFor === null ? "" : `...${printSeconds(time.from + call.blocksFor)}`);

export function printAction(action: Action): string {
  switch (action.kind) {
    case "command":
      return `\`${action.text}\``;
    case "code":
      return `%{${action.text}}%`;
    case "call":
      return printCall(action);
    case "packet":
      return printPacket(action);
  }
}

function printCall({ name, args, result, errno, note }: Call): string {
  const behind = `${errno === null ? "" : ` ${errno}`}${note === null ? "" : ` (${note})`}`;
  return `${name}(${args.map(printExpr).join(", ")}) = ${printExpr(result)}${behind}`;
}

export function printExpr(expr: Expr): string {
  switch (expr.type) {
    case "ellipsis":
      return "...";
    case "integer":
      return expr.hex ? `0x${expr.value.toString(16)}` : String(expr.value);
    case "word":
      return expr.name;
    case "string":
      return quoted(expr.value);
    case "address":
      return expr.value;
    case "or":
      return expr.items.map(printExpr).join(" | ");
    case "list":
      return `[${expr.items.map(printExpr).join(", ")}]`;
    case "record":
      return `{${expr.fields.map(printField).join(", ")}}`;
    case "apply":
      return `${expr.name}(${expr.args.map(printExpr).join(", ")})`;
    case "assign":
      return `${expr.name}=${printExpr(expr.value)}`;
  }
}

function printField({ name, argument, value }: Field): string {
  if (name === null) return printExpr(value);
  return `${name}${argument === null ? "" : `(${printExpr(argument)})`}=${printExpr(value)}`;
}

const letters: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

const quoted = (text: string): string =>
  `"${text.replace(/[\\"\x00-\x1f\x7f]/g, (letter) => letters[letter] ?? `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`)}"`;

export function printPacket({ direction, ip, body }: Packet): string {
  const parts = [direction === "in" ? "<" : ">"];
  const info = printIpInfo(ip);
  if (info !== "") parts.push(info);
  if (body.protocol === "tcp") parts.push(printTcp(body));
  else if (body.protocol === "udp") parts.push(`udp ${printPorts(body.ports)}(${body.length})`);
  else parts.push(printIcmp(body));
  return parts.join(" ");
}

function printIpInfo({ ecn, tos, ttl }: IpInfo): string {
  const parts: string[] = [];
  if (ecn !== null) parts.push(ecn);
  if (tos !== null) parts.push(`tos 0x${tos.toString(16)}`);
  if (ttl !== null) parts.push(`ttl ${ttl}`);
  return parts.length === 0 ? "" : `[${parts.join(", ")}]`;
}

const printPorts = (ports: Ports | null): string => (ports === null ? "" : `${ports.source} > ${ports.target} `);

const flagLetters = "FSRP.UEWA";

export function printFlags(flags: number, ace: number | null): string {
  let text = "";
  for (const [bit, letter] of [...flagLetters].entries()) if (letter !== "." && flags & (1 << bit)) text += letter;
  if (ace !== null) return `${text}.${ace}`;
  if (flags & 16) text += ".";
  return text === "" ? "-" : text;
}

export function printSeq({ start, length, as }: SeqRange): string {
  if (as === "ignored") return `...(${length})`;
  return `${start}:${(start + length) % 2 ** 32}(${length})${as === "absolute" ? "!" : ""}`;
}

function printTcp(tcp: TcpLine): string {
  const parts = [`${printPorts(tcp.ports)}${printFlags(tcp.flags, tcp.ace)}`, printSeq(tcp.seq)];
  if (tcp.ack !== null) parts.push(`ack ${tcp.ack}${tcp.ackAbsolute ? "!" : ""}`);
  if (tcp.window !== null) parts.push(`win ${tcp.window}`);
  if (tcp.urgent !== null) parts.push(`urg ${tcp.urgent}`);
  if (tcp.options === "any") parts.push("<...>");
  else if (tcp.options.length > 0) parts.push(`<${tcp.options.map(printOption).join(",")}>`);
  return parts.join(" ");
}

export function printOption(option: TcpOption): string {
  switch (option.kind) {
    case "mss":
    case "wscale":
      return `${option.kind} ${option.value}`;
    case "sackOK":
    case "nop":
    case "eol":
      return option.kind;
    case "sack":
      return `sack ${option.blocks.map(({ left, right }) => `${left}:${right}`).join(" ")}`;
    case "TS":
      return `TS val ${option.value ?? "..."} ecr ${option.echo}${option.echoAbsolute ? "!" : ""}`;
    case "md5":
      return `md5 ${option.digest}`.trimEnd();
    case "FO":
    case "FOEXP":
      return `${option.kind} ${option.cookie}`.trimEnd();
    case "ECN":
      return ["ECN", ...option.fields.map(({ name, value }) => `${name} ${value}`)].join(" ");
  }
}

function printIcmp({ type, code, mtu, id, quoted }: IcmpLine): string {
  const parts = ["icmp", type];
  if (code !== null) parts.push(code);
  if (mtu !== null) parts.push(`mtu ${mtu}`);
  if (id !== null) parts.push(`id ${id}`);
  if (quoted !== null) parts.push(quoted.protocol === "tcp" ? `[${printSeq(quoted.seq)}]` : `[${quoted.protocol} (${quoted.length})]`);
  return parts.join(" ");
}
