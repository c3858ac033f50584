/** An ICMP error about a segment of an exchange, as the stack would hand it to TCP. */
import { type Seq, seqAdd } from "../../src/base/seq.js";
import { IcmpError } from "../../src/ip/icmp/error.js";
import { type Exchange, OUR_PORT, THEIR_PORT, THEM, US } from "./exchange.js";

export interface Quote {
  /** Relative to our ISN; default: SND.UNA. */
  seq?: number;
  mtu?: number;
  port?: number;
  ourPort?: number;
}

export function quote(x: Exchange, kind: IcmpError, what: Quote = {}): void {
  const packet = x.memory.packets.take()!;
  const { view } = x.memory.arena;
  view.setUint16(packet.start, what.ourPort ?? OUR_PORT);
  view.setUint16(packet.start + 2, what.port ?? THEIR_PORT);
  view.setInt32(packet.start + 4, seqAdd(x.iss ?? (0 as Seq), what.seq ?? 0));
  x.tcp.icmpError(
    {
      kind,
      code: 0,
      reporter: THEM,
      source: US,
      destination: THEM,
      protocol: 6,
      quoteStart: packet.start,
      quoteEnd: packet.start + 8,
      mtu: kind === IcmpError.FragmentationNeeded ? (what.mtu ?? 1_000) : 0,
    },
    x.now,
  );
  packet.release();
  x.turn();
}
