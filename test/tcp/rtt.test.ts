import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { freebsd, linux, rfc } from "../../src/stack/profile.js";
import { backedOff, synTimeout, timeout } from "../../src/tcp/rtt.js";
import { Exchange } from "./exchange.js";
import { ack, established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

describe("RFC 6298 s2: the estimator", () => {
  test("s2.2: the first sample: SRTT = R, RTTVAR = R/2, RTO = SRTT + max(G, 4*RTTVAR) (6298-02)", () => {
    const x = established({ memory, rtt: 400 * MS });
    expect([x.tcb.srtt, x.tcb.rttvar, x.tcb.rto]).toEqual([400 * MS, 200 * MS, 1_200 * MS]);
  });

  test("s2.3: RTTVAR first, from the old SRTT; beta 1/4, alpha 1/8 (6298-03)", () => {
    const x = established({ memory, rtt: 400 * MS });
    x.write(MSS);
    x.advance(800 * MS);
    ack(x, 1);
    expect(x.tcb.rttvar).toBe(250 * MS); // 3/4 * 200 + 1/4 * |400 - 800|
    expect(x.tcb.srtt).toBe(450 * MS); // 7/8 * 400 + 1/8 * 800
    expect(x.tcb.rto).toBe(1_450 * MS);
  });

  test("s2.3: any series of samples gives what exact arithmetic gives, to a few microseconds (6298-02, 6298-03, 9293-MUST-18)", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900_000 }), { minLength: 1, maxLength: 60 }), (samples) => {
        const x = established({ memory, profile: rfc, rtt: samples[0]! });
        let srtt = samples[0]!;
        let rttvar = srtt / 2;
        let n = 0;
        for (const sample of samples.slice(1)) {
          x.write(MSS);
          x.advance(sample);
          ack(x, ++n);
          rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - sample);
          srtt = 0.875 * srtt + 0.125 * sample;
        }
        expect(x.tcb.segmentsRetransmitted).toBe(0);
        expect(Math.abs(x.tcb.srtt - srtt)).toBeLessThanOrEqual(4.5);
        expect(Math.abs(x.tcb.rttvar - rttvar)).toBeLessThanOrEqual(7);
        const rto = Math.min(120 * SECOND, Math.max(SECOND, srtt + Math.max(MS, 4 * rttvar)));
        expect(Math.abs(x.tcb.rto - rto)).toBeLessThanOrEqual(32);
      }),
      { numRuns: 100 },
    );
  });

  test("s2.4, s2.5: within the bounds of the profile (6298-04, 6298-05)", () => {
    expect(timeout(rfc.tcp, 1, 1)).toBe(SECOND);
    expect(timeout(rfc.tcp, 300 * SECOND, 1)).toBe(120 * SECOND);
    expect(timeout(linux.tcp, 1, 1)).toBe(200 * MS + 1);
    expect(timeout(linux.tcp, 100 * MS, 10 * MS)).toBe(300 * MS);
    expect(timeout(freebsd.tcp, 100 * MS, 10 * MS)).toBe(340 * MS);
    expect(timeout(freebsd.tcp, 63 * SECOND, 10 * SECOND)).toBe(64 * SECOND);
  });

  test("s4: the variance term is never below the clock's granularity (6298-08)", () => {
    expect(timeout({ ...rfc.tcp, rtoMin: 1 }, 100 * MS, 0)).toBe(100 * MS + rfc.tcp.timestampTick);
    expect(timeout({ ...rfc.tcp, rtoMin: 1 }, 100 * MS, 10)).toBe(100 * MS + rfc.tcp.timestampTick);
  });

  test("s5.5: doubled for each expiry, up to the maximum (6298-14)", () => {
    expect([0, 1, 2, 3].map((n) => backedOff(rfc.tcp, SECOND, n, 0))).toEqual([1, 2, 4, 8].map((n) => n * SECOND));
    for (const n of [7, 16, 31, 32, 1_000]) expect(backedOff(rfc.tcp, SECOND, n, 0)).toBe(120 * SECOND);
  });

  test("the slop in an RTO is not doubled, and comes to a SYN with the first doubling", () => {
    expect([0, 1, 2].map((n) => backedOff(rfc.tcp, 1_200 * MS, n, 200 * MS))).toEqual([1_200, 2_200, 4_200].map((n) => n * MS));
    const policy = { ...rfc.tcp, rtoSlop: 200 * MS };
    expect([0, 1, 2, 20].map((n) => synTimeout(policy, policy, SECOND, n))).toEqual([1_000, 2_200, 4_200, 120_000].map((n) => n * MS));
  });
});

