/** The link's own logic, on a port that answers as told. The kernel itself is asked in test/wire. */
import { describe, expect, test } from "vitest";
import { createMemory, type Memory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { FrameLink } from "../../src/transport/frame-link.js";
import { type NativePort, Ready, type Watch } from "../../src/transport/native-port.js";

const ADDRESS = 0x7000_0000_0000;

/** Reads and writes answer from the two lists, then EAGAIN. */
const rig = (memory: Memory, mtu = 1500) => {
  const reads: (number | Uint8Array)[] = [];
  const writes: number[] = [];
  const log: string[] = [];
  let ready: (events: number) => void = () => {};
  const watch: Watch & { wanted: number } = {
    wanted: Ready.Nothing,
    want: (events) => {
      watch.wanted = events;
    },
    ref: () => log.push("ref"),
    unref: () => log.push("unref"),
    close: () => log.push("watch closed"),
  };
  const port = {
    address: (): number => ADDRESS,
    read: (_fd: number, address: number, length: number): number => {
      const next = reads.shift();
      if (next === undefined) return -11;
      if (typeof next === "number") return next;
      const octets = next.subarray(0, length);
      memory.arena.bytes.set(octets, address - ADDRESS);
      return octets.length;
    },
    write: (_fd: number, address: number, length: number): number => {
      const next = writes.shift() ?? length;
      if (next >= 0) log.push(`write ${memory.arena.bytes.subarray(address - ADDRESS, address - ADDRESS + length).join(",")}`);
      return next;
    },
    close: (): number => log.push("closed"),
    watch: (_fd: number, onReady: (events: number) => void): Watch => {
      ready = onReady;
      return watch;
    },
  } as unknown as NativePort;
  const link = new FrameLink(port, 3, { kind: "tap", interfaceName: "tap0", mtu });
  return { link, reads, writes, log, watch, ready: (events: number) => ready(events) };
};

const memoryOf = (packets = 8, packetSize = 2048): Memory => createMemory({ packets, packetSize, chunks: 1 });
const frame = (memory: Memory, ...octets: number[]): Packet => {
  const packet = memory.packets.take()!;
  memory.arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};
const octetsOf = (memory: Memory, packet: Packet): number[] => [...memory.arena.bytes.subarray(packet.start, packet.end)];

describe("receive", () => {
  test("takes what waits, up to the budget, and leaves the rest", () => {
    const memory = memoryOf();
    const { link, reads } = rig(memory);
    for (let i = 0; i < 5; i++) reads.push(Uint8Array.of(i, i));
    const batch: Packet[] = [];
    expect(link.receive(memory.packets, batch, 3)).toBe(3);
    expect(batch.map((packet) => octetsOf(memory, packet))).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    expect(link.receive(memory.packets, batch, 3)).toBe(2);
    expect(link.receive(memory.packets, batch, 3)).toBe(0);
    expect(memory.packets.available).toBe(3);
  });

  test("an interrupted read is repeated, a failed one ends the batch and is counted", () => {
    const memory = memoryOf();
    const { link, reads } = rig(memory);
    reads.push(-4, Uint8Array.of(1), -5, Uint8Array.of(2));
    const batch: Packet[] = [];
    expect(link.receive(memory.packets, batch, 9)).toBe(1);
    expect(link.counters.readErrors).toBe(1);
    expect(link.receive(memory.packets, batch, 9)).toBe(1);
    expect(memory.packets.available).toBe(6);
  });

  test("with no packet free it stops waiting, so that readiness is not reported without end", () => {
    const memory = memoryOf(1);
    const { link, reads, watch } = rig(memory);
    link.onReadable = () => {};
    expect(watch.wanted).toBe(Ready.Readable);
    reads.push(Uint8Array.of(1));
    const held = memory.packets.take()!;
    expect(link.receive(memory.packets, [], 9)).toBe(0);
    expect(link.counters.starved).toBe(1);
    expect(watch.wanted).toBe(Ready.Nothing);
    held.release();
    expect(link.receive(memory.packets, [], 9)).toBe(1);
    link.close();
  });

  test("packets that cannot hold the MTU are refused with the remedy: a frame that is cut must not pass for a whole one", () => {
    const memory = memoryOf(4, 1500);
    const { link, log } = rig(memory);
    const errors: Error[] = [];
    link.onError = (error) => errors.push(error);
    expect(link.receive(memory.packets, [], 9)).toBe(0);
    expect(errors[0]?.message).toMatch(/EMSGSIZE MTU 1500 with packets of 1500 octets: createMemory\(\{ packetSize: 1518 \}\)/);
    expect(log).toContain("closed");
  });

  test("a device that somebody removed is reported once and closed", () => {
    const memory = memoryOf();
    const { link, reads, log } = rig(memory);
    const errors: Error[] = [];
    link.onError = (error) => errors.push(error);
    reads.push(-77);
    expect(link.receive(memory.packets, [], 9)).toBe(0);
    expect(link.receive(memory.packets, [], 9)).toBe(0);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ syscall: "read", message: expect.stringContaining("tap0 is gone") });
    expect(log).toEqual(["unref", "watch closed", "closed"]);
    expect(memory.packets.available).toBe(8);
  });
});

describe("transmit", () => {
  test("writes the frame and releases the packet", () => {
    const memory = memoryOf();
    const { link, log } = rig(memory);
    expect(link.transmit(frame(memory, 1, 2, 3))).toBe(true);
    link.flush();
    expect(log).toContain("write 1,2,3");
    expect(memory.packets.available).toBe(8);
  });

  test("full: keeps nothing, and wakes the drive once when there is room", () => {
    const memory = memoryOf();
    const { link, writes, watch, ready } = rig(memory);
    let woken = 0;
    link.onReadable = () => woken++;
    writes.push(-4, -11);
    const packet = frame(memory, 1);
    expect(link.transmit(packet)).toBe(false);
    expect(packet.held).toBe(true);
    expect(watch.wanted).toBe(Ready.Readable | Ready.Writable);
    ready(Ready.Writable);
    expect(woken).toBe(1);
    expect(watch.wanted).toBe(Ready.Readable);
    expect(link.transmit(packet)).toBe(true);
  });

  test("a kernel that is down or has no memory loses the frame, as a cable does", () => {
    const memory = memoryOf();
    const { link, writes } = rig(memory);
    const errors: Error[] = [];
    link.onError = (error) => errors.push(error);
    for (const result of [-5, -105, -12, -22]) {
      writes.push(result);
      expect(link.transmit(frame(memory, 1))).toBe(true);
    }
    expect(link.counters.refused).toBe(4);
    expect(errors).toEqual([]);
    expect(memory.packets.available).toBe(8);
  });

  test("after close frames are released and go nowhere", () => {
    const memory = memoryOf();
    const { link, log } = rig(memory);
    link.close();
    link.close();
    expect(link.transmit(frame(memory, 1))).toBe(true);
    expect(memory.packets.available).toBe(8);
    expect(link.counters.refused).toBe(1);
    expect(log).toEqual(["unref", "watch closed", "closed"]);
  });
});

test("without anybody listening nothing is watched", () => {
  const { link, watch } = rig(memoryOf());
  expect(watch.wanted).toBe(Ready.Nothing);
  link.onReadable = () => {};
  link.onReadable = null;
  expect(watch.wanted).toBe(Ready.Nothing);
});
