/** struct virtio_net_hdr, octet by octet. The kernel itself is asked in test/wire. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { ChecksumState, type Packet } from "../../src/base/packet.js";
import { LITTLE_ENDIAN } from "../../src/transport/network-interface.js";
import { readVirtioHeader, VIRTIO_HEADER, writeVirtioHeader } from "../../src/transport/virtio-net.js";

const memory = createMemory({ packets: 8, packetSize: 4_096, chunks: 1 });
const { bytes, view } = memory.arena;
const u16 = (value: number): number[] => (LITTLE_ENDIAN ? [value & 255, value >> 8] : [value >> 8, value & 255]);

const ETHERNET = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
/** An IPv4 packet with `options` words of options, carrying a transport header of `header` octets and `text` octets. */
const datagram = (protocol: number, header: number, text: number, options = 0): number[] => {
  const length = 20 + 4 * options + header + text;
  const ip = [0x45 + options, 0, length >> 8, length & 255, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const transport = new Array<number>(header).fill(0);
  if (protocol === 6) transport[12] = (header / 4) << 4;
  return [...ip, ...new Array<number>(4 * options).fill(1), ...transport, ...new Array<number>(text).fill(7)];
};
const packetOf = (octets: readonly number[]): Packet => {
  const packet = memory.packets.take()!;
  bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};
/** The header that is written for a frame, or null when it cannot be. */
const written = (octets: readonly number[], gsoSize: number, partial = true): number[] | null => {
  const packet = packetOf(octets);
  packet.gsoSize = gsoSize;
  if (partial) packet.checksum = ChecksumState.Partial;
  const at = packet.start - VIRTIO_HEADER;
  bytes.fill(0xee, at, packet.start);
  const ok = writeVirtioHeader(view, at, packet);
  const header = [...bytes.subarray(at, packet.start)];
  packet.release();
  return ok ? header : null;
};

describe("a frame to be sent", () => {
  test("that is finished says nothing", () => {
    expect(written([...ETHERNET, 8, 0, ...datagram(6, 20, 10)], 0, false)).toEqual(new Array(10).fill(0));
    expect(written([...ETHERNET, 8, 6, ...new Array(46).fill(0)], 0, false)).toEqual(new Array(10).fill(0));
  });
  test("with an unfinished checksum says where it begins and where it goes", () => {
    expect(written([...ETHERNET, 8, 0, ...datagram(6, 32, 100)], 0)).toEqual([1, 0, 0, 0, 0, 0, ...u16(34), ...u16(16)]);
    expect(written([...ETHERNET, 8, 0, ...datagram(17, 8, 100)], 0)).toEqual([1, 0, 0, 0, 0, 0, ...u16(34), ...u16(6)]);
    expect(written([...ETHERNET, 0x81, 0, 0, 5, 8, 0, ...datagram(6, 20, 1, 2)], 0)).toEqual([1, 0, 0, 0, 0, 0, ...u16(46), ...u16(16)]);
  });
  test("that is to be cut says by how much, and how long its headers are", () => {
    expect(written([...ETHERNET, 8, 0, ...datagram(6, 32, 3_000)], 1_448)).toEqual([
      1,
      1,
      ...u16(66),
      ...u16(1_448),
      ...u16(34),
      ...u16(16),
    ]);
  });
  test("of one segment needs no cutting, whatever size it was made for", () => {
    expect(written([...ETHERNET, 8, 0, ...datagram(6, 32, 1_448)], 1_448)).toEqual([1, 0, 0, 0, 0, 0, ...u16(34), ...u16(16)]);
  });
  test("that asks for what the header cannot say is refused", () => {
    expect(written([...ETHERNET, 8, 6, ...new Array(46).fill(0)], 0)).toBeNull();
    expect(written([...ETHERNET, 8, 0, ...datagram(1, 8, 100)], 0)).toBeNull();
    expect(written([...ETHERNET, 8, 0, ...datagram(17, 8, 3_000)], 1_448)).toBeNull();
    expect(written([...ETHERNET, 8, 0, ...datagram(6, 20, 3_000)], 1_448, false)).toBeNull();
  });
});

describe("a received frame", () => {
  const read = (...header: number[]): [number, number] => {
    const packet = packetOf(new Array(60).fill(0));
    bytes.set(header, packet.start - VIRTIO_HEADER);
    readVirtioHeader(view, packet.start - VIRTIO_HEADER, packet);
    packet.release();
    return [packet.checksum, packet.gsoSize];
  };
  test("is believed as to its checksum, and its size", () => {
    expect(read(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).toEqual([ChecksumState.Unknown, 0]);
    expect(read(1, 0, 0, 0, 0, 0, ...u16(34), ...u16(16))).toEqual([ChecksumState.Partial, 0]);
    expect(read(2, 0, 0, 0, 0, 0, 0, 0, 0, 0)).toEqual([ChecksumState.Verified, 0]);
    expect(read(1, 1, ...u16(66), ...u16(1_448), ...u16(34), ...u16(16))).toEqual([ChecksumState.Partial, 1_448]);
    expect(read(1, 0x81, ...u16(66), ...u16(1_448), ...u16(34), ...u16(16))).toEqual([ChecksumState.Partial, 1_448]);
    expect(read(0, 4, 0, 0, ...u16(1_448), 0, 0, 0, 0)).toEqual([ChecksumState.Unknown, 0]);
  });
});
