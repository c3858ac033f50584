/** The fates of a frame. Every frame received has exactly one, counted once: in = delivered + dropped. */
import { Arp, Icmp, Ip, Udp } from "../base/why.js";

/** True for the fates that are no drop. */
export const isDelivered = (why: number): boolean =>
  why === Ip.Delivered ||
  why === Ip.FragmentHeld ||
  why === Ip.Reassembled ||
  why === Arp.Handled ||
  why === Udp.Delivered ||
  why === Icmp.EchoAnswered ||
  why === Icmp.EchoReplyDelivered ||
  why === Icmp.ErrorDelivered ||
  why === Icmp.PmtuLowered;
