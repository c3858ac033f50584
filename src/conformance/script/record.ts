/** Records: a script of stimuli (system calls, and packets to the host) is played on a host, and what the host did is written down as the
 *  complete script, with times, that expects just that. What the script itself expects is left out. */
import type { Micros } from "../../base/environment.js";
import type { Personality } from "../../bsd/personality.js";
import { Arguments } from "./arguments.js";
import type { Action, Call, Code, Event, Expr, Field, Packet, Position, Script, TcpOption, Time } from "./ast.js";
import { descriptorPair, systemCall } from "./calls.js";
import { stepsOf } from "./commands.js";
import { describePacket } from "./compare.js";
import { Endpoints } from "./endpoints.js";
import { ScriptError } from "./error.js";
import { Failure } from "./failure.js";
import { ACK, SYN, UnknownTimestamp } from "./flow.js";
import type { Info, Reply, Request, Running, Sent } from "./host.js";
import { printAction } from "./print.js";
import { type Omitted, recordedPacket } from "./recorded-packet.js";
import { opens } from "./results.js";
import type { Settings } from "./settings.js";
import { snippetNames } from "./snippet-names.js";
import type { Outcome } from "./system-call.js";
import { timestampOf } from "./tcp-options.js";
import { readPacket } from "./wire-packet.js";

/** How long a call that blocks may hold up what comes behind it. */
const CALL_PATIENCE: Micros = 1_000_000;

type Asking<T> = Generator<Request, T, Reply>;

/** One event of a recording, and when it was. */
interface Entry {
  readonly at: Micros;
  action: Action;
  readonly position: Position;
  /** What comes from outside happens when the script says; all else when it was seen. */
  readonly given: boolean;
}

interface Blocked {
  readonly entry: Entry;
  readonly call: Call;
  readonly args: Arguments;
  readonly running: Running;
}

export interface RecorderOptions {
  readonly settings: Settings;
  readonly personality: Personality;
  readonly now: () => Micros;
  readonly omitted: Omitted;
  /** What comes so soon behind something is taken to come with it: real time is not exact. */
  readonly instant: Micros;
  /** A call that lasts no longer does not block, unless the script says that it does. */
  readonly patience: Micros;
  /** Times are written as multiples of this. */
  readonly grain: Micros;
}

export class Recorder {
  readonly #script: Script;
  readonly #options: RecorderOptions;
  readonly #endpoints: Endpoints;
  readonly #entries: Entry[] = [];
  #blocked: Blocked | null = null;
  /** How late the last stimulus came: what answers it does so by that much later. */
  #late: Micros = 0;

  constructor(script: Script, options: RecorderOptions) {
    this.#script = script;
    this.#options = options;
    this.#endpoints = new Endpoints(options.settings);
  }

  /** Plays the stimuli, and gives the script that expects what came of them. Throws Failure, ScriptError and Unsupported. */
  *record(): Asking<Script> {
    const { init, events } = this.#script;
    if (init !== null) yield* this.#command(init.text, init.at);
    yield { type: "begin" };
    let at = 0;
    for (const { time, action, at: position } of events) {
      const relative = time.kind === "relative" || time.kind === "relative-range";
      at = relative ? at + time.from : Math.max(at, time.from);
      if (action.kind === "packet" && action.direction === "out") continue;
      yield* this.#pass(at);
      const pause = action.kind === "command" ? pauseOf(action.text) : null;
      if (pause === null) yield* this.#stimulus({ at, action, position, given: true });
      else at += pause;
    }
    yield* this.#pass(at);
    yield* this.#finishBlocked();
    return { ...this.#script, events: this.#events() };
  }

  /** Time passes; what the host sends meanwhile is written down. */
  *#pass(until: Micros): Asking<void> {
    for (;;) {
      const sent = (yield* this.#ask({ type: "packet", until })) as Sent | null;
      if (sent === null) return;
      yield* this.#sent(sent);
    }
  }

  /** Asks the host, and sees whether a call that blocked has ended meanwhile. */
  *#ask(request: Request): Asking<Reply> {
    const reply = yield request;
    const blocked = this.#blocked;
    if (blocked !== null && blocked.running.outcome !== null) {
      this.#blocked = null;
      yield* this.#finished(blocked, blocked.running.outcome);
    }
    return reply;
  }

