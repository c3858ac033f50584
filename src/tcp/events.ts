/** What an application is told, once a turn and connection, when no protocol code is running. */
import type { ErrorCode } from "../base/errors.js";

/** Bits. Data comes before the end of the stream, the end before Closed. */
export const TcpEvent = {
  /** The handshake is over. */
  Established: 1,
  /** `receive` has something to say: octets, or the end. */
  Readable: 2,
  /** There is room after a short `send`. */
  Writable: 4,
  /** The peer's FIN has arrived; `receive` says -1 when all before it is read (MUST-12). */
  PeerClosed: 8,
  /** The connection is over: `errorOf` says how. */
  Closed: 16,
  /** `accept` will give a connection. */
  Acceptable: 32,
  /** The urgent pointer arrived or advanced (MUST-32). */
  Urgent: 64,
  /** An ICMP error that does not end the connection (MUST-47). */
  SoftError: 128,
  /** Retransmissions have reached R1 (SHLD-9). */
  Advice: 256,
  /** All that was sent has been acknowledged. */
  Drained: 512,
  /** Text has left or was acknowledged, where the application wants to follow it (`followSends`). */
  Progress: 1024,
} as const;

export interface Application {
  /** `events`: bits of `TcpEvent`. May call anything, also `close`. */
  onEvents(handle: number, events: number): void;
}

/** How a connection can end. The index is `tcb.error`; 0: in order. */
export const closeErrors: readonly (ErrorCode | null)[] = [
  null,
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNABORTED",
  "EADDRNOTAVAIL",
  "ENOBUFS",
  "ENOPROTOOPT",
  "EOPNOTSUPP",
  "EHOSTDOWN",
  "ENONET",
  "EPROTO",
];
export const CloseError = {
  None: 0,
  Refused: 1,
  Reset: 2,
  TimedOut: 3,
  HostUnreachable: 4,
  NetUnreachable: 5,
  Aborted: 6,
  AddressGone: 7,
  NoBuffers: 8,
  NoProtocol: 9,
  NotSupported: 10,
  HostDown: 11,
  NoNetwork: 12,
  ProtocolError: 13,
} as const;
