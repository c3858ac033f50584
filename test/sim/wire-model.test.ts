import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { Wire } from "../../src/base/why.js";
import { FramePool } from "../../src/sim/frame-pool.js";
import { Flag } from "../../src/sim/frame-summary.js";
import { TraceHash } from "../../src/sim/trace-hash.js";
import { WireModel } from "../../src/sim/wire-model.js";
import { data, flags, sequence, type WireOptions } from "../../src/sim/wire-options.js";
import { sum, tcpFrame } from "./frames.js";

const make = (options: Partial<WireOptions>, seed = 1): WireModel => new WireModel("a>b", options, new SeededRandom(seed), new FramePool());

/** Everything that comes out, with its time. */
function drain(wire: WireModel): { at: number; bytes: Uint8Array }[] {
  const out: { at: number; bytes: Uint8Array }[] = [];
  for (let now = wire.next(); now !== NEVER; now = wire.next())
    for (let frame = wire.due(now); frame !== null; frame = wire.due(now)) out.push({ at: now, bytes: frame.bytes.slice(0, frame.length) });
  return out;
}

const offer = (wire: WireModel, bytes: Uint8Array, now = 0): void => wire.offer(bytes, 0, bytes.length, now);
/** A frame of 100 octets that can be told from others. */
const marked = (mark: number): Uint8Array => Uint8Array.from({ length: 100 }, (_, i) => (i === 99 ? mark : 0));
const marks = (wire: WireModel): number[] => drain(wire).map((frame) => frame.bytes[frame.bytes.length - 1]!);

describe("time", () => {
  test("wire: a frame takes its octets at the rate, and the delay", () => {
    const wire = make({ rate: 8_000_000, delay: 5_000 }); // an octet a microsecond
    offer(wire, marked(1), 0);
    offer(wire, marked(2), 0);
    offer(wire, marked(3), 1_000);
    expect(drain(wire).map((frame) => frame.at)).toEqual([5_100, 5_200, 6_100]);
  });

  test("wire: fractions of a microsecond add up, and no frame is early", () => {
    const wire = make({ rate: 1_000_000_000, queueFrames: 20_000 }); // 0.8 us a frame
    for (let i = 0; i < 10_000; i++) offer(wire, marked(0));
    const out = drain(wire);
    expect(out.at(-1)!.at).toBe(8_000);
    expect(out[0]!.at).toBe(1);
  });

  test("wire: jitter stays in its bounds and keeps the order, or does not when told", () => {
    for (const jitterReorders of [false, true]) {
      const wire = make({ delay: 1_000, jitter: 500, jitterReorders });
      for (let i = 0; i < 200; i++) offer(wire, marked(i), i * 20);
      const out = drain(wire);
      const order = out.map((frame) => frame.bytes[99]!);
      expect(order.every((mark, i) => i === 0 || mark > order[i - 1]!)).toBe(!jitterReorders);
      for (const frame of out) {
        expect(frame.at - frame.bytes[99]! * 20).toBeGreaterThanOrEqual(1_000);
        expect(frame.at - frame.bytes[99]! * 20).toBeLessThanOrEqual(1_500);
      }
    }
  });

  test("wire: a full queue drops the tail, by frames or by octets", () => {
    for (const queue of [{ queueFrames: 3 }, { queueOctets: 350 }]) {
      const wire = make({ rate: 8_000_000, ...queue });
      for (let i = 0; i < 10; i++) offer(wire, marked(i));
      expect(wire.tally.counts[Wire.QueueFull]).toBe(6);
      offer(wire, marked(10), 100); // the second has begun: one place is free
      expect(marks(wire)).toEqual([0, 1, 2, 3, 10]);
    }
  });

  test("wire: room is announced when the queue shrinks", () => {
    const wire = make({ rate: 8_000_000, queueFrames: 1 });
    expect(wire.hasRoom(100, 0)).toBe(true);
    offer(wire, marked(0));
    offer(wire, marked(1));
    expect(wire.hasRoom(100, 0)).toBe(false);
    expect(wire.roomAt()).toBe(100);
    expect(wire.hasRoom(100, 100)).toBe(true);
  });

  test("wire: a stall delays what is put on, a partition loses it", () => {
    const wire = make({
      delay: 10,
      outages: [
        { kind: "stall", from: 100, until: 200 },
        { kind: "partition", from: 300, until: 400 },
      ],
    });
    for (const [i, at] of [50, 100, 199, 250, 300, 399, 400].entries()) offer(wire, marked(i), at);
    expect(drain(wire).map((frame) => [frame.bytes[99], frame.at])).toEqual([
      [0, 60],
      [1, 210],
      [2, 210],
      [3, 260],
      [6, 410],
    ]);
    expect(wire.tally.counts[Wire.Partition]).toBe(2);
  });
});

