/** The header in front of each frame by which a kernel and we tell each other what is left to do with it: struct virtio_net_hdr (virtio 1.2
 *  s5.1.6), as TAP devices (IFF_VNET_HDR) and packet sockets (PACKET_VNET_HDR) use it, in the machine's own byte order. */
import { ChecksumState, type Packet } from "../base/packet.js";
import { LITTLE_ENDIAN } from "./network-interface.js";

/** flags, gso_type, hdr_len, gso_size, csum_start, csum_offset. */
export const VIRTIO_HEADER = 10;

const NEEDS_CHECKSUM = 1;
const DATA_VALID = 2;
const GSO_TCPV4 = 1;
/** A bit of gso_type: the segments carry CWR in the first only (RFC 3168 s6.1.2). */
const GSO_ECN = 0x80;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLAN = 0x8100;
const TCP = 6;
const UDP = 17;

/** A received frame: its packet is told what the header says of checksum and size. The header lies at `at`, the frame at `packet.start`. */
export function readVirtioHeader(view: DataView, at: number, packet: Packet): void {
  const flags = view.getUint8(at);
  if (flags & NEEDS_CHECKSUM) packet.checksum = ChecksumState.Partial;
  else if (flags & DATA_VALID) packet.checksum = ChecksumState.Verified;
  packet.gsoSize = (view.getUint8(at + 1) & ~GSO_ECN) === GSO_TCPV4 ? view.getUint16(at + 4, LITTLE_ENDIAN) : 0;
}

/** A frame to be sent: writes the header at `at`. Returns false when the packet asks for what this header cannot say of its frame. */
export function writeVirtioHeader(view: DataView, at: number, packet: Packet): boolean {
  view.setUint32(at, 0);
  view.setUint32(at + 4, 0);
  view.setUint16(at + 8, 0);
  if (packet.checksum !== ChecksumState.Partial) return packet.gsoSize === 0;
  const { start } = packet;
  const tagged = view.getUint16(start + 12) === ETHERTYPE_VLAN;
  const network = start + (tagged ? 18 : 14);
  if (view.getUint16(network - 2) !== ETHERTYPE_IPV4) return false;
  const transport = network + (view.getUint8(network) & 15) * 4;
  const protocol = view.getUint8(network + 9);
  if (protocol !== TCP && (protocol !== UDP || packet.gsoSize > 0)) return false;
  view.setUint8(at, NEEDS_CHECKSUM);
  view.setUint16(at + 6, transport - start, LITTLE_ENDIAN);
  view.setUint16(at + 8, protocol === TCP ? 16 : 6, LITTLE_ENDIAN);
  const header = transport + (view.getUint8(transport + 12) >> 4) * 4;
  if (packet.gsoSize === 0 || packet.end - header <= packet.gsoSize) return true; // one segment after all
  view.setUint8(at + 1, GSO_TCPV4);
  view.setUint16(at + 2, header - start, LITTLE_ENDIAN);
  view.setUint16(at + 4, packet.gsoSize, LITTLE_ENDIAN);
  return true;
}
