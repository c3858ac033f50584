import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { seq } from "../../src/base/seq.js";
import { ipFromInt } from "../../src/ip/address.js";
import { mssBits, mssOf } from "../../src/tcp/cookies.js";
import { Secrets } from "../../src/tcp/isn.js";

const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const port = fc.integer({ min: 1, max: 65_535 });
const where = fc.record({ local: i32, localPort: port, remote: i32, remotePort: port, irs: i32 });

test("RFC 4987 s3.6: a cookie brings back the largest MSS of its table that the SYN allows, for a minute at least, two at most", () => {
  const table = [536, 1_220, 1_300, 1_360, 1_400, 1_440, 1_460, 8_960];
  fc.assert(
    fc.property(
      fc.integer(),
      where,
      fc.integer({ min: 1, max: 65_535 }),
      fc.integer({ min: 0, max: 2 ** 50 }),
      fc.integer({ min: 0, max: 200_000_000 }),
      (key, w, mss, now, later) => {
        const secrets = new Secrets(new SeededRandom(key));
        const from = [ipFromInt(w.local), w.localPort, ipFromInt(w.remote), w.remotePort] as const;
        const cookie = secrets.cookie(...from, seq(w.irs), mssBits(mss), 3, now);
        const bits = secrets.cookieBits(cookie, ...from, seq(w.irs), 3, now + later);
        const back = bits < 0 ? 0 : mssOf(bits);
        const said = table.filter((size) => size <= mss).at(-1) ?? 536;
        if (later < 60_000_000) expect(back).toBe(said);
        if (later >= 120_000_000) expect(back).toBe(0);
        expect([0, said]).toContain(back);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("RFC 4987 s3.6: another 4-tuple or ISN makes the cookie worthless", () => {
  fc.assert(
    fc.property(where, where, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      const secrets = new Secrets(new SeededRandom(1));
      const cookie = secrets.cookie(ipFromInt(a.local), a.localPort, ipFromInt(a.remote), a.remotePort, seq(a.irs), 5, 7, 0);
      expect(secrets.cookieBits(cookie, ipFromInt(b.local), b.localPort, ipFromInt(b.remote), b.remotePort, seq(b.irs), 7, 0)).toBe(-1);
    }),
    { numRuns: 2_000 },
  );
});

test("RFC 6528 s3: for any 4-tuple the ISN advances with the clock and by nothing else", () => {
  fc.assert(
    fc.property(where, fc.integer({ min: 0, max: 2 ** 50 }), fc.integer({ min: 0, max: 2 ** 33 }), (w, now, later) => {
      const secrets = new Secrets(new SeededRandom(2));
      const at = (time: number): number => secrets.isn(ipFromInt(w.local), w.localPort, ipFromInt(w.remote), w.remotePort, time);
      const ticks = Math.floor((now + later) / 4) - Math.floor(now / 4);
      expect((at(now + later) - at(now)) | 0).toBe(ticks | 0);
    }),
  );
});
