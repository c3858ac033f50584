/** Plays a script: one event after the other, each at its time. It asks a host to do things by yielding requests, and knows nothing of what
 *  kind of host that is. */
import { type Micros, SECOND } from "../../base/environment.js";
import type { Personality } from "../../bsd/personality.js";
import { Arguments } from "./arguments.js";
import type { Call, Code, Event, Packet, Position, Script, TcpLine } from "./ast.js";
import { descriptorPair, systemCall } from "./calls.js";
import { type Comparing, Comparison, type Difference, describePacket, endpointsOf, protocolName, strictIp } from "./compare.js";
import { Endpoints } from "./endpoints.js";
import { ScriptError } from "./error.js";
import { Failure } from "./failure.js";
import { type Flow, SYN, UnknownTimestamp } from "./flow.js";
import type { Info, Reply, Request, Running, Sent } from "./host.js";
import { merge } from "./merge.js";
import { printAction, printPacket, printSeconds } from "./print.js";
import { compareResult, opens as opensDescriptor } from "./results.js";
import type { Settings } from "./settings.js";
import { type Names, parseSnippet, runStatements, SnippetFailure } from "./snippet.js";
import { snippetNames } from "./snippet-names.js";
import type { Outcome } from "./system-call.js";
import { timestampOf } from "./tcp-options.js";
import { allowance, type Due, describeDue, due, judgeTime, type Past } from "./timing.js";
import { readPacket, type WirePacket } from "./wire-packet.js";

/** What a packet may be late before the script gives up, beside its own time. */
const PATIENCE = 2 * SECOND;
/** How long a call that blocks may hold up what comes behind it. */
const CALL_PATIENCE = SECOND;
/** How long `*` waits: longer than any timer that a stack has. */
const FOR_EVER = 30 * 86_400 * SECOND;

type Play<T> = Generator<Request, T, Reply>;

/** A call that was written as one that blocks, and has not ended. */
interface Blocked {
  readonly event: Event;
  readonly call: Call;
  readonly args: Arguments;
  readonly running: Running;
  readonly due: Due;
}

export interface PlayerOptions {
  readonly settings: Settings;
  readonly comparing: Comparing;
  readonly personality: Personality;
  /** Microseconds since the script began. */
  readonly now: () => Micros;
  /** What code prints. */
  readonly print: (line: string) => void;
}

export class Player {
  readonly #script: Script;
  readonly #settings: Settings;
  readonly #comparing: Comparing;
  readonly #personality: Personality;
  readonly #now: () => Micros;
  readonly #print: (line: string) => void;
  readonly #endpoints: Endpoints;
  readonly #snapshots: { readonly code: Code; readonly info: Info }[] = [];
  readonly #identifications = new Set<string>();
  /** Packets that were taken and not used. */
  readonly #returned: Sent[] = [];
  #blocked: Blocked | null = null;
  #past: Past | null = null;
  /** The event that is being played. */
  event: Event | null = null;

  constructor(script: Script, { settings, comparing, personality, now, print }: PlayerOptions) {
    this.#script = script;
    this.#settings = settings;
    this.#comparing = comparing;
    this.#personality = personality;
    this.#now = now;
    this.#print = print;
    this.#endpoints = new Endpoints(settings);
  }

