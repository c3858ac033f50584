/** Packets between two processes, or two threads, over a socket of the file system's kind: it needs no network of the kernel's. Each packet goes
 *  behind its length in 32 bits. */
import { binding, type NativeStream, type Request, readResult, relayWrite, ShutdownWrap } from "../internals.js";

/** Node's own handle of such a socket. */
interface Pipe extends NativeStream {
  onconnection: unknown;
  bind(name: string): number;
  listen(backlog: number): number;
  /** Node 22 and later return an error that there was at once. */
  connect(request: Request, name: string): number | undefined;
  writev(request: Request | null, chunks: unknown[], allBuffers: boolean): number | Request;
  shutdown(request: Request): number;
  close(callback?: () => void): void;
  unref(): void;
}

const { Pipe, PipeConnectWrap } = binding("pipe_wrap") as unknown as {
  readonly Pipe: new (type: number) => Pipe;
  readonly PipeConnectWrap: new () => Request;
};
const SOCKET = 0;
const SERVER = 1;
const BACKLOG = 511;

const PREFIX = 4;
const LARGEST = 65_535;

/** Where others may call. Nothing here keeps the process alive. */
export class Door {
  readonly #pipe: Pipe;

  /** Null: somebody has that name. */
  static at(name: string): Door | null {
    const pipe = new Pipe(SERVER);
    pipe.unref();
    if (pipe.bind(name) === 0) return new Door(pipe);
    pipe.close();
    return null;
  }

  private constructor(pipe: Pipe) {
    this.#pipe = pipe;
  }

  open(called: (pipe: FramePipe) => void): void {
    this.#pipe.onconnection = (status: number, pipe: Pipe) => {
      if (status !== 0) return;
      pipe.unref();
      called(new FramePipe(pipe, true));
    };
    this.#pipe.listen(BACKLOG);
  }

  close(): void {
    this.#pipe.close();
  }
}

export class FramePipe {
  /** Valid during the call. */
  onFrame: ((frame: Uint8Array) => void) | null = null;
  /** The other side has said its last, or is gone. */
  onEnd: (() => void) | null = null;
  readonly #pipe: Pipe;
  #open: boolean;
  /** What was said before the other side had answered. */
  #early: Buffer[] = [];
  #rest: Uint8Array | null = null;
  #closed = false;

  /** `answered`: false when nobody is there. */
  static dial(name: string, answered: (isThere: boolean) => void): FramePipe {
    const pipe = new Pipe(SOCKET);
    pipe.unref();
    const frames = new FramePipe(pipe, false);
    const request = new PipeConnectWrap();
    const settle = (status: number): void => {
      if (frames.#closed) return;
      if (status === 0) frames.#begin();
      else frames.close();
      answered(status === 0);
    };
    request.oncomplete = settle;
    const refused = pipe.connect(request, name);
    if (refused !== undefined && refused !== 0) process.nextTick(settle, refused);
    return frames;
  }

  constructor(pipe: Pipe, open: boolean) {
    this.#pipe = pipe;
    this.#open = false;
    if (open) this.#begin();
  }

  #begin(): void {
    this.#open = true;
    this.#pipe.onread = (memory) => this.#arrives(memory as ArrayBuffer | undefined);
    this.#pipe.readStart();
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.#write(frame);
  }

  send(source: Uint8Array, start: number, end: number): void {
    if (this.#closed) return;
    const frame = Buffer.allocUnsafe(PREFIX + end - start);
    frame.writeUInt32BE(end - start);
    frame.set(source.subarray(start, end), PREFIX);
    if (this.#open) this.#write(frame);
    else this.#early.push(frame);
  }

  /** What nobody has heard, because nobody was there. */
  unsent(): Uint8Array[] {
    return this.#early.splice(0).map((frame) => frame.subarray(PREFIX));
  }

  /** How much waits until the other side has answered. */
  get waiting(): number {
    return this.#early.length;
  }

  #write(frame: Buffer): void {
    relayWrite(this.#pipe, [frame], () => {});
  }

  #arrives(memory: ArrayBuffer | undefined): void {
    const read = readResult(memory);
    if (read === null) {
      const ended = this.onEnd;
      this.close();
      ended?.();
      return;
    }
    let octets = read;
    if (this.#rest !== null) octets = Buffer.concat([this.#rest, read]);
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    let at = 0;
    while (octets.length - at >= PREFIX && !this.#closed) {
      const length = view.getUint32(at);
      if (length === 0 || length > LARGEST) return this.#arrives(undefined);
      if (octets.length - at - PREFIX < length) break;
      this.onFrame?.(octets.subarray(at + PREFIX, at + PREFIX + length));
      at += PREFIX + length;
    }
    this.#rest = at === octets.length ? null : octets.slice(at);
  }

  /** Closes behind what was sent. */
  finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    const request = new ShutdownWrap();
    request.oncomplete = () => this.#pipe.close();
    if (!this.#open || this.#pipe.shutdown(request) !== 0) this.#pipe.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pipe.close();
  }
}
