/** Groups that a stack's devices have joined — RFC 1112 s7.1. */
import type { IpAddress } from "../ip/address.js";
import type { Device } from "./device.js";
import type { Stack } from "./stack.js";

// Deviation: igmp
/** Begins reception of a group on a device (-1: that of the route); returns the device's index, or -1 when it is not possible. */
export function joinGroup(stack: Stack, group: IpAddress, index: number): number {
  const by = index >= 0 ? index : (stack.routes.lookup(group, -1, stack.ip.now)?.device ?? stack.ip.firstDevice);
  const device = deviceAt(stack, by);
  if (device === null) return -1;
  const known = device.groups.find((held) => held.group === group);
  if (known !== undefined) known.members += 1;
  else if (device.groups.length >= stack.limits.groups) return -1;
  else device.groups.push({ group, members: 1 });
  return by;
}

/** Undoes one `joinGroup` on the device that it returned. */
export function leaveGroup(stack: Stack, group: IpAddress, index: number): void {
  const device = deviceAt(stack, index);
  const held = device?.groups.find((candidate) => candidate.group === group);
  if (device === null || held === undefined) return;
  held.members -= 1;
  if (held.members === 0) device.groups.splice(device.groups.indexOf(held), 1);
}

function deviceAt(stack: Stack, index: number): Device | null {
  const device = stack.devices[index];
  return device?.attached === true ? device : null;
}
