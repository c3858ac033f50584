/** A stack described as data, and made in the thread that runs it. */
import type { MemoryOptions } from "../base/memory.js";
import { cryptoRandom, monotonicMicros } from "../drive/clock.js";
import { NodeDrive } from "../drive/node.js";
import { type IpAddress, UNSPECIFIED } from "../ip/address.js";
import type { Device } from "../stack/device.js";
import type { Limits } from "../stack/limits.js";
import type { AddressOptions, StackOptions } from "../stack/options.js";
import { profiles } from "../stack/profile.js";
import { Stack } from "../stack/stack.js";
import type { Link } from "../transport/link.js";

export interface StackSettings {
  readonly addresses?: readonly AddressOptions[];
  /** The router to everywhere else. */
  readonly gateway?: IpAddress;
  /** Absent: the link's, or a random one. */
  readonly hardwareAddress?: Uint8Array;
  readonly mtu?: number;
  /** Sizes of the memory; what the link needs is known without. */
  readonly memory?: MemoryOptions;
  /** Absent: "linux". */
  readonly profile?: keyof typeof profiles;
  readonly limits?: Partial<Limits>;
  readonly congestionControl?: string;
  /** As `NodeDriveOptions` has it: "adaptive" answers sooner, at the cost of a busy core while there is traffic. */
  readonly busy?: "adaptive" | "no";
}

export interface MadeStack {
  readonly stack: Stack;
  readonly drive: NodeDrive;
  /** Null without a link. */
  readonly device: Device | null;
}

/** Makes the stack on the link and the drive that turns it; `start` is the caller's. `onLinkError`: the link broke for good. */
export const makeStack = (
  settings: StackSettings,
  link: Link | null,
  more: Pick<StackOptions, "name" | "memory" | "owns">,
  onLinkError: (error: Error) => void,
): MadeStack => {
  const { profile, limits, congestionControl, gateway, addresses = [], hardwareAddress, mtu, busy } = settings;
  const stack = new Stack(
    {
      random: cryptoRandom,
      ...more,
      ...(profile === undefined ? {} : { profile: profiles[profile] }),
      ...(limits === undefined ? {} : { limits }),
      ...(congestionControl === undefined ? {} : { congestionControl }),
    },
    monotonicMicros(),
  );
  const drive = new NodeDrive(stack, { ...(busy === undefined ? {} : { busy }), onLinkError: (_link, error) => onLinkError(error) });
  if (link === null) return { stack, drive, device: null };
  const device = stack.addDevice(
    link,
    { addresses, ...(hardwareAddress === undefined ? {} : { hardwareAddress }), ...(mtu === undefined ? {} : { mtu }) },
    drive.now(),
  );
  if (gateway !== undefined) stack.routes.add({ prefix: UNSPECIFIED, prefixLength: 0, gateway, device: device.index });
  return { stack, drive, device };
};
