/** The two sides that a proxy or a forwarder stands between: the kernel's sockets and ours, in one shape. */
import { once } from "node:events";
import { createServer as createKernelServer, type Socket as KernelSocket, connect as kernelConnect } from "node:net";
import type { Duplex } from "node:stream";
import type { Drive } from "../drive/drive.js";
import { createServer } from "../net/server.js";
import { connect, type Lookup, type Socket } from "../net/socket.js";
import type { Dial } from "../proxy/socks-server.js";

/** Connections that one listener holds at once: each is two sockets. */
const MOST_CONNECTIONS = 4_096;

export interface Listening {
  readonly address: string;
  readonly port: number;
  close(): void;
}

export interface Side {
  /** "kernel", "stack": for what is said. */
  readonly name: string;
  readonly dial: Dial;
  listen(address: string | undefined, port: number, serve: (client: Duplex) => void): Promise<Listening>;
}

export const kernelSide: Side = {
  name: "kernel",
  dial: (host, port) => dialled(kernelConnect({ host, port, allowHalfOpen: true, noDelay: true })),
  async listen(address, port, serve) {
    const server = createKernelServer({ allowHalfOpen: true, noDelay: true }, serve);
    server.maxConnections = MOST_CONNECTIONS;
    return listening(server, () => server.listen(port, address));
  },
};

export const stackSide = (drive: Drive, lookup: Lookup): Side => ({
  name: "stack",
  dial: (host, port) => dialled(connect(drive, { host, port, allowHalfOpen: true, noDelay: true, lookup })),
  async listen(address, port, serve) {
    const server = createServer(drive, { allowHalfOpen: true, noDelay: true }, serve);
    server.maxConnections = MOST_CONNECTIONS;
    return listening(server, () => server.listen({ port, ...(address === undefined ? {} : { address }) }));
  },
});

const dialled = async (stream: Socket | KernelSocket): ReturnType<Dial> => {
  await once(stream, "connect");
  return { stream, localAddress: stream.localAddress ?? "0.0.0.0", localPort: stream.localPort ?? 0 };
};

interface AnyServer extends NodeJS.EventEmitter {
  address(): unknown;
  close(): unknown;
}

const listening = async (server: AnyServer, begin: () => unknown): Promise<Listening> => {
  const begun = once(server, "listening");
  begin();
  await begun;
  const { address, port } = server.address() as { address: string; port: number };
  return { address, port, close: () => void server.close() };
};
