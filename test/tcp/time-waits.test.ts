import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { Demux, Form } from "../../src/tcp/demux.js";
import { TimeWaits } from "../../src/tcp/time-waits.js";

/** What is looked up is counted: it is what the queue costs. */
class CountedDemux extends Demux {
  lookups = 0;
  override slot(handle: number): number {
    this.lookups += 1;
    return super.slot(handle);
  }
}

test("s3.6.1: the oldest that is still there comes first, whoever has left meanwhile (property)", () => {
  const step = fc.oneof(fc.constant("add" as const), fc.constant("next" as const), fc.nat(1 << 16));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const demux = new Demux(new SeededRandom(1), 1_000);
      const queue = new TimeWaits(demux, 1_000);
      const there: number[] = [];
      for (const what of steps) {
        if (what === "add") {
          const handle = demux.allocate(Form.Row);
          queue.add(handle);
          there.push(handle);
        } else if (what === "next") {
          const handle = there.shift();
          expect(queue.next()).toBe(handle === undefined ? 0 : demux.slot(handle));
        } else if (there.length > 0) {
          const [handle] = there.splice(what % there.length, 1);
          demux.free(demux.slot(handle!));
          queue.count -= 1;
        }
      }
    }),
  );
});

test("s3.6.1: each costs a few steps, and those that leave out of their order take no room for long", () => {
  const demux = new CountedDemux(new SeededRandom(1), 200_000);
  const queue = new TimeWaits(demux, 200_000);
  const random = new SeededRandom(2);
  const there: number[] = [];
  let most = 0;
  // One stays at the head for ever; of the others ten thousand stay for a time, and go as they like (RFC 6191).
  queue.add(demux.allocate(Form.Row));
  for (let i = 0; i < 100_000; i++) {
    const handle = demux.allocate(Form.Row);
    there.push(handle);
    const { lookups } = demux;
    queue.add(handle);
    most = Math.max(most, demux.lookups - lookups);
    if (there.length < 10_000) continue;
    const at = random.below(there.length);
    demux.free(demux.slot(there[at]!));
    there[at] = there.at(-1)!;
    there.pop();
    queue.count -= 1;
    expect(queue.length).toBeLessThan(4 * queue.count);
  }
  expect(most).toBeLessThanOrEqual(6);
});
