import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory, type Memory } from "../../src/base/memory.js";
import { ChecksumState, type Packet } from "../../src/base/packet.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";

const memoryOf = (packets = 64, packetSize = 2048): Memory => createMemory({ packets, packetSize, chunks: 1 });

const frame = (memory: Memory, octets: readonly number[]): Packet => {
  const packet = memory.packets.take()!;
  memory.arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};

const received = (link: PairLink, memory: Memory, budget = 512): number[][] => {
  const batch: Packet[] = [];
  const count = link.receive(memory.packets, batch, budget);
  return batch.slice(0, count).map((packet) => {
    const octets = [...memory.arena.bytes.subarray(packet.start, packet.end)];
    packet.release();
    return octets;
  });
};

describe("pair", () => {
  test("frames arrive in order, whole, in the receiver's packets", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 14, maxLength: 300 }), { maxLength: 60 }),
        fc.boolean(),
        (frames, shared) => {
          const ours = memoryOf();
          const theirs = shared ? ours : memoryOf();
          ours.packets.poison = true;
          const [a, b] = createPair();
          const seen: number[][] = [];
          for (const octets of frames) {
            const packet = ours.packets.take();
            if (packet === null) {
              seen.push(...received(b, theirs, 7));
              continue;
            }
            packet.release();
            expect(a.transmit(frame(ours, octets))).toBe(true);
            if (ours.packets.available < 8) seen.push(...received(b, theirs, 7));
          }
          for (;;) {
            const more = received(b, theirs, 7);
            if (more.length === 0) break;
            seen.push(...more);
          }
          expect(seen).toEqual(frames);
          expect(ours.packets.available).toBe(ours.packets.size);
          expect(theirs.packets.available).toBe(theirs.packets.size);
        },
      ),
    );
  });

  test("a full queue refuses the packet and says when it takes more", () => {
    const memory = memoryOf();
    const [a, b] = createPair({ queue: 2 });
    let room = 0;
    a.onReadable = () => room++;
    expect(a.transmit(frame(memory, [1]))).toBe(true);
    expect(a.transmit(frame(memory, [2]))).toBe(true);
    const third = frame(memory, [3]);
    expect(a.transmit(third)).toBe(false);
    expect(third.held).toBe(true);
    expect(room).toBe(0);
    expect(received(b, memory, 1)).toEqual([[1]]);
    expect(room).toBe(1);
    expect(a.transmit(third)).toBe(true);
    expect(received(b, memory)).toEqual([[2], [3]]);
    expect(room).toBe(1);
  });

  test("the far end hears of frames once a flush", () => {
    const memory = memoryOf();
    const [a, b] = createPair();
    let heard = 0;
    b.onReadable = () => heard++;
    a.transmit(frame(memory, [1]));
    a.transmit(frame(memory, [2]));
    expect(heard).toBe(0);
    a.flush();
    a.flush();
    expect(heard).toBe(1);
    expect(b.waiting).toBe(2);
  });

  test("what the receiver has no packet for waits", () => {
    const ours = memoryOf();
    const theirs = memoryOf(1);
    const [a, b] = createPair();
    a.transmit(frame(ours, [1]));
    a.transmit(frame(ours, [2]));
    const held = theirs.packets.take()!;
    expect(received(b, theirs)).toEqual([]);
    held.release();
    expect(received(b, theirs)).toEqual([[1]]);
    expect(received(b, theirs)).toEqual([[2]]);
  });

  test("a frame larger than the receiver's packets is refused, not cut", () => {
    const ours = memoryOf();
    const theirs = memoryOf(4, 64);
    const [a, b] = createPair();
    a.transmit(frame(ours, new Array<number>(500).fill(7)));
    a.transmit(frame(ours, [1]));
    expect(received(b, theirs)).toEqual([[1]]);
    expect(a.counters.refused).toBe(1);
    expect(theirs.packets.available).toBe(4);
  });

  test("close gives back what waits; the other end's frames are lost, as with a pulled cable", () => {
    const memory = memoryOf();
    const [a, b] = createPair();
    a.transmit(frame(memory, [1]));
    b.transmit(frame(memory, [2]));
    a.close();
    a.close();
    expect(memory.packets.available).toBe(memory.packets.size);
    expect(b.transmit(frame(memory, [3]))).toBe(true);
    expect(a.transmit(frame(memory, [4]))).toBe(true);
    expect(received(b, memory)).toEqual([]);
    expect(memory.packets.available).toBe(memory.packets.size);
    expect(b.counters.refused).toBe(1);
  });

  test("an unfinished checksum stays marked, anything else is to be verified", () => {
    const memory = memoryOf();
    const [a, b] = createPair({ checksumOffload: true, gso: 65535 });
    for (const state of [ChecksumState.Partial, ChecksumState.Verified, ChecksumState.Unknown]) {
      const packet = frame(memory, [1]);
      packet.checksum = state;
      packet.gsoSize = 1448;
      a.transmit(packet);
      const batch: Packet[] = [];
      expect(b.receive(memory.packets, batch, 1)).toBe(1);
      expect(batch[0]!.checksum).toBe(state === ChecksumState.Partial ? ChecksumState.Partial : ChecksumState.Unknown);
      expect(batch[0]!.gsoSize).toBe(1448);
      batch[0]!.release();
    }
  });
});
