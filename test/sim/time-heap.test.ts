import fc from "fast-check";
import { expect, test } from "vitest";
import { NEVER } from "../../src/base/environment.js";
import { type Timed, TimeHeap } from "../../src/sim/time-heap.js";

interface Item extends Timed {
  name: number;
}

test("time heap: items come out by time, and in order of arrival at one time", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(20), fc.constant(-1))), (script) => {
      const heap = new TimeHeap<Item>();
      let model: { at: number; name: number }[] = [];
      let name = 0;
      for (const step of script) {
        if (step >= 0) {
          heap.push({ at: step, order: 0, name });
          model.push({ at: step, name });
          name += 1;
        } else {
          const first = model.reduce<{ at: number; name: number } | null>((a, b) => (a === null || b.at < a.at ? b : a), null);
          expect(heap.next).toBe(first?.at ?? NEVER);
          expect(heap.pop()?.name).toBe(first?.name);
          model = model.filter((item) => item !== first);
        }
        expect(heap.length).toBe(model.length);
      }
    }),
  );
});