  /** Plays it to the end. Throws Failure, ScriptError and Unsupported. */
  *play(): Play<void> {
    const { init, events, cleanup } = this.#script;
    if (init !== null) yield* this.#command(init.text, init.at);
    yield { type: "begin" };
    for (const event of events) {
      this.event = event;
      const when = due(event, this.#now(), this.#past);
      yield* this.#event(event, when);
      const done = when.any ? { from: this.#now(), to: this.#now(), any: true } : when;
      this.#past = { event, due: done };
    }
    yield* this.#end();
    if (cleanup !== null) yield* this.#command(cleanup.text, cleanup.at);
  }

  *#event(event: Event, when: Due): Play<void> {
    const { action } = event;
    if (action.kind === "packet" && action.direction === "out") return yield* this.#expect(event, action, when);
    yield* this.#wait(event, when);
    switch (action.kind) {
      case "packet":
        return yield* this.#inject(event, action);
      case "call":
        return yield* this.#call(event, action, when);
      case "command":
        return yield* this.#command(action.text, event.at);
      case "code":
        return yield* this.#snapshot(event, action);
    }
  }

  /** Time passes until the event is due. */
  *#wait(event: Event, when: Due): Play<void> {
    if (when.from > this.#now()) yield* this.#ask({ type: "sleep", until: when.from });
    const wrong = judgeTime(when, this.#now(), this.#allowance(when));
    if (wrong !== null) throw this.#failure(`the event comes ${wrong}`, event, describeDue(when), `${printSeconds(this.#now())} s`);
  }

  /** Asks the host, and sees whether a call that blocked has ended meanwhile. */
  *#ask(request: Request): Play<Reply> {
    const reply = yield request;
    this.#checkBlocked();
    return reply;
  }

  #allowance(when: Due): Micros {
    return allowance(when, this.#past?.due.to ?? 0, this.#settings.tolerance, this.#settings.tolerancePercent);
  }

  // ---- packets to the host

  *#inject(event: Event, packet: Packet): Play<void> {
    const request = yield* this.#inbound(event, packet);
    const { length } = request.octets;
    if (length > 0xffff) throw new ScriptError(this.#script.name, event.at, `found a packet of ${length} octets, expected 65535 at most`);
    yield* this.#ask(request);
  }

  *#inbound(event: Event, packet: Packet): Play<Request & { readonly type: "inject" }> {
    try {
      return yield* this.#endpoints.inbound(packet);
    } catch (error) {
      if (error instanceof UnknownTimestamp) throw new ScriptError(this.#script.name, event.at, error.message);
      throw error;
    }
  }

  // ---- packets of the host

  *#expect(event: Event, expected: Packet, when: Due): Play<void> {
    const last = this.#past?.due.to ?? 0;
    const until = when.any ? this.#now() + FOR_EVER : this.#now() + Math.max(0, when.to - last) + PATIENCE;
    const first = yield* this.#take(until);
    const line = printPacket(expected);
    if (first === null)
      throw this.#failure("no packet came", event, `${line} at ${describeDue(when)}`, `nothing until ${printSeconds(this.#now())} s`);
    const { sent, wire, flow, differences } = yield* this.#compare(expected, first, until);
    const came = `${describePacket(sent.octets, wire, flow)} at ${printSeconds(sent.at)} s${sent.why === "" ? "" : ` (${sent.why})`}`;
    const late = judgeTime(when, sent.at, this.#allowance(when));
    if (late !== null) differences.push({ field: "time", expected: describeDue(when), actual: `${printSeconds(sent.at)} s, ${late}` });
    if (differences.length > 0)
      throw this.#failure(`another packet came: ${differences.map(({ field }) => field).join(", ")}`, event, line, came, differences);
  }

  /** The next packet of the host; null: there is none until `until`. */
  *#take(until: Micros): Play<Sent | null> {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    return (yield* this.#ask({ type: "packet", until })) as Sent | null;
  }

