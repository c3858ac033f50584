/** Defects as patches: what to find in which file, what to put in its place, and what it breaks. Most have been shipped by somebody (RFC 2525). */

export interface Mutant {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly what: string;
  /** The tests that ought to find it: the gate asks all of them, these are the first. */
  readonly near: readonly string[];
}

const mutant = (file: string, find: string, replace: string, what: string, near: readonly string[]): Mutant => ({
  file: `src/${file}.ts`,
  find,
  replace,
  what,
  near,
});

export const mutants: readonly Mutant[] = [
  mutant(
    "base/seq",
    "seqLt = (a: Seq, b: Seq): boolean => ((a - b) | 0) < 0",
    "seqLt = (a: Seq, b: Seq): boolean => a < b",
    "sequence numbers compared as integers",
    ["base/ranges", "tcp/segment", "tcp/window"],
  ),
  mutant(
    "base/seq",
    "seqGt = (a: Seq, b: Seq): boolean => ((a - b) | 0) > 0",
    "seqGt = (a: Seq, b: Seq): boolean => (a >>> 0) > (b >>> 0)",
    "sequence numbers compared unsigned",
    ["base/ranges", "tcp/window", "rfc9293-data"],
  ),
  mutant(
    "tcp/arrives",
    "return core.memory.arena.sum(datagram.payloadStart, length, pseudo) === 0xffff;",
    "return core.memory.arena.sum(datagram.payloadStart, length, pseudo) >= 0;",
    "no checksum is verified",
    ["rfc9293-header"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "return offset < window && offset + length > 0;",
    "return offset < window && offset + length >= 0;",
    "a segment that ends at RCV.NXT is taken for new",
    ["rfc5961", "rfc9293-windows"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "return atEdge || (offset >= 0 && offset < window);",
    "return offset >= 0 && offset <= window;",
    "whatever is empty is taken at the right edge, a RST too",
    ["rfc5961", "rfc9293-windows"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "if (seg.seq !== tcb.rcv.nxt && !core.policy.insecureReset) {",
    "if (seqLt(seg.seq, tcb.rcv.nxt)) {",
    "any RST in the window resets (RFC 5961 s3)",
    ["rfc5961"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "const room = Math.max(0, acceptedWindow(core, tcb) - seqDiff(at, rcv.nxt));",
    "const room = Math.max(0, acceptedWindow(core, tcb) - seqDiff(at, rcv.nxt)) + 1;",
    "text beyond the window is taken",
    ["rfc9293-windows", "tcp/window"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "if (!seqLeq(seg.seq, tcb.rcv.lastAckSent)) return;",
    "",
    "TS.Recent follows segments out of order (RFC 7323 s4.3)",
    ["rfc7323"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "if (seqGt(seg.ack, snd.nxt)) {",
    "if (seqGt(seg.ack, seqAdd(snd.nxt, 1))) {",
    "an ACK of one octet more than was sent is believed",
    ["rfc5961"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "if (tcb.invalidAcks >= core.policy.challengeBurst) return core.tally.add(Drop.AckLimited);",
    "",
    "ACK wars: unacceptable segments are answered without limit",
    ["rfc5961", "tcp-abuse"],
  ),
  mutant(
    "tcp/arrives-synchronized",
    "if (core.policy.timeWaitIgnoresReset)",
    "if (!core.policy.timeWaitIgnoresReset)",
    "TIME-WAIT is assassinated by a RST (RFC 1337)",
    ["rfc1337"],
  ),
  mutant(
    "tcp/arrives-syn-sent",
    "if (acknowledges && (seqLeq(seg.ack, tcb.iss) || seqGt(seg.ack, snd.nxt))) {",
    "if (acknowledges && seqGt(seg.ack, snd.nxt)) {",
    "SYN-SENT takes an old ACK",
    ["rfc9293-open"],
  ),
  mutant(
    "tcp/closing",
    "core.arm(tcb, Timer.TimeWait, now + core.policy.timeWait, Tm.TimeWait, now);",
    "core.arm(tcb, Timer.TimeWait, now + core.policy.timeWait / 2, Tm.TimeWait, now);",
    "TIME-WAIT lasts one MSL",
    ["rfc9293-close"],
  ),
  mutant("tcp/text", "if (filled || rcv.finSeen)", "if (false)", "what fills a hole is acknowledged late (RFC 5681 s4.2)", ["rfc5681"]),
  mutant(
    "tcp/delayed-ack",
    "if (rcv.unacked >= policy.ackEvery * Math.max(1, rcv.mss))",
    "if (rcv.unacked >= 4 * policy.ackEvery * Math.max(1, rcv.mss))",
    "stretch ACKs (RFC 2525 s2.13)",
    ["rfc5681", "rfc2525"],
  ),
  mutant(
    "tcp/text",
    "rcv.nxt = seqAdd(rcv.nxt, contiguous);",
    "rcv.nxt = seqAdd(rcv.nxt, octets);",
    "text above a hole that is filled is forgotten (RFC 2525 s2.5)",
    ["rfc2018", "tcp/window"],
  ),
  mutant(
    "tcp/text",
    "const up = seqAdd(seg.seq, seg.up);",
    "const up = seqAdd(seg.seq, seg.up - 1);",
    "the urgent pointer names the last urgent octet",
    ["rfc6093"],
  ),
  mutant(
    "tcp/rtt",
    "if (newest.retransmitted) {",
    "if (newest.retransmitted && false) {",
    "what was sent again is timed as if once (Karn: RFC 6298 s3)",
    ["rfc6298"],
  ),
  mutant(
    "tcp/rtt",
    "tcb.rttvar += Math.round((Math.abs(tcb.srtt - rtt) - tcb.rttvar) / 4);",
    "tcb.rttvar += Math.round((Math.abs(tcb.srtt - rtt) - tcb.rttvar) / 2);",
    "RTTVAR with the wrong gain",
    ["rfc6298", "tcp/rtt"],
  ),
  mutant(
    "tcp/rtt",
    "rto * 2 ** Math.min(backoff, 16)",
    "rto * (1 + Math.min(backoff, 16))",
    "the RTO is not backed off exponentially (RFC 2525 s2.10)",
    ["rfc6298"],
  ),
  mutant(
    "tcp/window",
    "if (!seqGt(edge, rcv.adv) || seqDiff(edge, rcv.adv) < worthwhile(tcb)) edge = rcv.adv;",
    "if (!seqGt(edge, rcv.adv)) edge = rcv.adv;",
    "silly windows are offered (MUST-39)",
    ["rfc9293-windows"],
  ),
  mutant(
    "tcp/window",
    "rounds it down now (RFC 7323 s2.4).\n  rcv.adv = seqMax(rcv.adv, seqAdd(rcv.nxt, field * unit));",
    "rounds it down now (RFC 7323 s2.4).\n  rcv.adv = seqAdd(rcv.nxt, field * unit);",
    "the scale takes back what was offered (RFC 7323 s2.4)",
    ["rfc7323"],
  ),
  mutant(
    "tcp/output",
    "if (pipe > 0 && pipe + (probe > 0 ? Math.min(probe, room) : length) > window) {",
    "if (pipe > 0 && pipe + (probe > 0 ? Math.min(probe, room) : length) > 4 * window) {",
    "more than cwnd is sent",
    ["rfc5681"],
  ),
  mutant("tcp/output", "const fin = finDue && last && usable > length;", "const fin = finDue && last;", "the FIN goes beyond the window", [
    "rfc9293-close",
    "tcp/persist",
  ]),
  mutant("tcp/output", "if (last && length > 0) out.flags |= PSH;", "", "no PSH on the last segment (MUST-61)", ["rfc9293-data"]),
  mutant("tcp/ack", "snd.wnd = seg.wnd << snd.scale;\n  snd.wl1", "snd.wnd = seg.wnd;\n  snd.wl1", "windows that arrive are not scaled", [
    "rfc7323",
  ]),
  mutant(
    "tcp/ack",
    "if (!(advances || seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqLeq(snd.wl2, seg.ack)))) return;",
    "",
    "an old segment's window is believed",
    ["rfc9293-windows", "tcp/window"],
  ),
  mutant(
    "tcp/congestion/newreno",
    "this.#cwnd = this.#mss; // the loss window, LW",
    "this.#cwnd = Math.max(this.#cwnd >> 1, this.#mss);",
    "no slow start after a timeout (RFC 2525 s2.2)",
    ["rfc5681", "newreno-controller"],
  ),
  mutant(
    "tcp/user",
    "if (unread && tcb.state !== State.TimeWait && core.policy.unreadResets) {",
    "if (false) {",
    "no RST when unread text is thrown away (RFC 2525 s2.17)",
    ["rfc2525"],
  ),
  mutant(
    "tcp/congestion/newreno",
    "this.#credit -= this.#cwnd;\n    this.#cwnd = Math.min(this.#cwnd + this.#mss, NO_THRESHOLD);",
    "this.#credit -= this.#cwnd;\n    this.#cwnd = Math.min(this.#cwnd + this.#mss + (this.#mss >> 2), NO_THRESHOLD);",
    "an extra constant in congestion avoidance (RFC 2525 s2.6)",
    ["newreno-controller", "rfc5681"],
  ),
  mutant(
    "tcp/accurate-ecn",
    "if (changed || ecn === EcnField.Ce) {",
    "if (ecn === EcnField.Ect0) accurate.marked += 1;\n  if (changed || ecn === EcnField.Ce) {",
    "what was not marked is fed back as marked (RFC 9768 s3.2.2)",
    ["rfc9768"],
  ),
];
