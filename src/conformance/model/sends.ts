/** What an end may send: each segment that leaves is looked at with what the end may know, and narrows what is known of it.
 *  RFC 9293 s3.1 to s3.8, the options of RFC 7323 and RFC 2018. */
import type { End } from "./end.js";
import { positionOf } from "./numbers.js";
import type { Breach, RuleName } from "./rules.js";
import { aceOf, Bit, has, isBareAck, lengthOf, type ModelSegment } from "./segment.js";

/** How the segment was seen. */
export interface View {
  readonly now: number;
  /** Several segments that an offload has merged: its length says nothing about the MSS. */
  readonly merged?: boolean;
  /** The place where it was seen is the sender's own: segments are seen in the order in which they were sent. */
  readonly ordered?: boolean;
}

/** The breaches of a segment that `end` sends. */
export function sends(end: End, segment: ModelSegment, view: View): Breach[] {
  const breaches: Breach[] = [];
  const before = new Set(end.states);
  if (!end.certain) end.reach();
  const breach = (rule: RuleName, detail: string): void => void breaches.push({ rule, detail });
  const { flags, options } = segment;
  const controls = [Bit.Syn, Bit.Fin, Bit.Rst].filter((bit) => flags & bit).length;
  if (controls > 1) breach("flags", `the flags are ${flags.toString(2)}`);
  if (options.problem !== null) breach("optionList", options.problem);
  if ((segment.reserved & 0b1110) !== 0) breach("reserved", `they are ${segment.reserved >> 1}`);
  if (has(segment, Bit.Rst)) sendsReset(end, segment, breach);
  else if (has(segment, Bit.Syn)) {
    // One that was overtaken tells nothing new.
    if (!end.certain && !view.ordered && end.iss === segment.seq && !end.is("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"))
      return breaches;
    sendsSyn(end, segment, view, breach);
  } else sendsOther(end, segment, view, breach);
  // What was on its way may arrive behind this.
  if (!end.certain) end.reach();
  // A segment that may have been overtaken tells where the end was, not where it is.
  if (!end.certain && !view.ordered && positionOf(segment.seq, end.iss ?? segment.seq, end.nxt) + lengthOf(segment) < end.nxt)
    end.states = new Set([...before, ...end.states]);
  return breaches;
}

type Report = (rule: RuleName, detail: string) => void;

/** s3.10.1, s3.10.7.2, s3.10.7.3. */
function sendsSyn(end: End, segment: ModelSegment, view: View, breach: Report): void {
  const { options } = segment;
  // Another number answers another SYN; elsewhere than at the sender that may have been duplicated behind the place where it was seen.
  if (has(segment, Bit.Ack) && !end.certain && end.nxt <= 1 && (end.synsHeard > end.initials.length || !view.ordered)) {
    end.addInitial(segment.seq);
    end.iss = segment.seq;
  }
  if (end.iss !== null && end.iss !== segment.seq && !end.joined) breach("synNumber", `it is ${segment.seq}, was ${end.iss}`);
  end.iss ??= segment.seq;
  if (has(segment, Bit.Ack)) {
    if (end.irs === null) breach("synAckState", "no SYN has come");
    else {
      const ack = positionOf(segment.ack, end.irs, 1);
      if (ack < 1 || ack > end.rcvNxt) breach("synAcknowledgment", `it acknowledges ${ack}`);
      end.acked = Math.max(end.acked, ack);
      // What a listener would have offered was not known before.
      end.rcvEdge = end.offered === null ? ack + segment.wnd : Math.max(end.rcvEdge ?? 0, ack + segment.wnd);
    }
    if (!end.narrow("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED")) breach("synAckState", `it is in ${[...end.states].join(" or ")}`);
    end.states = new Set(["SYN-RECEIVED"]);
    if (options.windowScale !== null && end.heard?.windowScale === null && !end.joined)
      breach("scaleUninvited", `it is ${options.windowScale}`);
    if (options.timestamps !== null && end.heard?.timestamps === null && !end.joined) breach("timestampsUninvited", "the SYN had none");
    settle(end, "syn,ack");
    settle(end, "ack");
    end.credit = Math.max(0, end.credit - 1);
  } else {
    if (!end.narrow("CLOSED", "LISTEN", "SYN-SENT")) breach("synState", `it is in ${[...end.states].join(" or ")}`);
    end.states = new Set(["SYN-SENT"]);
    if (options.timestamps !== null && options.timestamps.ecr !== 0) breach("timestampEcho", `TSecr is ${options.timestamps.ecr} in a SYN`);
  }
  if (options.windowScale !== null && options.windowScale > 14) breach("scaleTooLarge", `it is ${options.windowScale}`);
  if (options.sack !== null) breach("sackUninvited", "blocks in a SYN");
  end.offered = options;
  end.synWindow = segment.wnd;
  // Who does without in a SYN that goes again has offered it all the same, and the first may be the one that is answered (RFC 3168 s6.1.1.1).
  end.ecnOffered ||= (segment.flags & (Bit.Ece | Bit.Cwr)) !== 0 || (segment.reserved & 1) !== 0;
  end.setup[has(segment, Bit.Ack) ? "answers" : "opens"] = aceOf(segment);
  if (options.timestamps !== null) end.tsVal = options.timestamps.val;
  keepText(end, 1, segment, breach);
  end.nxt = Math.max(end.nxt, 1 + segment.length);
}

