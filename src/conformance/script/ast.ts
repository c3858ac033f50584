/** A packet script as data: what the parser gives, the printer writes and the runner plays. */
import type { Micros } from "../../base/environment.js";

/** Where something stands in a file: both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Script {
  readonly name: string;
  readonly options: readonly Option[];
  /** The command without a time before the first event, and the one behind the last. */
  readonly init: Command | null;
  readonly events: readonly Event[];
  readonly cleanup: Command | null;
}

/** `--name=value`; a flag has no value. `--define=NAME=value` is a definition. */
export interface Option {
  readonly name: string;
  readonly value: string | null;
  readonly at: Position;
}

export interface Event {
  readonly at: Position;
  readonly time: Time;
  readonly action: Action;
}

/** When: `to` equals `from` unless it is a range; for "any" both are 0. */
export interface Time {
  readonly kind: "absolute" | "relative" | "any" | "absolute-range" | "relative-range";
  readonly from: Micros;
  readonly to: Micros;
}

export type Action = Packet | Call | Command | Code;

export interface Command {
  readonly kind: "command";
  readonly text: string;
  readonly at: Position;
}

/** `%{ … }%`: evaluated at the end, over a snapshot of its time. */
export interface Code {
  readonly kind: "code";
  readonly text: string;
  readonly at: Position;
}

export type Ecn = "noecn" | "ect0" | "ect1" | "ect01" | "ce";

/** What a line says about the IP header; null: nothing. */
export interface IpInfo {
  readonly ecn: Ecn | null;
  /** The whole octet. */
  readonly tos: number | null;
  readonly ttl: number | null;
}

export interface Packet {
  readonly kind: "packet";
  readonly direction: "in" | "out";
  readonly ip: IpInfo;
  readonly body: TcpLine | UdpLine | IcmpLine;
}

export interface Ports {
  readonly source: number;
  readonly target: number;
}

/** `start:end(length)`. `as`: how the numbers are meant; "ignored" is written `...(length)`, "absolute" has a `!` behind it. */
export interface SeqRange {
  readonly start: number;
  readonly length: number;
  readonly as: "mapped" | "absolute" | "ignored";
}

export interface TcpLine {
  readonly protocol: "tcp";
  readonly ports: Ports | null;
  /** Bits as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256. */
  readonly flags: number;
  /** The three bits as a number, when the line gives one; `flags` then has none of them. */
  readonly ace: number | null;
  readonly seq: SeqRange;
  readonly ack: number | null;
  /** The acknowledgment number is meant as it stands on the wire. */
  readonly ackAbsolute: boolean;
  readonly window: number | null;
  readonly urgent: number | null;
  /** "any": `<...>`. */
  readonly options: readonly TcpOption[] | "any";
}

export type TcpOption =
  | { readonly kind: "mss"; readonly value: number }
  | { readonly kind: "wscale"; readonly value: number }
  | { readonly kind: "sackOK" }
  | { readonly kind: "sack"; readonly blocks: readonly SackBlock[] }
  /** `value` null: `val ...`, not compared. */
  | { readonly kind: "TS"; readonly value: number | null; readonly echo: number; readonly echoAbsolute: boolean }
  | { readonly kind: "nop" }
  | { readonly kind: "eol" }
  | { readonly kind: "md5"; readonly digest: string }
  /** Kind 34, or kind 254 with RFC 6994's magic number. `cookie`: hexadecimal digits, "" for a request. */
  | { readonly kind: "FO" | "FOEXP"; readonly cookie: string }
  /** AccECN: the fields in the order in which they are written. */
  | { readonly kind: "ECN"; readonly fields: readonly { readonly name: "e0b" | "ceb" | "e1b"; readonly value: number }[] };

export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export interface UdpLine {
  readonly protocol: "udp";
  readonly ports: Ports | null;
  /** Octets of text. */
  readonly length: number;
}

export interface IcmpLine {
  readonly protocol: "icmp";
  readonly type: string;
  readonly code: string | null;
  readonly mtu: number | null;
  readonly id: number | null;
  /** What the message quotes of the packet that it is about. */
  readonly quoted:
    | { readonly protocol: "tcp"; readonly seq: SeqRange }
    | { readonly protocol: "udp" | "raw"; readonly length: number }
    | null;
}

export interface Call {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expr[];
  readonly result: Expr;
  /** The name of the error that must be given. */
  readonly errno: string | null;
  /** Words in parentheses behind it: for people. */
  readonly note: string | null;
  /** How long after its beginning a call that blocks must end; null: it must not block. */
  readonly blocksFor: Micros | null;
}

export type Expr =
  | { readonly type: "ellipsis" }
  | { readonly type: "integer"; readonly value: number | bigint; readonly hex: boolean }
  | { readonly type: "word"; readonly name: string }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "address"; readonly value: string }
  | { readonly type: "or"; readonly items: readonly Expr[] }
  | { readonly type: "list"; readonly items: readonly Expr[] }
  | { readonly type: "record"; readonly fields: readonly Field[] }
  | { readonly type: "apply"; readonly name: string; readonly args: readonly Expr[] }
  | { readonly type: "assign"; readonly name: string; readonly value: Expr };

/** `name(argument)=value`; a field without a name is known by its place. */
export interface Field {
  readonly name: string | null;
  readonly argument: Expr | null;
  readonly value: Expr;
}
