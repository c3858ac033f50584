/** What a packet on the loopback says of itself: as much as is needed to know whose it is, and how far a connection has come. */
import { type Seq, seq } from "../../base/seq.js";
import { isLoopback } from "../../ip/address.js";
import { FIN, SYN } from "../../tcp/segment.js";

export const TCP = 6;
export const UDP = 17;

const IP_HEADER = 20;
const TCP_HEADER = 20;
const UDP_HEADER = 8;

export class Glance {
  protocol = 0;
  source = 0;
  destination = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Of TCP alone, as are those below. */
  flags = 0;
  seq: Seq = seq(0);
  ack: Seq = seq(0);
  /** SEG.LEN: text, and one for SYN and FIN each. */
  length = 0;

  /** False: no whole packet of TCP or UDP between two addresses of the loopback. */
  look(view: DataView, start: number, end: number): boolean {
    if (end - start < IP_HEADER + UDP_HEADER || view.getUint8(start) >>> 4 !== 4) return false;
    const transport = start + (view.getUint8(start) & 15) * 4;
    this.protocol = view.getUint8(start + 9);
    this.source = view.getInt32(start + 12);
    this.destination = view.getInt32(start + 16);
    if (!isLoopback(this.source as never) || !isLoopback(this.destination as never)) return false;
    // Nothing is as large as to be cut here: the loopback takes whatever IP does.
    if ((view.getUint16(start + 6) & 0x3fff) !== 0) return false;
    if (transport + (this.protocol === TCP ? TCP_HEADER : UDP_HEADER) > end) return false;
    this.sourcePort = view.getUint16(transport);
    this.destinationPort = view.getUint16(transport + 2);
    if (this.protocol !== TCP) return this.protocol === UDP;
    this.seq = seq(view.getInt32(transport + 4));
    this.ack = seq(view.getInt32(transport + 8));
    this.flags = view.getUint8(transport + 13);
    const text = start + view.getUint16(start + 2) - transport - (view.getUint8(transport + 12) >>> 4) * 4;
    if (text < 0) return false;
    this.length = text + (this.flags & SYN ? 1 : 0) + (this.flags & FIN ? 1 : 0);
    return true;
  }
}
