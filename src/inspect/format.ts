/** Events as lines. Columns, left to right: time and time since the connection's last line, connection, what happened, why.
 *
 *      0.020150      +150 c1   send  ACK          seq 1 ack 1 win 64256                     tx.ack_syn RFC 9293 s3.10.7.3 ^2
 *
 *  Sequence numbers are relative to ISS and IRS; `=` marks one that is absolute, because no connection is known to count from.
 *  `#7` is the event that this line begins, `^7` the event that caused it. */
import type { Micros } from "../base/environment.js";
import { Hold, Rtx } from "../base/why.js";
import { whyEntry } from "../base/why-registry.js";
import { formatIp, type IpAddress } from "../ip/address.js";
import { NO_THRESHOLD } from "../tcp/congestion/controller.js";
import { type Timer, TimerEvent } from "../tcp/probe.js";
import { stateNames } from "../tcp/state.js";
import { EtherType } from "./dissect.js";
import { Kind, type TraceEvent } from "./event.js";
import { plain, plainOctets } from "./plain.js";

// biome-ignore format: a table reads better in lines
const verbs: readonly string[] = ["send", "recv", "drop", "lost", "state", "timer", "cwnd", "rtt", "hold", "send", "recv", "drop"];
const timerNames: readonly string[] = [
  "rto",
  "persist",
  "delayed-ack",
  "keep-alive",
  "time-wait",
  "fin-wait-2",
  "user-timeout",
  "sws-override",
  "linger",
  "loss-probe",
  "reordering",
  "pacing",
];
const flagNames: readonly string[] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
/** The order in which people say them. */
const spoken = [1, 0, 2, 3, 5, 8, 6, 7, 4];

const flagTexts: string[] = [];
for (let flags = 0; flags < 512; flags++)
  flagTexts.push(
    spoken
      .filter((bit) => flags & (1 << bit))
      .map((bit) => flagNames[bit]!)
      .join(",") || "none",
  );

/** "SYN,ACK". */
export const formatFlags = (flags: number): string => flagTexts[flags & 0x1ff]!;

/** Seconds with six decimals. */
export const formatSeconds = (at: Micros): string => (Number.isFinite(at) ? (at / 1e6).toFixed(6) : "never");

/** A relative number: what lies just before the origin is negative, all else wraps at 2^32. */
export const formatRelative = (n: number, absolute: boolean): string =>
  absolute ? `=${n >>> 0}` : String(n < 0 && n > -65_536 ? n : n >>> 0);

export const formatEndpoint = (address: number, port: number): string => `${formatIp(address as IpAddress)}:${port}`;

/** The reason's name and where it is written, "tx.syn_ack RFC 9293 s3.10.7.2"; with its text when `explain` is true. */
export function formatWhy(why: number, explain = false): string {
  if (why === 0) return "";
  const entry = whyEntry(why);
  if (entry === undefined) return `why.${why}`;
  return explain ? `${entry.name} ${entry.source}: ${entry.text}` : `${entry.name} ${entry.source}`;
}

export interface LineOptions {
  /** What a device is called: from configuration, and escaped. */
  readonly deviceName?: (index: number) => string;
  /** Adds the reason's sentence. */
  readonly explain?: boolean;
  /** Shows so many octets of received text, escaped; default 0. */
  readonly text?: number;
  /** Shows the values of timestamps; default: only that there are some. */
  readonly timestamps?: boolean;
}

/** One line. `tag` names the connection ("c1", "-" for none), `since` is the time of its last line (-1: none). */
export function formatEvent(event: TraceEvent, tag: string, since: Micros, options: LineOptions = {}): string {
  const delta = since < 0 ? "" : `+${Math.round(event.at - since)}`;
  const received = event.kind === Kind.Received || event.kind === Kind.FrameReceived;
  const id = event.id === 0 ? "" : received ? `#${event.id}` : `^${event.id}`;
  const what = describe(event, options);
  const why = formatWhy(event.why, options.explain ?? false);
  const left = `${formatSeconds(event.at).padStart(12)} ${delta.padStart(9)} ${tag.padEnd(4)} ${verb(event).padEnd(5)} ${what}`;
  const right = why === "" ? id : id === "" ? why : `${why} ${id}`;
  return right === "" ? left : `${left.padEnd(98)} ${right}`;
}

