/** Mutants of a script: each differs from it in one thing that it asserts. A runner that looks lets none of them pass.
 *
 *  Only assertions are changed, and only by more than the script allows: what a script lets be (`<...>`, timestamps without a tick, a window that
 *  is not written, times within tolerance) is no assertion, what it injects is a question and not an answer, and the number in a first SYN is
 *  the name that the script gives to whatever the host has chosen. */
import type { Action, Call, Code, Event, Expr, IpInfo, Packet, Script, TcpLine, TcpOption, Time } from "./ast.js";
import { ACK, FIN, PSH, RST, SYN, URG } from "./flow.js";
import { opens } from "./results.js";

export interface Mutant {
  /** What was changed, in words. */
  readonly what: string;
  readonly line: number;
  readonly script: Script;
}

/** Something other than a part of the script, and in what. */
interface Variant<T> {
  readonly what: string;
  readonly value: T;
}

/** How much a time is moved, in microseconds, beside a share of itself: beyond any tolerance that scripts have. */
const SHIFT = 700_000;
const SEQUENCE = "a sequence number";

/** The mutants of a script. `tolerance`: microseconds by which its events may be off. */
export function* mutants(script: Script, tolerance: number): Generator<Mutant> {
  let opened = false;
  for (const [index, event] of script.events.entries()) {
    const { action } = event;
    const opening =
      action.kind === "packet" && action.direction === "out" && action.body.protocol === "tcp" && (action.body.flags & SYN) !== 0;
    for (const { what, value } of variantsOf(event, tolerance)) {
      if (opening && !opened && what.startsWith(SEQUENCE)) continue;
      yield { what, line: event.at.line, script: { ...script, events: script.events.map((other, i) => (i === index ? value : other)) } };
    }
    if (opening) opened = true;
  }
}

function* variantsOf(event: Event, tolerance: number): Generator<Variant<Event>> {
  const { action } = event;
  if (action.kind === "packet" && action.direction === "out") {
    yield* within(event, packetVariants(action));
    for (const { what, value } of timeVariants(event.time, tolerance)) yield { what, value: { ...event, time: value } };
  } else if (action.kind === "call") yield* within(event, callVariants(action, tolerance));
  else if (action.kind === "code") yield* within(event, codeVariants(action));
  else if (action.kind === "command") {
    const text = action.text.replace(/(grep -c \w+ \| grep )\d+/, "$17");
    if (text !== action.text) yield { what: "the count of connections", value: { ...event, action: { ...action, text } } };
  }
}

function* within(event: Event, variants: Iterable<Variant<Action>>): Generator<Variant<Event>> {
  for (const { what, value } of variants) yield { what, value: { ...event, action: value } };
}

function* timeVariants(time: Time, tolerance: number): Generator<Variant<Time>> {
  if (time.kind === "any") return;
  const width = time.to - time.from;
  const shift = SHIFT + 3 * tolerance + Math.ceil(time.to / 3) + width;
  yield { what: "a later time", value: { ...time, from: time.from + shift, to: time.to + shift } };
  // Earlier by as much, where there is so much time before it.
  if (time.kind.startsWith("relative") && time.from > 4 * tolerance + time.to / 4 + width) {
    const from = Math.max(0, time.from - shift);
    yield { what: "an earlier time", value: { ...time, from: 0, to: Math.min(from + width, Math.floor(time.from / 4)) } };
  }
}

function* packetVariants(packet: Packet): Generator<Variant<Packet>> {
  const { body } = packet;
  for (const { what, value } of ipVariants(packet.ip)) yield { what, value: { ...packet, ip: value } };
  if (body.protocol === "tcp") for (const { what, value } of tcpVariants(body)) yield { what, value: { ...packet, body: value } };
  else if (body.protocol === "udp")
    yield { what: "the length of a datagram", value: { ...packet, body: { ...body, length: body.length + 1 } } };
  else {
    yield {
      what: "the type of a message",
      value: { ...packet, body: { ...body, type: body.type === "redirect" ? "source_quench" : "redirect", code: null } },
    };
    if (body.mtu !== null) yield { what: "an MTU", value: { ...packet, body: { ...body, mtu: body.mtu ^ 1 } } };
    if (body.id !== null) yield { what: "an identifier", value: { ...packet, body: { ...body, id: body.id ^ 1 } } };
  }
}

