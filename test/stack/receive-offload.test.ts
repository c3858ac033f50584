/** Receive offload in software: what is joined, what is not, and that the application cannot tell. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { ChecksumState } from "../../src/base/packet.js";
import { ReceiveOffload } from "../../src/stack/receive-offload.js";
import { ethernet, ipv4, type Octets, OTHER, OTHER_MAC, OUR_MAC, OURS, PEER, tcp } from "./lab.js";

const ACK = 0x10;
const PSH = 0x08;
const TEXT = 100;
const stamps = (value: number): number[] => [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, 9];
const text = (from: number, octets = TEXT): number[] => Array.from({ length: octets }, (_, i) => (from + i) & 255);

interface Segment {
  readonly at: number;
  readonly octets?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly ack?: number;
  readonly options?: Octets;
  readonly port?: number;
  readonly source?: string;
  readonly ttl?: number;
  readonly from?: Octets;
  /** An octet of the frame, from its first, that is not what it was. */
  readonly spoil?: number;
  readonly padding?: number;
}

const START = 0x7fff_ff80;
const frame = (segment: Segment): Uint8Array => {
  const { at, octets = TEXT, flags = ACK, window = 500, ack = 7, options = stamps(1), port = 80, source = PEER, ttl = 64, from } = segment;
  const whole = tcp({ port, seq: (START + at) | 0, ack, flags, window, options }, text(at, octets));
  const made = Uint8Array.from([
    ...ethernet(0x0800, ipv4({ source, destination: OURS, protocol: 6, ttl }, whole), OUR_MAC, from),
    ...text(0, segment.padding ?? 0),
  ]);
  if (segment.spoil !== undefined) made[segment.spoil]! ^= 0x55;
  return made;
};

/** What comes of a batch: the frames, as the stack would see them. */
const offload = (segments: readonly Segment[], packetSize = 2_048, checksum: ChecksumState = ChecksumState.Unknown) => {
  const memory = createMemory({ packets: 64, packetSize });
  memory.packets.poison = true;
  memory.large.poison = true;
  const merge = new ReceiveOffload(memory);
  const out: { count: number; octets: Uint8Array; checksum: ChecksumState; gsoSize: number }[] = [];
  const show = (packet: ReturnType<typeof merge.end>, count: number): void => {
    if (packet === null) return;
    const { start, end, checksum, gsoSize } = packet;
    out.push({ count, octets: memory.arena.bytes.slice(start, end), checksum, gsoSize });
    packet.release();
  };
  const end = (): void => show(merge.end(), merge.count);
  for (const segment of segments) {
    const packet = memory.packets.take()!;
    const octets = frame(segment);
    memory.arena.bytes.set(octets, packet.start);
    packet.end = packet.start + octets.length;
    packet.checksum = checksum;
    if (merge.join(packet)) {
      if (merge.full) end();
      continue;
    }
    end();
    if (!merge.begin(packet)) show(packet, 1);
  }
  end();
  expect([memory.packets.available, memory.large.available]).toEqual([64, memory.large.size]);
  return out;
};
const counts = (segments: readonly Segment[]): number[] => offload(segments).map(({ count }) => count);
const run = (count: number, more: Partial<Segment> = {}): Segment[] => Array.from({ length: count }, (_, i) => ({ at: i * TEXT, ...more }));

describe("what is joined", () => {
  test("segments that follow each other, across the wrap of sequence numbers: one frame with a sound header", () => {
    for (const packetSize of [2_048, 65_600]) {
      const [merged, ...rest] = offload(run(5), packetSize);
      expect(rest).toEqual([]);
      expect([merged!.count, merged!.gsoSize, merged!.checksum]).toEqual([5, TEXT, ChecksumState.Verified]);
      const whole = frame({ at: 0, octets: 5 * TEXT });
      // But for the checksum of the segment, which is that of the pseudo-header: the rest is verified.
      merged!.octets.fill(0, 50, 52);
      expect(merged!.octets).toEqual(whole.fill(0, 50, 52));
    }
  });

  test("a short one, or one that is pushed, is the last; PSH is kept; padding is no text", () => {
    expect(counts([...run(3), { at: 300, octets: 10 }, { at: 310, octets: 10 }])).toEqual([4, 1]);
    const pushed = offload([...run(2), { at: 200, flags: ACK | PSH }, { at: 300 }, { at: 400, octets: 4, padding: 3 }]);
    expect(pushed.map(({ count }) => count)).toEqual([3, 2]);
    expect(pushed[0]!.octets[47]).toBe(ACK | PSH);
    expect(pushed[1]!.octets.length).toBe(54 + 12 + TEXT + 4);
  });

  test("as much as a datagram holds", () => {
    const size = 1_448;
    const segments = Array.from({ length: 50 }, (_, i) => ({ at: i * size, octets: size }));
    expect(counts(segments)).toEqual([45, 5]);
  });

  test("unfinished checksums are the link's to answer for", () => {
    expect(offload(run(3, { spoil: 50 }), 2_048, ChecksumState.Partial).map(({ count }) => count)).toEqual([3]);
  });
});

