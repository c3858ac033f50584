/** Node's own TCP handle: what net has under its sockets unless we are there. */
import { binding, type NativeStream, type Request } from "./internals.js";
import type { SocketName } from "./names.js";

export interface KernelTcp extends NativeStream {
  onconnection: unknown;
  readonly fd: number;
  readonly bytesWritten: number;
  open(descriptor: number): number;
  bind(address: unknown, port: unknown, flags?: number): number;
  bind6(address: unknown, port: unknown, flags?: number): number;
  listen(backlog: number): number;
  connect(request: Request, address: unknown, port: unknown): number;
  connect6(request: Request, address: unknown, port: unknown): number;
  getsockname(out: SocketName): number;
  getpeername(out: SocketName): number;
  setNoDelay(noDelay: boolean): number;
  setKeepAlive(enable: boolean, delay: number): number;
  readStop(): number;
  writev(request: Request | null, chunks: unknown[], allBuffers: boolean): number | Request;
  shutdown(request: Request): number;
  reset(callback?: () => void): number;
  close(callback?: () => void): void;
  ref(): void;
  unref(): void;
}

export const KernelTcpHandle = binding("tcp_wrap").TCP as new (type: number) => KernelTcp;
