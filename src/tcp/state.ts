/** The states of a connection and the ways between them: RFC 9293 s3.3.2, figure 5. */

export const State = {
  Closed: 0,
  Listen: 1,
  SynSent: 2,
  SynReceived: 3,
  Established: 4,
  FinWait1: 5,
  FinWait2: 6,
  CloseWait: 7,
  Closing: 8,
  LastAck: 9,
  TimeWait: 10,
} as const;
export type State = (typeof State)[keyof typeof State];

/** As RFC 9293 spells them. */
export const stateNames: readonly string[] = [
  "CLOSED",
  "LISTEN",
  "SYN-SENT",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
];

const to = (...states: State[]): number => states.reduce<number>((bits, state) => bits | (1 << state), 0);

/** Where each state may go. Every state may go to CLOSED (reset, abort, timeout). Edges beyond figure 5 are s3.10.7.4's own: a
 *  segment that brings the handshake's ACK may bring a FIN, a FIN may acknowledge ours. */
const edges: readonly number[] = [
  to(State.Listen, State.SynSent, State.SynReceived), // CLOSED; SYN-RECEIVED: a connection that a listener spawned, or a cookie's
  to(State.SynReceived, State.SynSent),
  to(State.SynReceived, State.Established),
  to(State.Established, State.FinWait1, State.CloseWait, State.Listen),
  to(State.FinWait1, State.CloseWait),
  to(State.FinWait2, State.Closing, State.TimeWait),
  to(State.TimeWait),
  to(State.LastAck),
  to(State.TimeWait),
  0,
  to(State.SynReceived), // RFC 9293 s3.10.7.4 and RFC 6191: a new incarnation
];

export const mayEnter = (from: State, target: State): boolean => target === State.Closed || (edges[from]! & (1 << target)) !== 0;

/** SYN-RECEIVED and everything after it: RFC 9293 s3.10.7.4 judges what arrives. */
export const isSynchronized = (state: State): boolean => state >= State.SynReceived;

/** States in which the application's text may still be sent. */
export const maySend = (state: State): boolean => state === State.Established || state === State.CloseWait;

/** States in which text may still arrive. */
export const mayReceive = (state: State): boolean => state === State.Established || state === State.FinWait1 || state === State.FinWait2;
