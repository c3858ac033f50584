/** `dgram` over a stack: Node's own sockets, each with a handle of ours. */
import dgram from "node:dgram";
import type { Host } from "../host.js";
import { ownerKey } from "../internals.js";
import { UdpHandle } from "../udp-handle.js";
import type { Lookup } from "./net.js";

export interface StackDgram {
  readonly Socket: typeof dgram.Socket;
  createSocket(type: dgram.SocketType, listener?: MessageListener): dgram.Socket;
  createSocket(options: dgram.SocketOptions, listener?: MessageListener): dgram.Socket;
}

type MessageListener = (message: Buffer, from: dgram.RemoteInfo) => void;

interface KernelHandle {
  lookup: unknown;
  close(): void;
}

export function dgramOver(host: Host, lookup: Lookup | undefined): StackDgram {
  const Plain = dgram.Socket as unknown as new (options: dgram.SocketOptions, listener?: MessageListener) => dgram.Socket;
  class Socket extends Plain {
    constructor(type: dgram.SocketType | dgram.SocketOptions, listener?: MessageListener) {
      const options = typeof type === "string" ? { type } : type;
      const named = lookup === undefined || options.lookup !== undefined ? options : { ...options, lookup };
      super(named as dgram.SocketOptions, listener);
      replaceHandle(this, new UdpHandle(host), options.type);
    }
  }
  return {
    Socket: Socket as unknown as typeof dgram.Socket,
    createSocket: (type: dgram.SocketType | dgram.SocketOptions, listener?: MessageListener) => new Socket(type, listener),
  };
}

/** A socket has made a handle of its own already, and keeps it in a state that only it can name. */
function replaceHandle(socket: dgram.Socket, handle: UdpHandle, type: dgram.SocketType): void {
  const key = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === "state symbol");
  if (key === undefined) throw new Error("this Node keeps the handle of a dgram.Socket elsewhere: use Stack.udp");
  const state = (socket as unknown as Record<symbol, { handle: KernelHandle }>)[key]!;
  const owner = ownerKey(state.handle);
  const names = type === "udp6" ? { bind: handle.bind6, connect: handle.connect6, send: handle.send6 } : {};
  Object.assign(handle, names, { lookup: state.handle.lookup });
  if (owner !== undefined) (handle as unknown as Record<symbol, unknown>)[owner] = socket;
  state.handle.close();
  state.handle = handle as unknown as KernelHandle;
}
