import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArchiveWriter } from "../../src/base/archive.js";
import { SECOND } from "../../src/base/environment.js";
import { NetworkError } from "../../src/base/errors.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import type { Host } from "../../src/sim/world.js";
import { World } from "../../src/sim/world.js";
import { freebsd, linux, rfc } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { RST } from "../../src/tcp/segment.js";
import { octets } from "./exchange.js";
import { exchangeAt, reach, type StateName } from "./states.js";

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");
const octetAt = (stream: number, at: number): number => (at * 7 + (at >> 8) * 13 + stream * 31) & 255;

/** One end of a connection: sends its stream, reads the other's, half-closes, closes at the end. */
class End {
  stack: Stack;
  handle: number;
  readonly octets: number;
  readonly stream: number;
  sent = 0;
  received = 0;
  wrong = 0;
  ended = false;
  closed = false;

  constructor(stack: Stack, handle: number, stream: number, octets: number) {
    this.stack = stack;
    this.handle = handle;
    this.stream = stream;
    this.octets = octets;
  }

  onEvents(_handle: number, events: number): void {
    if (events & (TcpEvent.Established | TcpEvent.Writable)) this.write();
    if (events & (TcpEvent.Readable | TcpEvent.PeerClosed)) this.read();
    if (!this.closed && events & TcpEvent.Closed && this.stack.tcp.errorOf(this.handle) !== null)
      throw new Error(`closed: ${this.stack.tcp.errorOf(this.handle)}`);
  }

  write(): void {
    while (this.sent < this.octets) {
      const piece = Uint8Array.from({ length: Math.min(3_000, this.octets - this.sent) }, (_, i) => octetAt(this.stream, this.sent + i));
      const taken = this.stack.tcp.send(this.handle, piece, 0, piece.length, this.stack.now);
      if (taken <= 0) return;
      this.sent += taken;
    }
    this.stack.tcp.shutdown(this.handle, this.stack.now);
    this.#close();
  }

  read(): void {
    const buffer = new Uint8Array(2_000);
    for (;;) {
      if (this.closed) return;
      const count = this.stack.tcp.receive(this.handle, buffer, 0, buffer.length, this.stack.now);
      if (count < 0) this.ended = true;
      if (count <= 0) break;
      for (let i = 0; i < count; i++) if (buffer[i] !== octetAt(this.stream ^ 1, this.received + i)) this.wrong += 1;
      this.received += count;
    }
    this.#close();
  }

  #close(): void {
    if (!this.ended || this.sent < this.octets || this.closed) return;
    this.closed = true;
    this.stack.tcp.close(this.handle, this.stack.now);
  }
}

const profiles = { linux, freebsd, rfc } as const;

interface Plan {
  readonly seed: number;
  readonly profile: keyof typeof profiles;
  readonly loss: number;
  readonly octets: number;
  readonly moves: readonly { readonly at: number; readonly server: boolean }[];
}

/** Plays the plan; each move takes a host's connections into a new stack. Returns the ends, and how many resets passed. */
function play(plan: Plan): { ends: End[]; resets: number; moved: number } {
  const world = new World(plan.seed, { origin: 1_000_000 });
  const profile = profiles[plan.profile];
  const ends: End[] = [];
  let moved = 0;
  let seed = plan.seed;
  const make = (): Stack =>
    new Stack({ random: new SeededRandom((seed += 1)), memory: createMemory({ packets: 512, chunks: 1_024 }), profile }, world.now);
  const hosts = [A, B].map((address, i) => {
    const host = world.addHost(`h${i}`, make());
    const link = world.addLink(host, { medium: "ip" });
    host.stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }] }, world.now);
    return host;
  }) as [Host<Stack>, Host<Stack>];
  world.connect(hosts[0].links[0]!, hosts[1].links[0]!, { delay: 15_000, loss: plan.loss, jitter: 2_000 });
  let resets = 0;
  world.observe({
    fate: () => undefined,
    offered: (_wire, bytes, start) => {
      if (bytes[start + ((bytes[start]! & 15) << 2) + 13]! & RST) resets += 1;
    },
  });
  const listen = (stack: Stack): void => {
    stack.tcp.listen(
      { port: 80 },
      {
        onEvents(listener) {
          for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) {
            const end = new End(stack, handle, 2 * (stack.tcp.endpointsOf(handle).remotePort - 5_000) + 1, plan.octets);
            ends.push(end);
            stack.tcp.attach(handle, end);
            end.write();
          }
        },
      },
    );
  };
  listen(hosts[1].stack);
  for (let i = 0; i < 4; i++) {
    const { stack } = hosts[0];
    const end = new End(stack, 0, 2 * i, plan.octets);
    end.handle = stack.tcp.connect({ remote: B, remotePort: 80, localPort: 5_000 + i }, end, world.now);
    ends.push(end);
  }
  for (const { at, server } of plan.moves)
    world.at(at, () => {
      const host = hosts[server ? 1 : 0];
      const old = host.stack;
      const bytes = old.tcp.snapshot(world.now);
      const stack = make();
      stack.addDevice(host.links[0]!, { addresses: [{ address: server ? B : A, prefixLength: 24 }] }, world.now);
      if (server) listen(stack);
      const handles = stack.tcp.restore(bytes, world.now);
      for (const end of ends) {
        if (end.stack !== old || end.closed) continue;
        end.stack = stack;
        end.handle = handles.get(end.handle)!;
        stack.tcp.attach(end.handle, end);
      }
      // What the restored stack knows is what the old one knew.
      old.onWork = null;
      world.reboot(host, stack);
      host.links[0]!.onReadable = () => world.wake(host);
      moved += 1;
    });
  world.runUntil(
    () => ends.length === 8 && ends.every((end) => end.closed) && hosts.every(({ stack }) => stack.tcp.summary()["live"] === 0),
    world.now + 3_000 * SECOND,
  );
  return { ends, resets, moved };
}

