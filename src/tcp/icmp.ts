/** ICMP errors about a connection's segments: RFC 9293 s3.9.2.2, with the checks of RFC 5927. */
import type { Micros } from "../base/environment.js";
import { type Seq, seqLeq, seqLt } from "../base/seq.js";
import { Icmp, Loss, Rtx, St } from "../base/why.js";
import { IcmpError, type QuotedError } from "../ip/icmp/error.js";
import { tellLosses } from "./ack.js";
import type { Core } from "./core.js";
import { CloseError, TcpEvent } from "./events.js";
import { FastOpen } from "./fast-open.js";
import { packetSize, refreshPath } from "./path.js";
import { searchTold } from "./path-search.js";
import { State } from "./state.js";
import { Flag, has, Owe, type Tcb } from "./tcb.js";

/** Judges an ICMP error whose quote names one of our 4-tuples, or might. */
export function icmpError(core: Core, error: QuotedError, now: Micros): void {
  const { view } = core;
  const at = error.quoteStart;
  const slot = core.demux.find(error.source, view.getUint16(at), error.destination, view.getUint16(at + 2));
  const tcb = slot === 0 ? null : core.resolve(slot);
  if (tcb === null) {
    core.reject(Icmp.QuoteNotOurs, now);
    return;
  }
  core.touch(tcb);
  // RFC 5927 s4.1: SND.UNA <= quoted SEQ < SND.NXT, or it was forged blindly.
  const quoted = view.getInt32(at + 4) as Seq;
  if (!(seqLeq(tcb.snd.una, quoted) && seqLt(quoted, tcb.snd.nxt))) {
    core.reject(Icmp.QuoteOutOfWindow, now);
    return;
  }
  if (error.kind === IcmpError.SourceQuench) return; // silently discarded (MUST-55, RFC 6633 s3)
  if (error.kind === IcmpError.FragmentationNeeded) return fragmentationNeeded(core, tcb, error.mtu, quoted, now);

  if (core.policy.icmpBsd) return toldBsd(core, tcb, error, now);
  const told = core.policy.icmpByCode ? byCode(error) : asCloseError(error.kind);
  // Hard errors (MUST-54 and RFC 1122 s4.2.3.9) end only a connection that is not synchronized: RFC 5927 s5.2. Deviation: icmp-hard
  if (
    core.policy.icmpMayReset &&
    (isHard(error.kind) || core.policy.anyErrorEndsOpening) &&
    (tcb.state === State.SynSent || (tcb.state === State.SynReceived && (!has(tcb, Flag.Passive) || isEarlyAndUnaccepted(core, tcb))))
  ) {
    core.finish(tcb, told, St.IcmpHard, now);
    return;
  }
  // Soft: kept, told, and what is told if the connection times out (MUST-47, MUST-56, SHLD-25).
  tcb.softError = told;
  if (tcb.options.softErrors) core.tell(tcb, TcpEvent.SoftError);
}

/** One that Fast Open has put into the accept queue, where no application has it yet. */
const isEarlyAndUnaccepted = ({ policy }: Core, tcb: Tcb): boolean =>
  policy.anyErrorEndsOpening && (tcb.fastOpen & FastOpen.Early) !== 0 && has(tcb, Flag.Unaccepted);

const isHard = (kind: IcmpError): boolean =>
  kind === IcmpError.ProtocolUnreachable || kind === IcmpError.PortUnreachable || kind === IcmpError.AdminProhibited;

function asCloseError(kind: IcmpError): number {
  switch (kind) {
    case IcmpError.PortUnreachable:
    case IcmpError.ProtocolUnreachable:
      return CloseError.Refused;
    case IcmpError.NetUnreachable:
      return CloseError.NetUnreachable;
    default:
      return CloseError.HostUnreachable;
  }
}

/** What systems of the BSD family have an error number for: by the code of Destination Unreachable, and for the rest. */
const codes: readonly number[] = [
  CloseError.NetUnreachable,
  CloseError.HostUnreachable,
  CloseError.NoProtocol,
  CloseError.Refused,
  CloseError.HostUnreachable,
  CloseError.NotSupported,
  CloseError.NetUnreachable,
  CloseError.HostDown,
  CloseError.NoNetwork,
  CloseError.NetUnreachable,
  CloseError.HostUnreachable,
  CloseError.NetUnreachable,
];