/** A repeat is told from a first sending by its reason. */
const verb = (event: TraceEvent): string =>
  event.kind === Kind.Sent && event.why >= Rtx.Fast && event.why < Hold.Application ? "again" : verbs[event.kind]!;

function describe(event: TraceEvent, options: LineOptions): string {
  switch (event.kind) {
    case Kind.Sent:
    case Kind.Received:
    case Kind.Dropped:
      return describeSegment(event, options);
    case Kind.Lost:
      return `seq ${formatRelative(event.seq, false)}:${formatRelative((event.seq + event.length) | 0, false)} (${event.length})`;
    case Kind.State:
      return `${stateNames[event.a] ?? event.a} -> ${stateNames[event.b] ?? event.b}`;
    case Kind.Timer:
      return describeTimer(event);
    case Kind.Congestion:
      return `cwnd ${event.a} ssthresh ${event.b >= NO_THRESHOLD ? "none" : event.b} flight ${event.c} snd.wnd ${event.d}`;
    case Kind.Rtt:
      return `${milliseconds(event.a)} srtt ${milliseconds(event.b)} rttvar ${milliseconds(event.c)} rto ${milliseconds(event.d)}`;
    case Kind.Limited:
      return event.why === 0 ? "nothing holds" : `cwnd ${event.a} flight ${event.c} snd.wnd ${event.d}`;
    case Kind.FrameSent:
    case Kind.FrameReceived:
    case Kind.FrameDropped:
      return describeFrame(event, options);
  }
}

/** "SYN,ACK      seq 0 ack 1 win 65535 <mss 1460, sackok, ws 7>". */
export function describeSegment(event: TraceEvent, options: LineOptions = {}): string {
  const textLimit = options.text ?? 0;
  const { length } = event;
  const end = length > 0 ? `:${formatRelative((event.seq + length) | 0, event.seqAbsolute)} (${length})` : "";
  let shown = `${formatFlags(event.flags).padEnd(8)} seq ${formatRelative(event.seq, event.seqAbsolute)}${end}`;
  if (event.flags & 0x10) shown += ` ack ${formatRelative(event.ack, event.ackAbsolute)}`;
  shown += ` win ${event.window}`;
  if (event.flags & 0x20) shown += ` up ${event.urgent}`;
  const carried = describeOptions(event, options.timestamps ?? false);
  if (carried !== "") shown += ` <${carried}>`;
  if (event.handle === 0) shown += ` ${strangers(event)}`;
  if (textLimit > 0 && event.pool !== null && event.textEnd > event.textStart)
    shown += ` "${plainOctets(event.pool.arena.bytes, event.textStart, event.textEnd, textLimit)}"`;
  return shown;
}

/** Who talks when there is no connection: "10.0.0.2:80 > 10.0.0.1:9"; of what is sent, only the ports are told. */
function strangers(event: TraceEvent): string {
  const local = event.local === 0 ? `:${event.localPort}` : formatEndpoint(event.local, event.localPort);
  const remote = event.remote === 0 ? `:${event.remotePort}` : formatEndpoint(event.remote, event.remotePort);
  return event.kind === Kind.Sent ? `${local} > ${remote}` : `${remote} > ${local}`;
}