describe("RFC 6298 s2: the bounds of one connection", () => {
  test("s2.1: its SYN goes again when it says, doubling up to its most (6298-01, 6298-05)", () => {
    const x = new Exchange({ memory });
    const start = x.now;
    x.connect({ rtoInitial: 50 * MS, rtoMin: 10 * MS, rtoMax: 400 * MS });
    x.advance(2_500 * MS);
    // Four that do not back off, then the doubling.
    expect(x.take().map((s) => (s.at - start) / MS)).toEqual([0, 50, 100, 150, 200, 250, 350, 550, 950, 1_350, 1_750]);
  });

  test("s2.4: a least of 20 ms lowers the floor of the variance with it; a least of 2 s is one (6298-04)", () => {
    for (const [rtoMin, first] of [
      [20 * MS, 10 * MS + 20 * MS],
      [2 * SECOND, 2 * SECOND],
    ] as const) {
      const x = established({ memory, rtt: 10 * MS, connection: { rtoMin } });
      x.write(MSS);
      x.take();
      x.advance(first - 1);
      expect(x.take()).toEqual([]);
      x.advance(1);
      expect(x.take()).toMatchObject([{ why: "rtx.rto" }]);
    }
  });

  test("changed while the connection lives, they hold from the next time the timer is set", () => {
    const x = established({ memory, rtt: 10 * MS });
    expect(x.tcb.rto).toBe(210 * MS);
    x.tcp.configure(x.handle, { rtoMin: 5 * MS }, x.now);
    expect(x.tcb.rto).toBe(30 * MS); // 10 + max(5, 4 * 5)
    x.tcp.configure(x.handle, { rtoMin: SECOND, rtoMax: 3 * SECOND }, x.now);
    const start = x.now;
    x.write(MSS);
    x.advance(10 * SECOND);
    expect(x.take().map((s) => (s.at - start) / MS)).toEqual([0, 1_000, 3_000, 6_000, 9_000]);
  });

  test("what makes no sense is refused, with the reason", () => {
    const x = new Exchange({ memory });
    expect(() => x.connect({ rtoMin: 0 })).toThrowError(/rtoMin 0.*from 1000/);
    expect(() => x.connect({ rtoMin: 2 * SECOND, rtoMax: SECOND })).toThrowError(/rtoMin 2000000.*above rtoMax, 1000000/);
  });
});

