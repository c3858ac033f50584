/** Frames by io_uring, on a kernel that answers as told. The true one is asked in test/wire. */
import { expect, test } from "vitest";
import { createMemory, type Memory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { openBatches } from "../../src/transport/frame-batches.js";
import { FrameLink } from "../../src/transport/frame-link.js";
import { type NativePort, Ready, type Watch } from "../../src/transport/native-port.js";
import { fakeUring } from "./fake-uring.js";

const ADDRESS = 0x7000_0000_0000;
const EINTR = -4;
const EIO = -5;
const EAGAIN = -11;
const ENOMEM = -12;
const EOPNOTSUPP = -95;

const rig = (memory: Memory, probe = 0) => {
  const reads: (number | readonly number[])[] = [probe];
  const writes: number[] = [];
  const written: number[][] = [];
  let wanted: number = Ready.Nothing;
  const read = (_fd: number, address: number, length: number): number => {
    const next = reads.shift() ?? EAGAIN;
    if (typeof next === "number") return next;
    memory.arena.bytes.set(next.slice(0, length), address - ADDRESS);
    return next.length;
  };
  const write = (_fd: number, address: number, length: number): number => {
    const result = writes.shift() ?? length;
    if (result >= 0) written.push([...memory.arena.bytes.subarray(address - ADDRESS, address - ADDRESS + length)]);
    return result;
  };
  const watch: Watch = { want: (events) => void (wanted = events), ref: () => {}, unref: () => {}, close: () => {} };
  const uring = fakeUring(read, write);
  const closed: number[] = [];
  const port = {
    ...uring.calls,
    address: () => ADDRESS,
    close: (fd: number) => closed.push(fd),
    watch: () => watch,
  } as unknown as NativePort;
  const batches = openBatches(port, 3, 0, undefined);
  const link = batches === null ? null : new FrameLink(port, 3, { kind: "tap", interfaceName: "tap0", mtu: 1500, batches });
  uring.entered.length = 0;
  return { link: link!, batches, port, reads, writes, written, closed, ...uring, wanted: () => wanted };
};

const memoryOf = (packets = 64): Memory => createMemory({ packets, packetSize: 2048, chunks: 1 });
const frame = (memory: Memory, ...octets: number[]): Packet => {
  const packet = memory.packets.take()!;
  memory.arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};
const octetsOf = (memory: Memory, packet: Packet): number[] => [...memory.arena.bytes.subarray(packet.start, packet.end)];

test("frames come in order, in calls that ask for more as long as there is more", () => {
  const memory = memoryOf();
  const { link, reads, entered } = rig(memory);
  for (let i = 0; i < 20; i++) reads.push([i, i]);
  const batch: Packet[] = [];
  expect(link.receive(memory.packets, batch, 512)).toBe(20);
  expect(batch.map((packet) => octetsOf(memory, packet)[0])).toEqual([...Array(20).keys()]);
  expect(entered).toEqual([1, 2, 4, 8, 16]);
  expect(memory.packets.available).toBe(44);
  // As many as the last call had, and one.
  for (let i = 0; i < 3; i++) reads.push([i]);
  expect(link.receive(memory.packets, batch, 512)).toBe(3);
  expect(entered.slice(5)).toEqual([6]);
});

test("no more than the budget is asked for, and the rest stays", () => {
  const memory = memoryOf();
  const { link, reads } = rig(memory);
  for (let i = 0; i < 5; i++) reads.push([i]);
  const batch: Packet[] = [];
  expect(link.receive(memory.packets, batch, 3)).toBe(3);
  expect(reads).toHaveLength(2);
  expect(link.receive(memory.packets, batch, 3)).toBe(2);
});

test("a read that fails is counted, and the frames about it come", () => {
  const memory = memoryOf();
  const { link, reads } = rig(memory);
  reads.push([1], EIO, [2]);
  const batch: Packet[] = [];
  expect(link.receive(memory.packets, batch, 9)).toBe(2);
  expect(batch.map((packet) => octetsOf(memory, packet))).toEqual([[1], [2]]);
  expect(link.counters.readErrors).toBe(1);
  expect(memory.packets.available).toBe(62);
});

test("packets that no frame needed are no shortage; with none at all the link stops waiting for a while", () => {
  const memory = memoryOf(2);
  const { link, reads, wanted } = rig(memory);
  link.onReadable = () => {};
  const batch: Packet[] = [];
  reads.push([1]);
  expect(link.receive(memory.packets, batch, 9)).toBe(1);
  expect(link.counters.starved).toBe(0);
  reads.push([2], [3]);
  expect(link.receive(memory.packets, batch, 9)).toBe(1);
  expect(link.counters.starved).toBe(1);
  expect(wanted()).toBe(Ready.Nothing);
  link.close();
});

test("written frames leave together, at the flush", () => {
  const memory = memoryOf();
  const { link, written, entered } = rig(memory);
  for (let i = 0; i < 5; i++) expect(link.transmit(frame(memory, i, 9))).toBe(true);
  expect(written).toEqual([]);
  link.flush();
  expect(written).toEqual([0, 1, 2, 3, 4].map((i) => [i, 9]));
  expect(entered).toEqual([5]);
  expect(memory.packets.available).toBe(64);
});

test("frames that the kernel has no room for stay, in order, until it has", () => {
  const memory = memoryOf();
  const { link, writes, written, wanted } = rig(memory);
  link.onReadable = () => {};
  for (let i = 0; i < 4; i++) link.transmit(frame(memory, i));
  writes.push(1, EAGAIN, EINTR, EAGAIN);
  link.flush();
  expect(written).toEqual([[0]]);
  expect(wanted()).toBe(Ready.Readable | Ready.Writable);
  link.transmit(frame(memory, 4));
  link.flush();
  expect(written).toEqual([[0], [1], [2], [3], [4]]);
  expect(memory.packets.available).toBe(64);
});

test("a call that takes fewer operations, or none, loses nothing", () => {
  const memory = memoryOf();
  const { link, written, answers, reads } = rig(memory);
  for (let i = 0; i < 4; i++) link.transmit(frame(memory, i));
  answers.push(EINTR, 1, ENOMEM);
  link.flush();
  expect(written).toEqual([[0]]);
  answers.push(0);
  link.flush();
  link.flush();
  expect(written).toEqual([[0], [1], [2], [3]]);
  reads.push([7]);
  answers.push(ENOMEM);
  const batch: Packet[] = [];
  expect(link.receive(memory.packets, batch, 9)).toBe(0);
  expect(link.receive(memory.packets, batch, 9)).toBe(1);
  expect(memory.packets.available).toBe(63);
});

test("a frame that the kernel refuses is lost, as on a cable; a device that is gone ends the link", () => {
  const memory = memoryOf();
  const { link, writes, closed } = rig(memory);
  const errors: Error[] = [];
  link.onError = (error) => errors.push(error);
  for (let i = 0; i < 3; i++) link.transmit(frame(memory, i));
  writes.push(EIO, 1, ENOMEM);
  link.flush();
  expect(link.counters.refused).toBe(2);
  link.transmit(frame(memory, 3));
  writes.push(-77);
  link.flush();
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ syscall: "write", message: expect.stringContaining("tap0 is gone") });
  expect(closed).toEqual([4, 3]);
  expect(memory.packets.available).toBe(64);
});

