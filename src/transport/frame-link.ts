/** A link over a descriptor of which each read takes one frame and each write gives one: a TAP device, a packet socket. */
import { type NetworkError, networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { FrameBatches } from "./frame-batches.js";
import type { Capabilities, Link } from "./link.js";
import { type NativePort, Ready, systemError, type Watch } from "./native-port.js";
import type { NetworkInterfaces } from "./network-interface.js";
import type { PacketRings } from "./packet-rings.js";
import { readVirtioHeader, VIRTIO_HEADER, writeVirtioHeader } from "./virtio-net.js";

/** Ethernet header and one VLAN tag: what a frame holds beyond its MTU. */
export const FRAME_OVERHEAD = 18;
export const LONGEST_FRAME = 65_535 + FRAME_OVERHEAD;
/** The longest IP packet is the longest super-segment, its header aside. */
const LONGEST_SEGMENT = 65_535 - 20;
/** A reader that finds no free packet looks again after this; the frames wait in the kernel, which drops when its queue is full. */
const STARVED_MILLISECONDS = 1;

const EINTR = -4;
const EBADF = -9;
const EAGAIN = -11;
const EMSGSIZE = -90;
const ENXIO = -6;
const ENODEV = -19;
const EBADFD = -77;

export interface FrameLinkOptions {
  /** For people: "tap", "packet". */
  readonly kind: string;
  /** Absent: "ethernet". */
  readonly medium?: Capabilities["medium"];
  readonly interfaceName: string;
  readonly mtu: number;
  /** A virtio-net header in front of each frame, both ways. */
  readonly offload?: boolean;
  /** In the namespace of the interface: asked for its carrier, and closed with the link. Absent: the link cannot tell. */
  readonly interfaces?: NetworkInterfaces;
  /** What the link suggests to its device. */
  readonly hardwareAddress?: Uint8Array;
  /** Rings of the descriptor, closed with the link: frames are taken from them and put into them. Absent: each takes a system call. */
  readonly rings?: PacketRings;
  /** Reads and writes many frames by one system call; closed with the link. Not with `rings`. */
  readonly batches?: FrameBatches;
  /** Told once, before the first frame is read, of the octets that packets hold; returns an error that breaks the link, or null. */
  readonly prepare?: (capacity: number) => Error | null;
}

/** A few counters that the device alone knows. */
export interface FrameLinkCounters {
  /** Frames the kernel refused: its end is down, it had no memory, or the link is closed. As on a cable, they are lost. */
  refused: number;
  /** Times that no packet was free for a frame that waited. */
  starved: number;
  /** Reads that failed and were tried again later; frames too long for a slot of the ring. */
  readErrors: number;
}

export class FrameLink implements Link {
  readonly name: string;
  /** The name of the kernel's interface. */
  readonly interfaceName: string;
  readonly capabilities: Capabilities;
  readonly counters: FrameLinkCounters = { refused: 0, starved: 0, readErrors: 0 };
  onError: ((error: Error) => void) | null = null;
  readonly #port: NativePort;
  readonly #fd: number;
  readonly #watch: Watch;
  #onReadable: (() => void) | null = null;
  /** Where packets are read to and written from: the arena last seen, and its address in the process. */
  #readMemory: ArrayBuffer | null = null;
  #readAddress = 0;
  #writeMemory: ArrayBuffer | null = null;
  #writeAddress = 0;
  #wanted: number = Ready.Nothing;
  #starved: ReturnType<typeof setTimeout> | null = null;
  #open = true;
  /** Octets of the virtio-net header in front of each frame; 0: there is none. */
  readonly #header: number;

  /** The rings that frames are taken from, and put into; null: each takes a system call. */
  readonly #received: PacketRings | null;
  readonly #sent: PacketRings | null;
  readonly #batches: FrameBatches | null;
  readonly #options: FrameLinkOptions;

  /** Owns `fd` from here. Use `openTap` or `openPacket`. */
  constructor(port: NativePort, fd: number, options: FrameLinkOptions) {
    const { kind, medium = "ethernet", interfaceName, mtu, offload = false, hardwareAddress, rings } = options;
    this.#port = port;
    this.#fd = fd;
    this.#options = options;
    this.#header = offload ? VIRTIO_HEADER : 0;
    this.#received = rings?.receives ? rings : null;
    this.#sent = rings?.transmits ? rings : null;
    this.#batches = options.batches ?? null;
    this.name = `${kind}:${interfaceName}`;
    this.interfaceName = interfaceName;
    this.capabilities = {
      medium,
      mtu,
      checksumOffload: offload,
      gso: offload ? LONGEST_SEGMENT : 0,
      // With offloads it is the kernel that joins them.
      merge: !offload,
      ...(hardwareAddress === undefined ? {} : { hardwareAddress }),
    };
    this.#watch = port.watch(fd, (events) => {
      // A device is nearly always writable: once is what was waited for.
      if ((events & Ready.Writable) !== 0) this.#want(this.#wanted & ~Ready.Writable);
      this.#onReadable?.();
      if ((events & Ready.Broken) !== 0) this.#mend();
    });
    // What keeps the process alive is whoever drives, not a cable.
    this.#watch.unref();
  }

  get onReadable(): (() => void) | null {
    return this.#onReadable;
  }

  set onReadable(callback: (() => void) | null) {
    this.#onReadable = callback;
    if (callback !== null) this.#want(this.#wanted | Ready.Readable);
    else this.#want(Ready.Nothing);
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    if (!this.#open) return 0;
    if (pool.arena.memory !== this.#readMemory && !this.#readInto(pool)) return 0;
    this.flush();
    if (!this.#open) return 0; // what was to be flushed has found that the device is gone
    if (this.#batches !== null) return this.#receiveBatch(this.#batches, pool, batch, budget);
    const header = this.#header;
    const rings = this.#received;
    let taken = 0;
    while (taken < budget) {
      const packet = pool.take();
      if (packet === null) {
        this.#starve();
        break;
      }
      const from = packet.start - header;
      const address = this.#readAddress + from;
      const room = packet.limit - from;
      const length = rings === null ? this.#port.read(this.#fd, address, room) : rings.read(address, room);
      if (length > header) {
        packet.end = from + length;
        if (header > 0) readVirtioHeader(pool.arena.view, from, packet);
        else if (rings !== null) packet.checksum = rings.checksum;
        batch[taken] = packet;
        taken += 1;
        continue;
      }
      packet.release();
      if (length === EAGAIN) break;
      if (length === EINTR) continue;
      this.#readFailed(length);
      if (length !== EMSGSIZE) break;
    }
    return taken;
  }

  carrier(): boolean {
    return this.#open && (this.#options.interfaces?.isRunning(this.interfaceName) ?? true);
  }

  transmit(packet: Packet): boolean {
    if (!this.#open) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    const memory = packet.pool.arena.memory;
    if (memory !== this.#writeMemory) {
      this.#writeAddress = this.#port.address(memory);
      this.#writeMemory = memory;
    }
    const from = packet.start - this.#header;
    if (this.#header > 0 && !writeVirtioHeader(packet.pool.arena.view, from, packet)) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    if (this.#batches !== null) return this.#transmitInBatch(this.#batches, packet);
    const rings = this.#sent;
    for (;;) {
      const address = this.#writeAddress + from;
      const written = rings === null ? this.#port.write(this.#fd, address, packet.end - from) : rings.write(address, packet.end - from);
      if (written === EINTR) continue;
      if (written === EAGAIN) {
        this.#want(this.#wanted | Ready.Writable);
        return false;
      }
      packet.release();
      if (written < 0) this.#writeFailed(written);
      return true;
    }
  }

  /** Without a ring or batches nothing waits here: each frame takes a system call, so `transmit` has written it already. */
  flush(): void {
    if (!this.#open) return;
    if (this.#batches !== null) this.#flushBatch(this.#batches);
    const result = this.#sent === null ? 0 : this.#sent.flush();
    if (result === 0) return;
    // Without memory the kernel takes the rest when it has some.
    if (result === EAGAIN) this.#want(this.#wanted | Ready.Writable);
    else this.#writeFailed(result, this.#sent!.discard());
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#starved !== null) clearTimeout(this.#starved);
    this.#watch.close();
    this.#options.rings?.close();
    this.#batches?.close();
    this.#port.close(this.#fd);
    this.#options.interfaces?.close();
    this.#onReadable = null;
  }

  #receiveBatch(batches: FrameBatches, pool: PacketPool, batch: Packet[], budget: number): number {
    const taken = batches.receive(pool, this.#readAddress, batch, budget);
    const header = this.#header;
    if (header > 0) for (let i = 0; i < taken; i++) readVirtioHeader(pool.arena.view, batch[i]!.start - header, batch[i]!);
    if (batches.starved) this.#starve();
    if (batches.failure !== 0) this.#readFailed(batches.failure);
    return taken;
  }

  #transmitInBatch(batches: FrameBatches, packet: Packet): boolean {
    if (batches.isFull) return false;
    batches.write(packet, this.#writeAddress);
    if (batches.isDue) this.#flushBatch(batches);
    return true;
  }

  #flushBatch(batches: FrameBatches): void {
    const failure = batches.flush();
    if (batches.written > 0) this.#want(this.#wanted | Ready.Writable);
    if (failure !== 0) this.#writeFailed(failure, batches.lost);
  }

  #want(events: number): void {
    this.#wanted = this.#onReadable === null ? Ready.Nothing : events;
    if (this.#open && this.#starved === null) this.#watch.want(this.#wanted);
  }

  /** A frame that is cut at a packet's end must never pass for a whole one, so packets must hold what the device may carry. */
  #readInto(pool: PacketPool): boolean {
    const needed = this.capabilities.mtu + FRAME_OVERHEAD;
    if (pool.capacity < needed) {
      const remedy = `createMemory({ packetSize: ${needed} }), or a smaller MTU`;
      this.#fail(networkError("EMSGSIZE", "read", `MTU ${this.capabilities.mtu} with packets of ${pool.capacity} octets`, remedy));
      return false;
    }
    const error = this.#options.prepare?.(pool.capacity) ?? null;
    if (error !== null) {
      this.#fail(error);
      return false;
    }
    this.#readAddress = this.#port.address(pool.arena.memory);
    this.#readMemory = pool.arena.memory;
    return true;
  }

  /** Readiness is level-triggered: with nowhere to read to, it would be reported without end. */
  #starve(): void {
    this.counters.starved += 1;
    if (this.#starved !== null || this.#onReadable === null) return;
    this.#watch.want(Ready.Nothing);
    this.#starved = setTimeout(() => {
      this.#starved = null;
      this.#watch.want(this.#wanted);
    }, STARVED_MILLISECONDS).unref();
  }

  #readFailed(result: number): void {
    if (isGone(result)) this.#fail(this.#gone("read", result));
    else this.counters.readErrors += 1;
  }

  #writeFailed(result: number, frames = 1): void {
    // EIO, ENETDOWN: down. EINVAL: shorter than a header. ENOBUFS, ENOMEM: no memory. None is the link's end.
    this.counters.refused += frames;
    if (isGone(result)) this.#fail(this.#gone("write", result));
  }

  /** A descriptor that has failed is watched no longer; but an interface that went down may come up again. A read hears of the error, a ring does not. */
  #mend(): void {
    this.#received?.clearError();
    if (this.#open && this.#starved === null) this.#watch.want(this.#wanted);
  }

  #gone(syscall: string, result: number): NetworkError {
    const remedy = "somebody removed the device or its namespace: open it again";
    return systemError(syscall, result, `${this.name} is gone`, { "": remedy });
  }

  #fail(error: Error): void {
    const report = this.onError;
    this.close();
    if (report !== null) report(error);
  }
}

const isGone = (result: number): boolean => result === EBADFD || result === EBADF || result === ENXIO || result === ENODEV;
