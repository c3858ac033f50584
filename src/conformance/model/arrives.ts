/** SEGMENT ARRIVES: RFC 9293 s3.10.7, in its order, with RFC 7323 s5, RFC 5961 and RFC 1337, RFC 6191 where they amend it.
 *
 *  For each state that the end may be in it says which states it may be in then, and what it may or must answer. Where the RFCs leave a
 *  choice (drop or keep, answer or be silent) there are several. Nothing here is fast; everything is in the order of the text. */
import type { End, StateName } from "./end.js";
import { positionOf } from "./numbers.js";
import { aceOf, Bit, has, lengthOf, type ModelSegment } from "./segment.js";

/** "ack": at once; "ack?": if it likes; "soon": within half a second (s3.8.6.3). */
type Answer = "" | "ack" | "ack?" | "soon" | "syn,ack";

interface Outcome {
  readonly state: StateName;
  readonly answer: Answer;
}

/** No sooner than now; microseconds. RFC 9293 s3.8.6.3 (MUST-40). */
const HALF_SECOND = 500_000;

/** The segment arrives, or, where the end is not certain, may arrive; `marked`: with CE in its IP header. */
export function arrives(end: End, segment: ModelSegment, now: number, marked = false): void {
  const before = [...end.states];
  end.taken = false;
  end.remember({ ack: has(segment, Bit.Ack) ? segment.ack : null, end: (segment.seq + lengthOf(segment)) >>> 0 });
  if (has(segment, Bit.Ack)) end.acksHeard += 1;
  else if (has(segment, Bit.Syn)) end.synsHeard += 1;
  if (!end.certain && segment.options.timestamps !== null) end.rememberTimestamp(segment.options.timestamps.val);
  // What the numbers become is the same for every state that takes the text.
  let taken: Taken | null = null;
  const take = (): Taken => {
    taken ??= takeText(end, segment);
    return taken;
  };
  if (end.certain && end.is("SYN-RECEIVED")) end.mark();
  else end.undo = null;
  const outcomes = before.flatMap((state) => inState(end, state, segment, take));
  if (marked) end.marksMost += 1;
  if (marked && end.taken && before.length === 1) end.marksLeast += 1;
  end.states = new Set([...(end.certain ? [] : before), ...outcomes.map(({ state }) => state)]);
  if (!end.certain) end.reach();
  if (end.is("TIME-WAIT") && !before.includes("TIME-WAIT")) end.timeWaitSince = now;
  // What every outcome demands is owed; what one entitles to is allowed.
  if (outcomes.some(({ answer }) => answer !== "") || (!end.certain && !has(segment, Bit.Rst)))
    end.credit += Math.max(1, Math.ceil(lengthOf(segment) / 48));
  if (!end.certain || outcomes.length === 0) return;
  if (outcomes.every(({ answer }) => answer === "syn,ack")) end.debts.push({ what: "syn,ack", by: now });
  else if (outcomes.every(({ answer }) => answer === "ack")) end.debts.push({ what: "ack", by: now });
  else if (outcomes.every(({ answer }) => answer === "ack" || answer === "soon")) end.debts.push({ what: "ack", by: now + HALF_SECOND });
}

/** What an end may hear of a segment where nothing tells which: whoever drops text or a FIN that come with a SYN hears them again behind its ACK
 *  (RFC 7413 s4.1; docs/deviations.md, syn-text, syn-fin). */
export function readings(segment: ModelSegment): readonly ModelSegment[] {
  if (!has(segment, Bit.Syn) || has(segment, Bit.Rst) || lengthOf(segment) === 1) return [segment];
  return [segment, { ...segment, flags: segment.flags & ~Bit.Fin, length: 0, text: segment.text.subarray(0, 0) }];
}

function inState(end: End, state: StateName, segment: ModelSegment, take: () => Taken): Outcome[] {
  switch (state) {
    case "CLOSED": // s3.10.7.1: a RST is discarded, all else answered by one, which is no acknowledgment
      return [stay(state)];
    case "LISTEN":
      return inListen(end, segment);
    case "SYN-SENT":
      return inSynSent(end, segment, take);
    default:
      return inSynchronized(end, state, segment, take);
  }
}

const stay = (state: StateName, answer: Answer = ""): Outcome => ({ state, answer });

