import { describe, expect, test } from "vitest";
import { freebsd } from "../../src/stack/profile.js";
import { Exchange, THEIR_PORT } from "./exchange.js";
import { SECOND } from "./flow.js";
import { stateOf } from "./states.js";

describe("resets and SYNs that an administrator may believe more easily", () => {
  test.each([
    [false, "ESTABLISHED"],
    [true, "CLOSED"],
  ])("insecureReset %s: a RST in the window, not at RCV.NXT (RFC 5961 s3.2)", (insecureReset, state) => {
    const x = new Exchange({ policy: { insecureReset } });
    x.accept();
    x.inject({ flags: "R", seq: 100 });
    expect(x.state).toBe(state);
    expect(x.lines().length).toBe(insecureReset ? 0 : 1);
  });

  test.each([
    [false, "ESTABLISHED", ". 1:1(0) ack 1"],
    [true, "CLOSED", "R. 1:1(0) ack 1"],
  ])("insecureSyn %s: a SYN in the window (RFC 5961 s4.2)", (insecureSyn, state, line) => {
    const x = new Exchange({ policy: { insecureSyn } });
    x.accept();
    x.inject({ flags: "S", seq: 100 });
    expect(x.lines()).toEqual([line]);
    expect(x.state).toBe(state);
  });

  test.each([
    [false, null],
    [true, "ECONNRESET"],
  ])("closingReset %s: a RST in CLOSING is told (RFC 9293 s3.10.7.4)", (closingReset, error) => {
    const x = new Exchange({ policy: { closingReset } });
    x.accept();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.inject({ flags: "F.", seq: 1, ack: 1 });
    expect(x.state).toBe("CLOSING");
    x.inject({ flags: "R", seq: 2 });
    expect(x.tcp.errorOf(x.handle)).toBe(error);
  });

  test.each([
    ["scan", 0],
    ["drop", 0],
    ["syn", 1],
  ] as const)("synFin %s: SYN and FIN together in LISTEN", (synFin, answers) => {
    const x = new Exchange({ policy: { synFin } });
    x.listen();
    x.inject({ flags: "SF" });
    expect(x.lines().length).toBe(answers);
    if (answers === 1) x.inject({ seq: 1, ack: 1 });
    expect(stateOf(x)).toBe(answers === 1 ? "ESTABLISHED" : "CLOSED");
  });

  test("synFin drop: nothing of it counts in any state", () => {
    const x = new Exchange({ policy: { synFin: "drop" } });
    x.accept();
    x.inject({ flags: "SF.", seq: 1, ack: 1 });
    expect(x.lines()).toEqual([]);
    expect(x.drops.at(-1)).toBe("drop.syn_fin");
  });

  test.each([
    ["no", 1, 1],
    ["syn", 0, 1],
    ["all", 0, 0],
  ] as const)("blackhole %s: what no connection and no listener has (RFC 9293 s3.10.7.1)", (blackhole, toSyn, toAck) => {
    const x = new Exchange({ policy: { blackhole } });
    x.inject({ flags: "S" });
    expect(x.lines().length).toBe(toSyn);
    x.inject({ seq: 1, ack: 1 });
    expect(x.lines().length).toBe(toAck);
  });

  test("challengeBurst: so many challenges in an interval (RFC 5961 s7)", () => {
    const x = new Exchange({ policy: { challengeBurst: 3, challengeInterval: SECOND } });
    x.accept();
    for (let i = 0; i < 5; i++) x.inject({ flags: "S", seq: 100 });
    expect(x.lines().length).toBe(3);
    x.advance(SECOND);
    x.inject({ flags: "S", seq: 100 });
    expect(x.lines().length).toBe(1);
  });
});