/** s3.5.2, s3.10.4, s3.10.5: from a connection SND.NXT; for none what makes it acceptable to who asked. */
function sendsReset(end: End, segment: ModelSegment, breach: Report): void {
  const answersAck = end.recent.some(({ ack }) => ack === segment.seq);
  const answersNone = has(segment, Bit.Ack) && segment.seq === 0 && end.recent.some((heard) => heard.end === segment.ack);
  if (!answersAck && !answersNone) {
    const at = end.iss === null ? null : positionOf(segment.seq, end.iss, end.nxt);
    // SND.NXT of a stack that goes back may be less than the highest there was; it is no less than SND.UNA could be.
    if (at === null || at > end.nxt || at < Math.min(end.una, end.nxt)) {
      // What was sent and lost before it was seen counts, and so does what was not yet acknowledged for the end itself.
      const late = at !== null && !end.certain && at <= Math.max(end.nxt, end.edge ?? 0) + 1;
      if (!late && !end.joined) breach("resetNumber", at === null ? `it is ${segment.seq}` : `it is ${at}, SND.NXT is ${end.nxt}`);
    }
  }
  if (segment.options.mss !== null) breach("mssOption", "in a RST");
  // A bad ACK in SYN-SENT or SYN-RECEIVED is answered by a RST, and the end stays where it is (s3.10.7.3, s3.10.7.4).
  const opening = [...end.states].filter((state) => state === "LISTEN" || state === "SYN-SENT" || state === "SYN-RECEIVED");
  end.states = new Set(answersAck ? ["CLOSED", ...opening] : ["CLOSED"]);
  end.debts.length = 0;
}

/** RFC 9768 s3.2.2: the marks that have arrived. The ACK of a SYN,ACK without text and SACK blocks says how that came instead (s3.2.2.1). */
function aceField(end: End, segment: ModelSegment, breach: Report): void {
  const ace = aceOf(segment);
  if (end.setup.opens !== null && isBareAck(segment) && segment.options.sack === null && [2, 3, 4, 6].includes(ace)) return;
  for (let marks = end.marksLeast; marks <= end.marksMost; marks++) if (((5 + marks) & 7) === ace) return;
  breach("ace", `it is ${ace}, and ${end.marksLeast} to ${end.marksMost} marks have arrived`);
}

/** Everything behind the handshake. */
function sendsOther(end: End, segment: ModelSegment, view: View, breach: Report): void {
  if (!has(segment, Bit.Ack)) breach("noFlags", "it has no ACK");
  if (end.iss === null || end.irs === null) return breach("beforeHandshake", "no SYNs were exchanged");
  const closed = !end.is("SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT");
  if (closed) {
    const reset = end.is("CLOSED") && end.nxt > 0;
    // Elsewhere a RST may have overtaken what was sent before it.
    if (!reset) breach("beforeHandshake", `it is in ${[...end.states].join(" or ")}`);
    else if (end.certain || view.ordered) breach("afterReset", `it is in ${[...end.states].join(" or ")}`);
    else return;
  } else end.states = new Set([...end.states].filter((state) => state !== "CLOSED" && state !== "LISTEN" && state !== "SYN-SENT"));

  const { options } = segment;
  if (options.mss !== null) breach("mssOption", `it says ${options.mss}`);
  if (options.windowScale !== null) breach("scaleOption", `it says ${options.windowScale}`);
  if (options.sackPermitted) breach("sackPermittedOption", "the segment has no SYN");
  if (segment.flags & (Bit.Ece | Bit.Cwr) && !(end.ecnOffered && end.ecnHeard) && !end.joined) breach("ecn", "it was not agreed");

  if (end.certain && end.accurate) aceField(end, segment, breach);

  const ack = positionOf(segment.ack, end.irs, end.acked);
  const newest = ack >= end.acked;
  acknowledgment(end, segment, ack, view, breach);
  timestamps(end, segment, view, newest, breach);
  sackBlocks(end, segment, ack, breach);
  text(end, segment, view, breach);
  if (end.certain || view.ordered) economy(end, segment, ack, breach);
  window(end, segment, ack, newest, breach);
  if (newest) end.acked = ack;
  // What was held out of order has been given up: the acknowledgment says so (RFC 2018 s8).
  if (end.certain && ack < end.rcvNxt && newest) end.rcvNxt = ack;
}