/** s3.10.7.2. */
function inListen(end: End, segment: ModelSegment): Outcome[] {
  if (has(segment, Bit.Rst)) return [stay("LISTEN")]; // First: a RST is ignored
  if (has(segment, Bit.Ack)) return [stay("LISTEN")]; // Second: an ACK is answered by a RST
  if (!has(segment, Bit.Syn)) return [stay("LISTEN")]; // Fourth: anything else
  // Third: a SYN. A full backlog, or a FIN beside it (docs/deviations.md, syn-fin), and it is dropped.
  hearSyn(end, segment);
  return [{ state: "SYN-RECEIVED", answer: "syn,ack" }, stay("LISTEN")];
}

/** s3.10.7.3. */
function inSynSent(end: End, segment: ModelSegment, take: () => Taken): Outcome[] {
  // First, check the ACK bit: acceptable if ISS < SEG.ACK =< SND.NXT; else a RST, unless it is one.
  const acknowledges = has(segment, Bit.Ack);
  const ack = end.iss === null ? 0 : positionOf(segment.ack, end.iss, end.una);
  if (acknowledges && (ack <= 0 || ack > end.nxt)) return [stay("SYN-SENT")];
  // Second, check the RST bit.
  if (has(segment, Bit.Rst)) return [stay(acknowledges ? "CLOSED" : "SYN-SENT")];
  // Fourth, check the SYN bit.
  if (!has(segment, Bit.Syn)) return [stay("SYN-SENT")];
  hearSyn(end, segment);
  if (!acknowledges) return [{ state: "SYN-RECEIVED", answer: "syn,ack" }];
  hearAck(end, segment, ack);
  // A CLOSE that was called meanwhile was queued (s3.10.4): then it is FIN-WAIT-1. A FIN in the same segment counts if it is in the window.
  return opened(end).flatMap((state) => afterText(end, state, segment, "ack", take));
}

/** s3.10.7.4. */
function inSynchronized(end: End, state: StateName, segment: ModelSegment, take: () => Taken): Outcome[] {
  const seq = positionOf(segment.seq, end.irs ?? segment.seq, end.rcvNxt);
  const length = lengthOf(segment);
  const ack = positionOf(segment.ack, end.iss ?? segment.ack, end.una);

  // The peer's SYN again (docs/deviations.md, repeated-syn); of a simultaneous open its SYN,ACK (s3.5, figure 8).
  if (state === "SYN-RECEIVED" && has(segment, Bit.Syn) && !has(segment, Bit.Rst) && seq === 0) {
    if (has(segment, Bit.Ack) && ack === 1) {
      hearAck(end, segment, ack);
      // Its SYN is a repetition, but what lies behind it counts (s3.10.7.4, fifth step: continue processing).
      return [
        ...opened(end).flatMap((now) => afterText(end, now, segment, "ack?", take)),
        stay(state, "ack?"),
        stay("CLOSED"), // or, its text being in the window, the fourth step: a passive open returns to LISTEN
      ];
    }
    // With text or a FIN in the window it is acceptable (s3.4), and its SYN bit ends a passive open (fourth step).
    return length > 1 ? [stay(state, "ack?"), stay("CLOSED")] : [stay(state, "ack?")];
  }
  // RFC 6191 s2, RFC 9293 s3.6.1 (MAY-2): a SYN may end TIME-WAIT; the new connection is another. Or it is ignored, or answered.
  if (state === "TIME-WAIT" && has(segment, Bit.Syn) && !has(segment, Bit.Ack) && !has(segment, Bit.Rst))
    return [stay("TIME-WAIT", "ack?"), stay("CLOSED")];

  // RFC 7323 s5.3 R1: a timestamp older than TS.Recent makes it unacceptable, a RST apart (s5.2). After 24 days it may be stale (s5.5).
  const stamp = segment.options.timestamps;
  if (end.certain && end.stamped && stamp !== null && !has(segment, Bit.Rst) && end.tsRecent !== null) {
    const older = (than: number): boolean => ((stamp.val - than) | 0) < 0;
    if (older(end.tsRecent.least)) return [stay(state, "ack?")];
    if (older(end.tsRecent.most)) {
      const outcomes = inWindow(end, state, segment, seq, length, ack, take);
      end.taken = false;
      return [stay(state, "ack?"), ...outcomes];
    }
  }
  // RFC 7323 s3.2: without the timestamps that were agreed on it SHOULD be dropped (docs/deviations.md, stripped-timestamps).
  if (end.certain && end.dropsUnstamped && end.stamped && stamp === null && !has(segment, Bit.Rst)) return [stay(state, "ack?")];
  return inWindow(end, state, segment, seq, length, ack, take);
}

