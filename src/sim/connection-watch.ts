/** What the invariants remember of one connection at one stack: taken from what it sends and gets, not from its TCB. */
import { type Micros, NEVER } from "../base/environment.js";
import { type Seq, seqAdd, seqGt } from "../base/seq.js";
import type { State } from "../tcp/state.js";
import type { Tcb } from "../tcp/tcb.js";

export class ConnectionWatch {
  readonly handle: number;
  readonly iss: Seq;
  tcb: Tcb | null;
  state: State;
  /** SND.MAX: the end of all that was ever sent. */
  sent: Seq;
  una: Seq;
  /** The right edge of the largest window that the peer has offered; `offered` false: none yet. */
  peerEdge: Seq;
  offered = false;
  /** The highest acknowledgment and right edge that we have sent; `spoke` false: none yet. */
  acked: Seq = 0 as Seq;
  edge: Seq = 0 as Seq;
  spoke = false;
  /** Since when text waits for its ACK; NEVER: none does. */
  unackedSince: Micros = NEVER;
  timeWaitAt: Micros = NEVER;
  /** The retransmission or persist timer as the probe told of it: its deadline, and how far away that was when it was set. */
  deadline: Micros = 0;
  lastWait: Micros = 0;
  /** In this turn: new text went out. */
  sentNew = false;
  ackedAtTurn: Seq;
  /** Segments received; the one that made the connection was no connection's yet. */
  received = 1;
  bareAcks = 0;
  /** ACKs that no segment asked for: window updates, probes, keep-alives. */
  unasked = 0;

  constructor(tcb: Tcb) {
    this.handle = tcb.handle;
    this.iss = tcb.iss;
    this.tcb = tcb;
    this.state = tcb.state;
    this.sent = tcb.snd.nxt; // beyond the ISS when a cookie was its SYN,ACK
    this.una = tcb.iss;
    this.peerEdge = tcb.iss;
    this.ackedAtTurn = tcb.rcv.nxt;
  }

  /** Everything before `to` has been sent. */
  noteSent(to: Seq): void {
    if (seqGt(to, this.sent)) this.sent = to;
  }

  noteOffer(ack: Seq, window: number): void {
    const edge = seqAdd(ack, window);
    if (!this.offered || seqGt(edge, this.peerEdge)) this.peerEdge = edge;
    this.offered = true;
  }
}
