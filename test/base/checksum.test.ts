import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import wabt from "wabt";
import { Arena } from "../../src/base/arena.js";
import { checksum, pseudoHeaderSum, updateChecksum } from "../../src/base/checksum.js";
import { CHECKSUM_WASM } from "../../src/base/checksum-wasm.js";
import { SeededRandom } from "../../src/base/prng.js";

/** RFC 1071 s1 to the letter, on exact integers. */
const naive = (octets: Uint8Array, initial: number): number => {
  let sum = BigInt(initial);
  for (let i = 0; i < octets.length; i += 2) sum += BigInt(octets[i]! * 256 + (octets[i + 1] ?? 0));
  while (sum >> 16n !== 0n) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum);
};

const arenas = [
  ["SIMD", new Arena(0x50000)],
  ["plain", new Arena(0x50000, true)],
] as const;

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("checksum.wat", () => {
  test("assembles to the octets that checksum-wasm.ts carries", async () => {
    const source = readFileSync(new URL("../../src/base/checksum.wat", import.meta.url), "utf8");
    const module = (await wabt()).parseWat("checksum.wat", source, { simd: true, bulk_memory: true });
    module.validate();
    const { buffer } = module.toBinary({});
    module.destroy();
    // When the source has changed: what was received here is what checksum-wasm.ts must say.
    expect(CHECKSUM_WASM).toBe(Buffer.from(buffer).toString("base64"));
  });
});

describe("Arena", () => {
  test("runs by SIMD where there is WebAssembly", () => {
    expect(new Arena(100).simd).toBe(true);
    expect(new Arena(100, true).simd).toBe(false);
  });

  test("is a plain ArrayBuffer where there is no WebAssembly, or no memory for one", () => {
    vi.stubGlobal("WebAssembly", undefined);
    const without = new Arena(100);
    expect(without.simd).toBe(false);
    expect(without.memory).toBeInstanceOf(ArrayBuffer);
    without.bytes.set([0x00, 0x01, 0xf2, 0x03]);
    expect(without.sum(0, 4, 0)).toBe(0xf204);
    vi.unstubAllGlobals();
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: { Module: object; Instance: object } }).WebAssembly;
    const Memory = class {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    };
    vi.stubGlobal("WebAssembly", { Module, Instance, Memory });
    expect(new Arena(100).simd).toBe(false);
  });

  test("falls back for good when the module does not compile", async () => {
    vi.stubGlobal("WebAssembly", {
      Module: class {
        constructor() {
          throw new Error("no SIMD");
        }
      },
    });
    vi.resetModules();
    const fresh = await import("../../src/base/arena.js");
    expect(new fresh.Arena(100).simd).toBe(false);
    vi.unstubAllGlobals();
    expect(new fresh.Arena(100).simd).toBe(false);
  });

  test.each([false, true])("reserves 16-aligned, disjoint pieces, and says when it is full (plain: %s)", (plain) => {
    const arena = new Arena(0x10000, plain);
    expect(arena.reserve(1)).toBe(0);
    expect(arena.reserve(17)).toBe(16);
    expect(arena.reserve(16)).toBe(48);
    expect(() => arena.reserve(0x10000)).toThrow(RangeError);
    expect(() => arena.reserve(-1)).toThrow(RangeError);
    expect(() => arena.reserve(Number.NaN)).toThrow(RangeError);
    expect(arena.reserve(0x10000 - 64)).toBe(64);
    expect(arena.reserve(0)).toBe(0x10000);
    expect(() => arena.reserve(1)).toThrow("has 0 left, not 1");
  });
});