function* ipVariants(ip: IpInfo): Generator<Variant<IpInfo>> {
  if (ip.ecn !== null) yield { what: "the ECN bits of the IP header", value: { ...ip, ecn: ip.ecn === "ce" ? "noecn" : "ce" } };
  if (ip.tos !== null) yield { what: "the type of service", value: { ...ip, tos: ip.tos ^ 4 } };
  if (ip.ttl !== null) yield { what: "the time to live", value: { ...ip, ttl: ip.ttl ^ 1 } };
}

const flagNames = [
  [FIN, "FIN"],
  [SYN, "SYN"],
  [RST, "RST"],
  [PSH, "PSH"],
  [ACK, "ACK"],
  [URG, "URG"],
] as const;
const u32 = (n: number): number => n >>> 0;

function* tcpVariants(tcp: TcpLine): Generator<Variant<TcpLine>> {
  for (const [bit, name] of flagNames) {
    const flags = tcp.flags ^ bit;
    // With a number of ECN bits there is always an ACK.
    if (bit !== ACK || tcp.ace === null) yield { what: name, value: { ...tcp, flags } };
  }
  if (tcp.ace === null)
    for (const [bit, name] of [
      [64, "ECE"],
      [128, "CWR"],
      [256, "AE"],
    ] as const)
      yield { what: name, value: { ...tcp, flags: tcp.flags ^ bit } };
  else yield { what: "the ECN bits", value: { ...tcp, ace: tcp.ace ^ 1 } };
  const { seq } = tcp;
  if (seq.as !== "ignored") {
    yield { what: `${SEQUENCE}, one more`, value: { ...tcp, seq: { ...seq, start: u32(seq.start + 1) } } };
    yield { what: `${SEQUENCE}, one less`, value: { ...tcp, seq: { ...seq, start: u32(seq.start - 1) } } };
  }
  yield { what: "a length, one more", value: { ...tcp, seq: { ...seq, length: seq.length + 1 } } };
  if (seq.length > 0) yield { what: "a length, one less", value: { ...tcp, seq: { ...seq, length: seq.length - 1 } } };
  yield { what: "an acknowledgment number, one more", value: { ...tcp, ack: u32((tcp.ack ?? 0) + 1) } };
  yield { what: "an acknowledgment number, one less", value: { ...tcp, ack: u32((tcp.ack ?? 0) - 1) } };
  if (tcp.window !== null) yield { what: "a window", value: { ...tcp, window: tcp.window ^ 1 } };
  yield { what: "an urgent pointer", value: { ...tcp, urgent: (tcp.urgent ?? 0) ^ 1 } };
  if (tcp.options !== "any") for (const { what, value } of optionVariants(tcp.options)) yield { what, value: { ...tcp, options: value } };
}

function* optionVariants(options: readonly TcpOption[]): Generator<Variant<readonly TcpOption[]>> {
  for (const [i, option] of options.entries()) {
    for (const { what, value } of oneOptionVariants(option)) yield { what, value: options.map((other, k) => (k === i ? value : other)) };
    const next = options[i + 1];
    if (next !== undefined && next.kind !== option.kind) {
      const swapped = [...options];
      swapped[i] = next;
      swapped[i + 1] = option;
      yield { what: "the order of options", value: swapped };
    }
  }
  if (options.length > 0) yield { what: "no options", value: [] };
  const padding: TcpOption = { kind: "nop" };
  if (options.length < 20) yield { what: "padding", value: [...options, padding, padding, padding, padding] };
}

function* oneOptionVariants(option: TcpOption): Generator<Variant<TcpOption>> {
  switch (option.kind) {
    case "mss":
      yield { what: "a segment size", value: { ...option, value: option.value ^ 1 } };
      return;
    case "wscale":
      yield { what: "a shift count", value: { ...option, value: option.value ^ 1 } };
      return;
    case "nop":
      yield { what: "eol for nop", value: { kind: "eol" } };
      return;
    case "eol":
      yield { what: "nop for eol", value: { kind: "nop" } };
      return;
    case "sack":
      for (const [i, block] of option.blocks.entries()) {
        const other = (left: number, right: number): TcpOption => ({
          kind: "sack",
          blocks: option.blocks.map((one, k) => (k === i ? { left, right } : one)),
        });
        yield { what: "the left edge of a block", value: other(block.left ^ 1, block.right) };
        yield { what: "the right edge of a block", value: other(block.left, block.right ^ 1) };
      }
      return;
    case "FO":
    case "FOEXP":
      if (option.cookie !== "")
        yield {
          what: "a cookie",
          value: { ...option, cookie: `${(Number.parseInt(option.cookie[0]!, 16) ^ 1).toString(16)}${option.cookie.slice(1)}` },
        };
      return;
    case "ECN":
      for (const [i, field] of option.fields.entries())
        yield {
          what: `the counter ${field.name}`,
          value: { kind: "ECN", fields: option.fields.map((one, k) => (k === i ? { ...one, value: one.value ^ 1 } : one)) },
        };
      return;
    default:
      return;
  }
}

