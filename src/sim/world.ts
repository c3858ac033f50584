/** A deterministic world: any number of stacks and wires on one virtual clock, with one seeded generator and one queue of
 *  events ordered by (time, arrival). A run is a function of the seed and of what the test does. */
import { type Micros, NEVER } from "../base/environment.js";
import { SeededRandom } from "../base/prng.js";
import { FramePool, type WireFrame } from "./frame-pool.js";
import { SimLink, type SimLinkOptions } from "./sim-link.js";
import { Switch } from "./switch.js";
import { type Timed, TimeHeap } from "./time-heap.js";
import { WireModel, type WireObserver } from "./wire-model.js";
import type { WireOptions } from "./wire-options.js";

/** Something that acts when its time has come: a stack, or a direction of a wire. The world asks when that is. */
export interface Actor {
  /** When it wants to act next; NEVER: not by itself. */
  next(): Micros;
  act(now: Micros): void;
}

/** What a world drives of a stack: `Stack` satisfies it. */
export interface Turning {
  turn(now: Micros): void;
  nextTimeout(): Micros;
  onWork: (() => void) | null;
}

class Happening implements Timed {
  at: Micros;
  order = 0;
  readonly what: Slot | (() => void);

  constructor(at: Micros, what: Slot | (() => void)) {
    this.at = at;
    this.what = what;
  }
}

/** An actor in the queue. `wake` is when its earliest event is; later ones of its are stale and pass without effect. */
class Slot {
  readonly actor: Actor;
  wake: Micros = NEVER;

  constructor(actor: Actor) {
    this.actor = actor;
  }
}

/** A stack in a world. */
export class Host<S extends Turning = Turning> implements Actor {
  readonly name: string;
  stack: S;
  readonly links: SimLink[] = [];
  /** It has something to do now: a frame, a user call. */
  pending = false;
  /** The host's CPU is away until then: frames wait in its rings, and timers are late. */
  stalledUntil: Micros = 0;
  turns = 0;
  readonly #world: World;

  constructor(world: World, name: string, stack: S) {
    this.#world = world;
    this.name = name;
    this.stack = stack;
  }

  next(): Micros {
    const at = this.pending ? this.#world.now : this.stack.nextTimeout();
    return Math.max(at, this.stalledUntil);
  }

  act(now: Micros): void {
    if (now < this.stalledUntil) return;
    this.pending = false;
    this.turns += 1;
    this.stack.turn(now);
    for (const link of this.links) if (link.waiting > 0) this.pending = true; // more than one turn's budget
    if (this.#world.afterTurn !== null) this.#world.afterTurn(this, now);
  }
}

/** One direction of a wire with what takes the frames at its end. */
class Pipe implements Actor {
  readonly model: WireModel;
  readonly #deliver: (pipe: Pipe, now: Micros) => void;
  /** The link that feeds it, to be told when there is room; null on the way out of a switch. */
  feeder: SimLink | null = null;
  /** The other direction, which a router on the wire answers by. */
  back: Pipe | null = null;

  constructor(model: WireModel, deliver: (pipe: Pipe, now: Micros) => void) {
    this.model = model;
    this.#deliver = deliver;
  }

  next(): Micros {
    return this.feeder?.blocked === true ? Math.min(this.model.next(), this.model.roomAt()) : this.model.next();
  }

