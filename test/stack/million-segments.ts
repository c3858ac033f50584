/** A program of no-garbage.test.ts, alone in its process: two stacks on one memory send each other a million full segments, and what the garbage
 *  collector did in that time is printed as JSON. Wants --expose-gc. */
import { PerformanceObserver } from "node:perf_hooks";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { createPair } from "../../src/transport/pair.js";

const FULL = 1_448;
const SEGMENTS = 1_000_000;
/** By then everything on the path is compiled. */
const WARM = 200_000;

const collections: number[] = [];
new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) collections.push(startTime);
}).observe({ entryTypes: ["gc"] });

const memory = createMemory({ packets: 4_096, chunks: 8_192 });
const clock = { now: 1_000_000 };
const links = createPair({ queue: 2_048 });
const [a, b] = links.map((link, i) => {
  const stack = new Stack({ random: new SeededRandom(i), memory }, clock.now);
  stack.addDevice(link, { addresses: [{ address: ip(`10.9.0.${i + 1}`), prefixLength: 24 }] }, clock.now);
  return stack;
}) as [Stack, Stack];

/** What is read is lent in place; what is written is whole chunks, as many as there is room for. */
let received = 0;
const reader = {
  onEvents(handle: number): void {
    while (b.tcp.lend(handle)) {
      received += b.tcp.lentLength;
      b.tcp.consume(handle, b.tcp.lentLength, clock.now);
    }
  },
};
const block = new Uint8Array(4_096);
b.tcp.listen({ port: 80 }, { onEvents: (listener) => b.tcp.attach(b.tcp.accept(listener), reader) });
const sender = a.tcp.connect({ remote: ip("10.9.0.2"), remotePort: 80 }, { onEvents() {} }, clock.now);
const write = (): void => {
  while (a.tcp.writable(sender) >= block.length) if (a.tcp.send(sender, block, 0, block.length, clock.now) < block.length) return;
};

const run = (segments: number): void => {
  for (const until = received + segments * FULL; received < until; ) {
    clock.now += 10;
    write();
    a.turn(clock.now);
    b.turn(clock.now);
  }
};
run(WARM);
globalThis.gc?.();
const heap = process.memoryUsage().heapUsed;
const from = performance.now();
run(SEGMENTS);
const to = performance.now();
globalThis.gc?.();
const grown = process.memoryUsage().heapUsed - heap;
// The observer is told by the loop, some rounds later.
setTimeout(() => console.log(JSON.stringify({ collections: collections.filter((at) => at > from && at < to).length, grown })), 100);
