/** RFC 9040 s6: what a connection begins with of what earlier ones between the same hosts have learned. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import { freebsd, linux, rfc } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import { NO_THRESHOLD } from "../../src/tcp/congestion/controller.js";
import { PathHistory } from "../../src/tcp/path-history.js";
import { Exchange, type Injection, THEM, US } from "../tcp/exchange.js";
import { MS, MSS, SECOND } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const HOUR = 3_600 * SECOND;

/** One that shares; the sharing of a profile is off in an exchange. */
const sharing = (what: "rtt" | "all", more = {}): Exchange => new Exchange({ memory, policy: { sharing: what, ...more } });

/** Opens a connection to the peer, from another port each time; the SYN,ACK takes `rtt`. */
function connect(x: Exchange, port: number, rtt: number, options: Record<string, unknown> = {}, syn: Injection = {}): void {
  x.handle = x.tcp.connect({ remote: THEM, remotePort: 5_000, localPort: port, ...options }, x.application, x.now);
  x.turn();
  x.advance(rtt);
  x.inject({ flags: "S.", ack: 1, mss: MSS, ourPort: port, ...syn });
}

/** The peer resets it: it ends at once, and the next one has all to itself. */
const reset = (x: Exchange, port: number): void => x.inject({ flags: "R.", seq: 1, ack: 1, ourPort: port });

const paths = (x: Exchange) => x.tcp.showPaths(x.now);

describe("RFC 9040 s6: round-trip times", () => {
  test("s6.2: the first connection's are kept when it ends, not before (9040-01)", () => {
    const x = sharing("rtt");
    connect(x, 1_000, 80 * MS);
    expect(paths(x)).toEqual([]);
    reset(x, 1_000);
    expect(paths(x)).toEqual([{ local: "10.0.0.1", remote: "10.0.0.2", srtt: 80 * MS, rttvar: 40 * MS, ssthresh: null, age: 0 }]);
  });

  test("s6.2: later ones are merged by exponential decay, so that one of them says little (9040-02)", () => {
    const history = new PathHistory(new SeededRandom(1), 4);
    history.note(US, THEM, 80 * MS, 40 * MS, NO_THRESHOLD, HOUR, 0);
    history.note(US, THEM, 160 * MS, 20 * MS, NO_THRESHOLD, HOUR, 1);
    expect(history.show(HOUR, 1)).toMatchObject([{ srtt: 90 * MS, rttvar: 35 * MS, age: 0 }]);
  });

  test("s6.1: who opens goes on from them; the sample of the handshake is merged as RFC 6298 s2.3 has it (9040-03)", () => {
    const x = sharing("rtt");
    connect(x, 1_000, 80 * MS);
    reset(x, 1_000);
    connect(x, 1_001, 160 * MS);
    expect([x.tcb.srtt, x.tcb.rttvar]).toEqual([90 * MS, 50 * MS]); // 7/8 * 80 + 1/8 * 160, 3/4 * 40 + 1/4 * 80
    expect(x.tcb.rto).toBe(290 * MS);
    expect(x.tally.show()["tm.rtt_recalled"]).toBe(1);
  });

  test("s6.1: so does who is connected to, when the handshake is over and not for a mere SYN (9040-03)", () => {
    const x = sharing("rtt");
    connect(x, 1_000, 80 * MS);
    reset(x, 1_000);
    x.listen();
    x.inject({ flags: "S", mss: MSS });
    expect(x.tally.show()["tm.rtt_recalled"]).toBeUndefined();
    x.advance(160 * MS);
    x.inject({ seq: 1, ack: 1 });
    expect(x.tally.show()["tm.rtt_recalled"]).toBe(1);
    expect([x.tcb.srtt, x.tcb.rttvar]).toEqual([90 * MS, 50 * MS]);
  });

  test("RFC 6298 s2.1: the SYN waits for a second all the same, and longer where the path is known to be longer (9040-04)", () => {
    for (const [rtt, timeout] of [
      [80 * MS, SECOND],
      [900 * MS, 900 * MS + 4 * 450 * MS],
    ] as const) {
      const x = sharing("rtt");
      connect(x, 1_000, rtt);
      reset(x, 1_000);
      x.take();
      x.handle = x.tcp.connect({ remote: THEM, remotePort: 5_000, localPort: 1_001 }, x.application, x.now);
      x.turn();
      const start = x.now;
      x.advance(5 * SECOND);
      expect(
        x
          .take()
          .slice(0, 2)
          .map((s) => s.at - start),
      ).toEqual([0, timeout]);
    }
  });

  test("RFC 6298 s5.7: a lost SYN makes text begin with 3 s, whatever was remembered (6298-16)", () => {
    const x = sharing("rtt", { timestamps: false });
    connect(x, 1_000, 80 * MS);
    reset(x, 1_000);
    connect(x, 1_001, 1_200 * MS);
    expect([x.tcb.srtt, x.tcb.rto]).toEqual([80 * MS, 3 * SECOND]);
  });

  test("s8.1: what has not been heard of for long is another path by now (9040-05)", () => {
    const x = sharing("rtt");
    connect(x, 1_000, 80 * MS);
    reset(x, 1_000);
    x.advance(HOUR);
    expect(paths(x)).toMatchObject([{ age: HOUR }]);
    x.advance(1);
    expect(paths(x)).toEqual([]);
    connect(x, 1_001, 160 * MS);
    expect([x.tcb.srtt, x.tcb.rttvar]).toEqual([160 * MS, 80 * MS]);
  });

  test("a connection that ends because nothing comes back takes what was known with it (9040-05)", () => {
    const x = sharing("rtt", { r2: 1 });
    connect(x, 1_000, 80 * MS);
    reset(x, 1_000);
    connect(x, 1_001, 80 * MS);
    x.write(MSS);
    x.advance(60 * SECOND);
    expect(x.state).toBe("CLOSED");
    expect(paths(x)).toEqual([]);
  });

  test("TIME-WAIT is an end; its own end is none", () => {
    const x = sharing("rtt");
    connect(x, 1_000, 80 * MS);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.inject({ flags: "F.", seq: 1, ack: 2, ourPort: 1_000 });
    expect(x.state).toBe("TIME-WAIT");
    expect(paths(x)).toHaveLength(1);
    x.advance(120 * SECOND);
    expect(paths(x)).toMatchObject([{ age: 120 * SECOND }]);
  });

  test("a connection that has measured nothing leaves nothing", () => {
    const x = sharing("rtt");
    x.handle = x.tcp.connect({ remote: THEM, remotePort: 5_000, localPort: 1_000 }, x.application, x.now);
    x.turn();
    x.inject({ flags: "R.", ack: 1, ourPort: 1_000 });
    expect(x.state).toBe("CLOSED");
    expect(paths(x)).toEqual([]);
  });
});

