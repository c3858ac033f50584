/** In what the socket interfaces of systems differ, as data. What their stacks send is the profile's. */
import type { Errno, System } from "./errno.js";

export interface Personality {
  /** Whose numbers constants and errors have. */
  readonly system: System;
  /** `shutdown` of a socket that listens, for reading, or that opens a connection makes it what it was before. */
  readonly shutdownDisconnects: boolean;
  /** Sending before there is a connection. */
  readonly sendUnconnected: Errno;
  readonly sendConnecting: Errno;
  /** What is sent to an address opens a connection, and waits for it in the queue. */
  readonly queuesWhileConnecting: boolean;
  /** The error after a reset that came when the peer had closed already. */
  readonly resetInCloseWait: Errno;
  /** A read behind the error of a dead connection gives the end of the stream. */
  readonly connectOnListener: Errno;
  /** What `setsockopt` makes of a buffer size: times so much, at least and at most. */
  readonly bufferFactor: number;
  readonly bufferLeast: { readonly send: number; readonly receive: number };
  readonly bufferMost: { readonly send: number; readonly receive: number };
  /** What a buffer of queued text costs of SO_SNDBUF beside the text (send-memory.ts); 0: SO_SNDBUF counts octets. */
  readonly sendOverhead: number;
  /** Who has shut down both directions and gets text answers by a reset. */
  readonly shutdownResets: boolean;
  /** Text that comes after `shutdown` for reading is thrown away, and what waits to be read then. */
  readonly shutdownDiscards: boolean;
  /** SO_ERROR tells what ICMP says of a connection that goes on. */
  readonly tellsSoftErrors: boolean;
  /** Who disconnects is told next that the connection was reset. */
  readonly disconnectResets: boolean;
  /** Connections that may wait behind `listen(fd, backlog)`. */
  readonly acceptable: (backlog: number) => number;
  /** Sending when nothing is listening any more raises SIGPIPE, unless MSG_NOSIGNAL: EPIPE either way. */
  readonly infoState: "linux" | "freebsd";
}

export const linuxPersonality: Personality = {
  system: "linux",
  shutdownDisconnects: true,
  sendUnconnected: "EPIPE",
  sendConnecting: "EAGAIN",
  queuesWhileConnecting: false,
  resetInCloseWait: "EPIPE",
  connectOnListener: "EISCONN",
  bufferFactor: 2,
  bufferLeast: { send: 4_608, receive: 2_304 },
  bufferMost: { send: 425_984, receive: 425_984 },
  sendOverhead: 832,
  shutdownResets: true,
  shutdownDiscards: false,
  tellsSoftErrors: true,
  disconnectResets: true,
  acceptable: (backlog) => Math.max(0, backlog) + 1,
  infoState: "linux",
};

export const freebsdPersonality: Personality = {
  system: "freebsd",
  shutdownDisconnects: false,
  sendUnconnected: "ENOTCONN",
  sendConnecting: "ENOTCONN",
  queuesWhileConnecting: true,
  resetInCloseWait: "ECONNRESET",
  connectOnListener: "EOPNOTSUPP",
  bufferFactor: 1,
  bufferLeast: { send: 2_048, receive: 2_048 },
  bufferMost: { send: 2 << 20, receive: 2 << 20 },
  sendOverhead: 0,
  shutdownResets: false,
  shutdownDiscards: true,
  tellsSoftErrors: false,
  disconnectResets: false,
  acceptable: (backlog) => Math.floor((Math.max(0, backlog) * 3) / 2) + 1,
  infoState: "freebsd",
};
