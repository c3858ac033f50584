/** The rings that a packet socket shares with the kernel (Documentation/networking/packet_mmap.rst), version 2: slots of one size, which the
 *  kernel and we take in turn, each saying in a slot's first word whose it is. Reading and writing frames takes no system call; a call for all
 *  that was written lets them leave. */
import { ChecksumState } from "../base/packet.js";
import { int32, type NativePort, systemError } from "./native-port.js";
import { LITTLE_ENDIAN } from "./network-interface.js";

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_VERSION = 10;
const PACKET_TX_RING = 13;
const PACKET_LOSS = 14;
const TPACKET_V2 = 1;

// The status of a slot: whose it is, and of a received frame what the kernel knows of it.
const FREE = 0;
const RECEIVED = 1;
const SEND = 1;
const CHECKSUM_UNFINISHED = 8;
const VLAN_VALID = 16;
const VLAN_PROTOCOL_VALID = 64;
const CHECKSUM_VERIFIED = 128;

// struct tpacket2_hdr: the words of the status, of the frame's octets and of those that the slot has; the octets where they and the tag lie.
const LENGTH = 1;
const KEPT = 2;
const AT = 12;
const VLAN_TAG = 24;
const VLAN_PROTOCOL = 26;
const TRANSMIT_HEADER = 32;
/** What the kernel puts in front of a frame at most: its header, a link address, alignment, a virtio-net header. */
const RECEIVE_HEADER = 96;
const ETHERTYPE_VLAN = 0x8100;
const ADDRESSES = 12;
const TAG = 4;

const PAGE = 4_096;
/** Slots lie in blocks of so many octets at least, since each is memory of the kernel's in one piece. */
const BLOCK = 1 << 20;

const EAGAIN = -11;
const EMSGSIZE = -90;

export interface PacketRingOptions {
  /** Octets of the longest frame, its virtio-net header included. */
  readonly frame: number;
  /** Octets of the virtio-net header in front of each frame, or 0. */
  readonly header: number;
  /** Octets of each ring, about. */
  readonly octets: number;
  readonly receive: boolean;
  readonly transmit: boolean;
}

/** Which frames of a size lie how in a ring of about so many octets. */
const layout = (frame: number, octets: number): { readonly slot: number; readonly block: number; readonly blocks: number } => {
  const needed = frame + RECEIVE_HEADER;
  // Several in a page, or whole pages: a frame of 64 KiB may not begin so late in one that it takes a page more than a send can name.
  let slot = PAGE;
  if (needed > PAGE) slot = Math.ceil(needed / PAGE) * PAGE;
  else while (slot / 2 >= needed) slot /= 2;
  const inBlock = Math.max(1, Math.floor(BLOCK / slot));
  return { slot, block: Math.ceil((inBlock * slot) / PAGE) * PAGE, blocks: Math.max(1, Math.round(octets / (inBlock * slot))) };
};

/** Both rings of a socket, or one. What `read` and `write` do is what the system calls of these names do with the descriptor. */
export class PacketRings {
  /** What the kernel knows of the transport checksum of the frame that was read last. */
  checksum: ChecksumState = ChecksumState.Unknown;
  readonly receives: boolean;
  readonly transmits: boolean;
  readonly #port: NativePort;
  readonly #fd: number;
  readonly #memory: ArrayBuffer;
  readonly #address: number;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #header: number;
  readonly #received: Slots;
  readonly #sent: Slots;
  /** Slots written since the last `flush`. */
  #written = 0;

  /** Makes the rings; the socket must have its other options, and is bound later. Throws a NetworkError when the kernel cannot. */
  constructor(port: NativePort, fd: number, options: PacketRingOptions) {
    this.#port = port;
    this.#fd = fd;
    this.#header = options.header;
    this.receives = options.receive;
    this.transmits = options.transmit;
    const set = (name: number, what: string, value: Uint8Array): void => {
      const result = port.setsockopt(fd, SOL_PACKET, name, value);
      const remedy = "take fewer octets, or open it without rings";
      if (result < 0) throw systemError("setsockopt", result, what, { ENOMEM: remedy, EINVAL: remedy });
    };
    set(PACKET_VERSION, "version of rings", int32(TPACKET_V2));
    // A frame that the kernel refuses is lost, as on a cable; it would stop the ring otherwise.
    if (options.transmit) set(PACKET_LOSS, "loss of refused frames", int32(1));
    const { slot, block, blocks } = layout(options.frame, options.octets);
    const count = Math.floor(block / slot) * blocks;
    const request = new Uint8Array(Uint32Array.of(block, blocks, slot, count).buffer);
    if (options.receive) set(PACKET_RX_RING, `receive ring of ${count} slots`, request);
    if (options.transmit) set(PACKET_TX_RING, `transmit ring of ${count} slots`, request);
    const both = (options.receive ? 1 : 0) + (options.transmit ? 1 : 0);
    const memory = port.map(fd, 0, both * block * blocks);
    if (typeof memory === "number") throw systemError("mmap", memory, `rings of ${count} slots`, { "": "take fewer octets" });
    this.#memory = memory;
    this.#address = port.address(memory);
    this.#words = new Int32Array(memory);
    this.#view = new DataView(memory);
    this.#bytes = new Uint8Array(memory);
    this.#received = new Slots(0, slot, block, blocks);
    this.#sent = new Slots(options.receive ? block * blocks : 0, slot, block, blocks);
  }

