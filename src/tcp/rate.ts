/** The delivery rate as each ACK samples it: draft-cheng-iccrg-delivery-rate-estimation-02. The records of what was sent have the columns;
 *  here they become a rate, and here it is noted when the sender has nothing more to say. */
import { type Micros, SECOND } from "../base/environment.js";
import { Hold } from "../base/why.js";
import type { AckSample } from "./congestion/controller.js";
import type { AckEvent } from "./recovery/recovery.js";
import type { Tcb } from "./tcb.js";

/** s3.3: what was delivered between the sending of the newest segment that this ACK delivers and now, over the longer of the times in which it
 *  was sent and in which it was acknowledged: neither ACKs that come in a bunch nor a burst that was sent show a rate that is not there. */
export function sampleRate(tcb: Tcb, ack: AckEvent, sample: AckSample, now: Micros): void {
  const { sent } = tcb;
  const { newest } = ack;
  sample.delivered = ack.delivered;
  sample.lost = ack.lost;
  sample.inFlight = sent.pipe;
  sample.totalDelivered = sent.delivered;
  if (newest.sentAt < 0) {
    sample.rate = sample.rtt = 0;
    return;
  }
  sample.rtt = newest.retransmitted ? 0 : Math.max(1, now - newest.sentAt);
  sample.priorDelivered = newest.delivered;
  sample.flightWhenSent = newest.inFlight;
  sample.lostSince = sent.lostTotal - newest.lost;
  sample.rateLimited = newest.appLimited;
  const delivered = sent.delivered - newest.delivered;
  const interval = Math.max(newest.sentAt - newest.firstSentAt, now - newest.deliveredAt);
  // Shorter than any round trip: what was sent again had arrived before.
  if (interval <= 0 || interval < tcb.minRtt) {
    sample.rate = 0;
    return;
  }
  sample.rate = Math.round((delivered * SECOND) / interval);
  if (sample.rate >= tcb.deliveryRate || !sample.rateLimited) {
    tcb.deliveryRate = sample.rate;
    tcb.deliveryLimited = sample.rateLimited;
  }
}

/** s3.4: output stops for want of text while the window has room: until what is in flight has been delivered, samples say what the application
 *  offers, not what the path carries. */
export function noteAppLimited(tcb: Tcb, hold: number): void {
  if (hold !== Hold.Application && hold !== Hold.Nagle) return;
  const { sent } = tcb;
  if (sent.pipe >= tcb.cc.window()) return;
  sent.appLimitedUntil = Math.max(1, sent.delivered + sent.pipe);
}
