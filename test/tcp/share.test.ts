/** The memory of a stack, which all its connections share (src/tcp/share.ts): what one may have is a part of what is free. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { State } from "../../src/tcp/state.js";
import { receiveWindow } from "../../src/tcp/window.js";
import { Exchange, octets } from "./exchange.js";

const CHUNK = 1_024;
const CHUNKS = 512;
const TOTAL = CHUNK * CHUNKS;
const text = octets(TOTAL);

/** So many connections of a stack with half a megabyte, each of which could have all of it. */
function crowd(connections: number): { x: Exchange; handles: number[] } {
  const x = new Exchange({ memory: createMemory({ packets: 64, chunks: CHUNKS, chunkSize: CHUNK }) });
  const handles = Array.from({ length: connections }, (_, i) => {
    const remote = { port: 5_000 + i, ourPort: 80 };
    if (i === 0) x.listen({ sendBuffer: TOTAL, receiveBuffer: TOTAL });
    x.inject({ flags: "S", mss: 1_460, windowScale: 7, ...remote });
    x.inject({ seq: 1, ack: 1, wnd: 0, ...remote });
    x.iss = null;
    return x.handle;
  });
  return { x, handles };
}

const write = (x: Exchange, handle: number): number => x.tcp.send(handle, text, 0, text.length, x.now);
const held = (x: Exchange, handles: readonly number[]): number[] => handles.map((handle) => x.tcp.unsent(handle));

describe("the ceiling of all queues together", () => {
  test("buffers: so many octets and no more, in whole chunks; 16 MiB unless told otherwise", () => {
    expect(createMemory({ buffers: 100_000, chunkSize: 1_024 }).chunks.count).toBe(98);
    const { chunks } = createMemory();
    expect(chunks.count * chunks.size).toBe(16 << 20);
  });

  test("at it nobody fails: who writes is told how much was taken, who has had least has as much as any, and all of it can be had again", () => {
    const { x, handles } = crowd(32);
    for (let round = 0; round < 600; round++)
      for (const handle of handles) expect(x.tcp.send(handle, text, 0, CHUNK, x.now)).toBeGreaterThanOrEqual(0);
    const { chunks } = x.memory;
    const shares = held(x, handles);
    expect(shares.reduce((sum, share) => sum + share)).toBeLessThanOrEqual(TOTAL);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * CHUNK);
    for (const handle of handles) expect(x.tcp.stateOf(handle)).toBe(State.Established);
    for (const handle of handles) x.tcp.abort(handle, x.now);
    x.turn();
    expect(chunks.available).toBe(CHUNKS);
  });
});

describe("octets that wait to be sent", () => {
  test("one alone has a fifth, and leaves four for others", () => {
    const { x, handles } = crowd(1);
    while (write(x, handles[0]!) > 0);
    expect(x.tcp.unsent(handles[0]!)).toBeGreaterThan(TOTAL / 6);
    expect(x.tcp.unsent(handles[0]!)).toBeLessThanOrEqual(TOTAL / 4);
    expect(x.memory.chunks.available).toBeGreaterThanOrEqual((CHUNKS * 3) / 4);
  });

  test.each([2, 8, 32])("%d that write in turn have as much as each other, and something is left", (connections) => {
    const { x, handles } = crowd(connections);
    for (let round = 0; round < 200; round++) for (const handle of handles) x.tcp.send(handle, text, 0, CHUNK, x.now);
    const shares = held(x, handles);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * CHUNK);
    expect(Math.min(...shares)).toBeGreaterThan(TOTAL / (connections + 6));
    expect(x.memory.chunks.available).toBeGreaterThan(0);
  });

  test("who comes when others have taken what they may finds room; who finds none hears of it when there is some", () => {
    const { x, handles } = crowd(100);
    const taken = handles.map((handle) => write(x, handle));
    const hungry = taken.indexOf(0);
    expect([hungry > 16, x.memory.chunks.available]).toEqual([true, 0]);
    expect(taken.slice(0, hungry).every((octets) => octets >= CHUNK)).toBe(true);
    // The first ones cannot have more before others have less.
    expect(handles.slice(0, 3).map((handle) => write(x, handle))).toEqual([0, 0, 0]);
    const told: number[] = [];
    x.onEvents = (handle, events) => events & TcpEvent.Writable && told.push(handle);
    x.tcp.abort(handles[0]!, x.now);
    x.turn();
    expect(told).toContain(handles[hungry]!);
    expect(write(x, handles[hungry]!)).toBeGreaterThanOrEqual(CHUNK);
  });

  test("what one gives back the others may have", () => {
    const { x, handles } = crowd(8);
    for (let round = 0; round < 200; round++) for (const handle of handles) x.tcp.send(handle, text, 0, CHUNK, x.now);
    const before = held(x, handles);
    x.tcp.abort(handles[0]!, x.now);
    x.turn();
    for (let round = 0; round < 200; round++) for (const handle of handles.slice(1)) x.tcp.send(handle, text, 0, CHUNK, x.now);
    for (const [i, share] of held(x, handles.slice(1)).entries()) expect(share).toBeGreaterThan(before[i + 1]!);
  });
});

test("octets that are not read: a peer is offered half of what is free, less the fuller the memory is, and never nothing while there is some", () => {
  const { x, handles } = crowd(8);
  const offers: number[] = [];
  for (const i of handles.keys()) {
    x.handle = handles[i]!;
    offers.push(receiveWindow(x.tcb));
    // The others write what they may: what is free shrinks.
    while (write(x, handles[i]!) > 0);
  }
  expect(Math.max(...offers)).toBeLessThanOrEqual(TOTAL / 2);
  expect(Math.min(...offers)).toBeGreaterThanOrEqual(16_384);
});
