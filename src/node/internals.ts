/** What a handle under Node's own `net` needs of Node's internals, and Node hands out by `process.binding`: the native stream that TLS, HTTP and
 *  HTTP/2 accept, and the words in which handles and `net` speak. The shapes are those of Node 20 to 26.
 *
 *  Nothing in this folder may import `node:net`, `node:dgram` or what builds on them: a preload has to be there before them. */
import { constants } from "node:os";
import type { ErrorCode } from "../base/errors.js";

/** A request object of `net`: it is told how it ended. */
export interface Request {
  oncomplete?: (status: number, ...rest: unknown[]) => void;
  /** Node 26 reads it back to learn whether a write has ended before it could listen. */
  writeStatus?: number | null;
  /** What is being written: native code does not keep it from being collected. */
  buffers?: unknown[];
}

/** The native stream: what its prototype gives. */
export interface NativeStream {
  onread: ((octets: unknown) => unknown) | undefined;
  readonly bytesRead: number;
  readStart(): number;
  readBuffer(octets: Uint8Array): void;
  emitEOF(): void;
  finishWrite(request: object, status: number): void;
  finishShutdown(request: object, status: number): void;
  useUserBuffer(buffer: Uint8Array): number;
  getAsyncId(): number;
}

interface StreamWrap {
  readonly WriteWrap: new () => Request;
  readonly ShutdownWrap: new () => Request;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
  /** Node 26. */
  readonly kLastWriteErr?: number;
  readonly streamBaseState: Int32Array;
}

interface TlsWrap {
  wrap(handle: object, ...rest: unknown[]): NativeStream;
}

/** One of Node's internal modules. Fails under `--permission`, where `onwire/net` is the way to go. */
export function binding(name: string): Record<string, unknown> {
  const internal = process as unknown as { binding(name: string): Record<string, unknown> };
  try {
    return silently(() => internal.binding(name));
  } catch (cause) {
    const message = `process.binding("${name}") is not to be had in this process: use the sockets of onwire/net, which need no handle`;
    throw Object.assign(new Error(message, { cause }), { code: "ERR_ACCESS_DENIED" });
  }
}

/** DEP0111 is about that very call, and the program that runs on us has not made it. */
function silently<T>(call: () => T): T {
  const before = Object.getOwnPropertyDescriptor(process, "noDeprecation");
  if (before !== undefined && !before.configurable) return call();
  Object.defineProperty(process, "noDeprecation", { value: true, configurable: true });
  try {
    return call();
  } finally {
    if (before === undefined) delete (process as { noDeprecation?: boolean }).noDeprecation;
    else Object.defineProperty(process, "noDeprecation", before);
  }
}

const streamWrap = binding("stream_wrap") as unknown as StreamWrap;

export const JSStream = binding("js_stream").JSStream as new () => NativeStream;
export const { ShutdownWrap, WriteWrap } = streamWrap;

/** What `net` reads after a write: the octets of it, and whether its end is still to come. */
export function noteWrite(octets: number, isAsync: boolean): void {
  const { streamBaseState, kBytesWritten, kLastWriteWasAsync, kLastWriteErr } = streamWrap;
  streamBaseState[kBytesWritten] = octets;
  streamBaseState[kLastWriteWasAsync] = isAsync ? 1 : 0;
  if (kLastWriteErr !== undefined) streamBaseState[kLastWriteErr] = 0;
}

/** Tells the reader on top of a handle that reading has failed. The native stream has no call for it. */
export function readError(stream: NativeStream, status: number): void {
  streamWrap.streamBaseState[streamWrap.kReadBytesOrError] = status;
  stream.onread?.(undefined);
}

const errnos: Readonly<Record<string, number>> = constants.errno;

const UV_EOF = -4095;

/** What a handle of the kernel's has read; null: the end, or an error. */
export function readResult(memory: ArrayBuffer | undefined): Uint8Array | null {
  const { streamBaseState, kReadBytesOrError, kArrayBufferOffset } = streamWrap;
  const octets = streamBaseState[kReadBytesOrError]!;
  return octets > 0 && memory !== undefined ? new Uint8Array(memory, streamBaseState[kArrayBufferOffset], octets) : null;
}

/** What a handle of the kernel's has read, to the stream on top of ours. */
export function relayRead(stream: NativeStream, memory: ArrayBuffer | undefined): void {
  const { streamBaseState, kReadBytesOrError } = streamWrap;
  const octets = streamBaseState[kReadBytesOrError]!;
  const read = readResult(memory);
  if (read !== null) stream.readBuffer(read);
  else if (octets === UV_EOF) stream.emitEOF();
  else if (octets < 0) readError(readerOf(stream), octets);
}