describe("RFC 9040 s6: the slow start threshold", () => {
  /** Sends `segments` with a loss of the first behind the first window, and ends. */
  function flow(x: Exchange, port: number, segments: number): void {
    connect(x, port, 80 * MS, { sendBuffer: 1 << 20 }, { sackPermitted: true, windowScale: 7 });
    x.write(segments * MSS);
    let acked = 0;
    let lost = false;
    const arrived = new Set<number>();
    for (let round = 0; round < 200 && acked < segments; round++) {
      x.advance(80 * MS);
      for (const s of x.take().filter((out) => out.length > 0 && out.srcPort === port)) {
        const n = (s.seq - 1) / MSS;
        if (n === 10 && !lost) {
          lost = true;
          continue;
        }
        arrived.add(n);
        while (arrived.has(acked)) acked += 1;
        const most = Math.max(...arrived);
        const sack = most > acked ? { sack: [1 + (acked + 1) * MSS, 1 + (most + 1) * MSS] } : {};
        x.inject({ seq: 1, ack: 1 + acked * MSS, ourPort: port, ...sack });
      }
    }
    expect(acked).toBe(segments);
    reset(x, port);
  }

  test("s6.2: a long flow leaves its own, and the next slow start ends there (9040-06)", () => {
    const x = sharing("all");
    flow(x, 1_000, 400);
    const ssthresh = paths(x)[0]!.ssthresh!;
    expect(ssthresh).toBeGreaterThan(2 * MSS);
    connect(x, 1_001, 80 * MS);
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([10 * MSS, Math.max(10 * MSS, ssthresh)]);
    expect(x.tally.show()["cc.recalled"]).toBe(1);
  });

  test("s8: that of a short flow is not kept (9040-06)", () => {
    const x = sharing("all");
    flow(x, 1_000, 30);
    expect(paths(x)).toMatchObject([{ ssthresh: null }]);
    connect(x, 1_001, 80 * MS);
    expect(x.tcb.cc.threshold()).toBe(NO_THRESHOLD);
  });

  test("s6.2: old and new make a mean; one that has learned none takes none away (9040-02)", () => {
    const history = new PathHistory(new SeededRandom(1), 4);
    for (const threshold of [NO_THRESHOLD, 40_000, 20_000, NO_THRESHOLD]) history.note(US, THEM, MS, MS, threshold, HOUR, 0);
    expect(history.show(HOUR, 0)).toMatchObject([{ ssthresh: 30_000 }]);
  });

  test("where round-trip times are all that is shared, none is kept", () => {
    const x = sharing("rtt");
    flow(x, 1_000, 400);
    expect(paths(x)).toMatchObject([{ ssthresh: null }]);
  });
});

describe("the table", () => {
  test("has a bound: who was not heard of for longest gives way, and each pair of hosts has its own (9040-07)", () => {
    const history = new PathHistory(new SeededRandom(1), 3);
    const peers = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"].map(ip);
    for (const [i, peer] of peers.slice(0, 3).entries()) history.note(US, peer, (1 + i) * MS, MS, NO_THRESHOLD, HOUR, i);
    history.note(US, peers[0]!, MS, MS, NO_THRESHOLD, HOUR, 3); // again
    history.note(US, peers[3]!, 9 * MS, MS, NO_THRESHOLD, HOUR, 4);
    expect(history.show(HOUR, 4).map(({ remote, srtt }) => [remote, srtt])).toEqual([
      ["10.0.0.4", 3 * MS],
      ["10.0.0.2", MS],
      ["10.0.0.5", 9 * MS],
    ]);
    expect(history.find(peers[0]!, US, HOUR, 4)).toBe(-1);
  });

  test("profiles: linux shares round-trip times, freebsd the threshold as well, rfc nothing; a stack may say otherwise (9040-08)", () => {
    expect([linux, freebsd, rfc].map((profile) => profile.tcp.sharing)).toEqual(["rtt", "all", "none"]);
    const stack = new Stack({ random: new SeededRandom(1), memory, sharing: "none" }, 0);
    expect(stack.tcp.policy.sharing).toBe("none");
    expect(stack.inspect(0).tcp.paths).toEqual([]);
    stack.close(0);
  });

  test("an administrator who turns it off has all of it forgotten", () => {
    const x = sharing("rtt");
    connect(x, 1_000, 80 * MS);
    reset(x, 1_000);
    x.tcp.adopt({ sharing: "none" });
    x.tcp.adopt({ sharing: "all" });
    expect(paths(x)).toEqual([]);
  });
});
