/** Options of a received IPv4 header — RFC 791 s3.1, RFC 1122 s3.2.1.8, RFC 7126. */
import { Ip } from "../../base/why.js";

const END = 0;
const NO_OPERATION = 1;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;

/** Walks the options in [at, end) of the header that begins at `header`; returns 0, or the reason to drop the datagram in the low 16 bits and
 *  the offending option's place in the header above them. Unknown options are ignored (RFC 1122 s3.2.1.8: "MUST silently ignore"). */
export function judgeOptions(view: DataView, header: number, at: number, end: number): number {
  let option = at;
  while (option < end) {
    const type = view.getUint8(option);
    if (type === END) return 0;
    if (type === NO_OPERATION) {
      option += 1;
      continue;
    }
    const place = (option - header) << 16;
    if (option + 1 >= end) return place | Ip.BadOption;
    const length = view.getUint8(option + 1);
    if (length < 2 || option + length > end) return place | Ip.BadOption;
    // Deviation: source-route
    // RFC 7126 s4.3 and s4.4: a host drops them; RFC 1122 s3.2.1.8 (c) would have it reverse them in its answers.
    if (type === LOOSE_SOURCE_ROUTE || type === STRICT_SOURCE_ROUTE) return place | Ip.SourceRoute;
    option += length;
  }
  return 0;
}