describe("chance", () => {
  test("wire: random loss has the rate that was asked for", () => {
    for (const loss of [0.01, 0.1, 0.3]) {
      const wire = make({ loss });
      const n = 50_000;
      for (let i = 0; i < n; i++) {
        offer(wire, marked(0), i);
        drain(wire);
      }
      const lost = wire.tally.counts[Wire.Loss]!;
      expect(Math.abs(lost - n * loss)).toBeLessThan(5 * Math.sqrt(n * loss * (1 - loss)));
    }
  });

  test("wire: bursts have the mean loss and the mean length of Gilbert's model", () => {
    const wire = make({ burst: { enter: 0.01, leave: 0.25, lossGood: 0, lossBad: 1 } });
    const n = 100_000;
    let bursts = 0;
    let lostBefore = false;
    for (let i = 0; i < n; i++) {
      const before = wire.tally.counts[Wire.Loss]!;
      offer(wire, marked(0), i);
      drain(wire);
      const lost = wire.tally.counts[Wire.Loss]! > before;
      if (lost && !lostBefore) bursts += 1;
      lostBefore = lost;
    }
    const lost = wire.tally.counts[Wire.Loss]!;
    expect(lost / n).toBeCloseTo(0.01 / 0.26, 2);
    expect(lost / bursts).toBeCloseTo(4, 0);
  });

  test("wire: duplicates and flipped bits come at their rates", () => {
    const wire = make({ duplicate: 0.1, corrupt: 0.2 });
    const n = 10_000;
    const original = tcpFrame({ text: 10 });
    for (let i = 0; i < n; i++) offer(wire, original, i);
    const out = drain(wire);
    expect(out.length - n).toBe(wire.tally.counts[Wire.Duplicated]);
    expect(Math.abs(out.length - n - 1_000)).toBeLessThan(150);
    const flips = out.map((frame) => frame.bytes.reduce((bits, octet, i) => bits + ones(octet ^ original[i]!), 0));
    expect(flips.every((bits) => bits <= 1)).toBe(true);
    expect(flips.filter((bits) => bits === 1).length).toBe(wire.tally.counts[Wire.Corrupted]);
    expect(Math.abs(wire.tally.counts[Wire.Corrupted]! - 2_200)).toBeLessThan(250);
  });

  test("wire: a frame held back arrives behind the next one, or when it has waited long enough", () => {
    const wire = make({ delay: 10, reorderDelay: 1_000, rules: [{ nth: [1, 4], action: "reorder", behind: 2 }] });
    for (let i = 1; i <= 4; i++) offer(wire, marked(i), i);
    expect(drain(wire).map((frame) => [frame.bytes[99], frame.at])).toEqual([
      [2, 12],
      [3, 13],
      [1, 13],
      [4, 1_014],
    ]);
  });
});

