/** How things were before the retransmission timer fired: RFC 4015 s3.1, step (0). What becomes of it: eifel.ts. */
import type { Micros } from "../base/environment.js";
import { type Seq, seq } from "../base/seq.js";

export class BeforeTimeout {
  /** The last recovery was begun by a timer, and this is of before it. */
  known = false;
  /** pipe_prev. */
  pipe = 0;
  /** SRTT_prev, RTTVAR_prev. */
  srtt: Micros = 0;
  rttvar: Micros = 0;
  /** SND.MAX when it fired: what lies beyond is new. */
  sent: Seq = seq(0);
  /** The next sample of new text is awaited: step (11). */
  awaits = false;

  clear(): void {
    this.known = this.awaits = false;
    this.pipe = this.srtt = this.rttvar = 0;
    this.sent = seq(0);
  }
}