  *#stimulus(entry: Entry): Asking<void> {
    const { action } = entry;
    this.#late = Math.max(0, this.#options.now() - entry.at);
    switch (action.kind) {
      case "packet":
        return yield* this.#inject(entry, action);
      case "call":
        return yield* this.#call(entry, action);
      case "command":
        this.#entries.push(entry);
        return yield* this.#command(action.text, entry.position);
      case "code":
        return yield* this.#code(entry, action);
    }
  }

  *#inject(entry: Entry, packet: Packet): Asking<void> {
    const whole = yield* this.#stamped(packet);
    this.#entries.push({ ...entry, action: whole });
    let request: Request;
    try {
      request = yield* this.#endpoints.inbound(whole);
    } catch (error) {
      if (error instanceof UnknownTimestamp) throw new ScriptError(this.#script.name, entry.position, error.message);
      throw error;
    }
    yield* this.#ask(request);
  }

  /** Nobody knows before which timestamps the host will send: `ecr 0` echoes the latest, any other the latest that is not beyond it. */
  *#stamped(packet: Packet): Asking<Packet> {
    const { body } = packet;
    if (body.protocol !== "tcp" || body.options === "any" || (body.flags & ACK) === 0) return packet;
    if (!body.options.some(({ kind }) => kind === "TS")) return packet;
    const flow = yield* this.#endpoints.flowFor(body);
    const options = body.options.map((option): TcpOption => {
      if (option.kind !== "TS" || option.echoAbsolute) return option;
      return { ...option, echo: flow.stampUpTo(option.echo === 0 ? Number.POSITIVE_INFINITY : option.echo) ?? option.echo };
    });
    return { ...packet, body: { ...body, options } };
  }

  *#sent(sent: Sent): Asking<void> {
    const wire = readPacket(sent.octets);
    const flow = wire === null ? null : this.#endpoints.flowOf(wire, null);
    if (wire !== null && wire.tcp !== null && flow !== null) {
      if (flow.liveIsn === null && wire.tcp.flags & SYN) {
        flow.liveIsn = wire.tcp.seq;
        flow.scriptIsn = 0;
      }
      const stamp = timestampOf(wire.tcp.options);
      if (stamp !== null) flow.sawStamp(flow.scriptStamp(stamp), stamp, sent.at);
      yield* this.#endpoints.whose(flow);
    }
    const action = wire === null ? null : recordedPacket(wire, flow, this.#options.omitted);
    if (action === null)
      throw new Failure(
        "the host sent what the language has no words for",
        NOWHERE,
        "TCP, UDP or ICMP of the script",
        describePacket(sent.octets, wire, flow),
      );
    this.#entries.push({ at: sent.at - this.#late, action, position: NOWHERE, given: false });
  }

  *#call(entry: Entry, call: Call): Asking<void> {
    yield* this.#finishBlocked();
    const args = new Arguments(call, this.#script.name, entry.position, this.#options.personality.system);
    const request = systemCall(args, this.#endpoints.surroundings);
    this.#entries.push(entry);
    const running = (yield* this.#ask({ type: "call", call: request, blocks: true })) as Running;
    this.#endpoints.began(call, args);
    const begun: Blocked = { entry, call, args, running };
    if (running.outcome === null) this.#blocked = begun;
    else yield* this.#finished(begun, running.outcome);
  }

  *#finishBlocked(): Asking<void> {
    const blocked = this.#blocked;
    if (blocked === null) return;
    yield* this.#ask({ type: "finish", running: blocked.running, until: this.#options.now() + CALL_PATIENCE });
    if (this.#blocked !== null)
      throw new Failure(`${blocked.call.name} has not ended`, blocked.entry.position, "its end", printAction(blocked.call));
  }

  *#finished({ entry, call, args, running }: Blocked, outcome: Outcome): Asking<void> {
    const lasted = outcome.finishedAt - running.startedAt;
    const blocked = lasted > (call.blocksFor === null ? this.#options.patience : this.#options.instant);
    entry.action = { ...recordedCall(call, args, outcome), blocksFor: blocked ? this.#rounded(lasted) : null };
    const { fds } = outcome.given;
    if (fds !== undefined) this.#endpoints.piped(descriptorPair(args), fds);
    if (opens(call.name) && outcome.value >= 0) yield* this.#endpoints.opened(call, args.value(call.result), outcome.value);
  }

  *#command(text: string, at: Position): Asking<void> {
    const failed = yield* this.#ask({ type: "command", text });
    if (typeof failed === "string") throw new Failure("the command failed", at, `\`${text.trim()}\``, failed);
  }

  /** What the words of TCP_INFO in the code are now, as assertions. */
  *#code(entry: Entry, code: Code): Asking<void> {
    const fd = this.#endpoints.looksAt();
    if (fd === null)
      throw new ScriptError(this.#script.name, entry.position, "found code where no socket is open, expected one to look at");
    const info = (yield* this.#ask({ type: "info", fd })) as Info;
    const words = [...new Set(code.text.match(/\btcpi_\w+/g) ?? [])];
    const asserted = words
      .filter((word) => info[word] !== undefined)
      .map((word) => `assert ${word} == ${shownValue(word, info[word]!)}, ${word}`);
    this.#entries.push({ ...entry, action: { ...code, text: ` ${asserted.join("; ")} ` } });
  }

  // ---- the script

  #rounded(micros: Micros): Micros {
    const { grain } = this.#options;
    return Math.round(micros / grain) * grain;
  }

  #events(): Event[] {
    const marked = this.#entries.some(({ action }) => action.kind === "packet" && action.direction === "out" && isMarked(action));
    let last = 0;
    return this.#entries.map(({ at, action, position, given }) => {
      const soon = !given && at - last <= this.#options.instant;
      const when = soon ? last : Math.max(last, given ? at : this.#rounded(at));
      const time: Time = { kind: "relative", from: when - last, to: when - last };
      last = when;
      return { at: position, time, action: marked ? action : withoutEcn(action) };
    });
  }
}