describe("rules", () => {
  const order = (wire: WireModel): number[] => drain(wire).map((frame) => new DataView(frame.bytes.buffer).getInt32(38));

  test("wire: the nth data segment, whatever else passes", () => {
    const wire = make({ rules: [{ match: data, nth: 2, action: "drop" }] });
    for (let i = 0; i < 4; i++) {
      offer(wire, tcpFrame({ seq: 100 + i }));
      offer(wire, tcpFrame({ seq: i, text: 1 }));
    }
    expect(order(wire)).toEqual([100, 0, 101, 102, 2, 103, 3]);
    expect(wire.tally.counts[Wire.Rule]).toBe(1);
  });

  test("wire: every tenth data segment", () => {
    const wire = make({ rules: [{ match: data, every: 10, action: "drop" }] });
    for (let i = 1; i <= 30; i++) offer(wire, tcpFrame({ seq: i, text: 1 }));
    expect(order(wire).length).toBe(27);
  });

  test("wire: flags that must be set, and must not", () => {
    const wire = make({ rules: [{ match: flags(Flag.Syn, Flag.Ack), action: "drop" }] });
    offer(wire, tcpFrame({ seq: 1, flags: Flag.Syn }));
    offer(wire, tcpFrame({ seq: 2, flags: Flag.Syn | Flag.Ack }));
    offer(wire, tcpFrame({ seq: 3, flags: Flag.Ack }));
    expect(order(wire)).toEqual([2, 3]);
  });

  test("wire: a range of the sequence space, across its wrap", () => {
    const wire = make({ rules: [{ match: sequence(1_001, 2_001), nth: 1, action: "drop" }] });
    const iss = 0xffff_fc18 | 0; // 1 000 before the wrap
    offer(wire, tcpFrame({ seq: iss, flags: Flag.Syn }));
    for (const at of [1, 501, 1_001, 1_501, 1_001]) offer(wire, tcpFrame({ seq: (iss + at) | 0, text: 500 }));
    expect(order(wire).map((seq) => (seq - iss) | 0)).toEqual([0, 1, 501, 1_501, 1_001]);
  });

  test("wire: rules hold for their time only, and duplicate, delay and corrupt as told", () => {
    const wire = make({
      rules: [
        { from: 10, until: 20, action: "drop" },
        { nth: 1, action: "duplicate" },
        { nth: 2, action: "delay", delay: 100 },
        { nth: 3, action: "corrupt" },
      ],
    });
    for (const at of [0, 1, 2, 3, 10, 19, 20]) offer(wire, tcpFrame({ seq: at }), at);
    const out = drain(wire);
    expect(out.map((frame) => frame.at)).toEqual([0, 0, 2, 3, 20, 101]);
    expect(wire.tally.show()).toMatchObject({ "wire.rule": 2, "wire.duplicated": 1, "wire.corrupted": 1 });
  });
});

describe("mtu", () => {
  test("wire: what is larger than the MTU disappears and is counted", () => {
    const wire = make({ mtu: 100 });
    offer(wire, tcpFrame({ text: 60 }));
    offer(wire, tcpFrame({ text: 61 }));
    expect(drain(wire).length).toBe(1);
    expect(wire.tally.counts[Wire.TooBig]).toBe(1);
  });

  test("rfc1191 s4: a router answers a DF packet that does not fit with the next hop's MTU and the header it quotes", () => {
    const wire = make({ mtu: 576, tooBig: "router", routerAddress: 0x0a0000fe });
    const back = make({ delay: 7 });
    wire.back = back;
    const frame = tcpFrame({ seq: 42, text: 1_000 });
    offer(wire, frame, 5);
    expect(drain(wire)).toEqual([]);
    const [answer] = drain(back);
    expect(answer!.at).toBe(12);
    const view = new DataView(answer!.bytes.buffer);
    expect([...answer!.bytes.subarray(0, 6)]).toEqual([...frame.subarray(6, 12)]);
    expect(sum(view, 14, 34)).toBe(0xffff);
    const end = 14 + view.getUint16(16);
    expect(sum(view, 34, end)).toBe(0xffff);
    expect([view.getUint32(26), view.getUint32(30)]).toEqual([0x0a0000fe, 0x0a000001]);
    expect([view.getUint8(34), view.getUint8(35), view.getUint16(40)]).toEqual([3, 4, 576]);
    expect([...answer!.bytes.subarray(42, end)]).toEqual([...frame.subarray(14, 42)]);
  });

  test("rfc791 s3.2: a router fragments a packet without DF, and the fragments are the packet", () => {
    fc.assert(
      fc.property(fc.integer({ min: 68, max: 1_500 }), fc.integer({ min: 0, max: 3_000 }), (mtu, text) => {
        const wire = make({ mtu, tooBig: "router" });
        const frame = tcpFrame({ text, dontFragment: false });
        offer(wire, frame);
        const out = drain(wire);
        const whole = new Uint8Array(20 + text);
        for (const [i, { bytes }] of out.entries()) {
          const view = new DataView(bytes.buffer);
          expect(sum(view, 14, 34)).toBe(0xffff);
          expect(bytes.length - 14).toBeLessThanOrEqual(mtu);
          expect((view.getUint16(20) & 0x2000) !== 0).toBe(i < out.length - 1);
          whole.set(bytes.subarray(34), (view.getUint16(20) & 0x1fff) * 8);
        }
        expect(whole).toEqual(frame.subarray(34));
      }),
    );
  });
});

