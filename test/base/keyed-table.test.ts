import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedTable } from "../../src/base/keyed-table.js";
import { SeededRandom } from "../../src/base/prng.js";
import { SipKey } from "../../src/base/siphash.js";

const make = (limit: number) => new KeyedTable(new SipKey(new SeededRandom(1)), limit);
const small = fc.nat(5);

describe("a keyed table", () => {
  test("is a map of bounded size, in order of use", () => {
    const commands = fc.array(fc.tuple(fc.constantFrom("insert", "remove", "touch", "find"), small, small, small), { maxLength: 200 });
    fc.assert(
      fc.property(commands, (list) => {
        const table = make(20);
        const model = new Map<string, number>();
        for (const [what, a, b, c] of list) {
          const name = `${a},${b},${c},7`;
          const slot = table.find(a, b, c, 7);
          expect(slot).toBe(model.get(name) ?? -1);
          if (what === "insert" && slot < 0) {
            const added = table.insert(a, b, c, 7);
            expect(added < 0).toBe(model.size === 20);
            if (added >= 0) model.set(name, added);
          } else if (what === "remove" && slot >= 0) {
            table.remove(slot);
            model.delete(name);
          } else if (what === "touch" && slot >= 0) {
            table.touch(slot);
            model.delete(name);
            model.set(name, slot);
          }
          const order: number[] = [];
          for (let at = table.oldest; at >= 0; at = table.newerThan(at)) order.push(at);
          expect(order).toEqual([...model.values()]);
          expect(table.count).toBe(model.size);
        }
      }),
    );
  });

  test("keys that would collide in a table without a key are as good as any", () => {
    const table = make(1 << 15);
    for (let i = 0; i < 1 << 15; i++) expect(table.insert(i << 16, 0, 0, 0)).toBe(i);
    for (let i = 0; i < 1 << 15; i++) expect(table.find(i << 16, 0, 0, 0)).toBe(i);
    expect([table.word(5, 0), table.insert(1, 1, 1, 1)]).toEqual([5 << 16, -1]);
  });
});
