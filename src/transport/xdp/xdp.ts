/** AF_XDP: frames of one queue of an interface, straight between the driver and the stack's own packets (Documentation/networking/af_xdp.rst).
 *
 *  The packets of a `Memory` are registered with the kernel as the socket's UMEM. The link holds some of them in the fill ring for frames to
 *  come, and those in the transmit ring until the completion ring gives them back; a received frame is parsed where the driver put it.
 *
 *  The kernel's share of memory is a page. Where packets are longer (an MTU above 3 822), each is several pages side by side: it is sent as so many
 *  pieces without a copy, and a received frame is put together from its pieces in a packet of its own. */
import { networkError } from "../../base/errors.js";
import type { Memory, MemoryOptions } from "../../base/memory.js";
import { ChecksumState, HEADROOM, type Packet, type PacketPool } from "../../base/packet.js";
import type { Capabilities, Link } from "../link.js";
import { inNamespace, type Namespace } from "../namespace.js";
import { nativePort } from "../native-load.js";
import { int32, type NativePort, Ready, systemError, type Watch } from "../native-port.js";
import { LITTLE_ENDIAN, NetworkInterfaces } from "../network-interface.js";
import { MOST_MTU, XdpProgram, type XdpProgramOptions } from "./program.js";
import { makeRings, type Rings, SOL_XDP } from "./rings.js";

const AF_XDP = 44;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const XDP_UMEM_REG = 4;
const XDP_STATISTICS = 7;
const XDP_OPTIONS = 8;
const XDP_MAX_TX_SKB_BUDGET = 9;
/** Frames that one call sends. */
const MOST_SENT = 256;
const BIND_COPY = 2;
const BIND_ZEROCOPY = 4;
const BIND_NEED_WAKEUP = 8;
const BIND_PIECES = 16;
const SOL_SOCKET = 1;
const SO_BUSY_POLL = 46;
const SO_PREFER_BUSY_POLL = 69;
const SO_BUSY_POLL_BUDGET = 70;
const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
const FRAME_OVERHEAD = 18;
/** Completed frames are reaped when so many are outstanding, and at every receive. */
const REAP_AT = 512;
/** A program that has just been detached may still hold the device. */
const BUSY_TRIES = 50;
const BUSY_MILLISECONDS = 10;
const EAGAIN = -11;
const EBUSY = -16;

export interface XdpOptions extends Omit<XdpProgramOptions, "interface"> {
  /** The interface, as `ip link` names it; or a program that serves other queues of it already. */
  readonly interface: string | XdpProgram;
  /** The namespace that it is in: one, or the name or path of one. Absent: where the process is. */
  readonly namespace?: Namespace | string;
  /** The stack's own: `createMemory({ packetAlignment: 4096 })`, with packets for both rings and for what the stack holds; for an MTU above 3 822
   *  with a `packetSize` of 18 octets more than that. */
  readonly memory: Memory;
  /** 0 and up. Absent: 0. */
  readonly queue?: number;
  /** Slots of each ring, a power of two. Absent: 2 048, or less where the memory has few packets. */
  readonly rings?: number;
  /** Whether the driver shares the memory ("zero") or copies. Absent: as the driver can. */
  readonly copy?: "zero" | "copy";
  /** The other end is on this machine and leaves transport checksums unfinished (a veth without `ethtool -K PEER tx off`): nothing in a frame
   *  says so. Absent: no, every checksum is verified. */
  readonly trustLink?: boolean;
  /** Microseconds for which the kernel polls the driver in a system call instead of waiting for its interrupt. Absent: 0. */
  readonly busyPoll?: number;
}

/** What the kernel counts of a socket, beside what it delivered. */
export interface XdpStatistics {
  readonly receiveDropped: number;
  readonly receiveInvalid: number;
  readonly transmitInvalid: number;
  readonly receiveRingFull: number;
  readonly fillRingEmpty: number;
  readonly transmitRingEmpty: number;
}

/**
 * Opens the link. Throws a NetworkError: ENOTSUP (no Linux, no koffi), EPERM, ENODEV, EBUSY (another program, another socket on the queue),
 * EINVAL (no such queue, memory that is not aligned, an MTU beyond the packets), each with its remedy.
 */
export const openXdp = (options: XdpOptions): XdpLink => inNamespace(options.namespace, () => open(options));

