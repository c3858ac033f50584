/** The columns of one record of what was sent, as they were written when it last left. */
import type { Micros } from "../../base/environment.js";
import type { Seq } from "../../base/seq.js";

export class Transmission {
  /** When, and the octet after it; -1 when there is none. */
  sentAt: Micros = -1;
  end: Seq = 0 as Seq;
  /** `delivered`, `deliveredAt`, `firstSentAt`, `lostTotal` of the connection when it left. */
  delivered = 0;
  deliveredAt: Micros = 0;
  firstSentAt: Micros = 0;
  lost = 0;
  /** Octets in the network when it had left, itself included. */
  inFlight = 0;
  appLimited = false;
  retransmitted = false;
}