test("a device that is found gone by what a receive flushes is not read any more", () => {
  const memory = memoryOf();
  const { link, writes, entered } = rig(memory);
  link.transmit(frame(memory, 1));
  writes.push(-77);
  expect(link.receive(memory.packets, [], 9)).toBe(0);
  expect(entered).toEqual([1]);
});

test("frames of a turn beyond what is due leave at once, and those that wait for room in the kernel fill the link", () => {
  const memory = memoryOf(300);
  const { link, writes, written } = rig(memory);
  for (let i = 0; i < 32; i++) link.transmit(frame(memory, i));
  expect(written).toHaveLength(32);
  for (let i = 0; i < 10_000; i++) writes.push(EAGAIN);
  let taken = 0;
  let refused = frame(memory, 0);
  while (link.transmit(refused)) {
    taken += 1;
    refused = frame(memory, 0);
  }
  expect(taken).toBe(64);
  expect(refused.held).toBe(true);
  refused.release();
  link.close();
  expect(memory.packets.available).toBe(300);
});

test("a kernel that would wait, or has no io_uring, is asked frame by frame, unless batches are wanted", () => {
  const memory = memoryOf();
  const { batches, port, closed, reads } = rig(memory, EOPNOTSUPP);
  expect(batches).toBeNull();
  expect(closed).toEqual([4]);
  reads.push(EOPNOTSUPP);
  expect(() => openBatches(port, 3, 0, true)).toThrow(/ENOTSUP.*without `batches`/);
  const without = { ...port, uringSetup: () => -38 };
  expect(openBatches(without, 3, 0, undefined)).toBeNull();
  expect(() => openBatches(without, 3, 0, true)).toThrow(/io_uring_setup/);
  expect(openBatches(port, 3, 0, false)).toBeNull();
});