const NOWHERE: Position = { line: 1, column: 1 };

/** How long a line pauses that does nothing else; null: it does something. */
function pauseOf(text: string): Micros | null {
  const steps = stepsOf(text);
  const only = typeof steps === "string" || steps.length !== 1 ? null : steps[0]!;
  return only?.type === "sleep" ? only.micros : null;
}

const isMarked = ({ ip }: Packet): boolean => ip.ecn !== null && ip.ecn !== "noecn";

/** Where nothing is marked, nothing is said about marks. */
function withoutEcn(action: Action): Action {
  if (action.kind !== "packet" || action.direction === "in") return action;
  return { ...action, ip: { ...action.ip, ecn: null } };
}

/** States go by their names. */
function shownValue(word: string, value: number): string | number {
  const prefix = word === "tcpi_state" ? /^TCP_[A-Z]/ : word === "tcpi_ca_state" ? /^TCP_CA_/ : null;
  if (prefix === null) return value;
  for (const [name, number] of snippetNames()) if (number === value && prefix.test(name) && !/^TCP_INF/.test(name)) return name;
  return value;
}

const integer = (value: number, inHex = false): Expr => ({ type: "integer", value, hex: inHex });
const listOf = (value: number): Expr => ({ type: "list", items: [integer(value)] });

/** The call with its result, and with what it has given. */
function recordedCall(call: Call, args: Arguments, { value, errno, given }: Outcome): Call {
  if (errno !== null) return { ...call, result: integer(-1), errno, note: null };
  const result = opens(call.name) ? call.result : integer(value);
  const done: Call = { ...call, result, errno: null, note: null };
  const at = (index: number, expr: Expr): Call => ({ ...done, args: done.args.map((arg, i) => (i === index ? expr : arg)) });
  switch (call.name) {
    case "getsockopt": {
      const shown = optionExpr(given.option ?? null);
      return shown === null ? done : at(3, shown);
    }
    case "ioctl":
      return given.value === undefined || !args.has(2) ? done : at(2, listOf(given.value));
    case "poll": {
      const list = args.at(0);
      if (list.type !== "list") return done;
      return at(0, { type: "list", items: list.items.map((item, i) => replaced(item, "revents", integer(given.revents?.[i] ?? 0))) });
    }
    case "epoll_wait": {
      const first = given.events?.[0];
      return first === undefined ? done : at(1, replaced(done.args[1]!, "events", integer(first.events)));
    }
    case "recvmsg":
      return at(1, replaced(args.at(1), "msg_flags", integer(given.flags ?? 0)));
    default:
      return done;
  }
}

function optionExpr(value: unknown): Expr | null {
  if (typeof value === "number") return listOf(value);
  if (typeof value === "string") return { type: "string", value };
  if (typeof value !== "object" || value === null || !("onoff" in value) || !("linger" in value)) return null;
  const field = (name: string, number: unknown): Field => ({ name, argument: null, value: integer(Number(number)) });
  return { type: "record", fields: [field("onoff", value.onoff), field("linger", value.linger)] };
}

/** The record with another value of one field, which it may not have had. */
function replaced(record: Expr, name: string, value: Expr): Expr {
  if (record.type !== "record") return record;
  const others = record.fields.filter((one) => one.name !== name);
  return { type: "record", fields: [...others, { name, argument: null, value }] };
}
