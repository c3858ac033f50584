import { MessageChannel } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { type MessageChannelLike, MessageLink, overPort, overSocket } from "../../src/transport/message-link.js";

const memory = createMemory({ packets: 64, chunks: 1 });
const free = memory.packets.available;

/** Two ends whose messages arrive when asked to. */
const channelPair = (): { a: MessageChannelLike; b: MessageChannelLike; carry: () => void; messages: ArrayBuffer[] } => {
  const underway: (() => void)[] = [];
  const messages: ArrayBuffer[] = [];
  const end = (): MessageChannelLike => ({ onMessage: null, onClose: null, send: () => {}, close: () => {} });
  const a = end();
  const b = end();
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.send = (message) => {
      messages.push(message);
      underway.push(() => to.onMessage?.(message));
    };
    from.close = () => underway.push(() => to.onClose?.());
  }
  return { a, b, messages, carry: () => underway.splice(0).forEach((step) => void step()) };
};
const frame = (...octets: number[]): Packet => {
  const packet = memory.packets.take()!;
  memory.arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};
const take = (link: MessageLink, budget = 64): number[][] => {
  const batch: Packet[] = [];
  const count = link.receive(memory.packets, batch, budget);
  return batch.slice(0, count).map((packet) => {
    const octets = [...memory.arena.bytes.subarray(packet.start, packet.end)];
    packet.release();
    return octets;
  });
};

describe("frames over messages", () => {
  test("the frames of a turn are one message, and arrive in order", () => {
    const { a, b, carry, messages } = channelPair();
    const [left, right] = [new MessageLink(a), new MessageLink(b)];
    let readable = 0;
    right.onReadable = () => {
      readable += 1;
    };
    for (let i = 1; i <= 3; i++) left.transmit(frame(i, i));
    left.flush();
    carry();
    expect([messages.length, readable]).toEqual([1, 1]);
    expect(take(right, 2)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(take(right)).toEqual([[3, 3]]);
    expect(memory.packets.available).toBe(free);
  });

  test("nobody sends ahead of the other's credit, and hears when there is more", () => {
    const { a, b, carry } = channelPair();
    const [left, right] = [new MessageLink(a, { window: 4 }), new MessageLink(b, { window: 4 })];
    let readable = 0;
    left.onReadable = () => {
      readable += 1;
    };
    for (let i = 0; i < 4; i++) expect(left.transmit(frame(i))).toBe(true);
    const fifth = frame(5);
    expect(left.transmit(fifth)).toBe(false);
    left.flush();
    carry();
    expect(take(right, 2)).toEqual([[0], [1]]);
    carry();
    expect(readable).toBe(1);
    expect(left.transmit(fifth)).toBe(true);
    left.close();
    expect(memory.packets.available).toBe(free);
  });

  test("the other side's end is an error, told once; ours is not", () => {
    const { a, b, carry } = channelPair();
    const [left, right] = [new MessageLink(a, { name: "tunnel" }), new MessageLink(b)];
    const errors: string[] = [];
    left.onError = (error) => errors.push(error.message);
    right.onError = (error) => errors.push(error.message);
    right.close();
    right.close();
    carry();
    expect(errors).toEqual(["tunnel: the other side has closed the channel"]);
    expect(left.transmit(frame(1))).toBe(true);
    expect(left.counters.refused).toBe(1);
    expect(memory.packets.available).toBe(free);
  });

  test("whatever comes instead of a message is counted, and takes no more than a window (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 40 }), (messages) => {
        const { b } = channelPair();
        const link = new MessageLink(b, { window: 8 });
        for (const message of messages) b.onMessage!(message.slice().buffer);
        (b.onMessage as (message: unknown) => void)("text");
        expect(link.counters.malformed).toBeGreaterThan(0);
        expect(take(link).length).toBeLessThanOrEqual(8);
        link.close();
        expect(memory.packets.available).toBe(free);
      }),
    );
  });
});

test("over ports of worker threads", async () => {
  const { port1, port2 } = new MessageChannel();
  const [left, right] = [new MessageLink(overPort(port1)), new MessageLink(overPort(port2))];
  const readable = new Promise<void>((resolve) => {
    right.onReadable = resolve;
  });
  left.transmit(frame(7, 8, 9));
  left.flush();
  await readable;
  expect(take(right)).toEqual([[7, 8, 9]]);
  left.close();
  right.close();
});

test("over a WebSocket, what is sent before it opens waits for that", () => {
  const listeners = new Map<string, (event: { data: unknown }) => void>();
  const sent: ArrayBuffer[] = [];
  const socket = {
    binaryType: "blob",
    readyState: 0,
    send: (message: ArrayBuffer) => sent.push(message),
    close: () => {},
    addEventListener: (type: string, listener: (event: { data: unknown }) => void) => listeners.set(type, listener),
  };
  const link = new MessageLink(overSocket(socket));
  link.transmit(frame(1));
  link.flush();
  expect([socket.binaryType, sent.length]).toEqual(["arraybuffer", 0]);
  listeners.get("open")!({ data: null });
  link.transmit(frame(2));
  link.flush();
  expect(sent.length).toBe(2);
  listeners.get("message")!({ data: sent[0] });
  expect(take(link)).toEqual([[1]]);
  link.close();
});
