/** Numbers that an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323 s7.1), SYN cookies
 *  (RFC 4987 s3.6). One key each: no output of one says anything of another. Keys are new in each run. Deviation: quiet-time */
import type { Micros, Random } from "../base/environment.js";
import { type Seq, seq, seqDiff } from "../base/seq.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

/** The MSS values that a cookie can remember: what SYNs announce in practice. */
const COOKIE_MSS = [536, 1_220, 1_300, 1_360, 1_400, 1_440, 1_460, 8_960] as const;
/** A cookie's clock: it is valid in the tick that made it and in the next, so for one to two minutes. */
const COOKIE_TICK: Micros = 60_000_000;
/** No cookie is believed after this. */
export const COOKIE_LIFE: Micros = 2 * COOKIE_TICK;
const COOKIE_HASH_MASK = 0x1fff_ffff; // 29 bits of hash, 3 bits of MSS: a guess succeeds once in 2^29, or 2^28 with both ticks

export class Secrets {
  readonly #isn: SipKey;
  readonly #timestamps: SipKey;
  readonly #cookies: SipKey;
  readonly #random: Random;

  constructor(random: Random) {
    this.#isn = new SipKey(random);
    this.#timestamps = new SipKey(random);
    this.#cookies = new SipKey(random);
    this.#random = random;
  }

  /** ISN = M + F(localip, localport, remoteip, remoteport, secretkey), M a 4 µs clock (RFC 6528 s3; MUST-8, SHLD-1). */
  isn(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, now: Micros): Seq {
    const clock = Math.floor(now / 4) % 2 ** 32;
    return seq((clock | 0) + sipHash24(this.#isn, local, remote, (localPort << 16) | remotePort, 0));
  }

  /** A constant for a 4-tuple, so that timestamps of its incarnations go on rising (RFC 7323 s7.1, RFC 6191 s2). */
  timestampOffset(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    return sipHash24(this.#timestamps, local, remote, (localPort << 16) | remotePort, 0);
  }

  /** A random int32, for those who hold this. */
  random(): number {
    return this.#random.int32();
  }

  /** The ISS of a SYN,ACK that is not remembered: hash of the 4-tuple, the peer's ISN and the tick, and the MSS's index. */
  cookie(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, irs: Seq, mss: number, now: Micros): Seq {
    let index = COOKIE_MSS.length - 1;
    while (index > 0 && COOKIE_MSS[index]! > mss) index -= 1;
    return seq((this.#cookieHash(local, localPort, remote, remotePort, irs, Math.floor(now / COOKIE_TICK)) << 3) | index);
  }

  /** The MSS that the cookie remembers, or 0 if it is none of ours or too old. */
  cookieMss(cookie: Seq, local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, irs: Seq, now: Micros): number {
    const tick = Math.floor(now / COOKIE_TICK);
    for (let age = 0; age <= 1; age++) {
      const hash = this.#cookieHash(local, localPort, remote, remotePort, irs, tick - age);
      if (seqDiff(seq(hash << 3), seq(cookie & ~7)) === 0) return COOKIE_MSS[cookie & 7]!;
    }
    return 0;
  }

  #cookieHash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, irs: Seq, tick: number): number {
    return (
      sipHash24(this.#cookies, local ^ Math.imul(tick | 0, 0x9e37_79b1), remote, (localPort << 16) | remotePort, irs) & COOKIE_HASH_MASK
    );
  }
}
