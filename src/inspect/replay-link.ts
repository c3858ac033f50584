/** A capture as a link: a stack hears again what a host heard, at the times at which it heard it. What the stack says in return goes nowhere. */
import type { Micros } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import { formatIp, type IpAddress } from "../ip/address.js";
import type { Capabilities, Link } from "../transport/link.js";
import type { CaptureContents, CapturedFrame } from "./capture-reader.js";

const ETHERNET = 1;
const RAW_IP = 101;
const ETHERTYPE_IPV4 = 0x0800;

/** What makes things happen later: a world has it, and so has who drives by a host's timers. */
export interface ReplayClock {
  at(delay: Micros, run: () => void): void;
}

export interface ReplayOptions {
  /** The host whose ears we have: frames to its hardware address, and to groups. It is found by the first IPv4 packet to this address.
   *  Absent: every frame. */
  readonly host?: IpAddress;
  /** 2: twice as fast as it was. Absent: 1. */
  readonly speed?: number;
  /** For people; absent: "replay". */
  readonly name?: string;
}

export class ReplayLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames of the capture that were given to the stack, were not for the host, were cut when captured, or fit into no packet. */
    replayed: 0,
    others: 0,
    cut: 0,
    refused: 0,
    /** Frames of the stack. */
    sent: 0,
  };
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  /** Called when the last frame has been given. */
  onEnd: (() => void) | null = null;
  readonly #frames: readonly CapturedFrame[];
  readonly #hardware: Uint8Array | null;
  readonly #clock: ReplayClock;
  readonly #speed: number;
  #due = 0;
  #next = 0;
  #open = true;

  /** Begins when it is made. Throws EINVAL: nothing to replay, another link type, no packet for the host, no speed. */
  constructor(capture: CaptureContents, clock: ReplayClock, options: ReplayOptions = {}) {
    const { host, speed = 1, name = "replay" } = options;
    const [first] = capture.frames;
    if (!(speed > 0)) throw networkError("EINVAL", "replay", `speed ${speed}`, "use more than 0; 1 is as it was");
    if (first === undefined) throw networkError("EINVAL", "replay", "a capture without frames", capture.problem ?? "capture some");
    const linkType = capture.interfaces[first.interfaceId]!.linkType;
    if (linkType !== ETHERNET && linkType !== RAW_IP)
      throw networkError("EINVAL", "replay", `link type ${linkType}`, `use a capture of Ethernet (${ETHERNET}) or raw IP (${RAW_IP})`);
    this.name = name;
    this.#clock = clock;
    this.#speed = speed;
    // One interface: the times of another are of another wire.
    this.#frames = capture.frames.filter(({ interfaceId }) => interfaceId === first.interfaceId);
    this.#hardware = host === undefined || linkType === RAW_IP ? null : hardwareOf(this.#frames, host);
    const longest = this.#frames.reduce((most, frame) => Math.max(most, frame.length), 0);
    this.capabilities = {
      medium: linkType === ETHERNET ? "ethernet" : "ip",
      mtu: Math.min(65_535, Math.max(1_500, longest)),
      ...(this.#hardware === null ? {} : { hardwareAddress: this.#hardware }),
      checksumOffload: false,
      gso: 0,
    };
    this.#schedule(first.at);
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let count = 0;
    while (this.#open && count < budget && this.#next < this.#due) {
      const frame = this.#frames[this.#next]!;
      const fate = this.#fateOf(frame);
      if (fate !== null) {
        this.counters[fate] += 1;
        this.#next += 1;
        continue;
      }
      const packet = pool.take();
      if (packet === null) break;
      this.#next += 1;
      if (packet.start + frame.octets.length > packet.limit) {
        this.counters.refused += 1;
        packet.release();
        continue;
      }
      pool.arena.bytes.set(frame.octets, packet.start);
      packet.end = packet.start + frame.octets.length;
      batch[count] = packet;
      count += 1;
      this.counters.replayed += 1;
    }
    if (this.#open && this.#next === this.#frames.length) this.#end();
    return count;
  }

  transmit(packet: Packet): boolean {
    this.counters.sent += 1;
    packet.release();
    return true;
  }

  flush(): void {}

  close(): void {
    this.#open = false;
    this.onReadable = null;
  }

  #fateOf({ octets, length }: CapturedFrame): "others" | "cut" | null {
    if (octets.length < length) return "cut";
    const hardware = this.#hardware;
    const group = (octets[0]! & 1) === 1;
    return hardware === null || group || hardware.every((octet, i) => octet === octets[i]) ? null : "others";
  }

  /** Everything that was captured within the same microsecond comes at once. */
  #schedule(from: bigint): void {
    const next = this.#frames[this.#due];
    if (!this.#open || next === undefined) return;
    const delay = Math.max(0, Math.round(Number(next.at - from) / 1_000 / this.#speed));
    this.#clock.at(delay, () => {
      if (!this.#open) return;
      while (this.#due < this.#frames.length && this.#frames[this.#due]!.at - next.at < 1_000n) this.#due += 1;
      this.onReadable?.();
      this.#schedule(next.at);
    });
  }

  #end(): void {
    const end = this.onEnd;
    this.onEnd = null;
    end?.();
  }
}

/** The hardware address to which a packet for `host` went. */
const hardwareOf = (frames: readonly CapturedFrame[], host: IpAddress): Uint8Array => {
  for (const { octets } of frames) {
    if (octets.length < 34) continue;
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    if (view.getUint16(12) === ETHERTYPE_IPV4 && view.getInt32(30) === host && (octets[0]! & 1) === 0) return octets.slice(0, 6);
  }
  throw networkError("EINVAL", "replay", formatIp(host), "no packet of the capture goes there: name a host that it was made at");
};