  act(now: Micros): void {
    this.#deliver(this, now);
    const feeder = this.feeder;
    if (feeder === null || !feeder.blocked || this.model.roomAt() > now) return;
    feeder.blocked = false;
    if (feeder.onReadable !== null) feeder.onReadable();
  }
}

/** Both directions of a wire between two links. */
export interface Cable {
  readonly forward: WireModel;
  readonly backward: WireModel;
}

export class World {
  readonly seed: number;
  readonly random: SeededRandom;
  readonly frames: FramePool;
  readonly hosts: Host[] = [];
  readonly wires: WireModel[] = [];
  now: Micros;
  /** Events that have happened. */
  events = 0;
  /** Called after each turn of a stack: where invariants are checked. */
  afterTurn: ((host: Host, now: Micros) => void) | null = null;
  readonly #queue = new TimeHeap<Happening>();
  readonly #slots = new Map<Actor, Slot>();
  readonly #ports = new Map<Switch, Pipe[]>();
  readonly #observers: WireObserver[] = [];
  readonly #all: WireObserver = {
    offered: (wire, bytes, start, end, now) => {
      for (const observer of this.#observers) observer.offered?.(wire, bytes, start, end, now);
    },
    fate: (wire, why, bytes, start, end, now) => {
      for (const observer of this.#observers) observer.fate(wire, why, bytes, start, end, now);
    },
  };

  /** The clock starts at `origin`: nothing may depend on where that is. */
  constructor(seed: number, options: { origin?: Micros; frames?: FramePool } = {}) {
    this.seed = seed;
    this.now = options.origin ?? 0;
    this.random = new SeededRandom(seed);
    this.frames = options.frames ?? new FramePool();
  }

  /** Adds one that is told of each frame, on every wire. */
  observe(observer: WireObserver): void {
    this.#observers.push(observer);
    for (const wire of this.wires) wire.observer = this.#all;
  }

  /** Puts a stack into the world: from now on the world drives it. */
  addHost<S extends Turning>(name: string, stack: S): Host<S> {
    const host = new Host(this, name, stack);
    this.hosts.push(host);
    this.#slots.set(host, new Slot(host));
    stack.onWork = () => this.wake(host);
    this.wake(host);
    return host;
  }

  /** The host crashes and starts again with another stack; its links stay, and lose what waits in them. */
  reboot<S extends Turning>(host: Host<S>, stack: S): void {
    host.stack.onWork = null;
    host.stack = stack;
    for (const link of host.links) link.forget();
    stack.onWork = () => this.wake(host);
    this.wake(host);
  }

  /** A link of the host, to be given to `stack.addDevice` and to `connect` or `plug`. */
  addLink(host: Host, options: SimLinkOptions = {}): SimLink {
    const link = new SimLink(`${host.name}${host.links.length}`, this, this.frames, options);
    link.onReadable = () => this.wake(host);
    link.later = (delay, run) => this.at(delay, run);
    host.links.push(link);
    return link;
  }

  /** A wire between two links. One set of options serves both directions, unless `back` differs. */
  connect(a: SimLink, b: SimLink, options: Partial<WireOptions> = {}, back: Partial<WireOptions> = options): Cable {
    const forward = this.#pipe(`${a.name}>${b.name}`, options, a.capabilities.medium, (frame) => b.arrive(frame));
    const backward = this.#pipe(`${b.name}>${a.name}`, back, b.capabilities.medium, (frame) => a.arrive(frame));
    this.#plug(a, forward, backward);
    this.#plug(b, backward, forward);
    return { forward: forward.model, backward: backward.model };
  }

  /** A switch, or a hub. */
  addSwitch(learns = true): Switch {
    return new Switch(learns);
  }

  /** A wire between a link and a new port of a switch. */
  plug(a: SimLink, hub: Switch, options: Partial<WireOptions> = {}, back: Partial<WireOptions> = options): Cable {
    const down = this.#pipe(`switch>${a.name}`, back, "ethernet", (frame) => a.arrive(frame));
    const port = hub.addPort(down.model);
    this.#portPipes(hub).push(down);
    const up = this.#pipe(`${a.name}>switch`, options, "ethernet", (frame, now) => {
      hub.forward(port, frame, now, (to) => this.#lookBoth(this.#portPipes(hub)[to]!));
      this.frames.give(frame);
    });
    this.#plug(a, up, down);
    return { forward: up.model, backward: down.model };
  }

