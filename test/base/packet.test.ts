import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arena } from "../../src/base/arena.js";
import { createMemory } from "../../src/base/memory.js";
import { Cast, ChecksumState, HEADROOM, type Packet, PacketPool, PacketQueue } from "../../src/base/packet.js";

describe("PacketPool", () => {
  test("lends every slot once, disjoint, inside the arena, and then null", () => {
    const arena = new Arena(65_536, true);
    const pool = new PacketPool(arena, 5, 100);
    const packets: Packet[] = [];
    for (let packet = pool.take(); packet !== null; packet = pool.take()) packets.push(packet);
    expect(packets.length).toBe(5);
    expect(pool.available).toBe(0);
    const slots = packets.map((packet) => [packet.base, packet.limit] as const).sort((a, b) => a[0] - b[0]);
    for (const [i, [base, limit]] of slots.entries()) {
      expect(base % 16).toBe(0);
      expect(limit - base).toBeGreaterThanOrEqual(HEADROOM + 100);
      expect(limit).toBeLessThanOrEqual(slots[i + 1]?.[0] ?? arena.bytes.length);
    }
  });

  test("a packet comes fresh, whatever the last holder left in it", () => {
    const pool = new PacketPool(new Arena(65_536, true), 1, 100);
    const packet = pool.take()!;
    Object.assign(packet, {
      start: 1,
      end: 2,
      checksum: ChecksumState.Partial,
      cast: Cast.Broadcast,
      gsoSize: 3,
      why: 4,
      cause: 5,
      next: packet,
    });
    packet.release();
    const again = pool.take()!;
    expect(again).toBe(packet);
    expect(again.start).toBe(again.base + HEADROOM);
    expect(again.end).toBe(again.start);
    expect([again.checksum, again.cast, again.gsoSize, again.why, again.cause, again.next]).toEqual([
      ChecksumState.Unknown,
      Cast.Unicast,
      0,
      0,
      0,
      null,
    ]);
  });

  test("releasing twice is a bug that it reports", () => {
    const pool = new PacketPool(new Arena(65_536, true), 2, 100);
    const packet = pool.take()!;
    packet.release();
    expect(() => packet.release()).toThrow("released twice");
    expect(pool.available).toBe(2);
    const a = pool.take();
    const b = pool.take();
    expect(a).not.toBe(b);
  });

  test("poisons the whole slot of a released packet, and no other", () => {
    const arena = new Arena(65_536, true);
    const pool = new PacketPool(arena, 2, 100);
    pool.poison = true;
    const a = pool.take()!;
    const b = pool.take()!;
    arena.bytes.fill(1, a.base, a.limit);
    arena.bytes.fill(2, b.base, b.limit);
    a.release();
    expect(arena.bytes.slice(a.base, a.limit).every((octet) => octet === 0xa5)).toBe(true);
    expect(arena.bytes.slice(b.base, b.limit).every((octet) => octet === 2)).toBe(true);
  });

  test("an arena that is too small says so", () => {
    expect(() => new PacketPool(new Arena(65_536, true), 1000, 2048)).toThrow(RangeError);
  });
});

describe("PacketQueue", () => {
  test("is first in, first out, and gives all packets back", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("push", "push", "shift", "all")), (steps) => {
        const pool = new PacketPool(new Arena(65_536, true), 20, 16);
        const queue = new PacketQueue();
        let model: Packet[] = [];
        for (const step of steps) {
          if (step === "push") {
            const packet = pool.take();
            if (packet === null) continue;
            queue.push(packet);
            model.push(packet);
          } else if (step === "shift") {
            const packet = queue.shift();
            expect(packet).toBe(model.shift() ?? null);
            expect(packet?.next ?? null).toBe(null);
            packet?.release();
          } else {
            queue.releaseAll();
            model = [];
          }
          expect(queue.length).toBe(model.length);
          expect(queue.first).toBe(model[0] ?? null);
          expect(pool.available + model.length).toBe(20);
        }
      }),
    );
  });
});

describe("createMemory", () => {
  test.each([{}, { packets: 3, packetSize: 65_550, chunks: 5, chunkSize: 1024 }, { packets: 1, packetSize: 1, chunks: 1, chunkSize: 16 }])(
    "everything asked for fits: %o",
    (options) => {
      const memory = createMemory(options);
      expect(memory.packets.available).toBe(options.packets ?? 1024);
      expect(memory.packets.capacity).toBe(options.packetSize ?? 2048);
      expect(memory.chunks.available).toBe(options.chunks ?? 4096);
      expect(memory.chunks.size).toBe(options.chunkSize ?? 4096);
      expect(memory.packets.arena).toBe(memory.arena);
      expect(memory.chunks.arena).toBe(memory.arena);
    },
  );
});