const open = (options: XdpOptions): XdpLink => {
  const port = nativePort();
  const { memory, queue = 0 } = options;
  const pool = memory.packets;
  if (pool.slot % CHUNK !== 0 || pool.base % CHUNK !== 0)
    throw networkError("EINVAL", "open", `memory with packets of ${pool.slot} octets`, "createMemory({ packetAlignment: 4096 })");
  const shared = options.interface instanceof XdpProgram;
  const pieces = pool.slot > CHUNK;
  const program = shared ? (options.interface as XdpProgram) : attach({ ...options, interface: options.interface as string });
  const fd = port.socket(AF_XDP, SOCK_RAW_CLOEXEC, 0);
  try {
    if (fd < 0)
      throw systemError("socket", fd, "XDP socket", {
        EPERM: "run as root, or give node the capability cap_net_raw",
        EAFNOSUPPORT: "this kernel has no AF_XDP: 4.18 or later, with CONFIG_XDP_SOCKETS",
      });
    const longest = program.mtu + FRAME_OVERHEAD;
    if (pieces ? longest > pool.capacity : program.mtu > MOST_MTU)
      throw networkError(
        "EINVAL",
        "open",
        `MTU ${program.mtu} of ${program.interfaceName} with packets of ${pool.capacity} octets`,
        `createMemory({ packetSize: ${longest}, packetAlignment: 4096 }), or ip link set ${program.interfaceName} mtu ${MOST_MTU}`,
      );
    register(port, fd, memory);
    // Where the kernel knows it (6.17): one call sends more than 32 frames.
    port.setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, int32(MOST_SENT));
    const rings = makeRings(port, fd, options.rings ?? ringsFor((pool.size * pool.slot) / CHUNK));
    if (options.busyPoll !== undefined && options.busyPoll > 0) {
      const settings = [SO_PREFER_BUSY_POLL, 1, SO_BUSY_POLL, options.busyPoll, SO_BUSY_POLL_BUDGET, 64];
      for (let i = 0; i < settings.length; i += 2) {
        const result = port.setsockopt(fd, SOL_SOCKET, settings[i]!, int32(settings[i + 1]!));
        if (result < 0) throw systemError("setsockopt", result, "busy polling", { EPERM: "give node the capability cap_net_admin" });
      }
    }
    const flags =
      BIND_NEED_WAKEUP | (pieces ? BIND_PIECES : 0) | (options.copy === "zero" ? BIND_ZEROCOPY : options.copy === "copy" ? BIND_COPY : 0);
    const address = socketAddress(program.interfaceIndex, queue, flags);
    let bound = port.bind(fd, address);
    for (let i = 1; i < BUSY_TRIES && bound === EBUSY; i++) {
      pause();
      bound = port.bind(fd, address);
    }
    if (bound < 0)
      throw systemError("bind", bound, `queue ${queue} of ${program.interfaceName}`, {
        EINVAL: `there is no such queue: ethtool -l ${program.interfaceName} says how many there are${pieces ? "; or the kernel is older than 6.6" : ""}`,
        EBUSY: "another socket serves this queue: choose another, or end that process",
        EOPNOTSUPP: 'the driver cannot share memory: use copy: "copy"',
        ENETDOWN: `ip link set ${program.interfaceName} up`,
      });
    program.serve(queue, fd);
    return new XdpLink(port, fd, program, !shared, rings, memory, queue, options.trustLink ?? false);
  } catch (error) {
    if (fd >= 0) port.close(fd);
    if (!shared) program.close();
    throw error;
  }
};

/** What packets must hold for an MTU; `createMemory` aligns them at 4 096. */
export const xdpPacketSize = (mtu: number): number => (mtu <= MOST_MTU ? CHUNK - HEADROOM : mtu + FRAME_OVERHEAD);

/** Packets that suit an interface as it is now: 32 MiB of them, unless told how many. */
export const xdpPackets = (name: string, namespace?: Namespace | string, packets?: number): MemoryOptions => {
  const mtu = inNamespace(namespace, () => {
    const interfaces = new NetworkInterfaces();
    try {
      return interfaces.mtu(name);
    } finally {
      interfaces.close();
    }
  });
  const packetSize = xdpPacketSize(mtu);
  return { packets: packets ?? Math.ceil(8_192 / Math.ceil((packetSize + HEADROOM) / CHUNK)), packetSize, packetAlignment: CHUNK };
};