  /** The next frame, behind its virtio-net header if there is one, to `address`: the octets of both; EAGAIN when none has come, EMSGSIZE for one
   *  that is longer than `room` or than a slot, and is lost. */
  read(address: number, room: number): number {
    const slot = this.#received.next;
    const word = slot >> 2;
    const status = Atomics.load(this.#words, word);
    if ((status & RECEIVED) === 0) return EAGAIN;
    const kept = this.#words[word + KEPT]!;
    let at = slot + this.#view.getUint16(slot + AT, LITTLE_ENDIAN) - this.#header;
    let length = kept + this.#header;
    if ((status & VLAN_VALID) !== 0) {
      at = this.#tag(slot, at, status);
      length += TAG;
    }
    const fits = length <= room && kept === this.#words[word + LENGTH]!;
    if (fits) this.#port.copy(address, this.#address + at, length);
    this.checksum =
      (status & CHECKSUM_UNFINISHED) !== 0
        ? ChecksumState.Partial
        : (status & CHECKSUM_VERIFIED) !== 0
          ? ChecksumState.Verified
          : ChecksumState.Unknown;
    Atomics.store(this.#words, word, FREE);
    this.#received.advance();
    return fits ? length : EMSGSIZE;
  }

  /** The kernel has taken the VLAN tag out of the frame; there is room in front to put it back. Returns where all begins now. */
  #tag(slot: number, at: number, status: number): number {
    const moved = at - TAG;
    const behind = moved + this.#header + ADDRESSES;
    this.#bytes.copyWithin(moved, at, at + this.#header + ADDRESSES);
    const protocol = (status & VLAN_PROTOCOL_VALID) !== 0 ? this.#view.getUint16(slot + VLAN_PROTOCOL, LITTLE_ENDIAN) : ETHERTYPE_VLAN;
    this.#view.setUint16(behind, protocol);
    this.#view.setUint16(behind + 2, this.#view.getUint16(slot + VLAN_TAG, LITTLE_ENDIAN));
    return moved;
  }

  /** A frame, behind its virtio-net header if there is one, into the next slot; EAGAIN when the kernel has it still. */
  write(address: number, length: number): number {
    const slots = this.#sent;
    const slot = slots.next;
    const word = slot >> 2;
    if (Atomics.load(this.#words, word) !== FREE) {
      this.flush();
      if (Atomics.load(this.#words, word) !== FREE) return EAGAIN;
    }
    this.#port.copy(this.#address + slot + TRANSMIT_HEADER, address, length);
    this.#words[word + LENGTH] = length;
    Atomics.store(this.#words, word, SEND);
    slots.advance();
    this.#written += 1;
    return length;
  }

  /** What was written leaves. Returns 0, EAGAIN when the kernel will take the rest later, or the negated errno for which it takes none. */
  flush(): number {
    if (this.#written === 0) return 0;
    const result = this.#port.kickSend(this.#fd);
    const last = Atomics.load(this.#words, this.#sent.previous >> 2);
    if (last !== SEND) {
      this.#written = 0;
      return 0;
    }
    return result < 0 ? result : EAGAIN;
  }

  /** Takes back what the kernel has not taken; returns how many frames are lost so. */
  discard(): number {
    let lost = 0;
    for (; lost < this.#written; lost++) {
      const word = this.#sent.previous >> 2;
      if (Atomics.load(this.#words, word) !== SEND) break;
      Atomics.store(this.#words, word, FREE);
      this.#sent.retreat();
    }
    this.#written = 0;
    return lost;
  }

  /** The socket's error is told once, and readiness is reported for it until then. */
  clearError(): void {
    this.#port.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, new Uint8Array(4));
  }

  /** Before the descriptor is closed. */
  close(): void {
    this.#port.unmap(this.#memory);
  }
}

/** The slots of a ring in their order: they lie in blocks, at whose ends a piece may be left over. */
class Slots {
  readonly #offsets: Int32Array;
  #index = 0;

  constructor(from: number, slot: number, block: number, blocks: number) {
    const inBlock = Math.floor(block / slot);
    this.#offsets = Int32Array.from({ length: inBlock * blocks }, (_, i) => from + Math.floor(i / inBlock) * block + (i % inBlock) * slot);
  }

  get next(): number {
    return this.#offsets[this.#index]!;
  }

  get previous(): number {
    return this.#offsets[(this.#index === 0 ? this.#offsets.length : this.#index) - 1]!;
  }

  advance(): void {
    this.#index = this.#index === this.#offsets.length - 1 ? 0 : this.#index + 1;
  }

  retreat(): void {
    this.#index = (this.#index === 0 ? this.#offsets.length : this.#index) - 1;
  }
}