describe("opening", () => {
  test("openTimeout ends an attempt whatever the number of SYNs (RFC 9293 s3.8.3)", () => {
    const x = new Exchange({ policy: { openTimeout: 5 * SECOND } });
    x.connect();
    x.advance(5 * SECOND - 1);
    expect(x.state).toBe("SYN-SENT");
    x.advance(1);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("openTimeout does not make it try for longer", () => {
    const x = new Exchange({ policy: { openTimeout: 3_600 * SECOND, synRetries: 2, synLinear: 0 } });
    x.connect();
    x.advance(7 * SECOND);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("bareSynAfter: from then on a SYN has no option but the MSS, and none is agreed", () => {
    const x = new Exchange({ policy: { bareSynAfter: 2, synLinear: 0 } });
    x.connect();
    x.advance(3 * SECOND);
    expect(x.take().map(({ header }) => header.length)).toEqual([40, 40, 24]);
    x.inject({ flags: "S.", ack: 1, mss: 1460, windowScale: 7, sackPermitted: true });
    expect(x.tcp.show(x.handle, x.now)["agreed"]).toEqual(expect.objectContaining({ windowScale: false, timestamps: false, sack: false }));
  });
});

describe("windows and acknowledgments as FreeBSD has them", () => {
  const bsd = { profile: freebsd, policy: { receiveBuffer: 65_536, sendBuffer: 32_768 } };

  test("buffers are of whole segments, and every segment offers all the room", () => {
    const x = new Exchange(bsd);
    x.accept({ mss: 1460 });
    expect([x.tcb.rcv.buffer, x.tcb.snd.buffer]).toEqual([65_700, 33_580]);
    x.inject({ seq: 1, ack: 1, text: 10 });
    x.inject({ seq: 11, ack: 1, text: 10 });
    expect(x.take()).toMatchObject([{ ack: 21, wnd: 65_535 }]);
  });

  test("a window below a segment and a quarter of the buffer is not offered (MUST-39)", () => {
    const x = new Exchange({ profile: freebsd, policy: { receiveBuffer: 4_380, sendBuffer: 4_096 } });
    x.accept({ mss: 1460 });
    for (let at = 1; at < 4_000; at += 500) x.inject({ seq: at, ack: 1, text: 500 });
    const offers = x.take().map(({ ack, wnd }) => ack + wnd);
    expect(new Set(offers)).toEqual(new Set([4_381]));
  });

  test("the second segment is acknowledged at once, however small", () => {
    const x = new Exchange(bsd);
    x.accept({ mss: 1460 });
    x.inject({ seq: 1, ack: 1, text: 1 });
    expect(x.lines()).toEqual([]);
    x.inject({ seq: 2, ack: 1, text: 2 });
    expect(x.lines()).toEqual([". 1:1(0) ack 4"]);
  });

  test("an ACK repeats a FIN that is not acknowledged", () => {
    const x = new Exchange(bsd);
    x.accept();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.take();
    x.inject({ flags: "F.", seq: 1, ack: 1 });
    expect(x.lines()).toEqual(["F. 1:1(0) ack 2"]);
  });

  test("an old FIN may bring the ACK of ours", () => {
    const x = new Exchange(bsd);
    x.accept();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.inject({ flags: "F.", seq: 1, ack: 1 });
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    expect(stateOf(x, THEIR_PORT)).toBe("TIME-WAIT");
  });

  test("the ACK of a segment that is older than any window counts for nothing (RFC 5961 s5)", () => {
    for (const [seq, una] of [
      [1 - 65_700, 101],
      [1 - 65_701, 1],
      [1 - 2 ** 30, 1],
    ] as const) {
      const x = new Exchange(bsd);
      x.accept({ mss: 1460 });
      x.write(100);
      x.inject({ seq, ack: 101, text: 10 });
      expect([seq, (x.tcb.snd.una - x.tcb.iss) | 0]).toEqual([seq, una]);
    }
  });

  test("TIME-WAIT answers what has an ACK, but for what repeats the last one", () => {
    const x = new Exchange(bsd);
    x.accept();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    x.take();
    x.inject({ seq: 2, ack: 2 });
    x.inject({ flags: "R", seq: 2 });
    x.inject({ flags: "-", seq: 2, text: 3 });
    expect(x.lines()).toEqual([]);
    x.inject({ seq: 2, ack: 1 });
    x.inject({ flags: "S.", seq: 70_000, ack: 1 });
    expect(x.lines()).toEqual([". 2:2(0) ack 2", ". 2:2(0) ack 2"]);
  });
});

test("s4 of RFC 2883: text that repeats what is here in two places is reported by its first octets, at once", () => {
  const x = new Exchange();
  x.accept();
  x.inject({ seq: 1, ack: 1, text: 99 });
  x.inject({ seq: 200, ack: 1, text: 100 });
  x.take();
  x.inject({ seq: 1, ack: 1, text: 400 });
  expect(x.take()).toMatchObject([{ ack: 401, sack: [1, 100] }]);
});

describe("what an application may ask for", () => {
  test("deferAccept: a bare ACK does not bring the connection, text does", () => {
    const x = new Exchange();
    x.listen({ deferAccept: 3 });
    x.inject({ flags: "S", mss: 1460 });
    x.inject({ seq: 1, ack: 1 });
    expect(x.events).toEqual([]);
    expect(x.drops).toEqual(["drop.deferred"]);
    x.take();
    x.inject({ seq: 1, ack: 1, text: 4 });
    expect(x.events).toContain("Acceptable");
    expect(x.read()!.length).toBe(4);
  });

  test("deferAccept: the peer is asked once more at the end, and then an ACK is enough", () => {
    const x = new Exchange();
    x.listen({ deferAccept: 2 });
    x.inject({ flags: "S", mss: 1460 });
    x.inject({ seq: 1, ack: 1 });
    x.take();
    x.advance(2_900_000);
    expect(x.lines()).toEqual([]);
    x.advance(200_000);
    expect(x.lines()).toEqual(["S. 0:0(0) ack 1"]);
    x.inject({ seq: 1, ack: 1 });
    expect(x.events).toContain("Acceptable");
  });

  test("finWait2: an orphan waits so long for the peer's FIN", () => {
    const x = new Exchange();
    x.accept({ mss: 1460 }, { finWait2: SECOND });
    x.tcp.close(x.handle, x.now);
    x.turn();
    x.inject({ seq: 1, ack: 2 });
    x.advance(SECOND - 1);
    expect(stateOf(x)).toBe("FIN-WAIT-2");
    x.advance(1);
    expect(stateOf(x)).toBe("CLOSED");
  });

  test("synRetries: SYNs sent again", () => {
    const x = new Exchange();
    x.connect({ synRetries: 1 });
    x.advance(10 * SECOND);
    expect(x.take().length).toBe(2);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("corked: less than a segment waits for more, for 200 ms at most; what is let go leaves at once", () => {
    const x = new Exchange();
    x.open({ corked: true }, { mss: 1000 });
    x.write(2_300);
    expect(x.lines()).toEqual([". 1:1001(1000) ack 1", "P. 1001:2001(1000) ack 1"]);
    x.inject({ seq: 1, ack: 2_001 });
    expect(x.lines()).toEqual([]);
    x.advance(199_000);
    expect(x.lines()).toEqual([]);
    x.advance(2_000);
    expect(x.lines()).toEqual(["P. 2001:2301(300) ack 1"]);
    x.inject({ seq: 1, ack: 2_301 });
    x.write(10);
    expect(x.lines()).toEqual([]);
    x.tcp.configure(x.handle, { corked: false }, x.now);
    x.turn();
    expect(x.lines()).toEqual(["P. 2301:2311(10) ack 1"]);
  });

  test("more: what follows goes with what waits", () => {
    const x = new Exchange();
    x.open({}, { mss: 1000 });
    x.tcp.send(x.handle, new Uint8Array(10), 0, 10, x.now, true);
    x.turn();
    expect(x.lines()).toEqual([]);
    x.write(5);
    expect(x.lines()).toEqual(["P. 1:16(15) ack 1"]);
  });
});
