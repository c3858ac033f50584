/** Numbers that an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323 s7.1), SYN cookies
 *  (RFC 4987 s3.6). One key each: no output of one says anything of another. Keys are new in each run. Deviation: quiet-time */
import type { Micros, Random } from "../base/environment.js";
import { type Seq, seq } from "../base/seq.js";
import { SipKey, sipHash24 } from "../base/siphash.js";
import type { IpAddress } from "../ip/address.js";

/** A cookie's clock: it is valid in the tick that made it and in the next, so for one to two minutes. */
const COOKIE_TICK: Micros = 60_000_000;
/** No cookie is believed after this. */
export const COOKIE_LIFE: Micros = 2 * COOKIE_TICK;

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

  /** The ISS of a SYN,ACK that is not remembered: hash of the 4-tuple, the peer's ISN and the tick, and in its last `width` bits what is to be
   *  remembered. With 3 of them a guess succeeds once in 2^29, or 2^28 with both ticks. */
  cookie(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    irs: Seq,
    bits: number,
    width: number,
    now: Micros,
  ): Seq {
    const hash = this.#cookieHash(local, localPort, remote, remotePort, irs, Math.floor(now / COOKIE_TICK));
    return seq((hash & -(1 << width)) | bits);
  }

  /** What the cookie remembers, or -1 if it is none of ours or too old. */
  cookieBits(
    cookie: Seq,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    irs: Seq,
    width: number,
    now: Micros,
  ): number {
    const tick = Math.floor(now / COOKIE_TICK);
    for (let age = 0; age <= 1; age++) {
      const hash = this.#cookieHash(local, localPort, remote, remotePort, irs, tick - age);
      if (((hash ^ cookie) & -(1 << width)) === 0) return cookie & ((1 << width) - 1);
    }
    return -1;
  }

  #cookieHash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, irs: Seq, tick: number): number {
    return sipHash24(this.#cookies, local ^ Math.imul(tick | 0, 0x9e37_79b1), remote, (localPort << 16) | remotePort, irs);
  }
}