function byCode({ kind, code }: QuotedError): number {
  if (kind === IcmpError.ParameterProblem) return CloseError.ProtocolError;
  if (kind === IcmpError.TimeExceeded || kind === IcmpError.ReassemblyTimeExceeded) return CloseError.HostUnreachable;
  return codes[code] ?? CloseError.HostUnreachable;
}

/** Timeouts of a SYN after which a second soft error is enough. */
const PATIENT_TIMEOUTS = 3;

/** As FreeBSD has it (`policy.icmpBsd`). What it has no error for is nothing. */
function toldBsd(core: Core, tcb: Tcb, { kind, code }: QuotedError, now: Micros): void {
  const { icmpMayReset } = core.policy;
  const refused = isHard(kind);
  const expired = kind === IcmpError.TimeExceeded;
  if (kind === IcmpError.ReassemblyTimeExceeded || (kind === IcmpError.ParameterProblem && code > 1)) return;
  const told = refused ? CloseError.Refused : kind === IcmpError.ParameterProblem ? CloseError.NoProtocol : CloseError.HostUnreachable;
  const opening = tcb.state === State.SynSent || tcb.state === State.SynReceived;
  if ((refused || expired) && icmpMayReset) {
    if (tcb.state === State.SynSent) core.finish(tcb, told, St.IcmpHard, now);
    return;
  }
  if (tcb.state === State.Established && told === CloseError.HostUnreachable) return;
  if (opening && tcb.retries > PATIENT_TIMEOUTS && tcb.softError !== 0) return core.finish(tcb, told, St.IcmpHard, now);
  tcb.softError = told;
}

/** RFC 1191 s6.4 after RFC 5927 s7.2: believed at once while no segment of that size was ever acknowledged, else only when a
 *  timeout confirms it. Only then does IP hear of it: a blind attacker moves nothing. */
function fragmentationNeeded(core: Core, tcb: Tcb, mtu: number, quoted: Seq, now: Micros): void {
  if (mtu === 0 || mtu >= tcb.snd.sentSize) {
    core.reject(Icmp.PmtuIgnored, now); // nothing that large was sent, or no more since the last step; never an increase (RFC 1191 s3)
    return;
  }
  if (tcb.snd.acknowledgedSize > mtu) {
    tcb.flags |= Flag.PmtuPending;
    tcb.claimedMtu = mtu;
    tcb.claimedSeq = quoted;
    return;
  }
  core.network.lowerMtu(tcb.remote, mtu, tcb.local, now);
  resegment(core, tcb, now);
}

/** What is outstanding and too large for the path goes again, once (RFC 1191 s6.4). */
function resegment(core: Core, tcb: Tcb, now: Micros): void {
  const { snd } = tcb;
  refreshPath(core, tcb, now);
  if (tcb.search.limit > 0) searchTold(core, tcb, now);
  const tooLarge = snd.sentSize > tcb.pathMtu;
  snd.sentSize = 0;
  if (tcb.state === State.SynSent && tcb.fastOpen & FastOpen.SynData) {
    // Text in a SYN is not worth a timeout: the next goes without.
    tcb.owes |= Owe.Syn;
    return;
  }
  if (!tooLarge || snd.una === snd.nxt || tcb.state <= State.SynReceived) return;
  tcb.rtxWhy = Rtx.PathMtu;
  tcb.recovery.resend(snd.una, snd.nxt, snd.mss);
  tcb.sendCause = core.cause.id;
  tellLosses(core, tcb, Loss.PathMtu, now);
}

/** The pending claim is true after all. */
export function applyClaimedMtu(core: Core, tcb: Tcb, now: Micros): void {
  tcb.flags &= ~Flag.PmtuPending;
  core.network.lowerMtu(tcb.remote, tcb.claimedMtu, tcb.local, now);
  tcb.snd.acknowledgedSize = Math.min(tcb.snd.acknowledgedSize, packetSize(tcb, 0));
  resegment(core, tcb, now);
}