describe.each(arenas)("RFC 1071, %s", (_, arena) => {
  test("s3: the worked example sums to ddf2", () => {
    arena.bytes.set([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    expect(arena.sum(0, 8, 0)).toBe(0xddf2);
    expect(checksum(arena, 0, 8)).toBe(0x220d);
  });

  test("s1: every length at every alignment", () => {
    const random = new SeededRandom(1071);
    for (let i = 0; i < 512; i++) arena.bytes[i] = random.int32();
    for (let start = 0; start < 33; start++) {
      for (let length = 0; length < 200; length++) {
        expect(arena.sum(start, length, 0)).toBe(naive(arena.bytes.subarray(start, start + length), 0));
      }
    }
  });

  test("s1: any octets, alignment, length and initial sum", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.nat(67),
        fc.oneof(fc.nat(0xffff), fc.nat(0xffffffff), fc.constantFrom(0xffff, 0xffffffff)),
        (octets, start, initial) => {
          arena.bytes.fill(0xff, 0, 4000);
          arena.bytes.set(octets, start);
          return arena.sum(start, octets.length, initial) === naive(octets, initial);
        },
      ),
    );
  });

  test.each([0x3ffff, 0x40000, 0x40001, 0x4ffff, 0x50000])("s2: no lane overflows on %i octets of all ones", (length) => {
    arena.bytes.fill(0xff);
    expect(arena.sum(0, length, 0xffffffff)).toBe(naive(arena.bytes.subarray(0, length), 0xffffffff));
    arena.bytes.fill(0);
    expect(arena.sum(0, length, 0)).toBe(0);
  });

  test("s1: copies what it sums, and nothing beside it: any octets, from and to any alignment", () => {
    const to = 0x8000;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(67), fc.nat(67), fc.nat(0xffffffff), (octets, start, off, initial) => {
        arena.bytes.set(octets, start);
        arena.bytes.fill(0xa5, to, to + 4000);
        expect(arena.copySum(to + 1 + off, start, octets.length, initial)).toBe(naive(octets, initial));
        expect(arena.bytes.slice(to + 1 + off, to + 1 + off + octets.length)).toEqual(octets);
        expect([arena.bytes[to + off], arena.bytes[to + 1 + off + octets.length]]).toEqual([0xa5, 0xa5]);
      }),
    );
  });

  test("copies as if by way of elsewhere where the two places overlap", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(100), fc.nat(100), (octets, from, to) => {
        arena.bytes.set(octets, from);
        arena.copy(to, from, octets.length);
        expect(arena.bytes.slice(to, to + octets.length)).toEqual(octets);
      }),
    );
  });

  test("s1: octets that carry their checksum sum to all ones", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), (octets) => {
        octets.fill(0, 0, 2);
        arena.bytes.set(octets, 5);
        arena.view.setUint16(5, checksum(arena, 5, 5 + octets.length));
        return checksum(arena, 5, 5 + octets.length) === 0;
      }),
    );
  });

  test("RFC 9293 s3.1: the pseudo-header sums like its twelve octets", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer(),
        fc.nat(255),
        fc.nat(0xffff),
        fc.nat(0xffff),
        (source, destination, protocol, length, more) => {
          arena.view.setInt32(16, source);
          arena.view.setInt32(20, destination);
          arena.view.setUint16(24, protocol);
          arena.view.setUint16(26, length);
          return arena.sum(16, 12, more) === arena.sum(0, 0, pseudoHeaderSum(source, destination, protocol, length) + more);
        },
      ),
    );
  });
});

describe("RFC 1624", () => {
  test("s4: the example in which RFC 1141 went wrong", () => {
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  test("s3: an updated checksum verifies whenever the one before did", () => {
    const arena = new Arena(64);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.integer({ min: 0, max: 9 }),
        fc.nat(0xffff),
        (octets, word, value) => {
          fc.pre(word !== 5);
          arena.bytes.set(octets, 0);
          arena.view.setUint16(10, 0);
          arena.view.setUint16(10, checksum(arena, 0, 20));
          const old = arena.view.getUint16(2 * word);
          arena.view.setUint16(2 * word, value);
          arena.view.setUint16(10, updateChecksum(arena.view.getUint16(10), old, value));
          return checksum(arena, 0, 20) === 0;
        },
      ),
    );
  });
});
