/** A datagram that has arrived for us, as IP hands it up. */
import type { Packet } from "../../base/packet.js";
import { type IpAddress, UNSPECIFIED } from "../address.js";
import type { Datagram } from "../network.js";

/** One per stack, overwritten by the next. */
export class Received implements Datagram {
  /** Null only before the first datagram. */
  packet: Packet;
  source: IpAddress = UNSPECIFIED;
  destination: IpAddress = UNSPECIFIED;
  protocol = 0;
  payloadStart = 0;
  payloadEnd = 0;
  ttl = 0;
  trafficClass = 0;
  device = 0;
  group = false;
  // Deviation: ip-options
  /** The IP header's first octet; its options lie between 20 octets on and `payloadStart`. */
  headerStart = 0;

  constructor(packet: Packet) {
    this.packet = packet;
  }
}