function inWindow(
  end: End,
  state: StateName,
  segment: ModelSegment,
  seq: number,
  length: number,
  ack: number,
  take: () => Taken,
): Outcome[] {
  // First, check the sequence number: the four cases of s3.4, with the largest window that was offered (RFC 7323 s2.4).
  const edge = end.takesTo(seq);
  const least = end.certain ? end.rcvNxt : Math.min(end.acked, end.rcvNxt);
  const first = seq >= least && (seq < edge || (edge <= end.rcvNxt && seq === end.rcvNxt));
  const last = length > 0 && seq + length - 1 >= least && seq + length - 1 < edge;
  const zero = edge <= end.rcvNxt;
  // A segment that begins before the window and ends behind it passes neither test of s3.4, but has text for all of the window: it is trimmed.
  const around = length > 0 && seq < least && seq + length > edge;
  // Where a peer stands whose text has filled the window: the letter refuses its ACK, and two such would never move (appendix A.2;
  // docs/deviations.md, ack-at-edge). Taking it is allowed, and so is the letter.
  const atEdge = length === 0 && seq === edge && !zero && has(segment, Bit.Ack) && !has(segment, Bit.Rst);
  const acceptable = length === 0 ? first || atEdge : !zero && (first || last || around);
  // (MUST-66): with a closed window ACKs, RSTs and URGs count all the same, if they begin at RCV.NXT.
  const closed = zero && length > 0 && seq === end.rcvNxt;
  if (!acceptable && !closed) {
    if (has(segment, Bit.Rst)) return [stay(state)];
    // Text that has come before is acknowledged again; other unacceptable segments may be (appendix A.2, RFC 5961 s7).
    const answer = segment.length > 0 && !has(segment, Bit.Syn) ? "ack" : "ack?";
    // Of what has come before the ACK may count all the same, lest two ends deadlock (appendix A.2); where all is known, for an end that says so.
    const again =
      (!end.certain || end.takesOldAcks) &&
      has(segment, Bit.Ack) &&
      !has(segment, Bit.Syn) &&
      seq < end.rcvNxt &&
      seq + length <= end.rcvNxt;
    if (!again || ack > end.nxt || ack < end.una - end.maxWnd) return [stay(state, answer)];
    hearAck(end, segment, ack);
    const acked: Partial<Record<StateName, StateName>> = { "FIN-WAIT-1": "FIN-WAIT-2", CLOSING: "TIME-WAIT", "LAST-ACK": "CLOSED" };
    const after = end.fin !== null && ack > end.fin ? acked[state] : undefined;
    return [stay(state, answer), ...(after === undefined ? [] : [stay(after, answer === "ack" ? "ack" : "ack?")])];
  }

  // Second, check the RST bit: RFC 5961 s3.2.
  if (has(segment, Bit.Rst)) {
    const exact = end.certain ? seq === end.rcvNxt : seq >= least && seq <= end.rcvNxt;
    if (!exact) return [stay(state, "ack?")];
    if (state !== "TIME-WAIT") end.resetHeard = true;
    if (state === "TIME-WAIT") return [stay("TIME-WAIT"), stay("CLOSED")]; // RFC 1337 s3 F1, or not
    return [stay("CLOSED")]; // a passive SYN-RECEIVED: back to LISTEN, where this connection is not
  }

  // Fourth, check the SYN bit: RFC 5961 s4.2; in SYN-RECEIVED a passive open returns to LISTEN.
  if (has(segment, Bit.Syn)) return state === "SYN-RECEIVED" ? [stay("CLOSED"), stay(state, "ack?")] : [stay(state, "ack?")];

  // Fifth, check the ACK field.
  if (!has(segment, Bit.Ack)) return [stay(state)];
  let nows: readonly StateName[] = [state];
  const outcomes: Outcome[] = atEdge ? [stay(state, "ack?")] : [];
  if (state === "SYN-RECEIVED") {
    // SND.UNA < SEG.ACK =< SND.NXT, else a RST.
    if (ack <= 0 || ack > end.nxt) return [stay(state)];
    nows = opened(end);
    outcomes.push(stay(state)); // the listener has no room for it, and waits for the next ACK
    outcomes.push(stay("CLOSED")); // or it has gone
  } else if (ack > end.nxt || (end.certain && ack < end.una - end.maxWnd)) {
    // RFC 5961 s5.2 (MAY-12): SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. Without it an old one is a duplicate, and the text counts.
    return [stay(state, segment.length > 0 && ack > end.nxt ? "ack" : "ack?")];
  }
  hearAck(end, segment, ack);
  end.taken = state !== "SYN-RECEIVED" && !atEdge;
  const stamp = segment.options.timestamps;
  if (end.stamped && stamp !== null) hearTimestamp(end, stamp.val, seq, length);
  const finAcked = end.fin !== null && ack > end.fin;
  for (const now of nows) {
    if (now === "FIN-WAIT-1" && finAcked) outcomes.push(...afterText(end, "FIN-WAIT-2", segment, "", take));
    else if (now === "CLOSING" && finAcked) outcomes.push(stay("TIME-WAIT", length > 0 ? "ack?" : ""));
    else if (now === "LAST-ACK" && finAcked) outcomes.push(stay("CLOSED"));
    else outcomes.push(...afterText(end, now, segment, closed ? "ack?" : "", take));
  }
  return outcomes;
}