const storm = (seed: number): Partial<WireOptions> => {
  const random = new SeededRandom(seed);
  return {
    rate: random.below(2) * 10_000_000,
    delay: random.below(5_000),
    jitter: random.below(2_000),
    jitterReorders: random.below(2) === 1,
    queueFrames: 1 + random.below(50),
    mtu: 600 + random.below(900),
    tooBig: random.below(2) === 1 ? "router" : "drop",
    loss: random.float() * 0.3,
    burst: random.below(2) === 1 ? { enter: 0.05, leave: 0.3, lossGood: 0, lossBad: 0.9 } : null,
    duplicate: random.float() * 0.2,
    reorder: random.float() * 0.2,
    reorderBehind: 1 + random.below(4),
    corrupt: random.float() * 0.1,
    outages: [{ kind: random.below(2) === 1 ? "stall" : "partition", from: 3_000, until: 6_000 }],
    rules: [{ match: data, every: 7, action: "drop" }],
  };
};

/** A thousand frames through a wire with every fault; the frames' fates, hashed. */
function weather(seed: number, pool = new FramePool()): { wire: WireModel; digest: string } {
  const hash = new TraceHash();
  const wire = new WireModel("a>b", storm(seed), new SeededRandom(seed), pool);
  const random = new SeededRandom(seed ^ 1);
  wire.observer = hash;
  let now = 0;
  for (let i = 0; i < 1_000; i++) {
    now += random.below(30);
    offer(wire, tcpFrame({ seq: i, text: random.below(1_400), dontFragment: random.below(2) === 1 }), now);
    for (let frame = wire.due(now); frame !== null; frame = wire.due(now)) pool.give(frame);
  }
  for (let at = wire.next(); at !== NEVER; at = wire.next())
    for (let frame = wire.due(at); frame !== null; frame = wire.due(at)) pool.give(frame);
  return { wire, digest: hash.digest };
}

test("wire: frames in are frames out, by their fates (I-19), and no buffer is left held", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const pool = new FramePool();
      const { wire } = weather(seed, pool);
      const t = wire.tally.counts;
      expect(wire.offered + t[Wire.Duplicated]!).toBe(t[Wire.Delivered]! + wire.lost + t[Wire.Fragmented]! + wire.inFlight);
      expect(wire.inFlight).toBe(0);
      expect(pool.held).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test("wire: the same seed is the same history, to the octet and the microsecond (I-20)", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      expect(weather(seed).digest).toBe(weather(seed).digest);
      expect(weather(seed).digest).not.toBe(weather(seed + 1).digest);
    }),
    { numRuns: 30 },
  );
});

test("wire: the buffer of frames on their way is bounded", () => {
  const pool = new FramePool(10 * 256);
  const wire = new WireModel("a>b", { delay: 1_000_000 }, new SeededRandom(1), pool);
  for (let i = 0; i < 100; i++) offer(wire, marked(i));
  expect(wire.inFlight).toBe(10);
  expect(wire.tally.counts[Wire.QueueFull]).toBe(90);
});

const ones = (octet: number): number => octet.toString(2).replaceAll("0", "").length;
