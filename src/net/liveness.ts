/** Keeps Node's event loop alive while sockets and servers want it: a stack in memory has no file descriptor that would. */
import type { NetDrive } from "./raw.js";

/** A timer does nothing but exist; setTimeout cannot hold a longer delay. */
const FOR_EVER = 2 ** 31 - 1;
const holders = new WeakMap<NetDrive, { count: number; timer: NodeJS.Timeout | null }>();

export function hold(drive: NetDrive): void {
  let holder = holders.get(drive);
  if (holder === undefined) holders.set(drive, (holder = { count: 0, timer: null }));
  holder.count += 1;
  holder.timer ??= setInterval(() => {}, FOR_EVER);
}

export function release(drive: NetDrive): void {
  const holder = holders.get(drive);
  if (holder === undefined || --holder.count > 0) return;
  if (holder.timer !== null) clearInterval(holder.timer);
  holder.timer = null;
}
