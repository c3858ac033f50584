/** A connection of which one end is in another process of the program: what has been said on it, both ways. That is enough to see its end, and to
 *  reset it when the other process is gone, as the state CLOSED would (RFC 9293 s3.10.7.1). */
import { type Seq, seq, seqAdd, seqGt, seqLeq } from "../../base/seq.js";
import { ACK, FIN, RST } from "../../tcp/segment.js";
import type { FramePipe } from "./frame-pipe.js";
import type { Glance } from "./glance.js";

/** Numbers of a RST in the name of the other end. */
export interface Reset {
  readonly seq: Seq;
  readonly ack: Seq;
}

/** One direction. */
class Said {
  any = false;
  /** The number behind the last octet said. */
  end: Seq = seq(0);
  ack: Seq = seq(0);
  fin = false;

  note(glance: Glance): void {
    const end = seqAdd(glance.seq, glance.length);
    if (!this.any || seqGt(end, this.end)) this.end = end;
    this.any = true;
    if (glance.flags & ACK) this.ack = glance.ack;
    if (glance.flags & FIN) this.fin = true;
  }
}

export class Flow {
  readonly pipe: FramePipe;
  /** The connection is ours, and so is the port that it comes from. */
  readonly dialed: boolean;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly #ours = new Said();
  readonly #theirs = new Said();
  #reset = false;
  #orphaned = false;

  /** By what our side sends. */
  constructor(pipe: FramePipe, dialed: boolean, source: number, sourcePort: number, destination: number, destinationPort: number) {
    this.pipe = pipe;
    this.dialed = dialed;
    this.source = source;
    this.sourcePort = sourcePort;
    this.destination = destination;
    this.destinationPort = destinationPort;
  }

  /** Whether that is what the other end would send. */
  brings({ source, sourcePort, destination, destinationPort }: Glance): boolean {
    return (
      source === this.destination &&
      sourcePort === this.destinationPort &&
      destination === this.source &&
      destinationPort === this.sourcePort
    );
  }

  sent(glance: Glance): void {
    this.#ours.note(glance);
    if (glance.flags & RST) this.#reset = true;
  }

  heard(glance: Glance): void {
    this.#theirs.note(glance);
    if (glance.flags & RST) this.#reset = true;
  }

  /** True when nothing more will be said: both ends have heard the other's. */
  get isOver(): boolean {
    const ours = this.#ours;
    const theirs = this.#theirs;
    return this.#reset || (ours.fin && theirs.fin && seqLeq(ours.end, theirs.ack) && seqLeq(theirs.end, ours.ack));
  }

  /** The other process is gone, without a word if it has not said its last: then its end is reset at once, and else when it is spoken to. */
  orphan(): Reset | null {
    this.#orphaned = true;
    return this.#theirs.fin || !this.#ours.any ? null : this.#resets(this.#theirs.end);
  }

  /** True: there is nobody to hear what is sent; `answer` says what comes back. */
  get orphaned(): boolean {
    return this.#orphaned;
  }

  /** To a segment of ours that nobody has heard. */
  answer({ flags, length, ack }: Glance): Reset | null {
    return flags & RST || length === 0 ? null : this.#resets(flags & ACK ? ack : seq(0));
  }

  #resets(at: Seq): Reset {
    this.#reset = true;
    return { seq: at, ack: this.#ours.end };
  }
}