function describeOptions(event: TraceEvent, timestamps: boolean): string {
  const shown: string[] = [];
  if (event.mss !== 0) shown.push(`mss ${event.mss}`);
  if (event.sackPermitted) shown.push("sackok");
  if (event.hasTimestamp) shown.push(timestamps ? `ts ${event.tsVal >>> 0}/${event.tsEcr >>> 0}` : "ts");
  if (event.windowScale >= 0) shown.push(`ws ${event.windowScale}`);
  for (let i = 0; i < event.sackCount; i++)
    shown.push(
      `${i === 0 ? "sack " : ""}${formatRelative(event.sack[2 * i]!, event.ackAbsolute)}:${formatRelative(event.sack[2 * i + 1]!, event.ackAbsolute)}`,
    );
  if (event.a > 0) shown.push(["accecn", ...[`e1b ${event.b}`, `ceb ${event.c}`, `e0b ${event.d}`].slice(0, event.a - 1)].join(" "));
  return shown.join(", ");
}

function describeTimer(event: TraceEvent): string {
  const name = timerNames[event.a as Timer] ?? `timer ${event.a}`;
  if (event.b === TimerEvent.Expired) return `${name} expired`;
  if (event.b === TimerEvent.Cancelled) return `${name} cancelled`;
  return `${name} in ${milliseconds(event.extra - event.at)}`;
}

function describeFrame(event: TraceEvent, options: LineOptions): string {
  const named = options.deviceName;
  const device = event.extra < 0 ? "" : `${named === undefined ? `dev${event.extra}` : plain(named(event.extra), 32)} `;
  return device + describePacket(event);
}

/** "ARP who-has 10.0.0.2 tell 10.0.0.1", "ICMP 10.0.0.1 > 10.0.0.2 echo request id 7 seq 1 (64)". */
export function describePacket(event: TraceEvent): string {
  const from = formatIp(event.local as IpAddress);
  const to = formatIp(event.remote as IpAddress);
  if (event.a === EtherType.Arp) {
    if (event.b === 1) return event.local === event.remote ? `ARP announce ${from}` : `ARP who-has ${to} tell ${from}`;
    if (event.b === 2) return `ARP ${from} is-at (to ${to})`;
    return `ARP operation ${event.b}`;
  }
  if (event.a !== EtherType.Ipv4)
    return event.a < 0
      ? event.length > 0
        ? `frame (${event.length})`
        : ""
      : `type 0x${event.a.toString(16).padStart(4, "0")} (${event.length})`;
  const length = ` (${event.length})`;
  if (event.d > 0) return `IP ${from} > ${to} protocol ${event.b} fragment at ${event.d}${length}`;
  const first = event.d === 0 ? " first fragment" : "";
  if (event.b === 1) return `ICMP ${from} > ${to} ${icmpName(event)}${length}${first}`;
  if (event.b === 6 || event.b === 17)
    return `${event.b === 6 ? "TCP" : "UDP"} ${from}:${event.localPort} > ${to}:${event.remotePort}${length}${first}`;
  return `IP ${from} > ${to} protocol ${event.b}${length}${first}`;
}

/** RFC 792, RFC 1122 s3.2.2. */
function icmpName(event: TraceEvent): string {
  const type = event.c >> 8;
  const code = event.c & 0xff;
  if (type === 0 || type === 8) return `echo ${type === 8 ? "request" : "reply"} id ${event.seq} seq ${event.ack}`;
  if (type === 3) return code === 4 ? `fragmentation needed mtu ${event.ack}` : `unreachable: ${unreachable[code] ?? `code ${code}`}`;
  if (type === 11) return `time exceeded: ${code === 1 ? "reassembly" : "transit"}`;
  if (type === 12) return "parameter problem";
  return `type ${type} code ${code}`;
}

const unreachable: readonly string[] = ["net", "host", "protocol", "port", "fragmentation needed", "source route failed"];

/** Microseconds as milliseconds with what decimals there are. */
export function milliseconds(micros: Micros): string {
  if (!Number.isFinite(micros)) return "never";
  return `${Number((micros / 1_000).toFixed(3))}ms`;
}
