import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { SeededRandom } from "../../../src/base/prng.js";
import { controllerSuite } from "../../../src/conformance/congestion-suite.js";
import { linux } from "../../../src/stack/profile.js";
import { AckSample, NO_THRESHOLD } from "../../../src/tcp/congestion/controller.js";
import { Controllers, controllers } from "../../../src/tcp/congestion/index.js";
import { NewReno } from "../../../src/tcp/congestion/newreno.js";
import { Exchange } from "../exchange.js";
import { ack, established, MS, MSS } from "../flow.js";

for (const [name, make] of Object.entries(controllers)) controllerSuite({ describe, test, expect, fc }, name, make);

describe("the registry", () => {
  test("an application's own come beside those that are built in, and may replace them", () => {
    class Mine extends NewReno {
      override readonly name = "mine" as "newreno";
    }
    const list = new Controllers({ mine: () => new Mine(), newreno: () => new NewReno() }, new SeededRandom(1));
    expect(list.names).toEqual([...Object.keys(controllers), "mine"]);
    expect(list.make("mine").name).toBe("mine");
    expect(() => list.check("yours", "listen")).toThrowError(/EINVAL.*yours.*cubic.*mine/s);
  });

  test("a profile with a controller that nobody knows makes no stack", () => {
    expect(() => new Exchange({ policy: { congestionControl: "nobody" } })).toThrowError(/nobody/);
  });
});

describe("choosing", () => {
  test("by profile, by listener, by connection (9293-MAY-18)", () => {
    expect(linux.tcp.congestionControl).toBe("cubic");
    expect(established({ policy: { congestionControl: "bbr" } }).tcb.cc.name).toBe("bbr");
    expect(established({ connection: { congestionControl: "cubic" } }).tcb.cc.name).toBe("cubic");
    const active = new Exchange();
    active.open({ congestionControl: "dctcp" });
    expect(active.tcb.cc.name).toBe("dctcp");
  });

  test("a connection that is used again for another handshake has the controller of that one", () => {
    const x = new Exchange();
    x.open({ congestionControl: "bbr" });
    x.tcp.abort(x.handle, x.now);
    x.turn();
    x.open();
    expect(x.tcb.cc.name).toBe("newreno");
  });

  test("swapped on a live connection: the window stays, and so do what is in flight and the rest of the stream", () => {
    const x = established();
    x.write(200 * MSS);
    x.advance(50 * MS);
    let acked = 0;
    for (let i = 0; i < 10; i++) ack(x, ++acked);
    const window = x.tcb.cc.window();
    expect(window).toBe(20 * MSS);
    for (const name of ["cubic", "bbr", "dctcp", "newreno"]) {
      x.tcp.configure(x.handle, { congestionControl: name }, x.now);
      x.turn();
      expect([x.tcb.cc.name, x.tcb.cc.window()]).toEqual([name, window]);
      expect(x.tcp.show(x.handle, x.now)["congestion"]).toMatchObject({ controller: name });
    }
    for (; acked < 200 && x.tcb.snd.una !== x.tcb.snd.nxt; ) {
      x.advance(10 * MS);
      ack(x, ++acked);
    }
    expect(acked).toBe(200);
  });

  test("to the one that it has: nothing happens", () => {
    const x = established();
    const { cc } = x.tcb;
    x.tcp.configure(x.handle, { congestionControl: "newreno", noDelay: true }, x.now);
    expect(x.tcb.cc).toBe(cc);
  });
});

describe("bbr", () => {
  /** A path of 1 MB/s and 50 ms: what is in flight beyond 50 000 octets waits in its queue. */
  function follow(seconds: number, loss: (n: number) => boolean = () => false) {
    const cc = controllers["bbr"]!(new SeededRandom(3));
    cc.begin(1_000, linux.tcp, false);
    const modes = new Set<string>();
    let now = 0;
    let delivered = 0;
    let most = 0;
    const sample = new AckSample();
    for (let n = 0; now < seconds * 1_000_000; n++) {
      const flight = Math.min(cc.window(), 150_000);
      // The rate at which it is sent, where that is less than what the path carries.
      const offered = Math.min(1_000_000, cc.pacingRate!() === 0 ? 1_000_000 : cc.pacingRate!(), flight / 0.05);
      now += Math.ceil(1e9 / offered);
      delivered += 1_000;
      const lost = loss(n) ? 1_000 : 0;
      const rtt = Math.max(50_000, Math.floor((flight / 1_000_000) * 1e6));
      Object.assign(sample, {
        acked: 1_000,
        delivered: 1_000,
        lost,
        flight,
        inFlight: flight - 1_000,
        rtt,
        srtt: rtt,
        minRtt: 50_000,
        rate: Math.floor(offered),
        totalDelivered: delivered,
        priorDelivered: Math.max(0, delivered - flight),
        flightWhenSent: flight,
        lostSince: lost,
      });
      cc.onAck(sample, now);
      modes.add(cc.inspect!()["mode"] as string);
      if (now > 3_000_000) most = Math.max(most, cc.window());
    }
    return { cc, modes, most, state: cc.inspect!() };
  }

  test("it finds the bandwidth and the round trip, and goes through all its states", () => {
    const { state, modes, most } = follow(30);
    expect([...modes].sort()).toEqual(
      ["startup", "drain", "probe bw: down", "probe bw: cruise", "probe bw: refill", "probe bw: up", "probe rtt"].sort(),
    );
    expect(state).toMatchObject({ full: true, minRtt: 50_000 });
    expect(state["maxBandwidth"] as number).toBeGreaterThan(900_000);
    expect(state["maxBandwidth"] as number).toBeLessThanOrEqual(1_000_000);
    expect(most).toBeLessThan(2.5 * 50_000);
  });

  test("a loss in a thousand does not concern it", () => {
    const { state } = follow(10, (n) => n % 1_000 === 0);
    expect(state["maxBandwidth"] as number).toBeGreaterThan(900_000);
    expect(state["inflightHigh"]).toBe(null);
  });

  test("its threshold is none, it asks for pacing, and what it says of itself is plain", () => {
    const { cc } = follow(2);
    expect([cc.threshold(), cc.paced]).toEqual([NO_THRESHOLD, true]);
    expect(cc.pacingRate!()).toBeGreaterThan(0);
  });
});
