import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arena } from "../../src/base/arena.js";
import { ByteQueue } from "../../src/base/byte-queue.js";
import { ChunkPool } from "../../src/base/chunks.js";

const CHUNK = 64;
const SCRATCH = 8192;

const pool = (count: number): { chunks: ChunkPool; scratch: number } => {
  const arena = new Arena(count * CHUNK + 2 * SCRATCH + 64, true);
  const scratch = arena.reserve(2 * SCRATCH);
  const chunks = new ChunkPool(arena, count, CHUNK);
  chunks.poison = true;
  return { chunks, scratch };
};

/** The octet at position p of the stream: not periodic in chunks or rings. */
const octet = (p: number): number => (Math.imul(p + 1, 0x9e3779b1) >>> 24) & 0xff;
const stream = (from: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => octet(from + i));

/** The stream as a plain array: undefined where nothing has been placed. */
interface Model {
  head: number;
  length: number;
  placed: Set<number>;
}

type Step = { kind: "append" | "place" | "fill" | "discard" | "trim" | "clear" | "copy"; a: number; b: number };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("append", "append", "place", "place", "fill", "discard", "discard", "copy", "trim", "clear"),
  a: fc.oneof(fc.nat(70), fc.nat(1500)),
  b: fc.oneof(fc.nat(70), fc.nat(1500)),
});

/** Chunks that hold at least one octet between the head and the farthest octet placed. */
const chunksNeeded = (model: Model, origin: number): number => {
  const needed = new Set<number>();
  for (let p = model.head; p < model.head + model.length; p++) needed.add(Math.floor((p - origin) / CHUNK));
  for (const p of model.placed) needed.add(Math.floor((p - origin) / CHUNK));
  return needed.size;
};

