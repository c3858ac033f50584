import { describe, expect, test } from "vitest";
import { type Micros, NEVER } from "../../src/base/environment.js";
import { createMemory, type Memory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { Wire } from "../../src/base/why.js";
import type { SimLink } from "../../src/sim/sim-link.js";
import { TraceHash } from "../../src/sim/trace-hash.js";
import { WireBox } from "../../src/sim/wire-box.js";
import { type Turning, World } from "../../src/sim/world.js";

/** Stands in for a stack: counts what comes, sends what it is told at its next turn. */
class Station implements Turning {
  onWork: (() => void) | null = null;
  readonly got: { at: Micros; mark: number; length: number }[] = [];
  readonly toSend: { mark: number; to: number; length: number }[] = [];
  link: SimLink | null = null;
  timeout: Micros = NEVER;
  readonly turns: Micros[] = [];
  readonly memory: Memory;
  readonly #own: number;

  constructor(own: number) {
    this.#own = own;
    this.memory = createMemory({ packets: 64, chunks: 1 });
  }

  send(mark: number, to: number, length = 60): void {
    this.toSend.push({ mark, to, length });
    this.onWork?.();
  }

  nextTimeout(): Micros {
    return this.timeout;
  }

  turn(now: Micros): void {
    this.turns.push(now);
    if (this.timeout <= now) this.timeout = NEVER;
    const batch: Packet[] = [];
    for (let i = this.link!.receive(this.memory.packets, batch, 64); i > 0; i--) {
      const packet = batch.shift()!;
      this.got.push({ at: now, mark: this.memory.arena.bytes[packet.end - 1]!, length: packet.end - packet.start });
      packet.release();
    }
    while (this.toSend.length > 0) {
      const { mark, to, length } = this.toSend[0]!;
      const packet = this.memory.packets.take()!;
      packet.end = packet.start + length;
      const bytes = this.memory.arena.bytes;
      bytes.fill(0, packet.start, packet.end);
      if (to < 0) bytes.fill(0xff, packet.start, packet.start + 6);
      else bytes[packet.start + 5] = to;
      bytes[packet.start + 11] = this.#own;
      bytes[packet.end - 1] = mark;
      if (!this.link!.transmit(packet)) {
        packet.release();
        break;
      }
      this.toSend.shift();
    }
    this.link!.flush();
  }
}

function pair(world: World, wire: Parameters<World["connect"]>[2], link: Parameters<World["addLink"]>[1] = {}): [Station, Station] {
  const stations = [new Station(1), new Station(2)] as [Station, Station];
  const links = stations.map((station, i) => (station.link = world.addLink(world.addHost("ab"[i]!, station), link)));
  world.connect(links[0]!, links[1]!, wire);
  return stations;
}

describe("world", () => {
  test("a frame arrives after the wire's delay, in a turn of its receiver", () => {
    const world = new World(1);
    const [a, b] = pair(world, { delay: 500 });
    world.at(100, () => a.send(7, 2));
    world.settle();
    expect(b.got).toEqual([{ at: 600, mark: 7, length: 60 }]);
    expect(world.now).toBe(600);
  });

  test("frames that arrive at one time share one turn", () => {
    const world = new World(1);
    const [a, b] = pair(world, { delay: 500 });
    world.at(100, () => {
      for (let i = 0; i < 5; i++) a.send(i, 2);
    });
    world.settle();
    expect(b.got.map((frame) => frame.mark)).toEqual([0, 1, 2, 3, 4]);
    expect(b.turns).toEqual([0, 600]);
  });

  test("a stack turns when its timeout comes, and a timeout that moved away is not kept", () => {
    const world = new World(1);
    const [a] = pair(world, {});
    world.run(10);
    a.timeout = 1_000;
    a.onWork!();
    world.run(90);
    a.timeout = 2_000;
    world.settle();
    expect(a.turns).toEqual([0, 10, 2_000]);
  });

  test("a stalled host turns when the stall ends, and gets its frames then", () => {
    const world = new World(1);
    const [a, b] = pair(world, { delay: 10 });
    world.run(0);
    world.stall(world.hosts[1]!, 5_000);
    b.timeout = 100;
    a.send(1, 2);
    world.settle();
    expect(b.got).toEqual([{ at: 5_000, mark: 1, length: 60 }]);
    expect(b.turns).toEqual([0, 5_000]);
  });

  test("a full wire loses frames, or refuses them and says when there is room", () => {
    for (const backPressure of [false, true]) {
      const world = new World(1);
      const [a, b] = pair(world, { rate: 8_000_000, queueFrames: 2 }, { backPressure });
      for (let i = 0; i < 10; i++) a.send(i, 2, 100);
      world.settle();
      expect(b.got.length).toBe(backPressure ? 10 : 3);
      expect(world.wires[0]!.tally.counts[Wire.QueueFull]).toBe(backPressure ? 0 : 7);
      if (backPressure) expect(b.got.at(-1)!.at).toBe(1_000);
    }
  });

  test("a full ring loses frames and counts them", () => {
    const world = new World(1);
    const [a, b] = pair(world, {}, { ring: 3 });
    world.run(0);
    world.stall(world.hosts[1]!, 100);
    for (let i = 0; i < 10; i++) a.send(i, 2);
    world.settle();
    expect(b.got.length).toBe(3);
    expect(b.link!.tally.counts[Wire.ReceiverFull]).toBe(7);
    expect(world.frames.held).toBe(0);
  });

  test("a world that does not settle fails instead of hanging", () => {
    const world = new World(3);
    const again = (): void => world.at(1, again);
    again();
    expect(() => world.settle(NEVER, 1_000)).toThrow("world 3 did not settle");
  });
});

describe("switch", () => {
  function star(learns: boolean): { world: World; stations: Station[] } {
    const world = new World(1);
    const hub = world.addSwitch(learns);
    const stations = [1, 2, 3, 4].map((own) => {
      const station = new Station(own);
      station.link = world.addLink(world.addHost(`h${own}`, station));
      world.plug(station.link, hub, { delay: 10 });
      return station;
    });
    return { world, stations };
  }

  test("a broadcast goes to every other port", () => {
    const { world, stations } = star(true);
    stations[0]!.send(9, -1);
    world.settle();
    expect(stations.map((station) => station.got.length)).toEqual([0, 1, 1, 1]);
    expect(stations[3]!.got[0]!.at).toBe(20);
  });

  test("a switch floods until it has learnt, a hub always", () => {
    for (const learns of [true, false]) {
      const { world, stations } = star(learns);
      stations[0]!.send(1, 2);
      world.settle();
      stations[1]!.send(2, 1);
      world.settle();
      expect(stations.map((station) => station.got.length)).toEqual(learns ? [1, 1, 1, 1] : [1, 1, 2, 2]);
    }
  });
});

test("the same seed and the same inputs are byte-identical on every wire (I-20)", () => {
  const run = (seed: number): string => {
    const world = new World(seed);
    const hash = new TraceHash();
    world.observe(hash);
    const [a, b] = pair(world, { delay: 100, jitter: 500, jitterReorders: true, loss: 0.2, duplicate: 0.1, corrupt: 0.1 });
    for (let i = 0; i < 200; i++) world.at(i * 50, () => (i % 2 === 0 ? a.send(i, 2) : b.send(i, 1)));
    world.settle();
    return hash.digest;
  };
  expect(run(1)).toBe(run(1));
  expect(run(1)).not.toBe(run(2));
});

describe("wire box", () => {
  test("frames go from one link to the other, late by the wire's delay, in both directions", () => {
    const world = new World(1);
    const [a, b] = [new Station(1), new Station(2)];
    const boxA = world.addLink(world.addHost("a", a));
    const boxB = world.addLink(world.addHost("b", b));
    // Two cables, and the box between them on the same clock.
    const ends = [a, b].map((station, i) => {
      station.link = i === 0 ? boxA : boxB;
      return station.link;
    });
    const memory = createMemory({ packets: 8, chunks: 1 });
    const box: { it: WireBox | null } = { it: null };
    const middle: Turning = { onWork: null, nextTimeout: () => box.it?.next() ?? NEVER, turn: (now) => void box.it?.turn(now) };
    const host = world.addHost("box", middle);
    const inner = [world.addLink(host), world.addLink(host)];
    world.connect(ends[0]!, inner[0]!);
    world.connect(ends[1]!, inner[1]!);
    box.it = new WireBox(inner[0]!, inner[1]!, memory.packets, new SeededRandom(1), {
      forward: { delay: 20_000 },
      backward: { delay: 300 },
    });
    for (let i = 0; i < 20; i++) a.send(i, 2);
    b.send(99, 1);
    world.settle();
    expect(b.got.map((frame) => [frame.at, frame.mark])).toEqual(Array.from({ length: 20 }, (_, i) => [20_000, i]));
    expect(a.got).toEqual([{ at: 300, mark: 99, length: 60 }]);
    expect(memory.packets.available).toBe(8);
  });
});
