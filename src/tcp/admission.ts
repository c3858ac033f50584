/** Who may open a connection when there is little room for more: each peer its share, and newcomers before those whom nobody waits for. */
import type { Micros } from "../base/environment.js";
import { St, Tx } from "../base/why.js";
import type { IpAddress } from "../ip/address.js";
import type { Core } from "./core.js";
import { CloseError } from "./events.js";
import type { Listener } from "./listener.js";
import { resetFrom } from "./output.js";
import { State } from "./state.js";

/** However full the table is, a peer may have so many connections. */
const LEAST_SHARE = 8;

/** Has the peer its share of the table? None may open more connections than there is room for still (as share.ts does with memory): one alone
 *  takes half of the table, and of many each leaves as much as it has. */
export function isGreedy(core: Core, remote: IpAddress): boolean {
  const { demux, sources } = core;
  const share = Math.max(LEAST_SHARE, demux.room);
  return demux.used >= share && sources.of(remote) >= share;
}

/** The table is full, and somebody may go for a newcomer. */
export const mayMakeRoom = (core: Core, listener: Listener): boolean =>
  core.demux.room === 0 && (core.timeWaits.count > 0 || listener.waiting > 0);

/** Ends the connection that is longest in TIME-WAIT, else the one that has waited longest to be accepted. */
export function makeRoom(core: Core, listener: Listener, now: Micros): void {
  for (let slot = core.timeWaits.next(); slot !== 0 && core.demux.room === 0; slot = core.timeWaits.next()) {
    const tcb = core.resolve(slot);
    if (tcb !== null && tcb.state === State.TimeWait) core.finish(tcb, CloseError.None, St.ResourceLimit, now);
  }
  while (core.demux.room === 0 && listener.waiting > 0) {
    const slot = core.demux.slot(listener.shift());
    const tcb = slot === 0 ? null : core.resolve(slot);
    if (tcb === null) continue;
    if (tcb.state === State.Closed) {
      core.release(tcb);
      continue;
    }
    resetFrom(core, tcb, tcb.snd.nxt, Tx.RstAbort, now);
    core.finish(tcb, CloseError.Aborted, St.ResourceLimit, now);
  }
}
