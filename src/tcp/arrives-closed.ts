/** SEGMENT ARRIVES, no such connection: RFC 9293 s3.10.7.1. */
import type { Micros } from "../base/environment.js";
import { Drop, Tx } from "../base/why.js";
import type { Datagram } from "../ip/network.js";
import type { Core } from "./core.js";
import { sendReset } from "./reset.js";
import { RST, SYN } from "./segment.js";

export function arrivesClosed(core: Core, datagram: Datagram, now: Micros): void {
  // An incoming segment containing a RST is discarded.
  if (core.seg.flags & RST) return core.drop(null, Drop.RstInClosed, now);
  core.drop(null, Drop.NoSocket, now);
  const { blackhole } = core.policy;
  if (blackhole === "all" || (blackhole === "syn" && core.seg.flags & SYN)) return; // Deviation: blackhole
  // One not containing a RST causes a RST to be sent in response.
  sendReset(core, datagram, Tx.RstNoConnection, now);
}