/** Of a handshake that is over; a CLOSE that was called meanwhile has waited for it (s3.10.4). One that is not seen shows by its FIN. */
const opened = (end: End): readonly StateName[] => (end.closing ? ["ESTABLISHED", "FIN-WAIT-1"] : ["ESTABLISHED"]);

/** Sixth to eighth: URG, text, FIN. `least`: the answer that is due already. */
function afterText(end: End, state: StateName, segment: ModelSegment, least: Answer, take: () => Taken): Outcome[] {
  if (state !== "ESTABLISHED" && state !== "FIN-WAIT-1" && state !== "FIN-WAIT-2") {
    // "This should not occur since a FIN has been received from the remote side. Ignore the segment text." A FIN again is acknowledged.
    return [stay(state, lengthOf(segment) > 0 ? strongest(least, "ack?") : least)];
  }
  const outcomes: Outcome[] = [];
  // Nobody is left to read it: a RST may say so (s3.6.1).
  if (segment.length > 0 && state !== "ESTABLISHED" && (end.released || !end.certain)) outcomes.push(stay("CLOSED"));
  const { answer, fin } = take();
  if (fin !== "surely" || !end.certain) outcomes.push(stay(state, strongest(least, answer)));
  if (fin === "no") return outcomes;
  // Eighth: all before the FIN is here.
  const next = { ESTABLISHED: "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT" } as const;
  outcomes.push(stay(next[state], strongest(least, strongest(answer, fin === "surely" ? "soon" : "ack?"))));
  return outcomes;
}

interface Taken {
  readonly answer: Answer;
  /** Whether the peer's FIN is in order now: what was held before it may have been given up meanwhile. */
  readonly fin: "no" | "maybe" | "surely";
}

/** The text and the FIN that lie in the window join what has come. */
function takeText(end: End, segment: ModelSegment): Taken {
  const seq = positionOf(segment.seq, end.irs!, end.rcvNxt) + (has(segment, Bit.Syn) ? 1 : 0);
  const before = end.rcvNxt;
  const edge = Math.max(end.takesTo(seq), before);
  const behind = seq + segment.length;
  const stop = Math.min(behind, edge, end.peerFin ?? Number.POSITIVE_INFINITY);
  if (stop > seq) end.held.add(Math.max(1, seq), stop);
  const hasFin = has(segment, Bit.Fin);
  if (hasFin && behind < edge && end.peerFin === null && finFits(end, behind)) end.peerFin = behind;
  // In order, it is taken; what it makes contiguous may have been given up meanwhile (RFC 2018 s8).
  if (seq <= before && stop > before) end.sure = Math.max(end.sure, stop);
  end.rcvNxt = Math.max(before, end.held.contiguousFrom(before));
  let answer: Answer = "";
  if (segment.length > 0) answer = seq > before ? "ack" : end.rcvNxt > before ? "soon" : "ack?";
  else if (hasFin) answer = "ack?";
  if (end.peerFin === null || end.rcvNxt !== end.peerFin) return { answer, fin: "no" };
  // RCV.NXT moves over the FIN.
  end.rcvNxt += 1;
  end.held.add(end.peerFin, end.rcvNxt);
  if (!hasFin || behind !== end.peerFin || seq > before) return { answer, fin: "maybe" };
  end.sure = end.rcvNxt;
  return { answer, fin: "surely" };
}

