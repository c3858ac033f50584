/** IPv4 packets, in Ethernet frames where the link has them, between a runner, who pretends to be a host of the link, and the host under test. */
import { ArpMessage, MESSAGE_LENGTH, Operation, parseArp, writeArp } from "../arp/message.js";
import type { Memory } from "../base/memory.js";
import { ChecksumState, type Packet } from "../base/packet.js";
import { finishChecksum } from "../conformance/script/wire-packet.js";
import { EtherType, HEADER_LENGTH, MINIMUM_FRAME } from "../ethernet/frame.js";
import type { IpAddress } from "../ip/address.js";
import type { Link } from "../transport/link.js";
import { segmentsOf } from "./super-segment.js";

const BATCH = 64;
const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);
/** How often somebody is asked for, and how long an answer is waited for, milliseconds. */
const ASKED = 6;
const ANSWERED_WITHIN = 300;

export interface Pretended {
  readonly hardware: Uint8Array;
  readonly address: IpAddress;
}

const sameOctets = (bytes: Uint8Array, at: number, octets: Uint8Array): boolean => octets.every((octet, i) => bytes[at + i] === octet);
const high = (hardware: Uint8Array): number => (hardware[0]! << 8) | hardware[1]!;
const low = (hardware: Uint8Array): number => (hardware[2]! << 24) | (hardware[3]! << 16) | (hardware[4]! << 8) | hardware[5]!;

export class FrameWire {
  readonly #link: Link;
  readonly #memory: Memory;
  readonly #own: Pretended;
  readonly #batch: Packet[] = [];
  readonly #packets: Uint8Array[] = [];
  readonly #arp = new ArpMessage();
  /** Who is asked for, and whom to tell. */
  #asking: { readonly address: IpAddress; readonly found: (hardware: Uint8Array) => void } | null = null;
  /** Hardware address that packets go to. */
  #peer: Uint8Array;
  /** Called when packets may have come. */
  onReadable: (() => void) | null = null;

  constructor(link: Link, memory: Memory, own: Pretended, peer: Uint8Array = BROADCAST) {
    this.#link = link;
    this.#memory = memory;
    this.#own = own;
    this.#peer = peer;
    // What wakes us may be in the middle of reading the link.
    link.onReadable = () =>
      setImmediate(() => {
        this.#read();
        this.onReadable?.();
      });
  }

  /** The packets that have come, in their order. */
  take(): Uint8Array[] {
    this.#read();
    return this.#packets.splice(0);
  }

  /** Sends an IPv4 packet to the other end. */
  send(octets: Uint8Array): void {
    if (this.#bare) this.#transmit(octets);
    else this.#frame(this.#peer, EtherType.Ipv4, octets);
  }

  get #bare(): boolean {
    return this.#link.capabilities.medium === "ip";
  }

  /** Asks the link for `address`, and sends what follows there; false: nobody answers. */
  async resolve(address: IpAddress): Promise<boolean> {
    for (let i = 0; i < ASKED; i++) {
      const hardware = await this.#ask(address);
      if (hardware === null) continue;
      this.#peer = hardware;
      return true;
    }
    return false;
  }

  #ask(address: IpAddress): Promise<Uint8Array | null> {
    return new Promise((resolve) => {
      const done = (hardware: Uint8Array | null): void => {
        clearTimeout(timer);
        this.#asking = null;
        resolve(hardware);
      };
      const timer = setTimeout(() => done(null), ANSWERED_WITHIN);
      this.#asking = { address, found: done };
      this.#frame(BROADCAST, EtherType.Arp, this.#message(Operation.Request, new Uint8Array(6), address));
    });
  }

  #message(operation: Operation, target: Uint8Array, address: number): Uint8Array {
    const { hardware, address: own } = this.#own;
    const octets = new Uint8Array(MESSAGE_LENGTH);
    writeArp(new DataView(octets.buffer), 0, operation, high(hardware), low(hardware), own, high(target), low(target), address);
    return octets;
  }

  #frame(to: Uint8Array, type: number, payload: Uint8Array): void {
    const frame = new Uint8Array(Math.max(MINIMUM_FRAME, HEADER_LENGTH + payload.length));
    frame.set(to);
    frame.set(this.#own.hardware, 6);
    new DataView(frame.buffer).setUint16(12, type);
    frame.set(payload, HEADER_LENGTH);
    this.#transmit(frame);
  }

  #transmit(octets: Uint8Array): void {
    const packet = this.#memory.packets.take();
    if (packet === null) throw new Error("no packet is free");
    packet.end = packet.start + octets.length;
    this.#memory.arena.bytes.set(octets, packet.start);
    if (!this.#link.transmit(packet)) packet.release();
    this.#link.flush();
  }

  #read(): void {
    const { packets } = this.#memory;
    for (;;) {
      const count = this.#link.receive(packets, this.#batch, BATCH);
      for (let i = 0; i < count; i++) {
        const packet = this.#batch[i]!;
        this.#hear(packet);
        packet.release();
      }
      if (count < BATCH) return;
    }
  }

  #hear({ start, end, gsoSize, checksum }: Packet): void {
    const { bytes, view } = this.#memory.arena;
    if (this.#bare) {
      if (bytes[start]! >> 4 === 4) this.#packets.push(...segmentsOf(bytes.slice(start, end), gsoSize));
      return;
    }
    if (end - start < HEADER_LENGTH) return;
    const type = view.getUint16(start + 12);
    if (type === EtherType.Arp) return this.#hearArp(view, start + HEADER_LENGTH, end);
    // The link may carry what is for others.
    if (type !== EtherType.Ipv4 || !sameOctets(bytes, start, this.#own.hardware)) return;
    const octets = bytes.slice(start + HEADER_LENGTH, end);
    if (checksum === ChecksumState.Partial) finishChecksum(octets);
    this.#packets.push(...segmentsOf(octets, gsoSize));
  }

  #hearArp(view: DataView, start: number, end: number): void {
    const message = this.#arp;
    if (parseArp(message, view, start, end) !== 0) return;
    const sender = new Uint8Array(view.buffer, view.byteOffset + start + 8, 6).slice();
    if (this.#asking !== null && message.sender === this.#asking.address) this.#asking.found(sender);
    if (message.operation === Operation.Request && message.target === this.#own.address)
      this.#frame(sender, EtherType.Arp, this.#message(Operation.Reply, sender, message.sender));
  }
}