describe("RFC 6298 s3: samples", () => {
  test("s3: a segment sent again gives none, without timestamps (6298-06, 1122-T-04)", () => {
    const x = established({ memory });
    x.write(MSS);
    x.advance(5 * SECOND);
    expect(x.tcb.segmentsRetransmitted).toBeGreaterThan(0);
    ack(x, 1);
    expect([x.tcb.srtt, x.tcb.rttvar]).toEqual([100 * MS, 50 * MS]);
  });

  test("s3: nor does one that was sent between the timed segment and its acknowledgment by fast retransmit (6298-06)", () => {
    const x = established({ memory });
    x.write(10 * MSS);
    x.advance(50 * MS);
    for (let i = 0; i < 3; i++) ack(x, 0);
    x.advance(50 * MS);
    ack(x, 10);
    expect(x.tcb.srtt).toBe(100 * MS);
    expect(x.tcb.latestRtt).toBe(100 * MS);
    expect(x.tcb.rttvar).toBe(50 * MS);
  });

  test("s3: an echoed timestamp names the transmission, so it gives one (6298-06)", () => {
    const x = established({ memory, syn: { ts: [1, 0] } });
    x.write(988);
    x.advance(300 * MS);
    const again = x.take().at(-1)!;
    expect(again.why).toBe("rtx.rto");
    x.advance(60 * MS);
    x.inject({ seq: 1, ack: 989, ts: [500, again.tsVal!] });
    expect(x.tcb.latestRtt).toBe(60 * MS);
  });

  test("s3: at least one measurement a round trip (6298-07)", () => {
    const x = established({ memory });
    let acked = 0;
    for (let round = 0; round < 10; round++) {
      const rtt = (100 + round) * MS;
      x.write(10 * MSS);
      x.advance(rtt);
      ack(x, (acked += 10));
      expect(x.tcb.latestRtt).toBe(rtt);
    }
  });

  test("RFC 7323 s4.1: an ACK that acknowledges nothing new gives none (7323-22)", () => {
    const x = established({ memory, syn: { ts: [1, 0] } });
    const { srtt } = x.tcb;
    x.write(988);
    const first = x.take()[0]!;
    x.advance(50 * MS);
    for (let i = 0; i < 5; i++) x.inject({ seq: 1, ack: 1, ts: [200 + i, first.tsVal!] });
    expect(x.tcb.srtt).toBe(srtt);
  });

  test("RFC 7323 s4.2: one sample a round trip, so the gains of RFC 6298 are right (7323-23)", () => {
    const x = established({ memory, syn: { ts: [1, 0], mss: MSS + 12 } });
    x.write(10 * MSS);
    const out = x.take();
    expect(out.length).toBe(10);
    x.advance(200 * MS);
    let samples = 0;
    let before = x.tcb.srtt;
    for (const s of out) {
      x.inject({ seq: 1, ack: s.seq + s.length, ts: [500, s.tsVal!] });
      if (x.tcb.srtt !== before) samples += 1;
      before = x.tcb.srtt;
    }
    expect(samples).toBe(1);
  });

  test("RFC 7323 appendix G: by policy every ACK gives one, and a window of them weighs as much as one (7323-23)", () => {
    const x = established({ memory, policy: { rttSamples: "every-ack" }, connection: { sendBuffer: 1 << 20 } });
    x.tcb.cc.adopt(20 * MSS, 2 * MSS);
    x.write(20 * MSS);
    x.advance(200 * MS);
    let [srtt, rttvar, flight] = [100 * MS, 50 * MS, 20];
    for (let n = 2; n <= 20; n += 2) {
      ack(x, n);
      const expected = Math.ceil(flight / 2);
      rttvar += (Math.abs(srtt - 200 * MS) - rttvar) / (4 * expected);
      srtt += (200 * MS - srtt) / (8 * expected);
      flight -= 2;
      expect(Math.abs(x.tcb.srtt - srtt)).toBeLessThan(2);
      expect(Math.abs(x.tcb.rttvar - rttvar)).toBeLessThan(2);
    }
    expect(x.tcb.srtt).toBeLessThan(140 * MS); // ten samples with the gains of RFC 6298 would make it 174
  });

  test("RFC 7323 appendix G: however small the gains are, samples that differ by little add up (7323-23)", () => {
    const x = established({ memory, policy: { rttSamples: "every-ack" }, connection: { sendBuffer: 1 << 20 } });
    x.tcb.cc.adopt(500 * MSS, 2 * MSS);
    let acked = 0;
    for (let round = 0; round < 60; round++) {
      x.write(500 * MSS);
      x.take();
      x.advance(101 * MS);
      for (let n = 0; n < 250; n++) ack(x, (acked += 2));
    }
    expect(Math.abs(x.tcb.srtt - 101 * MS)).toBeLessThan(50); // an eighth of 250 parts of a millisecond is less than one microsecond
  });

  test("RFC 7323 s4.1: an echo from the future or from another age is no sample", () => {
    for (const echo of [1_000_000, -700_000]) {
      const x = established({ memory, syn: { ts: [1, 0] } });
      const { srtt } = x.tcb;
      x.write(988);
      x.advance(300 * MS);
      const last = x.take().at(-1)!;
      x.inject({ seq: 1, ack: 989, ts: [900, last.tsVal! + echo] });
      expect(x.tcb.srtt).toBe(srtt);
    }
  });
});