function* callVariants(call: Call, tolerance: number): Generator<Variant<Call>> {
  const { result } = call;
  if (result.type === "integer") {
    const value = Number(result.value);
    const other = (changed: number): Call => ({ ...call, result: { ...result, value: changed } });
    if (opens(call.name) && value >= 0) yield { what: "the result of an opening call", value: { ...other(-1), errno: "EINVAL" } };
    else {
      yield { what: "a result, one more", value: other(value + 1) };
      yield { what: "a result, one less", value: other(value - 1) };
    }
  }
  if (call.errno !== null) yield { what: "an error", value: { ...call, errno: call.errno === "EBADF" ? "EINVAL" : "EBADF" } };
  if (call.blocksFor !== null)
    yield { what: "the end of a call that blocks", value: { ...call, blocksFor: call.blocksFor + SHIFT + 3 * tolerance + call.blocksFor } };
  const succeeds = call.errno === null;
  const changed = (index: number, value: Expr): Call => ({ ...call, args: call.args.map((arg, i) => (i === index ? value : arg)) });
  if (call.name === "getsockopt" && succeeds) {
    const value = call.args[3];
    if (value !== undefined && value.type !== "ellipsis") yield* argumentVariants("an option", value, (other) => changed(3, other));
  } else if (call.name === "poll" && call.args[0] !== undefined)
    yield* argumentVariants("revents", call.args[0], (other) => changed(0, other), "revents");
  else if (call.name === "epoll_wait" && call.args[1] !== undefined && succeeds && result.type === "integer" && Number(result.value) > 0)
    yield* argumentVariants("events", call.args[1], (other) => changed(1, other), "events");
  else if (call.name === "recvmsg" && call.args[1] !== undefined && succeeds)
    yield* argumentVariants("msg_flags", call.args[1], (other) => changed(1, other), "msg_flags");
}

/** The first number within an argument that can be changed; with `name`, that of the field of that name. */
function* argumentVariants(what: string, expr: Expr, put: (other: Expr) => Call, name: string | null = null): Generator<Variant<Call>> {
  const other = changedNumber(expr, name);
  if (other !== null) yield { what, value: put(other) };
}

function changedNumber(expr: Expr, name: string | null): Expr | null {
  switch (expr.type) {
    case "integer":
      return name === null ? { ...expr, value: Number(expr.value) ^ 1 } : null;
    case "word":
    case "or":
      return name === null ? { type: "integer", value: 0x7777, hex: true } : null;
    case "string":
      return name === null ? { ...expr, value: `${expr.value}x` } : null;
    case "list": {
      for (const [i, item] of expr.items.entries()) {
        const other = changedNumber(item, name);
        if (other !== null) return { ...expr, items: expr.items.map((one, k) => (k === i ? other : one)) };
      }
      return null;
    }
    case "record": {
      for (const [i, field] of expr.fields.entries()) {
        if (name !== null && field.name !== name) continue;
        const other = changedNumber(field.value, null);
        if (other !== null) return { ...expr, fields: expr.fields.map((one, k) => (k === i ? { ...field, value: other } : one)) };
      }
      return null;
    }
    default:
      return null;
  }
}

/** Numbers that code says something is equal to. */
function* codeVariants(code: Code): Generator<Variant<Code>> {
  for (const match of code.text.matchAll(/==\s*(\d+)\b/g)) {
    const at = match.index + match[0].length - match[1]!.length;
    yield {
      what: "a number in code",
      value: { ...code, text: `${code.text.slice(0, at)}${Number(match[1]) + 1}${code.text.slice(at + match[1]!.length)}` },
    };
  }
}
