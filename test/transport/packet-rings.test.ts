/** The rings' own logic, with a kernel that is played: it fills and takes slots as packet_mmap.rst says. The real one is asked in test/wire. */
import { expect, test } from "vitest";
import { ChecksumState } from "../../src/base/packet.js";
import type { NativePort } from "../../src/transport/native-port.js";
import { PacketRings } from "../../src/transport/packet-rings.js";

const EAGAIN = -11;
const EMSGSIZE = -90;
const ENETDOWN = -100;
const RING = 0x1000_0000;
const HOME = 0x2000_0000;
const PACKET_RX_RING = 5;
const PACKET_TX_RING = 13;

/** One block of 1 MiB a ring: 512 slots of 2 048 octets, or fewer. */
const rig = (options: { readonly frame?: number; readonly header?: number } = {}) => {
  const { frame = 1_518, header = 0 } = options;
  const home = new Uint8Array(65_536);
  const requests = new Map<number, Uint32Array>();
  let ring = new Uint8Array(0);
  let taken = 0;
  const sent: number[][] = [];
  /** Frames that the kernel takes at a kick; what it says when it takes none. */
  const kernel = { takes: Number.POSITIVE_INFINITY, says: 0 };
  const memoryAt = (address: number): { memory: Uint8Array; at: number } =>
    address >= HOME ? { memory: home, at: address - HOME } : { memory: ring, at: address - RING };
  const port = {
    setsockopt: (_fd: number, _level: number, name: number, value: Uint8Array) => {
      if (name === PACKET_RX_RING || name === PACKET_TX_RING) requests.set(name, new Uint32Array(value.slice().buffer));
      return 0;
    },
    map: (_fd: number, _offset: number, length: number) => {
      ring = new Uint8Array(length);
      return ring.buffer;
    },
    unmap: () => {},
    address: () => RING,
    copy: (to: number, from: number, length: number) => {
      const [source, target] = [memoryAt(from), memoryAt(to)];
      target.memory.set(source.memory.subarray(source.at, source.at + length), target.at);
    },
    kickSend: () => {
      for (; kernel.takes > 0; kernel.takes -= 1) {
        const at = slotAt(PACKET_TX_RING, taken);
        const view = new DataView(ring.buffer, at);
        if (view.getUint32(0, true) !== 1) break;
        sent.push([...ring.subarray(at + 32, at + 32 + view.getUint32(4, true))]);
        view.setUint32(0, 0, true);
        taken += 1;
      }
      return kernel.says;
    },
  } as unknown as NativePort;
  const rings = new PacketRings(port, 3, { frame, header, octets: 1, receive: true, transmit: true });
  const [block, blocks, slot, count] = requests.get(PACKET_RX_RING)!;
  const slotAt = (which: number, index: number): number => (which === PACKET_TX_RING ? block! * blocks! : 0) + (index % count!) * slot!;
  let filled = 0;
  /** A frame from the wire; false: the ring is full. */
  const arrive = (octets: readonly number[], more: { status?: number; whole?: number; tag?: readonly [number, number] } = {}): boolean => {
    const at = slotAt(PACKET_RX_RING, filled);
    const view = new DataView(ring.buffer, at);
    if (view.getUint32(0, true) !== 0) return false;
    const frameAt = 66 + header;
    ring.set(octets, at + 66);
    view.setUint32(4, more.whole ?? octets.length - header, true);
    view.setUint32(8, octets.length - header, true);
    view.setUint16(12, frameAt, true);
    if (more.tag !== undefined) {
      view.setUint16(24, more.tag[0], true);
      view.setUint16(26, more.tag[1], true);
    }
    view.setUint32(0, 1 | (more.status ?? 0), true);
    filled += 1;
    return true;
  };
  const read = (room = 2_048): number | number[] => {
    const length = rings.read(HOME, room);
    return length < 0 ? length : [...home.subarray(0, length)];
  };
  const write = (...octets: number[]): number => {
    home.set(octets, 40_000);
    return rings.write(HOME + 40_000, octets.length);
  };
  return { rings, arrive, read, write, sent, kernel, count: count!, slot: slot! };
};

