/** A listener as an event emitter: `net.Server` in shape and manners, over the raw API of a stack. */
import { EventEmitter } from "node:events";
import { networkError } from "../base/errors.js";
import { formatIp } from "../ip/address.js";
import type { ConnectionOptions } from "../tcp/connection-options.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import { hold, release } from "./liveness.js";
import type { NetDrive } from "./raw.js";
import { type AddressInfo, addressOf, portOf, Socket, type SocketOptions } from "./socket.js";

export interface ServerOptions extends Omit<SocketOptions, "signal"> {
  /** Accepted sockets read nothing until `resume`: to hand them on untouched. */
  readonly pauseOnConnect?: boolean | undefined;
  /** Further options of all connections, such as `receiveBuffer`. */
  readonly tcp?: Partial<ConnectionOptions> | undefined;
}

export interface ListenOptions {
  /** 0 or absent: a free one. */
  readonly port?: number | undefined;
  /** An address of the stack; absent or "0.0.0.0": all. `host` is the same. */
  readonly address?: string | undefined;
  readonly host?: string | undefined;
  /** Connections that may wait to be accepted. */
  readonly backlog?: number | undefined;
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined;
}

/** Events: `listening`, `connection` (socket), `drop` (what was refused beyond `maxConnections`), `error`, `close`. */
export class Server extends EventEmitter implements Application {
  /** Connections beyond so many are reset at once. */
  maxConnections: number | undefined = undefined;

  readonly #drive: NetDrive;
  readonly #options: ServerOptions;
  #handle = 0;
  #connections = 0;
  #referenced = true;
  #holding = false;

  constructor(drive: NetDrive, options: ServerOptions = {}, listener?: (socket: Socket) => void) {
    super();
    this.#drive = drive;
    this.#options = options;
    if (listener !== undefined) this.on("connection", listener);
  }

  get listening(): boolean {
    return this.#handle !== 0;
  }

  /** The handle of the listener in the stack, 0 when there is none. */
  get handle(): number {
    return this.#handle;
  }

  /** Begins to accept connections: with options, or with a port and an address. Emits `listening`, or `error`. */
  listen(options?: ListenOptions, listener?: () => void): this;
  listen(port: number, address?: string, listener?: () => void): this;
  listen(port: number, listener?: () => void): this;
  listen(first: ListenOptions | number = {}, second?: string | (() => void), third?: () => void): this {
    const options: ListenOptions =
      typeof first === "object" ? first : { port: first, ...(typeof second === "string" ? { address: second } : {}) };
    const listener = typeof second === "function" ? second : third;
    if (this.#handle !== 0)
      throw Object.assign(new Error("listen: this server listens already: close it first, or make another"), {
        code: "ERR_SERVER_ALREADY_LISTEN",
      });
    const port = portOf(options.port ?? 0);
    if (listener !== undefined) this.once("listening", listener);
    try {
      const host = options.address ?? options.host;
      this.#handle = this.#drive.stack.tcp.listen(
        {
          port,
          ...(host === undefined || host === "0.0.0.0" ? {} : { local: addressOf(host === "localhost" ? "127.0.0.1" : host, "address") }),
          ...(options.backlog === undefined ? {} : { backlog: options.backlog }),
          ...this.#options.tcp,
        },
        this,
      );
    } catch (error) {
      process.nextTick(() => this.emit("error", error));
      return this;
    }
    this.#keepLoop();
    if (options.signal?.aborted) this.close();
    else options.signal?.addEventListener("abort", () => this.close(), { once: true });
    process.nextTick(() => {
      if (this.#handle !== 0) this.emit("listening");
    });
    return this;
  }

  /** Where the server listens, or null. */
  address(): AddressInfo | null {
    if (this.#handle === 0) return null;
    const { local, localPort } = this.#drive.stack.tcp.endpointsOf(this.#handle);
    return { address: formatIp(local), family: "IPv4", port: localPort };
  }

  /** Accepts no more; `close` is emitted when the last connection has ended. */
  close(listener?: (error?: Error) => void): this {
    if (this.#handle === 0) {
      if (listener !== undefined) {
        const error = Object.assign(new Error("Server is not running."), { code: "ERR_SERVER_NOT_RUNNING" });
        this.once("close", () => listener(error));
      }
    } else {
      if (listener !== undefined) this.once("close", () => listener());
      this.#drive.stack.tcp.close(this.#handle, this.#drive.now());
      this.#handle = 0;
      this.#keepLoop();
    }
    this.#closeWhenIdle();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#handle === 0) return;
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.#connections);
    return this;
  }

  ref(): this {
    this.#referenced = true;
    this.#keepLoop();
    return this;
  }

  unref(): this {
    this.#referenced = false;
    this.#keepLoop();
    return this;
  }

  /** Events of the stack, after the turn. What a listener throws is reported as uncaught, and the next connection is accepted. */
  onEvents(handle: number, events: number): void {
    if (handle !== this.#handle || !(events & (TcpEvent.Acceptable | TcpEvent.Closed))) return;
    const tcp = this.#drive.stack.tcp;
    while (this.#handle !== 0) {
      const accepted = tcp.accept(this.#handle);
      if (accepted === 0) break;
      try {
        this.#accept(accepted);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
    if (events & TcpEvent.Closed && this.#handle !== 0) this.#broken();
  }

  #accept(handle: number): void {
    const tcp = this.#drive.stack.tcp;
    if (this.maxConnections !== undefined && this.#connections >= this.maxConnections) {
      const { local, localPort, remote, remotePort } = tcp.endpointsOf(handle);
      tcp.abort(handle, this.#drive.now());
      this.emit("drop", { localAddress: formatIp(local), localPort, remoteAddress: formatIp(remote), remotePort, remoteFamily: "IPv4" });
      return;
    }
    const socket = new Socket(this.#drive, this.#options);
    this.#connections += 1;
    socket.server = this;
    socket.once("close", () => {
      this.#connections -= 1;
      this.#closeWhenIdle();
    });
    const paused = this.#options.pauseOnConnect === true;
    if (paused) socket.pause();
    socket.adopt(handle, !paused);
    this.emit("connection", socket);
  }

  /** The stack has closed under the listener. */
  #broken(): void {
    const code = this.#drive.stack.tcp.errorOf(this.#handle);
    this.#drive.stack.tcp.close(this.#handle, this.#drive.now());
    this.#handle = 0;
    this.#keepLoop();
    if (code !== null) this.emit("error", networkError(code, "accept", ""));
    this.#closeWhenIdle();
  }

  #closeWhenIdle(): void {
    if (this.#handle !== 0 || this.#connections > 0) return;
    process.nextTick(() => {
      if (this.#handle === 0 && this.#connections === 0) this.emit("close");
    });
  }

  #keepLoop(): void {
    const wanted = this.#referenced && this.#handle !== 0;
    if (wanted === this.#holding) return;
    this.#holding = wanted;
    if (wanted) hold(this.#drive);
    else release(this.#drive);
  }
}

/** A server, as `net.createServer`: `createServer(drive, socket => ...).listen({ port: 80 })`. */
export function createServer(drive: NetDrive, listener?: (socket: Socket) => void): Server;
export function createServer(drive: NetDrive, options: ServerOptions, listener?: (socket: Socket) => void): Server;
export function createServer(
  drive: NetDrive,
  first?: ServerOptions | ((socket: Socket) => void),
  second?: (socket: Socket) => void,
): Server {
  return typeof first === "function" ? new Server(drive, {}, first) : new Server(drive, first, second);
}