describe("ByteQueue", () => {
  test("RFC 9293 s3.10.7.4: holds what a plain array would, in and out of order, until the pool is dry", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 80 }), (count, steps) => {
        const { chunks, scratch } = pool(count);
        const bytes = chunks.arena.bytes;
        const queue = new ByteQueue(chunks);
        const model: Model = { head: 0, length: 0, placed: new Set() };
        const settle = (): void => {
          let more = 0;
          while (model.placed.delete(model.head + model.length + more)) more += 1;
          queue.extend(more);
          model.length += more;
        };
        for (const { kind, a, b } of steps) {
          const end = model.head + model.length;
          if (kind === "append") {
            const before = chunks.available;
            const source = stream(end - 3, a + 3);
            const taken = queue.append(source, 3, a);
            expect(taken).toBeLessThanOrEqual(a);
            if (taken < a) expect(chunks.available).toBe(0);
            if (before * CHUNK >= a + CHUNK) expect(taken).toBe(a);
            for (let i = 0; i < taken; i++) model.placed.delete(end + i);
            model.length += taken;
          } else if (kind === "place" || kind === "fill") {
            const ahead = kind === "fill" ? model.length : a;
            bytes.set(stream(model.head + ahead, b), scratch + 1);
            const before = chunks.available;
            if (queue.place(ahead, scratch + 1, b)) {
              for (let i = 0; i < b; i++) if (ahead + i >= model.length) model.placed.add(model.head + ahead + i);
              settle();
            } else expect(chunks.available).toBe(before);
          } else if (kind === "discard") {
            const octets = Math.min(a, model.length);
            queue.discard(octets);
            model.head += octets;
            model.length -= octets;
          } else if (kind === "trim") {
            queue.trim();
            model.placed.clear();
          } else if (kind === "clear") {
            queue.clear();
            model.placed.clear();
            model.head += model.length;
            model.length = 0;
          } else {
            const ahead = Math.min(a, model.length);
            const length = Math.min(b, model.length - ahead);
            const target = new Uint8Array(length + 2);
            queue.copyOut(ahead, target, 1, length);
            expect(target.subarray(1, length + 1)).toEqual(stream(model.head + ahead, length));
            expect([target[0], target[length + 1]]).toEqual([0, 0]);
            queue.copyToArena(ahead, scratch + SCRATCH, length);
            expect(bytes.slice(scratch + SCRATCH, scratch + SCRATCH + length)).toEqual(stream(model.head + ahead, length));
            bytes.fill(0, scratch + SCRATCH, scratch + SCRATCH + length);
            const sum = queue.copySummed(ahead, scratch + SCRATCH, length);
            expect(bytes.slice(scratch + SCRATCH, scratch + SCRATCH + length)).toEqual(stream(model.head + ahead, length));
            expect(sum).toBe(chunks.arena.sum(scratch + SCRATCH, length, 0));
          }
          expect(queue.length).toBe(model.length);
          expect(chunks.available + queue.chunksHeld).toBe(count);
          if (model.length === 0 && model.placed.size === 0) expect(queue.chunksHeld).toBe(0);
          for (let ahead = 0; ahead < model.length; ) {
            const start = queue.spanStart(ahead);
            const length = queue.spanLength(ahead);
            expect(length).toBeGreaterThan(0);
            expect(bytes.slice(start, start + length)).toEqual(stream(model.head + ahead, length));
            ahead += length;
          }
        }
        queue.clear();
        expect(chunks.available).toBe(count);
      }),
      { numRuns: 600 },
    );
  });

  test("holds as few chunks as the octets need, plus at most the one it began in", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2000), fc.nat(300), fc.nat(600)), { maxLength: 20 }), (rounds) => {
        const { chunks, scratch } = pool(200);
        const queue = new ByteQueue(chunks);
        const model: Model = { head: 0, length: 0, placed: new Set() };
        let origin = 0;
        for (const [ahead, length, read] of rounds) {
          if (model.length === 0 && model.placed.size === 0) origin = model.head;
          queue.place(ahead, scratch, length);
          for (let i = 0; i < length; i++) if (ahead + i >= model.length) model.placed.add(model.head + ahead + i);
          let more = 0;
          while (model.placed.delete(model.head + model.length + more)) more += 1;
          queue.extend(more);
          model.length += more;
          const octets = Math.min(read, model.length);
          queue.discard(octets);
          model.head += octets;
          model.length -= octets;
          expect(queue.chunksHeld - chunksNeeded(model, origin)).toBeGreaterThanOrEqual(0);
          expect(queue.chunksHeld - chunksNeeded(model, origin)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("text far ahead takes the chunks it touches and no more", () => {
    const { chunks, scratch } = pool(4);
    const queue = new ByteQueue(chunks);
    expect(queue.place(1_000_000, scratch, 2)).toBe(true);
    expect(queue.chunksHeld).toBe(1);
    expect(queue.place(500_031, scratch, CHUNK + 2)).toBe(true);
    expect(queue.chunksHeld).toBeLessThanOrEqual(4);
    expect(queue.length).toBe(0);
    queue.trim();
    expect(chunks.available).toBe(4);
  });

  test("place is all or nothing", () => {
    const { chunks, scratch } = pool(3);
    const queue = new ByteQueue(chunks);
    queue.append(stream(0, 10), 0, 10);
    expect(queue.place(20, scratch, 3 * CHUNK)).toBe(false);
    expect(chunks.available).toBe(2);
    expect(queue.place(10, scratch, 0)).toBe(true);
    expect(queue.place(10, scratch, 3 * CHUNK - 10)).toBe(true);
    expect(chunks.available).toBe(0);
  });

  test("append takes what fits and no more", () => {
    const { chunks } = pool(2);
    const queue = new ByteQueue(chunks);
    const other = new ByteQueue(chunks);
    expect(queue.append(stream(0, 1000), 0, 1000)).toBe(2 * CHUNK);
    expect(other.append(stream(0, 1), 0, 1)).toBe(0);
    expect(other.chunksHeld).toBe(0);
    queue.discard(CHUNK);
    expect(other.append(stream(0, 1000), 0, 1000)).toBe(CHUNK);
  });

  test("what was never there can be neither discarded nor made contiguous", () => {
    const { chunks, scratch } = pool(4);
    const queue = new ByteQueue(chunks);
    queue.append(stream(0, 10), 0, 10);
    expect(() => queue.discard(11)).toThrow(RangeError);
    expect(() => queue.extend(1)).toThrow(RangeError);
    queue.place(10, scratch, 5);
    expect(() => queue.extend(6)).toThrow(RangeError);
    queue.extend(5);
    queue.discard(15);
    expect(chunks.available).toBe(4);
  });

  test("bursts reuse their rings: 1 000 of them make none anew", () => {
    const { chunks } = pool(40);
    const queue = new ByteQueue(chunks);
    const made: Int32Array[] = [];
    const take = chunks.takeRing.bind(chunks);
    chunks.takeRing = (power) => {
      const ring = take(power);
      if (!made.includes(ring)) made.push(ring);
      return ring;
    };
    const text = stream(0, 30 * CHUNK);
    for (let i = 0; i < 1000; i++) {
      queue.append(text, 0, text.length);
      queue.discard(text.length);
    }
    expect(made.length).toBeLessThanOrEqual(3);
  });
});

describe("ChunkPool", () => {
  test("a chunk given back twice is a bug that it reports", () => {
    const { chunks } = pool(2);
    const chunk = chunks.take();
    chunks.give(chunk);
    expect(() => chunks.give(chunk)).toThrow("twice");
    expect(chunks.available).toBe(2);
  });

  test("runs dry with -1 and lends every chunk once", () => {
    const { chunks } = pool(3);
    const taken = [chunks.take(), chunks.take(), chunks.take()];
    expect(new Set(taken).size).toBe(3);
    expect(chunks.take()).toBe(-1);
    for (const chunk of taken) chunks.give(chunk);
    expect(chunks.available).toBe(3);
  });

  test("poisons what comes back", () => {
    const { chunks } = pool(1);
    const chunk = chunks.take();
    chunks.arena.bytes[chunk + 5] = 1;
    chunks.give(chunk);
    expect(chunks.arena.bytes[chunk + 5]).toBe(0xa5);
  });

  test.each([0, 8, 100, 4095])("refuses %i octets a chunk: not a power of two of at least 16", (size) => {
    expect(() => new ChunkPool(new Arena(65_536, true), 1, size)).toThrow(RangeError);
  });
});
