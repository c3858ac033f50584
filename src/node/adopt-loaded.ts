/** When `net` and `dgram` were loaded before us, as in a child with an IPC channel, they hold Node's own handle classes for good. Then it is
 *  those classes that make room: their calls go to a handle of ours, which takes the place of the native one under the socket. */

import { kernelTcps } from "./dispatch-tcp.js";
import { KernelUdpHandle, kernelUdps } from "./dispatch-udp.js";
import { ownerOf, passOwner } from "./internals.js";
import { type KernelTcp, KernelTcpHandle } from "./kernel-tcp.js";
import { HandleType, type TcpHandle } from "./tcp-handle.js";
import type { UdpHandle } from "./udp-handle.js";

type Call = (this: object, ...rest: unknown[]) => unknown;
type Methods = Record<string, Call>;

/** True when it is too late to put other classes in the place of Node's. */
export const isNetLoaded = (): boolean => {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  return moduleLoadList.includes("NativeModule net") || moduleLoadList.includes("NativeModule dgram");
};

export function adoptLoaded(makeTcp: (type: number) => TcpHandle, makeUdp: () => UdpHandle): void {
  adoptTcp(makeTcp);
  adoptUdp(makeUdp);
}

function adoptTcp(make: (type: number) => TcpHandle): void {
  const prototype = KernelTcpHandle.prototype as unknown as Methods;
  const ours = new WeakMap<object, TcpHandle>();
  const handleOf = (native: object): TcpHandle => {
    const known = ours.get(native);
    if (known !== undefined) return known;
    // A server binds before it owns its handle, a socket afterwards.
    const handle = make(ownerOf(native) === null ? HandleType.Server : HandleType.Socket);
    ours.set(native, handle);
    return handle;
  };
  const replace = (name: string, call: (native: KernelTcp, rest: unknown[]) => unknown): void => {
    const original = prototype[name]!;
    prototype[name] = function adopted(...rest) {
      return kernelTcps.has(this) ? original.apply(this, rest) : call(this as KernelTcp, rest);
    };
  };
  for (const name of ["bind", "bind6", "getsockname"] as const)
    replace(name, (native, rest) => (handleOf(native) as unknown as Methods)[name]!(...rest));
  for (const name of ["listen", "connect", "connect6"] as const)
    replace(name, (native, rest) => {
      const handle = handleOf(native);
      takePlace(native, handle);
      return (handle as unknown as Methods)[name]!(...rest);
    });
}

function takePlace(native: KernelTcp, handle: TcpHandle): void {
  const owner = ownerOf(native);
  if (owner === null) return;
  passOwner(native, handle as TcpHandle & { onconnection?: unknown });
  if (!(native as unknown as { hasRef(): boolean }).hasRef()) handle.unref();
  owner._handle = handle;
  native.close();
}

function adoptUdp(make: () => UdpHandle): void {
  const prototype = KernelUdpHandle.prototype as unknown as Methods;
  const ours = new WeakMap<object, UdpHandle>();
  const handleOf = (native: { onmessage?: unknown }): UdpHandle => {
    const known = ours.get(native);
    if (known !== undefined) return known;
    const handle = make();
    handle.onmessage = (octets, _handle, buffer, from) =>
      (native.onmessage as ((...rest: unknown[]) => void) | undefined)?.(octets, native, buffer, from);
    ours.set(native, handle);
    return handle;
  };
  for (const name of adopted) {
    const original = prototype[name]!;
    prototype[name] = function adopted(...rest) {
      return kernelUdps.has(this) ? original.apply(this, rest) : (handleOf(this) as unknown as Methods)[name]!(...rest);
    };
  }
  // What the native handle must hear, too.
  for (const name of ["close", "ref", "unref"]) {
    const original = prototype[name]!;
    prototype[name] = function adopted(...rest) {
      const handle = ours.get(this) as unknown as Methods | undefined;
      if (handle !== undefined) handle[name]!();
      return original.apply(this, rest);
    };
  }
}

const adopted: readonly (keyof UdpHandle & string)[] = [
  "bind",
  "bind6",
  "connect",
  "connect6",
  "disconnect",
  "send",
  "send6",
  "recvStart",
  "recvStop",
  "getsockname",
  "getpeername",
  "addMembership",
  "dropMembership",
  "addSourceSpecificMembership",
  "dropSourceSpecificMembership",
  "setMulticastInterface",
  "setMulticastTTL",
  "setMulticastLoopback",
  "setBroadcast",
  "setTTL",
  "bufferSize",
  "getSendQueueSize",
  "getSendQueueCount",
];