/** Writes to a handle of the kernel's, and tells how it has ended: at once, or later. Returns an error that there was at once. */
export function relayWrite(
  kernel: { writev(request: Request | null, chunks: unknown[], allBuffers: boolean): number | Request },
  buffers: unknown[],
  done: (status: number) => void,
): number {
  const { streamBaseState, kLastWriteWasAsync, kLastWriteErr } = streamWrap;
  const request = new WriteWrap();
  request.oncomplete = done;
  request.buffers = buffers;
  const result = kernel.writev(kLastWriteErr === undefined ? request : null, buffers, true);
  if (typeof result !== "number") {
    result.oncomplete = done;
    result.buffers = buffers;
    if (typeof result.writeStatus === "number") done(result.writeStatus);
    return 0;
  }
  if (result === 0 && (kLastWriteErr !== undefined || streamBaseState[kLastWriteWasAsync] === 0)) done(0);
  return result;
}

/** The key under which `net` keeps whose handle it is. */
export function ownerKey(handle: object): symbol | undefined {
  return Object.getOwnPropertySymbols(handle).find((symbol) => symbol.description === "owner_symbol");
}

/** Whose handle it is: a socket or a server; null: nobody's yet. */
export function ownerOf(handle: object): { _handle?: unknown } | null {
  const key = ownerKey(handle);
  return key === undefined ? null : ((handle as Record<symbol, object | null>)[key] ?? null);
}

/** Makes another handle that owner's, with what the owner wants to hear of it. */
export function passOwner(from: NativeStream & { onconnection?: unknown }, to: NativeStream & { onconnection?: unknown }): void {
  const key = ownerKey(from);
  if (key === undefined) return;
  (to as unknown as Record<symbol, unknown>)[key] = (from as unknown as Record<symbol, unknown>)[key];
  if (typeof from.onread === "function") to.onread = from.onread;
  to.onconnection = from.onconnection;
}

/** The number that libuv has for an error here; negative. */
export const errno = (code: ErrorCode | "ECANCELED" | "EALREADY" | "EAFNOSUPPORT"): number => -(errnos[code] ?? errnos.EIO ?? 5);

/** The TLS stream on top of a handle: it hears of read errors in its stead. */
const tlsOf = new WeakMap<object, NativeStream>();
export const hasTls = (handle: object): boolean => tlsOf.has(handle);
export const readerOf = (handle: NativeStream): NativeStream => tlsOf.get(handle) ?? handle;

/** Notes who puts TLS on which handle. Does nothing in a Node without TLS, or the second time. */
export function watchTls(): void {
  const tls = binding("tls_wrap") as unknown as TlsWrap;
  const { wrap } = tls;
  if (watched.has(wrap)) return;
  tls.wrap = (handle, ...rest) => {
    const stream = wrap(handle, ...rest);
    if (handle instanceof JSStream) tlsOf.set(handle, stream);
    return stream;
  };
  watched.add(tls.wrap);
}
const watched = new WeakSet<object>();

/** Makes `instanceof TCP`, by which `net` tells a handle of its own, true of ours. */
export function passAsTcp(isOurs: (value: unknown) => boolean): void {
  const { TCP } = binding("tcp_wrap") as { TCP: { prototype: object } };
  if (Object.hasOwn(TCP, Symbol.hasInstance)) return;
  Object.defineProperty(TCP, Symbol.hasInstance, {
    value: (value: unknown) =>
      isOurs(value) || (typeof value === "object" && value !== null && Object.prototype.isPrototypeOf.call(TCP.prototype, value)),
  });
}

/** A handle that is sent to another process is sent by what the kernel knows of it. Of ours it knows nothing, and Node would take it for what it
 *  is not, and crash. */
export function refuseToSend(isOurs: (handle: unknown) => boolean): void {
  const { Pipe } = binding("pipe_wrap") as { Pipe: { prototype: Record<string, unknown> } };
  if (refusing.has(Pipe)) return;
  refusing.add(Pipe);
  const write = Pipe.prototype.writeUtf8String as (request: unknown, text: string, handle?: unknown) => number;
  Pipe.prototype.writeUtf8String = function writeUtf8String(this: object, request: unknown, text: string, handle?: unknown): number {
    if (!isOurs(handle)) return write.call(this, request, text, handle);
    throw Object.assign(
      new TypeError("a socket of the onwire stack lives in this process and cannot be sent to another: hand on what it reads and writes"),
      { code: "ERR_INVALID_HANDLE_TYPE" },
    );
  };
}
const refusing = new WeakSet<object>();

/** What Node does between two callbacks of its own: next ticks and promises have their turn. */
export const runTicks: () => void = (process as unknown as { _tickCallback?: () => void })._tickCallback ?? (() => {});
