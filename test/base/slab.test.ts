import { expect, test } from "vitest";
import { SLAB_BITS, SLAB_MASK, Slab } from "../../src/base/slab.js";

const cellOf = (slab: Slab, record: number): [Int32Array, number] => [slab.ints[record >> SLAB_BITS]!, (record & SLAB_MASK) * slab.stride];

test("a slab grows to forty thousand records, and what a record holds stays in it", () => {
  const slab = new Slab(6);
  for (let record = 0; record < 40_000; record++) {
    if (record >= slab.count) {
      expect(slab.grow(record + 1)).toBe(record);
      expect(slab.count).toBeGreaterThan(record);
    }
    const [cells, at] = cellOf(slab, record);
    if (cells[at] !== 0 || cells[at + 5] !== 0) throw new Error(`record ${record} is not empty`);
    cells.fill(record, at, at + 6);
  }
  for (let record = 0; record < 40_000; record++) {
    const [cells, at] = cellOf(slab, record);
    if (cells[at] !== record || cells[at + 5] !== record) throw new Error(`record ${record} has changed`);
  }
});

test("full pieces never move", () => {
  const slab = new Slab(3);
  slab.grow(1 << SLAB_BITS);
  const [first] = slab.ints;
  slab.grow(5 << SLAB_BITS);
  expect(slab.ints[0]).toBe(first);
  expect(slab.count).toBe(5 << SLAB_BITS);
  expect(slab.ints.length).toBe(5);
});

test("doubles lie in the same memory where the stride is even", () => {
  const slab = new Slab(4);
  slab.grow(100);
  slab.reals[0]![2 * 7] = 1.5;
  const [cells, at] = cellOf(slab, 7);
  expect(new Float64Array(cells.buffer, at * 4, 1)[0]).toBe(1.5);
  const odd = new Slab(3);
  odd.grow(1);
  expect(odd.reals.length).toBe(0);
});