/** RCV.NXT: nothing that has not come, and, where all is known, everything that has. */
function acknowledgment(end: End, segment: ModelSegment, ack: number, view: View, breach: Report): void {
  if (ack > end.rcvNxt) {
    if (!end.joined) breach("ackUnreceived", `it acknowledges ${ack}, ${end.rcvNxt} is all that has come`);
    // From here on it is believed, so that one error is told once.
    end.held.add(end.acked, ack);
    end.rcvNxt = ack;
    return;
  }
  if (ack < end.acked && (end.certain || view.ordered)) return breach("ackBackwards", `it acknowledges ${ack}, after ${end.acked}`);
  if (end.certain && ack < end.sure) breach("ackStale", `it acknowledges ${ack}, ${end.sure} has come`);
  if (ack < end.acked) return;
  settle(end, "ack");
  // It says whether the peer's FIN has been taken, and that says where the end is in figure 5.
  const finTaken = end.peerFin !== null && ack > end.peerFin;
  const possible = finTaken
    ? end.narrow("CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT")
    : end.narrow("SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2");
  if (!possible && !end.is("CLOSED", "LISTEN", "SYN-SENT"))
    breach("state", `it acknowledges ${finTaken ? "the FIN" : "no FIN"} in ${[...end.states].join(" or ")}`);
  if (lengthOf(segment) > 0 && end.is("ESTABLISHED", "FIN-WAIT-1")) end.states.delete("SYN-RECEIVED");
}

function timestamps(end: End, segment: ModelSegment, view: View, newest: boolean, breach: Report): void {
  const stamp = segment.options.timestamps;
  if (end.joined) return;
  if (stamp === null) {
    if (end.stamped) breach("timestampsMissing", "there are none");
    return;
  }
  if (!end.stamped) return breach("timestampsUninvited", "they were not agreed");
  const ordered = end.certain || view.ordered === true;
  const back = end.tsVal !== null && ((stamp.val - end.tsVal) | 0) < 0;
  if (back && ordered) breach("timestampBackwards", `TSval is ${stamp.val}, after ${end.tsVal}`);
  if (!back) end.tsVal = stamp.val;
  if (!end.tsHeard.has(stamp.ecr)) breach("timestampEcho", `TSecr is ${stamp.ecr}, which the peer has not sent`);
  if (end.tsEcr !== null && ((stamp.ecr - end.tsEcr) | 0) < 0) {
    if (ordered) breach("echoBackwards", `TSecr is ${stamp.ecr}, after ${end.tsEcr}`);
  } else if (newest) end.tsEcr = stamp.ecr;
  if (end.certain && end.tsRecent !== null) {
    const { least, most } = end.tsRecent;
    if (((stamp.ecr - most) | 0) > 0 || ((stamp.ecr - least) | 0) < 0)
      breach("timestampEcho", `TSecr is ${stamp.ecr}, TS.Recent is ${least === most ? least : `${least} to ${most}`}`);
    else end.tsRecent = { least: stamp.ecr, most };
  }
}

/** RFC 2018 s4, RFC 2883 s4. */
function sackBlocks(end: End, segment: ModelSegment, ack: number, breach: Report): void {
  const { sack } = segment.options;
  if (sack === null) return;
  if (!end.mayReport && !end.joined) return breach("sackUninvited", "the peer did not permit it");
  const blocks = sack.map(([left, right]) => [positionOf(left, end.irs!, ack), positionOf(right, end.irs!, ack)] as const);
  for (const [i, [left, right]] of blocks.entries()) {
    const duplicate = i === 0 && (right <= ack || (blocks[1] !== undefined && blocks[1][0] <= left && right <= blocks[1][1]));
    // A FIN that came before its time takes up a number, too (RFC 9293 s3.4), and is no text.
    const text = right - 1 === end.peerFin ? end.peerFin : right;
    if (left >= right) breach("sackBlocks", `block ${left}:${right}`);
    else if (!duplicate && left < text && !end.held.covers(left, text) && !(end.joined && left < ack))
      breach("sackBlocks", `block ${left}:${right} has not been received`);
    else if (left <= ack && !duplicate && !end.joined) breach("sackBelow", `block ${left}:${right}, the acknowledgment is ${ack}`);
  }
}

