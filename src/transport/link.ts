/** A link: what a transport implements. Frames come out of it and go into it; it knows nothing of what they mean. */
import type { Packet, PacketPool } from "../base/packet.js";

/** What a link can do for the stack. */
export interface Capabilities {
  /** "ethernet": frames with Ethernet headers; "ip": bare IP packets (a TUN, a raw IP socket). */
  readonly medium: "ethernet" | "ip";
  /** The largest IP packet, octets: 68 to 65 535. */
  readonly mtu: number;
  /** The hardware address the link suggests for the device, six octets; absent: the stack makes one. */
  readonly hardwareAddress?: Uint8Array;
  /** The link completes transport checksums that are left as a pseudo-header sum (`ChecksumState.Partial` on transmit). */
  readonly checksumOffload: boolean;
  /** The most octets of one super-segment that the link cuts itself; 0: it does not. */
  readonly gso: number;
  /** Received segments come one by one, in bursts: whoever reads them joins those that follow each other. Absent: no. */
  readonly merge?: boolean;
  /** The link holds each packet for `packet.wait`, and those of a connection in their order: whoever paces hands them over ahead of their time. Absent: no. */
  readonly paces?: boolean;
}

export interface Link {
  /** For people: "tap:onwire0", "pair:a". */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Moves up to `budget` received frames into `batch[0..]`, each in a packet taken from `pool` with its `start` at the
   *  frame's first octet; returns how many. Stops early when the pool is empty: what is left stays with the link. */
  receive(pool: PacketPool, batch: Packet[], budget: number): number;
  /** Takes the packet and will release it, and returns true; or is full, takes nothing and returns false. */
  transmit(packet: Packet): boolean;
  /** Everything transmitted since the last flush leaves now. */
  flush(): void;
  /** Called when frames wait to be received, or when a full link can take frames again; set by whoever drives. */
  onReadable: (() => void) | null;
  /** Called once if the link breaks for good. */
  onError: ((error: Error) => void) | null;
  /** Whether the cable is plugged in at both ends, as far as the link can tell. Absent: it cannot. */
  carrier?(): boolean;
  /** Called when what the stack sends reaches the network by another way from now on: its neighbors must learn that. Set by the stack; absent: the
   *  link knows one way only. */
  onMoved?: (() => void) | null;
  /** Releases what the link holds, and the device if the link made it. Closing twice does nothing. */
  close(): void;
}
