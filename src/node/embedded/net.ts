/** `net` over a stack: Node's own sockets and servers, each with a handle of ours. What is a `net.Socket` stays one. */
import cluster from "node:cluster";
import net from "node:net";
import { UNSPECIFIED } from "../../ip/address.js";
import type { Host } from "../host.js";
import { KernelTcpHandle } from "../kernel-tcp.js";
import { parseName } from "../names.js";
import { HandleType, TcpHandle } from "../tcp-handle.js";

/** As `dns.lookup`. */
export type Lookup = NonNullable<net.TcpSocketConnectOpts["lookup"]>;

type Listener = () => void;

/** What `net` has under a server, and is no part of its types. */
interface ServerInside {
  _handle: TcpHandle | null;
  _listen2(address: string | null, port: number, family: number, backlog: number, descriptor?: number, flags?: number): void;
}

const IPV6_ONLY = 1;

/** Gives a server its handles from the stack: also one of `http`, `https`, `http2` or `tls`. Returns the server. */
export function adoptServer<S extends net.Server>(host: Host, server: S): S {
  const inside = server as unknown as ServerInside;
  const listen = inside._listen2;
  inside._listen2 = function (address, port, family, backlog, descriptor, flags = 0) {
    const isTcp = port !== null && port >= 0 && typeof descriptor !== "number";
    if (isTcp && this._handle === null) this._handle = bound(host, address, port, family, flags);
    // A handle that could not be bound says so when it is to listen: then net has its own words for it.
    const [name, kind] = address === null && isTcp ? ["::", 6] : [address, family];
    listen.call(this, name, port, kind, backlog, descriptor, flags);
  };
  if (cluster.isWorker) listenAlone(server);
  return server;
}

function bound(host: Host, address: string | null, port: number, family: number, flags: number): TcpHandle {
  const handle = new TcpHandle(host, HandleType.Server);
  const named = parseName(address ?? "::", address === null || family === 6 ? 6 : 4);
  const status =
    named === UNSPECIFIED && address === null
      ? handle.bind6("::", port, flags & ~IPV6_ONLY)
      : family === 6
        ? handle.bind6(address, port, flags)
        : handle.bind(address, port, flags);
  if (status !== 0) handle.failWith(status);
  return handle;
}

/** In a worker of a cluster, `net` asks the primary to listen: which would do so with the kernel. */
function listenAlone(server: net.Server): void {
  const listen = server.listen as (...rest: unknown[]) => net.Server;
  server.listen = ((...rest: unknown[]) => {
    const [options] = rest;
    if (typeof options === "object" && options !== null) return listen.call(server, { ...options, exclusive: true }, ...rest.slice(1));
    const [port, address] = rest;
    const listener = rest.find((value) => typeof value === "function");
    const backlog = rest.find((value, i) => i > 0 && typeof value === "number");
    const named = { port: typeof port === "function" ? 0 : port, backlog, exclusive: true };
    return listen.call(server, typeof address === "string" ? { ...named, host: address } : named, listener);
  }) as net.Server["listen"];
}

/** The module `net`, as far as it makes sockets. */
export interface StackNet {
  readonly Socket: typeof net.Socket;
  readonly Server: typeof net.Server;
  connect(options: net.NetConnectOpts, listener?: Listener): net.Socket;
  connect(port: number, host?: string, listener?: Listener): net.Socket;
  connect(port: number, listener?: Listener): net.Socket;
  readonly createConnection: StackNet["connect"];
  createServer(listener?: (socket: net.Socket) => void): net.Server;
  createServer(options: net.ServerOpts, listener?: (socket: net.Socket) => void): net.Server;
}

/** `lookup`: how names are resolved that sockets connect to, unless they say themselves. */
export function netOver(host: Host, lookup: Lookup | undefined): StackNet {
  class Socket extends net.Socket {
    /** `net` makes a handle of its own whenever it wants one: for each attempt, and for each address of a name. */
    get _handle(): unknown {
      return handleOf.get?.call(this);
    }

    set _handle(handle: unknown) {
      const isAnothers = handle instanceof KernelTcpHandle && !(handle instanceof TcpHandle && handle.belongsTo(host));
      if (isAnothers) (handle as { close(): void }).close();
      handleOf.set?.call(this, isAnothers ? new TcpHandle(host, HandleType.Socket) : handle);
    }

    override connect(...rest: unknown[]): this {
      return Reflect.apply(net.Socket.prototype.connect, this, [withLookup(rest, lookup)]) as this;
    }
  }
  class Server extends net.Server {
    constructor(...rest: unknown[]) {
      super(...(rest as [net.ServerOpts]));
      adoptServer(host, this);
    }
  }
  const connect = ((...rest: unknown[]): net.Socket => {
    const normal = normalized(rest);
    const options = normal[0] as net.TcpSocketConnectOpts & { timeout?: number };
    const socket = new Socket(options as net.SocketConstructorOpts);
    if (options.timeout) socket.setTimeout(options.timeout);
    return Reflect.apply(socket.connect, socket, [normal]) as net.Socket;
  }) as StackNet["connect"];
  return {
    Socket: Socket as typeof net.Socket,
    Server: Server as typeof net.Server,
    connect,
    createConnection: connect,
    createServer: (...rest: unknown[]) => new Server(...rest),
  };
}

/** The accessor under which `net` keeps the handle of a socket. */
const handleOf = Object.getOwnPropertyDescriptor(net.Socket.prototype, "_handle") ?? {};

/** What was given to `connect`, as [options, listener]; `net` knows such an array by a mark of its own. */
function normalized(rest: unknown[]): unknown[] {
  const [first] = rest;
  if (Array.isArray(first)) return first;
  return (net as unknown as { _normalizeArgs(rest: unknown[]): unknown[] })._normalizeArgs(rest);
}

function withLookup(rest: unknown[], lookup: Lookup | undefined): unknown[] {
  const normal = normalized(rest);
  const options = normal[0] as net.TcpSocketConnectOpts;
  if (lookup !== undefined && options.lookup === undefined) normal[0] = { ...options, lookup };
  return normal;
}
