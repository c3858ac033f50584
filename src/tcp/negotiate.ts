/** What only a SYN can say: MSS (RFC 9293 s3.7.1), window scale and timestamps (RFC 7323), SACK (RFC 2018), ECN (RFC 3168, RFC 9768). Each is on only if
 *  both ends said so. */
import type { Micros } from "../base/environment.js";
import { fitBuffers } from "./autotune.js";
import type { Core } from "./core.js";
import { negotiateEcn } from "./ecn.js";
import { effectiveMss } from "./path.js";
import type { Segment } from "./segment.js";
import { Flag, has, type Tcb } from "./tcb.js";

export function negotiate(core: Core, tcb: Tcb, seg: Segment, now: Micros): void {
  const { snd, rcv } = tcb;
  // Absent: 536, unless an administrator says otherwise (MUST-15). Absurdly small ones are not believed (CVE-2019-11479).
  snd.peerMss = seg.mss === 0 ? core.policy.mssDefault : Math.max(seg.mss, core.policy.mssFloor);
  if (has(tcb, Flag.WindowScale) && seg.windowScale >= 0) snd.scale = seg.windowScale;
  else {
    // RFC 7323 s2.2: scaling in neither direction unless both sent the option.
    tcb.flags &= ~Flag.WindowScale;
    snd.scale = 0;
    rcv.scale = 0;
  }
  if (!seg.sackPermitted) tcb.flags &= ~Flag.Sack;
  if (!seg.hasTimestamp) tcb.flags &= ~Flag.Timestamps;
  negotiateEcn(core, tcb, seg);
  if (has(tcb, Flag.Timestamps)) {
    rcv.tsRecent = seg.tsVal; // RFC 7323 s4.3
    rcv.tsRecentAt = now;
  }
  snd.wnd = seg.wnd; // never scaled in a SYN: RFC 7323 s2.2
  snd.maxWnd = seg.wnd;
  tcb.pathEpoch = core.network.epoch;
  snd.mss = effectiveMss(core, tcb, now);
  rcv.mss = 0;
  fitBuffers(core, tcb);
  tcb.cc.begin(snd.mss, core.policy, false);
}