/** A FIN that lies before text which has come already is somebody else's. */
const finFits = (end: End, at: number): boolean => at >= end.rcvNxt && !end.held.list.some(([, right]) => right > at);

const order: readonly Answer[] = ["", "ack?", "soon", "ack", "syn,ack"];
const strongest = (a: Answer, b: Answer): Answer => (order.indexOf(a) >= order.indexOf(b) ? a : b);

/** IRS, RCV.NXT and the options of a SYN. Its window is never scaled (RFC 7323 s2.2). */
function hearSyn(end: End, segment: ModelSegment): void {
  if (end.irs === segment.seq) return hearOptions(end, segment);
  end.irs = segment.seq;
  end.held.add(0, 1);
  end.rcvNxt = 1;
  end.acked = 1;
  end.sure = 1;
  end.rcvEdge = 1 + (end.synWindow > 0 ? end.synWindow : 0xffff);
  hearOptions(end, segment);
  // Text of a SYN is kept for later (s3.10.7.2, s3.10.7.3), or it has not been heard (readings).
  if (segment.length > 0) {
    end.held.add(1, Math.min(1 + segment.length, end.rcvEdge));
    end.rcvNxt = end.held.contiguousFrom(1);
    if (end.certain) end.sure = end.rcvNxt;
  }
  const at = 1 + segment.wnd;
  if (end.edge === null || at > end.edge) end.edge = at;
  end.maxWnd = Math.max(end.maxWnd, segment.wnd);
}

function hearOptions(end: End, segment: ModelSegment): void {
  end.heard = segment.options;
  end.setup[has(segment, Bit.Ack) ? "hearsAnswer" : "hearsOpening"] = aceOf(segment);
  const ecn = (segment.flags & (Bit.Ece | Bit.Cwr)) !== 0 || (segment.reserved & 1) !== 0;
  // Of several SYNs the one that asked for it may have been the one that was answered (RFC 3168 s6.1.1.1).
  end.ecnHeard = ecn || (end.ecnHeard && !end.certain);
  const stamp = segment.options.timestamps;
  if (stamp === null) return;
  end.rememberTimestamp(stamp.val);
  end.tsRecent ??= { least: stamp.val, most: stamp.val };
}

/** SND.UNA, and the right edge that the segment offers. */
function hearAck(end: End, segment: ModelSegment, ack: number): void {
  if (ack > end.nxt) return;
  end.una = Math.max(end.una, ack);
  const wnd = has(segment, Bit.Syn) ? segment.wnd : segment.wnd * 2 ** end.sendShift;
  end.edge = Math.max(end.edge ?? 0, ack + wnd);
  end.maxWnd = Math.max(end.maxWnd, wnd);
}

/** RFC 7323 s4.3 (2): TS.Recent is SEG.TSval if SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent. */
function hearTimestamp(end: End, val: number, seq: number, length: number): void {
  end.rememberTimestamp(val);
  const recent = end.tsRecent;
  if (recent === null) {
    end.tsRecent = { least: val, most: val };
    return;
  }
  if (((val - recent.most) | 0) > 0 && seq <= Math.max(end.acked, end.rcvNxt)) recent.most = val;
  // Text that was delayed keeps the earliest (s4.3): surely only what begins where the last ACK ended. In TIME-WAIT an end may keep no
  // more of a connection than it takes to answer (RFC 6191 s2).
  const open = !end.is("TIME-WAIT");
  if (open && ((val - recent.least) | 0) > 0 && seq <= end.acked && seq + length >= end.acked) recent.least = val;
}
