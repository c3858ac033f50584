/** What a stack and a device are made from. */
import type { ArpTrust } from "../arp/arp.js";
import type { FlowOwner, Random } from "../base/environment.js";
import type { Memory } from "../base/memory.js";
import type { IpAddress } from "../ip/address.js";
import type { ControllerFactory } from "../tcp/congestion/controller.js";
import type { TcpPolicy } from "../tcp/policy.js";
import type { Device } from "./device.js";
import type { Limits } from "./limits.js";
import type { Probe } from "./probe.js";
import type { Profile } from "./profile.js";

export interface StackOptions {
  /** For people; absent: "stack". */
  readonly name?: string;
  /** Cryptographic in production, seeded in simulation. */
  readonly random: Random;
  /** May be shared by stacks of one thread; absent: memory of its own. */
  readonly memory?: Memory;
  /** Absent: `linux`. */
  readonly profile?: Profile;
  readonly limits?: Partial<Limits>;
  /** The congestion controller of connections that name none; absent: the profile's. */
  readonly congestionControl?: string;
  /** Congestion controllers of the application's own, by name (docs/congestion.md). */
  readonly congestionControllers?: Readonly<Record<string, ControllerFactory>>;
  /** What a connection begins with of what earlier ones to the same peer have learned (RFC 9040): nothing, round-trip times, or the slow start
   *  threshold as well; absent: as the profile has it. */
  readonly sharing?: TcpPolicy["sharing"];
  readonly probe?: Probe | null;
  /** For one of several stacks that share an address: which flows arrive here. Absent: every one. */
  readonly owns?: FlowOwner | null;
}

export interface AddressOptions {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

export interface DeviceOptions {
  /** For people; absent: the link's. */
  readonly name?: string;
  /** Six octets of a host's address; absent: the link's suggestion, or a random one. */
  readonly hardwareAddress?: Uint8Array;
  /** 68 to 65 535; absent: the link's. */
  readonly mtu?: number;
  readonly addresses?: readonly AddressOptions[];
  /** What to do about the addresses (RFC 5227); absent: as the profile has it. */
  readonly claim?: "use" | "announce" | "probe";
  /** Whether ARP messages may overwrite what is known; absent: as the profile has it. */
  readonly arpTrust?: ArpTrust;
  /** Drop frames that hold more than the MTU; absent: false, since links may merge segments. */
  readonly strictMtu?: boolean;
  /** Join segments of one connection that arrive side by side before they are looked at (receive offload); absent: as the link has it. */
  readonly merge?: boolean;
  /** With `parent`, 1 to 4094: the device is that VLAN of its parent, and uses its link. */
  readonly vlan?: number;
  readonly parent?: Device;
}