describe("s3.3.1: a snapshot at any moment, restored in another stack", () => {
  test("s3.3.1: changes nothing that the peer could see: every stream arrives to the last octet, and no reset passes (property)", () => {
    const plan = fc.record({
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      profile: fc.constantFrom<keyof typeof profiles>("linux", "freebsd", "rfc"),
      loss: fc.constantFrom(0, 0.01, 0.05),
      octets: fc.constantFrom(100, 20_000, 150_000),
      moves: fc.array(fc.record({ at: fc.integer({ min: 0, max: 1_500_000 }), server: fc.boolean() }), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(plan, (each) => {
        const { ends, resets } = play(each);
        expect(ends.map((end) => [end.received, end.wrong, end.closed])).toEqual(Array.from({ length: 8 }, () => [each.octets, 0, true]));
        expect(resets).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test.each<StateName>([
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
  ])("%s: what is shown of the connection is the same in both stacks", (state) => {
    const x = exchangeAt(0x7fff_ff00, { irs: -5 });
    reach(x, state, { mss: 1_400, sackPermitted: true, windowScale: 5, ts: [1_000, 0] });
    const y = exchangeAt(0x7fff_ff00, { irs: -5 });
    y.now = x.now;
    if (state === "SYN-RECEIVED") y.tcp.listen({ port: 80 }, y.application);
    y.tcp.restore(x.tcp.snapshot(x.now), x.now);
    const shown = (z: typeof x): unknown => {
      const [row] = z.tcp.showAll(z.now).filter((each) => each["form"] !== "listener") as [Record<string, Record<string, unknown>>];
      const { handle, form, path, recovery, ...rest } = row;
      void [handle, form, path, recovery];
      const { recoveryState, ...congestion } = rest["congestion"]!;
      void recoveryState;
      return { ...rest, congestion };
    };
    expect(shown(y)).toEqual(shown(x));
  });

  test("s3.10.7.4: text out of order, unread text and queued text come along; so does a clock that was elsewhere", () => {
    const x = exchangeAt(100, { irs: 7 });
    x.open({}, { mss: 1_000, sackPermitted: true, ts: [1_000, 0] });
    x.inject({ seq: 1, ack: 1, text: 50, ts: [1_001, 0] });
    x.inject({ seq: 151, ack: 1, text: 100, ts: [1_002, 0] });
    x.inject({ seq: 351, ack: 1, text: 40, ts: [1_002, 0] });
    x.write(5_000);
    const before = x.take().at(-1)!;
    const bytes = x.tcp.snapshot(x.now);
    const was = x.handle;
    const y = exchangeAt(100, { irs: 7 });
    y.now = 77_000_000_000;
    y.iss = x.iss;
    const handles = y.tcp.restore(bytes, y.now, 5_000);
    y.handle = handles.get(was)!;
    y.tcp.attach(y.handle, y.application);
    y.turn();
    y.take();
    y.inject({ seq: 51, ack: 1, text: 100, ts: [1_003, 0] });
    const ack = y.take().at(-1)!;
    expect(ack).toMatchObject({ ack: 251, sack: [351, 391] });
    expect(((ack.tsVal! - before.tsVal!) | 0) >= 0 && ack.tsVal! - before.tsVal! < 10).toBe(true);
    y.inject({ seq: 251, ack: 1, text: 100, ts: [1_004, 0] });
    expect(y.read()!.length).toBe(390);
    // Nothing acknowledged: what was sent comes again, from the first octet on.
    y.advance(3 * SECOND);
    expect(y.take().find((s) => s.seq === 1)).toMatchObject({ text: octets(988) });
  });
});

describe("who restores", () => {
  const busy = (): { bytes: Uint8Array; now: number } => {
    const x = exchangeAt(100, { irs: 7 });
    x.open({}, { mss: 1_000, sackPermitted: true, ts: [1_000, 0] });
    x.inject({ seq: 101, ack: 1, text: 50, ts: [1_001, 0] });
    x.write(3_000);
    return { bytes: x.tcp.snapshot(x.now), now: x.now };
  };
  const reasonOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof NetworkError) return `${error.code} ${error.message}`;
      throw error;
    }
    return "";
  };

  test("s3.9.1: hears what is wrong: cut, changed, of another version, of no address here, twice, no room", () => {
    const { bytes, now } = busy();
    const y = exchangeAt(0, {});
    expect(reasonOf(() => y.tcp.restore(bytes.subarray(0, 100), now))).toContain("cut or changed");
    expect(
      reasonOf(() =>
        y.tcp.restore(
          Uint8Array.from(bytes, (octet, i) => (i === 50 ? octet ^ 1 : octet)),
          now,
        ),
      ),
    ).toContain("cut or changed");
    expect(reasonOf(() => y.tcp.restore(new Uint8Array(2), now))).toContain("too short");
    const other = new ArchiveWriter();
    other.number(0x6f6e_7769_7265);
    other.number(2);
    expect(reasonOf(() => y.tcp.restore(other.finish(), now))).toContain("version 2");
    const foreign = new ArchiveWriter();
    foreign.text("hello");
    expect(reasonOf(() => y.tcp.restore(foreign.finish(), now))).toContain("no snapshot");
    expect(reasonOf(() => y.tcp.restore(bytes, now, -1))).toContain("elapsed -1");
    y.tcp.restore(bytes, now);
    expect(reasonOf(() => y.tcp.restore(bytes, now))).toMatch(/^EADDRINUSE .*10\.0\.0\.1/);
    const small = exchangeAt(0, { memory: createMemory({ packets: 64, chunks: 1 }) });
    expect(reasonOf(() => small.tcp.restore(bytes, now))).toMatch(/^ENOBUFS/);
    expect(small.tcp.summary()).toMatchObject({ slots: 0 });
    const full = exchangeAt(0, { limits: { connections: 1 } });
    full.listen();
    expect(reasonOf(() => full.tcp.restore(bytes, now))).toMatch(/^ENOBUFS .*limits.connections/);
  });

  test("s3.9.1: whatever octets a snapshot has, it is refused with a reason or makes a connection that lives and ends (property, I-01)", () => {
    const { bytes, now } = busy();
    // Changed by somebody who knows how the sum is made.
    const resummed = (octets: Uint8Array): Uint8Array => {
      let sum = 0x811c_9dc5;
      for (const octet of octets.subarray(0, -4)) sum = Math.imul(sum ^ octet, 0x0100_0193);
      new DataView(octets.buffer).setUint32(octets.length - 4, sum >>> 0);
      return octets;
    };
    let restored = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(420), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat(4), (changes, cut) => {
        const changed = cut === 0 ? bytes.slice(0, 8 + changes[0]![0]) : bytes.slice();
        for (const [at, octet] of changes) if (at < changed.length) changed[at] = octet;
        const y = exchangeAt(0, { memory: createMemory({ packets: 64, chunks: 64 }) });
        y.listen();
        const reason = reasonOf(() => y.tcp.restore(resummed(changed), now));
        if (reason !== "") {
          expect(reason).toMatch(/^(EINVAL|EADDRNOTAVAIL|EADDRINUSE|ENOBUFS) restore /);
          expect(y.tcp.summary()).toMatchObject({ slots: 1 });
          return;
        }
        restored += 1;
        y.now = now;
        y.turn();
        for (let i = 0; i < 20; i++) y.inject({ seq: i * 50, ack: 1, text: 50 });
        y.advance(10 * SECOND);
        y.tcp.closeAll(y.now);
        y.turn();
        expect(y.memory.chunks.available).toBe(64);
      }),
      { numRuns: 400 },
    );
    expect(restored).toBeGreaterThan(20);
  });

  test("s3.3.2: a thousand idle connections are rows again at once, and take few octets each", () => {
    const x = exchangeAt(0, {});
    for (let i = 0; i < 1_000; i++) {
      const port = 1_000 + i;
      x.tcp.connect({ remote: B, remotePort: port, localPort: 80 }, x.application, x.now);
      x.turn();
      x.inject({ flags: "S.", ack: 1, port });
    }
    x.out.length = 0;
    x.advance(3 * SECOND);
    const bytes = x.tcp.snapshot(x.now);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1_000 }); // asking leaves them frozen
    expect(bytes.length / 1_000).toBeLessThan(400);
    const y = exchangeAt(0, {});
    expect(y.tcp.restore(bytes, x.now).size).toBe(1_000);
    expect(y.tcp.summary()).toMatchObject({ slots: 1_000, live: 0, frozen: 1_000 });
  });
});

test("s3.3.2: who forgets a connection says nothing of it", () => {
  const x = exchangeAt(0, {});
  x.open({}, { mss: 1_000 });
  x.take();
  x.tcp.forget(x.handle, x.now);
  x.turn();
  x.advance(100 * SECOND);
  expect(x.take()).toEqual([]);
  expect(x.tcp.summary()).toMatchObject({ slots: 0 });
});
