/** A front before several stacks, on a link that is full at times. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { createPair } from "../../src/transport/pair.js";
import { Front } from "../../src/workers/front.js";
import { RingLink } from "../../src/workers/ring-link.js";
import { Steering } from "../../src/workers/steering.js";

const frameOf = (type: number, payload: readonly number[]): number[] => [
  2,
  0,
  0,
  0,
  0,
  1,
  2,
  0,
  0,
  0,
  0,
  2,
  type >> 8,
  type & 255,
  ...payload,
];
/** The start of a TCP segment from 10.9.0.1 and that port to 10.9.0.2:80. */
const segment = (port: number): number[] =>
  frameOf(0x800, [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 6, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2, port >> 8, port & 255, 0, 80, 0, 0, 0, 0]);
const arpReply = frameOf(0x806, [0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 9, 0, 2, 2, 0, 0, 0, 0, 1, 10, 9, 0, 1]);

test("each frame gets to its home, in order; what the stacks send leaves though the link is full again and again", async () => {
  const count = 3;
  const memory = createMemory({ packets: 2_048, chunks: 1 });
  const [far, near] = createPair({ queue: 4 });
  const steering = new Steering([1, 2, 3, 4], count, "ethernet");
  const front = new Front(near, steering, (error) => {
    throw error;
  });
  const links = Array.from({ length: count }, (_, i) => new RingLink(front.end(i)));
  const got: number[][][] = links.map(() => []);
  const batch: Packet[] = [];
  const read = (link: { receive: RingLink["receive"] }): number[][] => {
    const taken = link.receive(memory.packets, batch, 64);
    return batch.slice(0, taken).map((packet) => {
      const octets = [...memory.arena.bytes.subarray(packet.start, packet.end)];
      packet.release();
      return octets;
    });
  };
  const send = async (link: { transmit: RingLink["transmit"]; flush: () => void }, octets: readonly number[], full: () => void) => {
    const packet = memory.packets.take()!;
    memory.arena.bytes.set(octets, packet.start);
    packet.end = packet.start + octets.length;
    while (!link.transmit(packet)) {
      link.flush();
      full();
      await turn();
    }
    link.flush();
  };
  const collect = (): void => links.forEach((link, i) => got[i]!.push(...read(link)));

  const sent = Array.from({ length: 200 }, (_, i) => segment(1_000 + i));
  for (const frame of sent) await send(far, frame, collect);
  while (got.reduce((sum, frames) => sum + frames.length, 0) < sent.length) {
    collect();
    await turn();
  }
  const homeOf = (frame: number[]): number => steering.home(new DataView(Uint8Array.from(frame).buffer), 0, frame.length);
  for (let i = 0; i < count; i++) expect(got[i]).toEqual(sent.filter((frame) => homeOf(frame) === i));

  await send(far, arpReply, collect);
  const heard = new Set<number>();
  while (heard.size < count) {
    links.forEach((link, i) => read(link).length > 0 && heard.add(i));
    await turn();
  }

  const back: number[][] = [];
  for (let i = 0; i < 100; i++) await send(links[i % count]!, segment(i), () => back.push(...read(far)));
  // One answers for all.
  for (const link of links) await send(link, arpReply, () => {});
  while (back.length < 101) {
    back.push(...read(far));
    await turn();
  }
  for (let i = 0; i < count; i++)
    expect(back.filter((frame) => frame[13] === 0 && frame[35]! % count === i).map((frame) => frame[35])).toEqual(
      Array.from({ length: 100 }, (_, k) => k).filter((k) => k % count === i),
    );
  while (front.counters.silenced < count - 1) await turn();
  expect(front.counters).toEqual({ in: 201, overflow: 0, out: 101, silenced: 2 });
  for (const link of links) link.close();
  front.close();
  expect(memory.packets.available).toBe(2_048);
});