  *#compare(
    { ip, body }: Packet,
    first: Sent,
    until: Micros,
  ): Play<{ sent: Sent; wire: WirePacket | null; flow: Flow | null; differences: Difference[] }> {
    const comparison = new Comparison(this.#comparing);
    const { differences } = comparison;
    let sent = first;
    let wire = readPacket(first.octets);
    if (wire === null) {
      comparison.add("packet", "IPv4", "something else");
      return { sent, wire, flow: null, differences };
    }
    if (body.protocol === "tcp" && wire.tcp !== null && this.#settings.merge && wire.tcp.text.length < body.seq.length) {
      const whole = yield* merge(
        sent,
        wire,
        body.seq.length,
        () => this.#take(until),
        (back) => this.#returned.push(back),
      );
      sent = whole.sent;
      wire = whole.wire;
    }
    comparison.ip(ip, wire);
    if (this.#comparing.strict) strictIp(comparison, wire, this.#identifications);
    if (body.protocol === "icmp") {
      comparison.icmp(body, wire);
      return { sent, wire, flow: null, differences };
    }
    const flow = this.#endpoints.flowOf(wire, body.ports);
    if (body.protocol === "udp") {
      comparison.udp(body.length, wire);
    } else if (wire.tcp === null) comparison.add("protocol", "TCP", protocolName(wire));
    else if (flow === null) comparison.add("connection", "that of the script", endpointsOf(wire));
    else {
      this.#learn(body, wire, flow, sent.at);
      comparison.tcp(body, wire.tcp, flow, sent.at);
      yield* this.#endpoints.whose(flow);
    }
    if (flow !== null && flow !== this.#endpoints.flows.current) comparison.add("connection", "the latest one", endpointsOf(wire));
    return { sent, wire, flow, differences };
  }

  /** What a SYN tells of the host's numbers, and any segment of its timestamps. */
  #learn(line: TcpLine, { tcp }: WirePacket, flow: Flow, at: Micros): void {
    if (tcp === null) return;
    if (tcp.flags & SYN && flow.liveIsn === null) {
      flow.liveIsn = tcp.seq;
      flow.scriptIsn = line.flags & SYN ? line.seq.start : 0;
    }
    const stamp = line.options === "any" ? undefined : line.options.find((option) => option.kind === "TS");
    if (stamp?.kind !== "TS" || stamp.value === null) return;
    const live = timestampOf(tcp.options);
    if (live !== null) flow.sawStamp(stamp.value, live, at);
  }

  // ---- system calls

  *#call(event: Event, call: Call, when: Due): Play<void> {
    yield* this.#finishBlocked(CALL_PATIENCE);
    const args = new Arguments(call, this.#script.name, event.at, this.#personality.system);
    const request = systemCall(args, this.#endpoints.surroundings);
    const running = (yield* this.#ask({ type: "call", call: request, blocks: call.blocksFor !== null })) as Running;
    this.#endpoints.began(call, args);
    const blocked: Blocked = { event, call, args, running, due: this.#endOf(call, running, when) };
    if (running.outcome !== null) return yield* this.#finished(blocked, running.outcome);
    if (call.blocksFor === null)
      throw this.#failure("the call blocks, and is not written as one that does (t0...t1)", event, printAction(call), "it waits");
    this.#blocked = blocked;
  }

  #endOf({ blocksFor }: Call, { startedAt }: Running, when: Due): Due {
    const from = when.from > startedAt ? when.from : startedAt;
    return { from: from + (blocksFor ?? 0), to: from + (blocksFor ?? 0), any: blocksFor === null };
  }

  /** A call has ended: its result, its descriptor, and the time of one that was to block. */
  *#finished({ event, call, args, due: end }: Blocked, outcome: Outcome): Play<void> {
    const differences = compareResult(args, outcome, { tolerance: this.#settings.tolerance });
    if (call.blocksFor !== null) {
      const allowed = Math.max(this.#settings.tolerance, Math.floor((this.#settings.tolerancePercent / 100) * call.blocksFor));
      const wrong = judgeTime({ ...end, any: false }, outcome.finishedAt, allowed);
      if (wrong !== null)
        differences.push({
          field: "end of the call",
          expected: `${printSeconds(end.from)} s`,
          actual: `${printSeconds(outcome.finishedAt)} s, ${wrong}`,
        });
    }
    if (differences.length > 0) {
      const got = `${outcome.value}${outcome.errno === null ? "" : ` ${outcome.errno}`}`;
      throw this.#failure(
        `${call.name} gave something else: ${differences.map(({ field }) => field).join(", ")}`,
        event,
        printAction(call),
        got,
        differences,
      );
    }
    const { fds } = outcome.given;
    if (fds !== undefined) this.#endpoints.piped(descriptorPair(args), fds);
    if (opensDescriptor(call.name) && outcome.value >= 0) yield* this.#endpoints.opened(call, args.value(call.result), outcome.value);
  }

  #checkBlocked(): void {
    const blocked = this.#blocked;
    if (blocked === null || blocked.running.outcome === null) return;
    this.#blocked = null;
    // Nothing that it asks can change what it finds: the replies are of this moment.
    this.#ended.push(blocked);
  }

  /** Calls that have ended and were not looked at. */
  readonly #ended: Blocked[] = [];

  *#finishBlocked(patience: Micros): Play<void> {
    yield* this.#lookAtEnded();
    const blocked = this.#blocked;
    if (blocked === null) return;
    yield* this.#ask({ type: "finish", running: blocked.running, until: this.#now() + patience });
    if (blocked.running.outcome === null)
      throw this.#failure(
        `${blocked.call.name} has not ended`,
        blocked.event,
        printAction(blocked.call),
        `it still waits at ${printSeconds(this.#now())} s`,
      );
    yield* this.#lookAtEnded();
  }

  *#lookAtEnded(): Play<void> {
    for (let ended = this.#ended.shift(); ended !== undefined; ended = this.#ended.shift())
      yield* this.#finished(ended, ended.running.outcome!);
  }

  // ---- commands and code

  *#command(text: string, at: Position): Play<void> {
    const failed = yield* this.#ask({ type: "command", text });
    if (typeof failed === "string") throw new Failure("the command failed", at, `\`${text.trim()}\``, failed);
  }

  *#snapshot(event: Event, code: Code): Play<void> {
    yield* this.#lookAtEnded();
    const fd = this.#endpoints.looksAt();
    if (fd === null) throw new ScriptError(this.#script.name, event.at, "found code where no socket is open, expected one to look at");
    this.#snapshots.push({ code, info: (yield { type: "info", fd }) as Info });
  }

  /** All the code, as one program, each piece with what was true at its time. */
  #runCode(): void {
    const names: Names = snippetNames();
    for (const { code, info } of this.#snapshots) {
      for (const [name, value] of Object.entries(info)) names.set(name, value);
      try {
        runStatements(parseSnippet(code.text, code.at), { names, print: this.#print });
      } catch (error) {
        if (!(error instanceof SnippetFailure)) throw error;
        throw new Failure(
          `code: ${error.statement === "" ? "failed" : error.statement}${error.message === "" ? "" : `: ${error.message}`}`,
          code.at,
          error.statement,
          error.values,
        );
      }
    }
  }

  *#end(): Play<void> {
    yield* this.#finishBlocked(CALL_PATIENCE);
    this.#runCode();
    if (!this.#comparing.strict) return;
    const left = yield* this.#take(this.#now());
    if (left === null) return;
    const wire = readPacket(left.octets);
    const flow = wire === null ? null : this.#endpoints.flows.of(wire);
    const last = this.#script.events.at(-1)!;
    throw new Failure(
      "a packet is left over",
      last.at,
      "nothing more",
      `${describePacket(left.octets, wire, flow)} at ${printSeconds(left.at)} s`,
    );
  }

  #failure(message: string, event: Event, expected: string, actual: string, differences: readonly Difference[] = []): Failure {
    return new Failure(message, event.at, expected, actual, differences);
  }
}
