/** What a write takes, where a system counts memory and not octets: Linux queues text in buffers of up to a burst, each with an overhead, and asks
 *  only before it begins another one whether SO_SNDBUF is used up. So a write ends where a buffer is full, beyond the limit as often as not. */
import { type Seq, seqAdd, seqDiff, seqLeq, seqLt } from "../base/seq.js";
import type { TcpPolicy } from "../tcp/policy.js";
import type { Tcb } from "../tcp/tcb.js";
import { isOpening } from "../tcp/user.js";

/** What a buffer holds at most: 64 KiB without headers. */
const BURST_MOST = 65_215;
/** Below so wide a window a burst may fill all of it, else half. */
const SMALL_WINDOW = 536;
/** Without SO_SNDBUF there is room for twice the congestion window, ten segments at least, each of which costs a power of two and a header. */
const WINDOW_LEAST = 10;
const SEGMENT_HEADROOM = 640;
const SEGMENT_HEADER = 256;
/** What a burst gains by a short round trip is halved for each so many microseconds. */
const HALVED_EVERY = 512;

/** Text that waits in one buffer. */
interface Waiting {
  /** Behind what has left of it. */
  start: Seq;
  end: Seq;
}

export class SendMemory {
  /** SO_SNDBUF; 0: it was not set. */
  readonly #chosen: () => number;
  /** Octets that a buffer costs beside its text. */
  readonly #overhead: number;
  /** Ends of the buffers that have left and are not acknowledged. */
  readonly #left: Seq[] = [];
  readonly #waiting: Waiting[] = [];

  constructor(overhead: number, chosen: () => number) {
    this.#overhead = overhead;
    this.#chosen = chosen;
  }

  /** SO_SNDBUF as it is, before there is a connection and on one. */
  limit(policy: TcpPolicy, tcb: Readonly<Tcb> | null): number {
    const chosen = this.#chosen();
    if (chosen > 0) return chosen;
    if (tcb === null) return policy.sendBuffer;
    const mss = Math.max(1, tcb.snd.mss);
    const cost = 2 ** Math.ceil(Math.log2(mss + SEGMENT_HEADROOM)) + SEGMENT_HEADER;
    const segments = Math.max(WINDOW_LEAST, Math.floor(tcb.cc.window() / mss));
    return Math.max(policy.sendBuffer, Math.min(policy.sendBufferMost, 2 * segments * cost));
  }

  /** SK_MEMINFO_WMEM_QUEUED: octets of memory in use. */
  used(policy: TcpPolicy, tcb: Readonly<Tcb>): number {
    const { snd, sendQueue } = tcb;
    this.#leave(burstOf(policy, tcb), snd.nxt);
    while (this.#left.length > 0 && seqLeq(this.#left[0]!, snd.text)) this.#left.shift();
    return sendQueue.length + this.#overhead * (this.#left.length + this.#waiting.length);
  }

  /** Octets of a write of `length` that are taken now. `lowat`: octets not sent yet beyond which no buffer begins; 0: no such bound. */
  take(policy: TcpPolicy, tcb: Readonly<Tcb>, length: number, lowat: number): number {
    let used = this.used(policy, tcb);
    const limit = this.limit(policy, tcb);
    const { snd } = tcb;
    const mss = Math.max(1, snd.mss);
    const full = fullBuffer(tcb, mss);
    let end = seqAdd(snd.text, tcb.sendQueue.length);
    // What the windows let out leaves while the write goes on, and makes room in the buffer that it was in.
    let free = isOpening(tcb) ? 0 : Math.min(tcb.cc.window(), snd.wnd) - seqDiff(snd.nxt, snd.una);
    free = Math.max(0, Math.floor(free / mss) * mss);
    const burst = burstOf(policy, tcb);
    let pushed = end;
    let last = this.#waiting.at(-1) ?? null;
    if (last !== null && tcb.records?.at(-1) === last.end) last = null;
    let taken = 0;
    while (taken < length) {
      if (last === null || seqDiff(last.end, last.start) >= full) {
        const first = this.#waiting[0];
        if (used >= limit || (lowat > 0 && first !== undefined && seqDiff(end, first.start) >= lowat)) break;
        last = { start: end, end };
        this.#waiting.push(last);
        used += this.#overhead;
      }
      const octets = Math.min(full - seqDiff(last.end, last.start), length - taken);
      taken += octets;
      used += octets;
      end = seqAdd(end, octets);
      last.end = end;
      if (taken === length) break;
      // A full buffer that is the only one lets a burst of it out; more than half of the widest window lets out all there is.
      const { start } = this.#waiting[0]!;
      const all = seqDiff(end, pushed) > snd.maxWnd >> 1;
      if (all) pushed = end;
      const out = Math.min(free, all ? seqDiff(end, start) : this.#waiting.length === 1 ? burst : 0);
      free -= out;
      const before = this.#left.length + this.#waiting.length;
      this.#leave(burst, seqAdd(start, out));
      used += this.#overhead * (this.#left.length + this.#waiting.length - before);
      last = this.#waiting.at(-1) ?? null;
    }
    return taken;
  }

  /** No more than up to `end` was taken after all. */
  trim(end: Seq): void {
    for (let last = this.#waiting.at(-1); last !== undefined && seqLt(end, last.end); last = this.#waiting.at(-1)) {
      if (seqLt(last.start, end)) last.end = end;
      else this.#waiting.pop();
    }
  }

  /** There is room enough that it is worth to wake who waits: a third of what may be used. */
  isWritable(policy: TcpPolicy, tcb: Readonly<Tcb>, lowat: number): boolean {
    const used = this.used(policy, tcb);
    const limit = this.limit(policy, tcb);
    const unsent = seqDiff(seqAdd(tcb.snd.text, tcb.sendQueue.length), tcb.snd.nxt);
    return used < limit && limit - used >= used >> 1 && (lowat === 0 || unsent * 2 < lowat);
  }

  /** Text leaves up to `nxt`, in bursts; what is cut off a buffer is one of its own. */
  #leave(burst: number, nxt: Seq): void {
    for (let first = this.#waiting[0]; first !== undefined && seqLt(first.start, nxt); first = this.#waiting[0]) {
      first.start = seqAdd(first.start, Math.min(burst, seqDiff(first.end, first.start), seqDiff(nxt, first.start)));
      this.#left.push(first.start);
      if (first.start === first.end) this.#waiting.shift();
    }
  }
}

/** Octets of a full buffer: whole segments, in a burst that leaves half of the widest window for another. */
function fullBuffer({ snd }: Readonly<Tcb>, mss: number): number {
  const half = snd.maxWnd > SMALL_WINDOW ? snd.maxWnd >> 1 : snd.maxWnd;
  const most = half > 0 && half < BURST_MOST ? half : BURST_MOST;
  return Math.max(mss, Math.floor(most / mss) * mss);
}

/** Octets that leave as one: more where the round trip is short. */
function burstOf(policy: TcpPolicy, { snd, srtt, minRtt }: Readonly<Tcb>): number {
  const mss = Math.max(1, snd.mss);
  const halvings = srtt === 0 ? 0 : Math.floor(minRtt / HALVED_EVERY);
  const octets = halvings < 32 ? BURST_MOST / 2 ** halvings : 0;
  return mss * Math.max(policy.burstLeast, Math.floor(octets / mss));
}