/** SND.NXT, SND.UNA+SND.WND, the MSS, and the FIN behind all. */
function text(end: End, segment: ModelSegment, view: View, breach: Report): void {
  const at = positionOf(segment.seq, end.iss!, end.nxt);
  const stop = at + segment.length;
  // Elsewhere than at the sender, what is missing may have been lost on its way.
  if (at > end.nxt && (end.certain || view.ordered)) breach("gap", `it begins at ${at}, SND.NXT is ${end.nxt}`);
  const fin = has(segment, Bit.Fin);
  const isNew = stop > end.nxt;
  // A keep-alive may carry an octet of garbage that was acknowledged long ago (s3.8.4, MAY-6).
  const keepAlive = segment.length === 1 && at === end.nxt - 1;
  if (!keepAlive) keepText(end, at, segment, breach);
  if (end.fin !== null && ((segment.length > 0 && stop > end.fin) || (fin && stop !== end.fin)))
    breach("finMoved", `${fin ? "the FIN is" : "text goes on to"} ${stop}, the FIN was ${end.fin}`);
  const last = stop + (fin ? 1 : 0);
  if (end.edge !== null && last > Math.max(end.nxt, end.edge) && last > end.edge + 1 && !end.joined)
    breach("beyondWindow", `it goes to ${last}, the window ended at ${end.edge}`);
  else if (end.edge !== null && isNew && stop > end.edge && segment.length > 1 && !end.joined)
    breach("beyondWindow", `its text goes to ${stop}, the window ended at ${end.edge}`);
  if (!view.merged && !end.joined && segment.length + segment.optionOctets > end.sendMss && segment.length > 0)
    breach("mss", `${segment.length} octets of text and ${segment.optionOctets} of options, the MSS is ${end.sendMss}`);
  // Duplicate ACKs let more go (RFC 3042).
  if (isNew && end.una <= 1 && stop - 1 > (10 + end.acksHeard) * Math.max(end.sendMss, 536) && !end.joined)
    breach("initialWindow", `${stop - 1} octets of text before the first is acknowledged, the MSS is ${end.sendMss}`);

  if (isNew) {
    // What was written before a CLOSE still goes (s3.10.4), also after the peer's FIN; from TIME-WAIT and FIN-WAIT-2 nothing does.
    const may = end.fin === null ? (["ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-1", "CLOSING", "LAST-ACK"] as const) : ([] as const);
    const early = end.states.size === 1 && end.is("SYN-RECEIVED") && end.offered?.fastOpen === true; // RFC 7413 s4.2.1
    if (end.fin === null && !early && !end.narrow(...may)) breach("textState", `it is in ${[...end.states].join(" or ")}`);
  }
  if (fin && end.fin === null) {
    end.fin = stop;
    const next: Readonly<Record<string, "FIN-WAIT-1" | "LAST-ACK" | "CLOSING">> = {
      "SYN-RECEIVED": "FIN-WAIT-1",
      ESTABLISHED: "FIN-WAIT-1",
      "FIN-WAIT-1": "FIN-WAIT-1",
      "CLOSE-WAIT": "LAST-ACK",
      "LAST-ACK": "LAST-ACK",
      CLOSING: "CLOSING",
    };
    const after = [...end.states].map((state) => next[state]).filter((state) => state !== undefined);
    if (after.length === 0) breach("finState", `it is in ${[...end.states].join(" or ")}`);
    else end.states = new Set(after);
  }
  end.nxt = Math.max(end.nxt, last);
}

/** RFC 5681 s4.2: what arrives entitles to an ACK, and so does a window that has moved; probes ask, and are no ACKs. */
function economy(end: End, segment: ModelSegment, ack: number, breach: Report): void {
  if (!isBareAck(segment) || end.joined) return;
  const probe = positionOf(segment.seq, end.iss!, end.nxt) < end.nxt;
  const moves = end.rcvEdge === null || ack + segment.wnd * 2 ** end.receiveShift > end.rcvEdge;
  if (end.credit > 0) end.credit -= 1;
  else if (!probe && !moves && ack <= end.acked) breach("ackUnasked", "nothing has come since the last one");
}

function window(end: End, segment: ModelSegment, ack: number, newest: boolean, breach: Report): void {
  if (end.joined) {
    end.rcvEdge = Number.MAX_SAFE_INTEGER;
    return;
  }
  const unit = 2 ** end.receiveShift;
  const edge = ack + segment.wnd * unit;
  if (newest && end.rcvEdge !== null && edge <= end.rcvEdge - unit && ack <= end.rcvNxt && end.offers > 0)
    breach("windowShrunk", `the right edge was ${end.rcvEdge} and is ${edge}`);
  end.offers += 1;
  end.rcvEdge = Math.max(end.rcvEdge ?? 0, edge);
}

function keepText(end: End, at: number, segment: ModelSegment, breach: Report): void {
  const wrong = end.sent.put(at, segment.text);
  if (wrong >= 0) breach("textChanged", `octet ${wrong} is not what it was`);
}

function settle(end: End, what: "ack" | "syn,ack"): void {
  for (let i = end.debts.length - 1; i >= 0; i--) if (end.debts[i]!.what === what) end.debts.splice(i, 1);
}
