/** Groups that a stack's devices have joined — RFC 1112 s7.1. */
import type { IpAddress } from "../ip/address.js";
import type { Device } from "./device.js";
import type { Stack } from "./stack.js";

// Deviation: igmp
/** Begins reception of a group on a device (index -1: that of the route); returns the device, or null when it is not possible. */
export function joinGroup(stack: Stack, group: IpAddress, index: number): Device | null {
  const by = index >= 0 ? index : (stack.routes.lookup(group, -1, stack.ip.now)?.device ?? stack.ip.firstDevice);
  const device = stack.devices[by];
  if (device === undefined || !device.attached) return null;
  const known = device.groups.find((held) => held.group === group);
  if (known !== undefined) known.members += 1;
  else if (device.groups.length >= stack.limits.groups) return null;
  else device.groups.push({ group, members: 1 });
  return device;
}

/** Undoes one `joinGroup` on the device that it returned. */
export function leaveGroup(group: IpAddress, device: Device): void {
  const held = device.groups.find((candidate) => candidate.group === group);
  if (held === undefined) return;
  held.members -= 1;
  if (held.members === 0) device.groups.splice(device.groups.indexOf(held), 1);
}
