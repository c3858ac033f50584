/** Two ends that open, close and probe at the same time, over a wire that loses chosen packets: RFC 9293 s3.5, s3.6 and appendix A.2. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { profiles } from "../../src/stack/profile.js";
import { type Exchange, type Injection, octets, type Sentry } from "./exchange.js";
import { exchangeAt, wraps } from "./states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });
const LATENCY = 10 * MILLISECOND;

const asInjection = (s: Sentry): Injection => ({
  flags: s.flags,
  seq: s.seq,
  ack: s.ack,
  wnd: s.wnd,
  up: s.up,
  text: s.text,
  ...(s.mss > 0 ? { mss: s.mss } : {}),
  ...(s.windowScale >= 0 ? { windowScale: s.windowScale } : {}),
  sackPermitted: s.sackPermitted,
  ...(s.tsVal === null ? {} : { ts: [s.tsVal, s.tsEcr!] as [number, number] }),
  ...(s.sack.length > 0 ? { sack: s.sack } : {}),
});

/** Both ends are exchanges; each takes the other for its peer. */
class Crossing {
  readonly a: Exchange;
  readonly b: Exchange;
  packets = 0;
  /** The nth packet is lost where bit n is set. */
  lost = 0;

  constructor(iss: number, irs: number, profile = "linux") {
    const options = { memory, profile: profiles[profile]! };
    this.a = exchangeAt(iss, { ...options, irs, seed: 1 });
    this.b = exchangeAt(irs, { ...options, irs: iss, seed: 2 });
  }

  /** Lets time pass; what one end has sent the other gets a latency later. */
  run(micros: number): void {
    for (let passed = 0; passed < micros; ) {
      const fromA = this.a.take();
      const fromB = this.b.take();
      const idle = Math.min(micros - passed, this.a.tcp.nextTimeout() - this.a.now, this.b.tcp.nextTimeout() - this.b.now);
      const step = fromA.length + fromB.length > 0 ? LATENCY : Math.max(1, idle);
      passed += step;
      this.a.advance(step);
      this.b.advance(step);
      for (const [to, all] of [
        [this.b, fromA],
        [this.a, fromB],
      ] as const)
        for (const s of all) {
          const n = this.packets++;
          if (n < 31 && this.lost & (1 << n)) continue;
          to.inject(asInjection(s));
        }
    }
  }

  end(): void {
    this.a.tcp.closeAll(this.a.now);
    this.b.tcp.closeAll(this.b.now);
  }
}

describe("s3.5: crossing SYNs", () => {
  test.each(wraps)(
    "s3.5: whichever of the first six packets are lost, both get ESTABLISHED, and then there is silence (MUST-10, U17, S-090), ISS %i IRS %i",
    (iss, irs) => {
      for (let lost = 0; lost < 64; lost++) {
        const w = new Crossing(iss, irs);
        w.lost = lost;
        w.a.connect();
        w.b.connect();
        w.run(40 * SECOND);
        expect([lost, w.a.state, w.b.state]).toEqual([lost, "ESTABLISHED", "ESTABLISHED"]);
        const before = w.packets;
        expect(before).toBeLessThan(30);
        w.run(5 * SECOND);
        expect(w.packets).toBe(before);
        w.a.write(100);
        w.b.write(200);
        w.run(SECOND);
        expect(w.a.read()).toEqual(octets(200));
        expect(w.b.read()).toEqual(octets(100));
        w.end();
      }
    },
  );
});

describe("s3.6: crossing FINs", () => {
  test.each(Object.keys(profiles))(
    "s3.6: whichever of the first six packets are lost, both ends close, profile %s (U11, U17)",
    (profile) => {
      for (let lost = 0; lost < 64; lost++) {
        const w = new Crossing(-2, 0x7fff_fffe, profile);
        w.a.connect();
        w.b.connect();
        w.run(SECOND);
        expect([w.a.state, w.b.state]).toEqual(["ESTABLISHED", "ESTABLISHED"]);
        w.packets = 0;
        w.lost = lost;
        for (const x of [w.a, w.b]) {
          x.tcp.send(x.handle, octets(50), 0, 50, x.now);
          x.tcp.shutdown(x.handle, x.now);
          x.turn();
        }
        w.run(30 * SECOND);
        for (const x of [w.a, w.b]) {
          expect(["TIME-WAIT", "CLOSED"]).toContain(x.state);
          expect(x.read()).toEqual(octets(50));
          expect(x.read()).toBeNull();
          expect(x.tcp.errorOf(x.handle)).toBeNull();
          expect(x.events.filter((event) => event === "Closed").length).toBe(1);
        }
        w.end();
      }
    },
  );
});

describe("A.2: crossing probes", () => {
  test.each(Object.keys(profiles))(
    "A.2: both windows closed, both ends probing, updates lost: in the end all text arrives, profile %s (2525-12, U17)",
    (profile) => {
      for (const lost of [0, 0b1010_1010, 0xff, 0x00ff_0000]) {
        const w = new Crossing(5, -5, profile);
        w.a.connect({ receiveBuffer: 2_048 });
        w.b.connect({ receiveBuffer: 2_048 });
        w.run(SECOND);
        expect(w.a.state).toBe("ESTABLISHED");
        const total = 10_000;
        w.a.write(total);
        w.b.write(total);
        w.run(60 * SECOND); // nobody reads
        expect(w.a.tcp.readable(w.a.handle)).toBeLessThanOrEqual(w.a.tcp.look(w.a.handle).rcv.buffer);
        const quiet = w.packets;
        w.run(60 * SECOND);
        expect(w.packets - quiet).toBeLessThan(400);
        w.packets = 0;
        w.lost = lost;
        const got: [number, number] = [0, 0];
        for (let i = 0; i < 4_000 && (got[0] < total || got[1] < total); i++) {
          for (const [k, x] of [w.a, w.b].entries()) {
            const text = x.read();
            if (text === null || text.length === 0) continue;
            expect(text).toEqual(octets(total).subarray(got[k]!, got[k]! + text.length));
            got[k as 0 | 1] += text.length;
          }
          w.run(SECOND / 4);
        }
        expect([lost, ...got]).toEqual([lost, total, total]);
        w.end();
      }
    },
  );
});
