import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory, type Memory } from "../../src/base/memory.js";
import { ChecksumState, type Packet } from "../../src/base/packet.js";
import { FrameReader, FrameWriter, makeRing } from "../../src/workers/frame-ring.js";

const memoryOf = (packets = 64, packetSize = 1_024): Memory => createMemory({ packets, packetSize, chunks: 1 });
const fill = (memory: Memory, octets: Uint8Array): Packet => {
  const packet = memory.packets.take()!;
  memory.arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};

describe("frame ring", () => {
  test("frames come out as they went in, in order, over many turns of the ring", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            frames: fc.array(fc.uint8Array({ maxLength: 240 }), { maxLength: 6 }),
            take: fc.nat(8),
            checksum: fc.constantFrom(ChecksumState.Unknown, ChecksumState.Partial, ChecksumState.Verified),
            gsoSize: fc.nat(65_535),
          }),
          { maxLength: 60 },
        ),
        (steps) => {
          const shared = makeRing(512);
          const [ours, theirs] = [memoryOf(), memoryOf()];
          theirs.packets.poison = true;
          const [writer, reader] = [new FrameWriter(shared), new FrameReader(shared)];
          const expected: { octets: number[]; checksum: number; gsoSize: number }[] = [];
          const seen: typeof expected = [];
          const batch: Packet[] = [];
          const take = (count: number): void => {
            const taken = reader.take(theirs.packets, batch, 0, count);
            for (const packet of batch.slice(0, taken)) {
              const { checksum, gsoSize } = packet;
              seen.push({ octets: [...theirs.arena.bytes.subarray(packet.start, packet.end)], checksum, gsoSize });
              packet.release();
            }
          };
          for (const step of steps) {
            for (const octets of step.frames) {
              const packet = fill(ours, octets);
              packet.checksum = step.checksum;
              packet.gsoSize = step.gsoSize;
              if (writer.put(packet)) expected.push({ octets: [...octets], checksum: step.checksum, gsoSize: step.gsoSize });
              packet.release();
            }
            writer.publish();
            take(step.take);
          }
          while (!reader.isEmpty) take(8);
          expect(seen).toEqual(expected);
          expect(theirs.packets.available).toBe(64);
        },
      ),
    );
  });

  test("nothing shows before it is published; what was not published is lost with its writer, and no more", () => {
    const shared = makeRing(512);
    const memory = memoryOf();
    const reader = new FrameReader(shared);
    const writer = new FrameWriter(shared);
    const frame = fill(memory, Uint8Array.of(1, 2, 3));
    writer.put(frame);
    writer.publish();
    writer.put(frame);
    expect(reader.take(memory.packets, [], 0, 8)).toBe(1);
    expect(reader.isEmpty).toBe(true);
    const next = new FrameWriter(shared);
    next.put(frame);
    next.publish();
    expect(new FrameReader(shared).take(memory.packets, [], 0, 8)).toBe(1);
  });

  test("a writer that finds no room is told of it once", () => {
    const shared = makeRing(512);
    const memory = memoryOf();
    const [writer, reader] = [new FrameWriter(shared), new FrameReader(shared)];
    const frame = fill(memory, new Uint8Array(200));
    expect(reader.isWanted()).toBe(false);
    while (writer.putOrWait(frame));
    writer.publish();
    const batch: Packet[] = [];
    expect(reader.take(memory.packets, batch, 0, 1)).toBe(1);
    expect([reader.isWanted(), reader.isWanted()]).toEqual([true, false]);
    expect(writer.putOrWait(frame)).toBe(true);
  });

  test("without a packet a frame stays; one that no packet holds is lost and counted", () => {
    const shared = makeRing(4_096);
    const [large, small] = [memoryOf(4, 1_500), memoryOf(1, 64)];
    const [writer, reader] = [new FrameWriter(shared), new FrameReader(shared)];
    for (const length of [10, 1_400, 20]) {
      const frame = fill(large, new Uint8Array(length).fill(length));
      expect(writer.put(frame)).toBe(true);
      frame.release();
    }
    writer.publish();
    const held = small.packets.take()!;
    const batch: Packet[] = [];
    expect(reader.take(small.packets, batch, 0, 8)).toBe(0);
    held.release();
    expect(reader.take(small.packets, batch, 0, 8)).toBe(1);
    batch[0]!.release();
    expect([reader.take(small.packets, batch, 0, 8), reader.lost, batch[0]!.end - batch[0]!.start]).toEqual([1, 1, 20]);
  });
});
