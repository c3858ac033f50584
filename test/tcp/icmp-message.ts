/** ICMP errors as IP hands them to TCP. */
import { IcmpError, type QuotedError } from "../../src/ip/icmp/error.js";
import { type Exchange, OUR_PORT, THEIR_PORT, THEM, US } from "./exchange.js";

/** An error that quotes our segment at `seq` (relative to the ISS). The turn ends. */
export function icmp(x: Exchange, kind: IcmpError, seq: number, more: Partial<QuotedError> = {}): void {
  const packet = x.memory.packets.take()!;
  const { view } = x.memory.arena;
  const at = packet.start;
  view.setUint16(at, OUR_PORT);
  view.setUint16(at + 2, THEIR_PORT);
  view.setInt32(at + 4, (x.iss! + seq) | 0);
  const error: QuotedError = {
    kind,
    code: 0,
    reporter: THEM,
    source: US,
    destination: THEM,
    protocol: 6,
    quoteStart: at,
    quoteEnd: at + 8,
    mtu: 0,
    ...more,
  };
  x.tcp.icmpError(error, x.now);
  packet.release();
  x.turn();
}

/** "Fragmentation needed and DF set": the next hop takes `mtu`. */
export const tooBig = (x: Exchange, seq: number, mtu: number): void => icmp(x, IcmpError.FragmentationNeeded, seq, { code: 4, mtu });
