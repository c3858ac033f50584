import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layout, Rows } from "../../src/base/rows.js";

const LAYOUT = layout("a", "b", "c");

describe("Rows", () => {
  test("rows keep what is theirs while others come and go, and the table grows", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 60 }), { maxLength: 200 }), (steps) => {
        const rows = new Rows(LAYOUT);
        const model = new Map<number, number>();
        let stamp = 0;
        for (const step of steps) {
          if (step < 20) {
            const row = rows.take();
            expect(model.has(row)).toBe(false);
            stamp += 1;
            const cells = rows.cells(row);
            const base = rows.base(row);
            cells[base + LAYOUT.at.a] = stamp;
            cells[base + LAYOUT.at.b] = -stamp;
            cells[base + LAYOUT.at.c] = stamp << 20;
            model.set(row, stamp);
          } else {
            const row = [...model.keys()][step % model.size];
            if (row === undefined) continue;
            rows.give(row);
            model.delete(row);
          }
          expect(rows.used).toBe(model.size);
          for (const [row, value] of model) expect(rows.show(row)).toEqual({ a: value, b: -value, c: value << 20 });
        }
      }),
    );
  });

  test("the limit is on rows in use, not on rows ever taken", () => {
    const rows = new Rows(LAYOUT, 2);
    const first = rows.take();
    const second = rows.take();
    expect(rows.take()).toBe(-1);
    expect(rows.used).toBe(2);
    rows.give(first);
    expect(rows.take()).toBe(first);
    expect(rows.take()).toBe(-1);
    rows.give(second);
    expect(rows.used).toBe(1);
  });
});