const FRAME = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 69];

test("frames come out in their order, many times round the ring, and a full ring takes no more", () => {
  const { arrive, read, count } = rig();
  expect(read()).toBe(EAGAIN);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < count; i++) expect(arrive([round, i & 255, i >> 8])).toBe(true);
    expect(arrive([0])).toBe(false);
    for (let i = 0; i < count; i++) expect(read()).toEqual([round, i & 255, i >> 8]);
    expect(read()).toBe(EAGAIN);
  }
});

test("what the kernel knows of a checksum goes along", () => {
  const { rings, arrive, read } = rig();
  const states = [0, 8, 128].map((status) => {
    arrive(FRAME, { status });
    read();
    return rings.checksum;
  });
  expect(states).toEqual([ChecksumState.Unknown, ChecksumState.Partial, ChecksumState.Verified]);
});

test.each([{ header: 0 }, { header: 10 }])(
  "a VLAN tag is put back behind the addresses, behind a header of $header octets",
  ({ header }) => {
    const { arrive, read } = rig({ header });
    const front = Array.from({ length: header }, (_, i) => 100 + i);
    const tagged = (...tag: number[]): number[] => [...front, ...FRAME.slice(0, 12), ...tag, ...FRAME.slice(12)];
    arrive([...front, ...FRAME], { status: 16, tag: [0x600a, 0] });
    expect(read()).toEqual(tagged(0x81, 0, 0x60, 0x0a));
    arrive([...front, ...FRAME], { status: 16 | 64, tag: [5, 0x88a8] });
    expect(read()).toEqual(tagged(0x88, 0xa8, 0, 5));
  },
);

test("a frame that is longer than its slot, or than the room for it, is lost and never cut", () => {
  const { arrive, read } = rig();
  arrive(FRAME, { whole: 9_000 });
  arrive(FRAME);
  arrive([1]);
  expect([read(), read(FRAME.length - 1), read()]).toEqual([EMSGSIZE, EMSGSIZE, [1]]);
});

test("what is written leaves at the flush, in its order", () => {
  const { rings, write, sent } = rig();
  expect([write(1), write(2, 2), write(3)]).toEqual([1, 2, 1]);
  expect(sent).toEqual([]);
  expect(rings.flush()).toBe(0);
  expect(sent).toEqual([[1], [2, 2], [3]]);
  expect(rings.flush()).toBe(0);
});

test("a full ring is flushed, and is full when the kernel takes nothing; the rest leaves later", () => {
  const { rings, write, sent, kernel, count } = rig();
  kernel.takes = 0;
  for (let i = 0; i < count; i++) expect(write(i & 255, i >> 8)).toBe(2);
  expect(write(9)).toBe(EAGAIN);
  kernel.takes = 1;
  expect(write(9)).toBe(1);
  expect(rings.flush()).toBe(EAGAIN);
  kernel.takes = Number.POSITIVE_INFINITY;
  expect(rings.flush()).toBe(0);
  expect(sent).toHaveLength(count + 1);
  expect(sent.at(-1)).toEqual([9]);
});

test("an interface that is down takes nothing: what was written is taken back, and the ring goes on where it was", () => {
  const { rings, write, sent, kernel } = rig();
  write(1);
  rings.flush();
  kernel.takes = 0;
  kernel.says = ENETDOWN;
  write(2);
  write(3);
  expect(rings.flush()).toBe(ENETDOWN);
  expect(rings.discard()).toBe(2);
  kernel.takes = Number.POSITIVE_INFINITY;
  kernel.says = 0;
  write(4);
  expect(rings.flush()).toBe(0);
  expect(sent).toEqual([[1], [4]]);
});

test("slots hold their frames: several in a page, or whole pages", () => {
  expect(rig({ frame: 1_518 }).slot).toBe(2_048);
  expect(rig({ frame: 900 }).slot).toBe(1_024);
  expect(rig({ frame: 9_018 }).slot).toBe(12_288);
  expect(rig({ frame: 65_563, header: 10 }).slot).toBe(69_632);
});