  /** Puts a frame on a wire as if the link at its beginning had sent it. */
  inject(wire: WireModel, bytes: Uint8Array): void {
    for (const pipe of this.#slots.keys()) {
      if (!(pipe instanceof Pipe) || pipe.model !== wire) continue;
      wire.offer(bytes, 0, bytes.length, this.now);
      this.#lookBoth(pipe);
    }
  }

  /** Something happens `delay` from now. */
  at(delay: Micros, run: () => void): void {
    this.#queue.push(new Happening(this.now + delay, run));
  }

  /** The host has something to do: it turns at this instant, after what is already due. */
  wake(host: Host): void {
    host.pending = true;
    this.#look(host);
  }

  /** The host's CPU is away for `duration`: nothing of it happens until then. */
  stall(host: Host, duration: Micros): void {
    host.stalledUntil = this.now + duration;
    this.#look(host);
  }

  /** The time of the next event; NEVER when nothing is left to happen. */
  get next(): Micros {
    return this.#queue.next;
  }

  /** One event; false when there is none. */
  step(): boolean {
    const happening = this.#queue.pop();
    if (happening === null) return false;
    const what = happening.what;
    this.now = happening.at;
    if (typeof what === "function") {
      this.events += 1;
      what();
      return true;
    }
    if (what.wake !== happening.at) return true; // stale: the actor has been there already
    what.wake = NEVER;
    if (what.actor.next() <= this.now) {
      this.events += 1;
      what.actor.act(this.now);
    }
    this.#look(what.actor);
    return true;
  }

  /** Runs for `duration`; the clock then stands at its end. */
  run(duration: Micros): void {
    const end = this.now + duration;
    while (this.next <= end) this.step();
    this.now = end;
  }

  /** Runs until `done`, or nothing is left to happen; throws when more than `limit` events have: a livelock is a failed test,
   *  not a hung one. Returns whether `done` came true. */
  runUntil(done: () => boolean, until: Micros = NEVER, limit = 5_000_000): boolean {
    for (let n = 0; !done(); n++) {
      if (this.next > until || !this.step()) return done();
      if (n >= limit) throw new Error(`world ${this.seed} did not settle: ${limit} events, t=${this.now}us`);
    }
    return true;
  }

  /** Runs until nothing is left to happen before `until`. */
  settle(until: Micros = NEVER, limit = 5_000_000): void {
    this.runUntil(() => false, until, limit);
  }

  #pipe(name: string, options: Partial<WireOptions>, medium: "ethernet" | "ip", arrive: (frame: WireFrame, now: Micros) => void): Pipe {
    const model = new WireModel(name, options, this.random.fork(), this.frames, medium);
    if (this.#observers.length > 0) model.observer = this.#all;
    this.wires.push(model);
    const pipe = new Pipe(model, (of, now) => {
      for (let frame = of.model.due(now); frame !== null; frame = of.model.due(now)) arrive(frame, now);
    });
    this.#slots.set(pipe, new Slot(pipe));
    return pipe;
  }

  #plug(link: SimLink, out: Pipe, back: Pipe): void {
    link.out = out.model;
    out.feeder = link;
    out.back = back;
    back.back = out;
    out.model.back = back.model;
    back.model.back = out.model;
    link.onTransmit = () => this.#lookBoth(out);
  }

  #portPipes(hub: Switch): Pipe[] {
    let pipes = this.#ports.get(hub);
    if (pipes === undefined) this.#ports.set(hub, (pipes = []));
    return pipes;
  }

  /** Something was offered to the pipe: it may be due, or have been answered by a router on the wire. */
  #lookBoth(pipe: Pipe): void {
    this.#look(pipe);
    if (pipe.back !== null) this.#look(pipe.back);
  }

  /** Puts the actor into the queue if it wants to act before the event that it has there. */
  #look(actor: Actor): void {
    const slot = this.#slots.get(actor)!;
    const at = Math.max(actor.next(), this.now);
    if (at >= slot.wake) return;
    slot.wake = at;
    this.#queue.push(new Happening(at, slot));
  }
}