const ringsFor = (chunks: number): number => {
  let size = 64;
  while (size < 2_048 && size * 8 <= chunks) size *= 2;
  return size;
};

/** A program that was just detached holds its device for a moment. */
const attach = (options: XdpProgramOptions): XdpProgram => {
  for (let i = 1; ; i++) {
    try {
      return new XdpProgram(options);
    } catch (error) {
      if (i >= BUSY_TRIES || (error as { code?: string }).code !== "EBUSY") throw error;
      pause();
    }
  }
};

const register = (port: NativePort, fd: number, memory: Memory): void => {
  const { packets, arena } = memory;
  const request = new DataView(new ArrayBuffer(32));
  request.setBigUint64(0, BigInt(port.address(arena.memory) + packets.base), LITTLE_ENDIAN);
  request.setBigUint64(8, BigInt(packets.size * packets.slot), LITTLE_ENDIAN);
  request.setUint32(16, CHUNK, LITTLE_ENDIAN);
  const result = port.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, new Uint8Array(request.buffer));
  if (result < 0)
    throw systemError("setsockopt", result, `memory of ${packets.size} packets`, {
      ENOBUFS: "no memory that may be locked is left: raise ulimit -l, or take fewer packets",
      EINVAL: "the memory does not begin at a page: createMemory({ packetAlignment: 4096 })",
    });
};

