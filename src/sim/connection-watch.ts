/** What the invariants remember of one connection at one stack: taken from what it sends and gets, not from its TCB. */
import { type Micros, NEVER } from "../base/environment.js";
import { type Seq, seqAdd, seqGt, seqLt } from "../base/seq.js";
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
  /** The window field that was sent last was as large as it can be. */
  full = false;
  /** Since when text waits for its ACK; NEVER: none does. */
  unackedSince: Micros = NEVER;
  timeWaitAt: Micros = NEVER;
  /** The retransmission or persist timer as the probe told of it: its deadline, and how far away that was when it was set. */
  deadline: Micros = 0;
  lastWait: Micros = 0;
  /** Retransmissions and probes by timer since SND.UNA last moved. */
  timeouts = 0;
  synAcks = 0;
  /** A timer that has fired and has not made it speak yet; -1: none. */
  fired = -1;
  /** Segments received; the one that made the connection was no connection's yet. */
  received = 1;
  bareAcks = 0;
  /** ACKs that no segment asked for: window updates, probes, keep-alives. */
  unasked = 0;

  /** The congestion window when it last changed; 0: not known. */
  cwnd = 0;
  /** What was sent more than once, from a little before SND.UNA on. */
  readonly #again: { from: Seq; to: Seq }[] = [];

  constructor(tcb: Tcb) {
    this.handle = tcb.handle;
    this.iss = tcb.iss;
    this.tcb = tcb;
    this.state = tcb.state;
    this.sent = tcb.snd.nxt; // beyond the ISS when a cookie was its SYN,ACK
    this.una = tcb.iss;
    this.peerEdge = tcb.iss;
  }

  /** [from, to) has been sent. */
  noteSent(from: Seq, to: Seq): void {
    if (seqLt(from, this.sent)) {
      const last = this.#again.at(-1);
      if (last !== undefined && last.to === from) last.to = to;
      else this.#again.push({ from, to });
      const una = this.tcb === null ? this.una : this.tcb.snd.una;
      while (this.#again.length > 0 && seqGt(seqAdd(una, -1), this.#again[0]!.to)) this.#again.shift();
    }
    if (seqGt(to, this.sent)) this.sent = to;
  }

  /** Was the octet at `at`, not long acknowledged, sent more than once? */
  sentAgain(at: Seq): boolean {
    for (const range of this.#again) if (!seqLt(at, range.from) && seqLt(at, range.to)) return true;
    return false;
  }

  noteOffer(ack: Seq, window: number): void {
    const edge = seqAdd(ack, window);
    if (!this.offered || seqGt(edge, this.peerEdge)) this.peerEdge = edge;
    this.offered = true;
  }
}
