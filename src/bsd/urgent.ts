/** The urgent octet of a stream, out of band: 4.4BSD and its heirs take the octet before the urgent pointer out of the stream, unless they are asked
 *  to leave it in (SO_OOBINLINE), and let no read cross the mark (RFC 6093 s2). */
import { type Seq, seqAdd, seqDiff, seqGt } from "../base/seq.js";
import type { Tcb } from "../tcp/tcb.js";
import type { Outcome } from "./call.js";

/** What of the receive queue the next read gives. */
export interface Stretch {
  /** The octet at the head is out of band: it goes first. */
  readonly hole: boolean;
  /** Octets behind that, up to the mark. */
  readonly octets: number;
}

const Is = { Nowhere: 0, Announced: 1, Here: 2, Taken: 3 } as const;

export class UrgentOctet {
  /** SO_OOBINLINE. */
  inline = false;
  #is: (typeof Is)[keyof typeof Is] = Is.Nowhere;
  #at = 0 as Seq;
  #octet = 0;

  /** The urgent pointer came, or advanced. True when a mark that nobody had come to is the next octet, and gives way. */
  announced(tcb: Readonly<Tcb>): boolean {
    const at = seqAdd(tcb.rcv.up, -1);
    if (this.#is !== Is.Nowhere && !seqGt(at, this.#at)) return false;
    const overtaken = this.#is !== Is.Nowhere && !this.inline && seqDiff(this.#at, headOf(tcb)) === 0 && tcb.receiveQueue.length > 0;
    this.#is = Is.Announced;
    this.#at = at;
    return overtaken;
  }

  /** Looks whether the octet has come, and keeps it. */
  notice(tcb: Readonly<Tcb>): void {
    if (this.#is !== Is.Announced) return;
    const ahead = seqDiff(this.#at, headOf(tcb));
    if (ahead >= tcb.receiveQueue.length) return;
    if (ahead >= 0) {
      const one = new Uint8Array(1);
      tcb.receiveQueue.copyOut(ahead, one, 0, 1);
      this.#octet = one[0]!;
      this.#is = Is.Here;
    } else this.#is = Is.Nowhere;
  }

  /** POLLPRI: it can be read out of band. */
  get isHere(): boolean {
    return this.#is === Is.Here;
  }

  /** SIOCATMARK: the next octet of the stream is the urgent one. */
  atMark(tcb: Readonly<Tcb>): boolean {
    return this.#is !== Is.Nowhere && seqDiff(this.#at, headOf(tcb)) === 0;
  }

  /** SIOCINQ: octets to the mark, or all of them. */
  queued(tcb: Readonly<Tcb>): number {
    const { length } = tcb.receiveQueue;
    if (this.inline || this.#is === Is.Nowhere) return length;
    const ahead = seqDiff(this.#at, headOf(tcb));
    return ahead >= 0 && ahead < length ? ahead : length;
  }

  /** What the next read gives. */
  stretch(tcb: Readonly<Tcb>): Stretch {
    const { length } = tcb.receiveQueue;
    if (this.#is === Is.Nowhere) return { hole: false, octets: length };
    const ahead = seqDiff(this.#at, headOf(tcb));
    if (ahead > 0) return { hole: false, octets: Math.min(ahead, length) };
    const hole = ahead === 0 && !this.inline && length > 0;
    return { hole, octets: hole ? length - 1 : length };
  }

  /** Something has been read: a mark that lies behind is none any more. */
  passed(tcb: Readonly<Tcb>): void {
    if (this.#is !== Is.Nowhere && seqDiff(this.#at, headOf(tcb)) < 0) this.#is = Is.Nowhere;
  }

  /** MSG_OOB. `over`: nothing more will come. */
  take(octets: Uint8Array, peek: boolean, over: boolean): Outcome {
    if (this.inline || this.#is === Is.Nowhere || this.#is === Is.Taken) return "EINVAL";
    if (this.#is === Is.Announced) return over ? 0 : "EAGAIN";
    if (!peek) this.#is = Is.Taken;
    if (octets.length === 0) return 0;
    octets[0] = this.#octet;
    return 1;
  }
}

/** The next octet of the stream. A FIN that has been taken has a number, too. */
const headOf = ({ rcv, receiveQueue }: Readonly<Tcb>): Seq =>
  seqAdd(rcv.nxt, -receiveQueue.length - (rcv.finSeen && seqGt(rcv.nxt, rcv.fin) ? 1 : 0));