export class XdpLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly program: XdpProgram;
  readonly queue: number;
  /** Whether the driver works in the stack's memory without a copy. */
  readonly zeroCopy: boolean;
  readonly counters = {
    /** Frames that came when the link was closed, and those of another memory that no packet of ours could take. */
    refused: 0,
    /** Times that no packet was free to be filled. */
    starved: 0,
  };
  onError: ((error: Error) => void) | null = null;
  readonly #port: NativePort;
  readonly #fd: number;
  readonly #ownsProgram: boolean;
  readonly #rings: Rings;
  /** In the namespace that the link was opened in. */
  readonly #interfaces = new NetworkInterfaces();
  readonly #pool: PacketPool;
  readonly #watch: Watch;
  readonly #state: ChecksumState;
  #onReadable: (() => void) | null = null;
  #wanted: number = Ready.Nothing;
  /** Packets in the fill ring, and in the transmit ring or beyond it. */
  #filled = 0;
  #sending = 0;
  #unpublished = 0;
  /** By pages of the pool: the packet that a page is of; and at its first page, how many pieces of it the kernel has. */
  readonly #packets: Packet[] = [];
  readonly #lent: Uint8Array;
  #open = true;

  /** Owns `fd`, and the program if it is the link's own. Use `openXdp`. */
  constructor(
    port: NativePort,
    fd: number,
    program: XdpProgram,
    ownsProgram: boolean,
    rings: Rings,
    memory: Memory,
    queue: number,
    trust: boolean,
  ) {
    this.#port = port;
    this.#fd = fd;
    this.program = program;
    this.#ownsProgram = ownsProgram;
    this.#rings = rings;
    this.#pool = memory.packets;
    const { packets } = memory;
    for (let at = 0; at < packets.size * packets.slot; at += CHUNK) this.#packets.push(packets.packetAt(packets.base + at));
    this.#lent = new Uint8Array(this.#packets.length);
    this.#state = trust ? ChecksumState.Partial : ChecksumState.Unknown;
    this.queue = queue;
    const options = new Uint8Array(4);
    this.zeroCopy = port.getsockopt(fd, SOL_XDP, XDP_OPTIONS, options) >= 0 && (options[0]! & 1) !== 0;
    this.name = `xdp:${program.interfaceName}/${queue}`;
    const { mtu, hardwareAddress } = program;
    this.capabilities = { medium: "ethernet", mtu, hardwareAddress, checksumOffload: false, gso: 0, merge: true };
    this.#fill();
    this.#watch = port.watch(fd, (events) => {
      if ((events & Ready.Writable) !== 0) this.#want(this.#wanted & ~Ready.Writable);
      this.#onReadable?.();
    });
    this.#watch.unref();
  }

  get onReadable(): (() => void) | null {
    return this.#onReadable;
  }

  set onReadable(callback: (() => void) | null) {
    this.#onReadable = callback;
    this.#want(callback === null ? Ready.Nothing : this.#wanted | Ready.Readable);
  }

  /** `pool` must be the memory's that the link was opened with: its packets are where the driver writes. */
  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    if (!this.#open) return 0;
    if (pool !== this.#pool) {
      this.#fail(networkError("EINVAL", "read", this.name, "give the stack the memory that the link was opened with"));
      return 0;
    }
    if (this.#sending > 0) this.#reap();
    if (pool.slot > CHUNK) return this.#receivePieces(batch, budget);
    const { receive } = this.#rings;
    const count = Math.min(receive.waiting(), budget);
    for (let i = 0; i < count; i++) {
      const address = receive.frameAddress(i);
      const start = pool.base + address;
      const packet = this.#packets[address >>> CHUNK_BITS]!;
      this.#lent[address >>> CHUNK_BITS] = 0;
      packet.start = start;
      packet.end = start + receive.frameLength(i);
      packet.checksum = this.#state;
      batch[i] = packet;
    }
    if (count > 0) {
      receive.release(count);
      this.#filled -= count;
    }
    this.#fill();
    return count;
  }

  carrier(): boolean {
    return this.#open && this.#interfaces.isRunning(this.program.interfaceName);
  }

  transmit(packet: Packet): boolean {
    if (!this.#open) {
      this.counters.refused += 1;
      packet.release();
      return true;
    }
    if (this.#sending >= REAP_AT) this.#reap();
    const { transmit } = this.#rings;
    // Pages that it lies in, in this pool or the next.
    const most = packet.pool === this.#pool ? this.#piecesOf(packet) : this.#pool.slot >> CHUNK_BITS;
    // What is in the ring and what the driver has not completed both hold a packet, and completions need a slot each: this is the scarcer.
    if (this.#sending + most > transmit.size) {
      this.#kick();
      this.#reap();
      if (this.#sending + most > transmit.size) {
        this.#want(this.#wanted | Ready.Writable);
        return false;
      }
    }
    const mine = packet.pool === this.#pool ? packet : this.#copy(packet);
    if (mine === null) return true;
    const pieces = this.#piecesOf(mine);
    this.#lent[this.#place(mine)] = pieces;
    const base = this.#pool.base;
    if (pieces === 1) transmit.putFrame(mine.start - base, mine.end - mine.start, false);
    else
      for (let at = mine.start; at < mine.end; ) {
        const next = Math.min(mine.end, at - ((at - base) % CHUNK) + CHUNK);
        transmit.putFrame(at - base, next - at, next < mine.end);
        at = next;
      }
    this.#sending += pieces;
    this.#unpublished += pieces;
    return true;
  }

  flush(): void {
    if (this.#open && this.#unpublished > 0) this.#kick();
  }

  /** What the kernel has counted. */
  statistics(): XdpStatistics {
    const value = new DataView(new ArrayBuffer(48));
    if (this.#open) this.#port.getsockopt(this.#fd, SOL_XDP, XDP_STATISTICS, new Uint8Array(value.buffer));
    const at = (i: number): number => Number(value.getBigUint64(8 * i, LITTLE_ENDIAN));
    return {
      receiveDropped: at(0),
      receiveInvalid: at(1),
      transmitInvalid: at(2),
      receiveRingFull: at(3),
      fillRingEmpty: at(4),
      transmitRingEmpty: at(5),
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onReadable = null;
    this.#watch.close();
    this.#interfaces.close();
    if (this.#ownsProgram) this.program.close();
    this.#port.close(this.#fd);
    for (const ring of Object.values(this.#rings)) this.#port.unmap(ring.memory);
    for (let i = 0; i < this.#lent.length; i++) if (this.#lent[i]! > 0) this.#packets[i]!.release();
  }

  /** Frames of several pieces, copied into packets of their own; the pieces go back to the driver at once. */
  #receivePieces(batch: Packet[], budget: number): number {
    const pool = this.#pool;
    const { receive, fill } = this.#rings;
    const { bytes } = pool.arena;
    let waiting = receive.waiting();
    let taken = 0;
    for (let pieces = 0; taken < budget; ) {
      while (pieces < waiting && receive.frameContinues(pieces)) pieces += 1;
      if (pieces >= waiting) break; // the rest of it is to come
      pieces += 1;
      const packet = pool.take();
      if (packet === null) {
        this.counters.starved += 1;
        break;
      }
      for (let i = 0; i < pieces; i++) {
        const at = receive.frameAddress(i);
        const length = receive.frameLength(i);
        if (packet.end + length <= packet.limit) bytes.copyWithin(packet.end, pool.base + at, pool.base + at + length);
        packet.end += length;
        fill.putAddress(at - (at % CHUNK));
      }
      receive.release(pieces);
      waiting -= pieces;
      pieces = 0;
      if (packet.end > packet.limit) {
        this.counters.refused += 1;
        packet.end = packet.start;
        packet.release();
        continue;
      }
      packet.checksum = this.#state;
      batch[taken++] = packet;
    }
    fill.publish();
    if (fill.wantsKick) this.#port.kickReceive(this.#fd);
    this.#fill();
    return taken;
  }

  /** As many packets to the driver as the ring takes and the pool can spare: half of it stays for the stack. */
  #fill(): void {
    const { fill } = this.#rings;
    const pool = this.#pool;
    const pieces = pool.slot / CHUNK;
    const most = Math.min(Math.floor(fill.size / pieces), pool.size >> 1) - this.#filled;
    let given = 0;
    for (; given < most; given++) {
      const packet = pool.take();
      if (packet === null) {
        this.counters.starved += 1;
        break;
      }
      this.#lent[this.#place(packet)] = pieces;
      for (let i = 0; i < pieces; i++) fill.putAddress(packet.base - pool.base + i * CHUNK);
    }
    if (given === 0) return;
    this.#filled += given;
    fill.publish();
    if (fill.wantsKick) this.#port.kickReceive(this.#fd);
  }

  /** Frames that have left give their packets back. */
  #reap(): void {
    const { completion } = this.#rings;
    const done = completion.waiting();
    if (done === 0) return;
    for (let i = 0; i < done; i++) {
      const packet = this.#packets[completion.address(i) >>> CHUNK_BITS]!;
      const place = this.#place(packet);
      this.#lent[place]! -= 1;
      if (this.#lent[place] === 0) packet.release();
    }
    completion.release(done);
    this.#sending -= done;
  }

  /** The first page of a packet of ours. */
  #place(packet: Packet): number {
    return (packet.base - this.#pool.base) >>> CHUNK_BITS;
  }

  /** Pages that its frame lies in. */
  #piecesOf(packet: Packet): number {
    const { base } = this.#pool;
    return ((packet.end - 1 - base) >>> CHUNK_BITS) - ((packet.start - base) >>> CHUNK_BITS) + 1;
  }

  #kick(): void {
    const { transmit } = this.#rings;
    transmit.publish();
    this.#unpublished = 0;
    // One call sends a bounded batch, and says EAGAIN when more is left.
    for (let tries = 0; tries < 64 && transmit.wantsKick; tries++) {
      const result = this.#port.kickSend(this.#fd);
      if (result !== EAGAIN || transmit.free() === transmit.size) return;
      this.#reap();
    }
  }

  /** A packet of another pool: its frame into one of ours. */
  #copy(packet: Packet): Packet | null {
    const octets = packet.end - packet.start;
    const own = octets <= this.#pool.capacity ? this.#pool.take() : null;
    if (own === null) this.counters.refused += 1;
    else {
      own.pool.arena.bytes.set(packet.pool.arena.bytes.subarray(packet.start, packet.end), own.start);
      own.end = own.start + octets;
    }
    packet.release();
    return own;
  }

  #want(events: number): void {
    this.#wanted = this.#onReadable === null ? Ready.Nothing : events;
    if (this.#open) this.#watch.want(this.#wanted);
  }

  #fail(error: Error): void {
    const report = this.onError;
    this.close();
    report?.(error);
  }
}

const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MILLISECONDS);

/** struct sockaddr_xdp. */
const socketAddress = (index: number, queue: number, flags: number): Uint8Array => {
  const address = new DataView(new ArrayBuffer(16));
  address.setUint16(0, AF_XDP, LITTLE_ENDIAN);
  address.setUint16(2, flags, LITTLE_ENDIAN);
  address.setUint32(4, index, LITTLE_ENDIAN);
  address.setUint32(8, queue, LITTLE_ENDIAN);
  return new Uint8Array(address.buffer);
};
