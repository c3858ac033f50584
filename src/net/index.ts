/** `onwire/net`: TCP connections as Node streams, over a stack and without Node's handles. */
export {
  connectLending,
  type LendingConnection,
  type LendingConnectOptions,
  type LendingDrive,
  type LendingHandlers,
  type LendingListener,
  type LendingListenOptions,
  listenLending,
} from "./lending.js";
export type { NetDrive, RawTcp } from "./raw.js";
export { createServer, type ListenOptions, Server, type ServerOptions } from "./server.js";
export { type AddressInfo, type ConnectOptions, connect, type Lookup, Socket, type SocketOptions } from "./socket.js";