describe("what is not", () => {
  const cases: [string, Partial<Segment>][] = [
    ["a gap", { at: 2 * TEXT }],
    ["a repetition", { at: 0 }],
    ["another ACK", { ack: 8 }],
    ["another window", { window: 501 }],
    ["another timestamp", { options: stamps(2) }],
    ["no timestamp", { options: [] }],
    ["a FIN", { flags: ACK | 1 }],
    ["a mark", { flags: ACK | 0x40 }],
    ["URG", { flags: ACK | 0x20 }],
    ["another connection", { port: 81 }],
    ["another host", { source: OTHER }],
    ["another time to live", { ttl: 63 }],
    ["another neighbor", { from: OTHER_MAC }],
    ["a longer one", { octets: TEXT + 1 }],
    ["no text", { octets: 0 }],
    ["a bad checksum", { spoil: 80 }],
    ["a bad header checksum", { spoil: 24 }],
  ];
  for (const [name, change] of cases)
    test(name, () => {
      const second = { at: TEXT, ...change };
      const out = offload([{ at: 0 }, second, { at: 5 * TEXT }]);
      expect(out.map(({ count }) => count)).toEqual([1, 1, 1]);
      expect(out.map(({ octets }) => octets)).toEqual([{ at: 0 }, second, { at: 5 * TEXT }].map(frame));
    });

  test("behind a first one that is not sound", () => {
    expect(counts([{ at: 0, spoil: 80 }, { at: TEXT }])).toEqual([1, 1]);
  });

  test("where no packet has room", () => {
    const memory = createMemory({ packets: 8 });
    const taken = [memory.large.take(), memory.large.take(), memory.large.take()];
    const merge = new ReceiveOffload(memory);
    const packets = [0, TEXT].map((at) => {
      const packet = memory.packets.take()!;
      const octets = frame({ at });
      memory.arena.bytes.set(octets, packet.start);
      packet.end = packet.start + octets.length;
      return packet;
    });
    expect([merge.begin(packets[0]!), merge.join(packets[1]!)]).toEqual([true, false]);
    expect(merge.end()).toBe(packets[0]);
    expect(taken.length).toBe(3);
  });
});

test("any batch: the same octets at the same sequence numbers come out, in the same order", () => {
  const segment = fc.record({
    step: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
    octets: fc.constantFrom(TEXT, TEXT, TEXT, TEXT, 1, 50, 0),
    flags: fc.constantFrom(ACK, ACK, ACK, ACK, ACK | PSH, ACK | 1),
    spoil: fc.option(fc.nat({ max: 99 }), { freq: 12, nil: undefined }),
    port: fc.constantFrom(80, 80, 80, 81),
    options: fc.constantFrom(stamps(1), stamps(1), stamps(1), stamps(2), []),
  });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 40 }), (drawn) => {
      let at = 0;
      const segments = drawn.map(({ step, spoil, ...rest }): Segment => {
        at = Math.max(0, at + step);
        const made = { at, ...rest, ...(spoil === undefined ? {} : { spoil }) };
        at += rest.octets;
        return made;
      });
      const pieces = (octets: Uint8Array, size: number): string[] => {
        const view = new DataView(octets.buffer, octets.byteOffset);
        const start = 34 + (octets[46]! >> 4) * 4;
        const seq = view.getUint32(38);
        if (size === 0) return [Buffer.from(octets).toString("hex")];
        const found: string[] = [];
        for (let from = start; from < octets.length; from += size)
          found.push(`${seq + from - start}:${Buffer.from(octets.subarray(from, from + size)).toString("hex")}`);
        return found;
      };
      const sent = segments.map(frame);
      let next = 0;
      for (const { count, octets, gsoSize } of offload(segments)) {
        const own = sent.slice(next, next + count);
        next += count;
        if (count === 1) expect(Buffer.from(octets).toString("hex")).toBe(Buffer.from(own[0]!).toString("hex"));
        else expect(pieces(octets, gsoSize)).toEqual(own.flatMap((each) => pieces(each, gsoSize)));
      }
      expect(next).toBe(sent.length);
    }),
    { numRuns: 100 },
  );
});
