import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { runWireBox } from "../../src/cli/wire-runner.js";
import { monotonicMicros } from "../../src/drive/clock.js";
import { WireBox } from "../../src/sim/wire-box.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";

test("frames cross a box in real time, no earlier than the wire's delay, in order", async () => {
  const [near, boxA] = createPair({ name: "a" });
  const [boxB, far] = createPair({ name: "b" });
  const { packets } = createMemory({ packets: 256, chunks: 1 });
  const box = new WireBox(boxA, boxB, packets, new SeededRandom(1), { forward: { delay: 5_000 }, backward: {} });
  const stop = runWireBox(box, (_link, error) => {
    throw error;
  });
  const began = monotonicMicros();
  for (let i = 0; i < 100; i++) send(near, packets.take()!, i);
  near.flush();
  const seen: number[] = [];
  await new Promise<void>((resolve) => {
    far.onReadable = () => {
      for (const packet of take(far)) seen.push(packet);
      if (seen.length === 100) resolve();
    };
  });
  expect(monotonicMicros() - began).toBeGreaterThanOrEqual(5_000);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
  stop();
  expect(packets.available).toBe(256);

  function take(link: PairLink): number[] {
    const batch: Packet[] = [];
    const count = link.receive(packets, batch, 256);
    return batch.slice(0, count).map((packet) => {
      const number = packets.arena.view.getUint32(packet.start + 14);
      packet.release();
      return number;
    });
  }
});

const send = (link: PairLink, packet: Packet, number: number): void => {
  packet.end = packet.start + 60;
  packet.pool.arena.bytes.fill(0, packet.start, packet.end);
  packet.pool.arena.view.setUint32(packet.start + 14, number);
  link.transmit(packet);
};
