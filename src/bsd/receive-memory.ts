/** SO_RCVBUF where a system counts memory and not octets: what is not text holds it. */
import type { TcpSocket } from "./tcp-socket.js";

const ETHERNET_MSS = 1_460;
/** Of 256 octets that nobody has chosen, those that are text when segments are full. */
const TEXT_SHARE = 172;

/** Of memory that was chosen half is for text, in whole segments. */
export function textIn(memory: number): number {
  const half = memory >> 1;
  return half > ETHERNET_MSS ? half - (half % ETHERNET_MSS) : half;
}

/** What SO_RCVBUF gives. */
export function receiveMemory({ settings, tcb, environment }: TcpSocket): number {
  const { policy } = environment.stack.tcp;
  if (tcb?.rcv.memory) return tcb.rcv.memory.size;
  if (settings.receiveLimit > 0) return settings.receiveLimit;
  if (policy.countsMemory) return policy.receiveMemory;
  return Math.ceil(((tcb?.rcv.buffer ?? settings.options().receiveBuffer) * 256) / TEXT_SHARE);
}
