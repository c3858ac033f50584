/** RFC 9293 s3.6, s3.10.4, s3.10.5, s3.10.8 and the FIN of s3.10.7.4: how connections end. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { linux, profiles } from "../../src/stack/profile.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { exchangeAt, reach, type StateName, sndNxt, stateOf, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const HOUR = 3_600 * SECOND;

const close = (x: Exchange): void => {
  x.tcp.close(x.handle, x.now);
  x.turn();
};
const shutdown = (x: Exchange): void => {
  x.tcp.shutdown(x.handle, x.now);
  x.turn();
};
const gone = (x: Exchange): void => {
  expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 0, timeWait: 0 });
  expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
};

describe("s3.6: closing", () => {
  test.each(wraps)("s3.6: normal close, figure 12, from ISS %i and IRS %i", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    x.open();
    shutdown(x);
    expect(x.lines()).toEqual(["F. 1:1(0) ack 1"]);
    x.inject({ seq: 1, ack: 2 });
    expect(x.state).toBe("FIN-WAIT-2");
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    expect(x.lines()).toEqual([". 2:2(0) ack 2"]);
    expect(x.state).toBe("TIME-WAIT");
    expect(x.transitions.slice(-3)).toEqual(["ESTABLISHED>FIN-WAIT-1", "FIN-WAIT-1>FIN-WAIT-2", "FIN-WAIT-2>TIME-WAIT"]);
  });

  test.each(wraps)("s3.6: simultaneous close, figure 13, from ISS %i and IRS %i", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    x.open();
    shutdown(x);
    x.take();
    x.inject({ flags: "F.", seq: 1, ack: 1 });
    expect(x.state).toBe("CLOSING");
    expect(x.lines()).toEqual([". 2:2(0) ack 2"]);
    x.inject({ seq: 2, ack: 2 });
    expect(x.state).toBe("TIME-WAIT");
  });

  test("s3.6: the application learns how the peer ended: the end, or a reset (MUST-12)", () => {
    const normal = new Exchange({ memory });
    normal.accept();
    normal.inject({ flags: "F.", seq: 1, ack: 1, text: 5 });
    expect(normal.events).toEqual(["Readable", "PeerClosed"]);
    expect(normal.read()).toEqual(octets(5));
    expect(normal.read()).toBeNull();
    expect(normal.tcp.errorOf(normal.handle)).toBeNull();
    const aborted = new Exchange({ memory });
    aborted.accept();
    aborted.inject({ flags: "R", seq: 1 });
    expect(aborted.read()).toBeNull();
    expect(aborted.tcp.errorOf(aborted.handle)).toBe("ECONNRESET");
  });

  test.each(Object.keys(profiles))(
    "s3.6.1: the active closer stays 2 MSL in TIME-WAIT, to the microsecond, in profile %s (MUST-13, U13, I-17)",
    (name) => {
      const profile = profiles[name]!;
      const x = new Exchange({ memory, profile });
      reach(x, "TIME-WAIT");
      x.advance(profile.tcp.timeWait - 1);
      expect(stateOf(x)).toBe("TIME-WAIT");
      x.advance(1);
      expect(x.transitions.at(-1)).toBe("TIME-WAIT>CLOSED");
      close(x);
      gone(x);
    },
  );

  test("s3.10.7.4: the peer's FIN again in TIME-WAIT is acknowledged and begins 2 MSL anew (U11)", () => {
    const x = new Exchange({ memory });
    reach(x, "TIME-WAIT");
    x.advance(59 * SECOND);
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    expect(x.lines()).toEqual([". 2:2(0) ack 2"]);
    x.advance(59 * SECOND);
    expect(stateOf(x)).toBe("TIME-WAIT");
    x.advance(SECOND);
    expect(x.transitions.at(-1)).toBe("TIME-WAIT>CLOSED");
  });

  test.each<[StateName, string]>([
    ["ESTABLISHED", "CLOSE-WAIT"],
    ["FIN-WAIT-1", "CLOSING"],
    ["FIN-WAIT-2", "TIME-WAIT"],
  ])("s3.10.7.4: a FIN in %s leads to %s (U11)", (from, to) => {
    const x = new Exchange({ memory });
    reach(x, from);
    x.inject({ flags: "F.", seq: 1, ack: from === "FIN-WAIT-2" ? 2 : 1 });
    expect(x.state).toBe(to);
    expect(x.take()).toMatchObject([{ flags: ".", ack: 2 }]);
  });

  test("s3.10.7.4: a FIN that acknowledges ours leads from FIN-WAIT-1 to TIME-WAIT at once (U11)", () => {
    const x = new Exchange({ memory });
    reach(x, "FIN-WAIT-1");
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    expect(x.state).toBe("TIME-WAIT");
    expect(x.lines()).toEqual([". 2:2(0) ack 2"]);
  });

  test.each<StateName>(["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"])("s3.10.7.4: text in %s is ignored (U12)", (state) => {
    const x = new Exchange({ memory });
    reach(x, state);
    x.inject({ seq: 2, ack: state === "TIME-WAIT" ? 2 : 1, text: 100 });
    expect(stateOf(x)).toBe(state);
    expect(x.tcp.readable(x.handle)).toBe(0);
    expect(x.take().every((s) => s.ack === 2)).toBe(true);
    expect(x.events).not.toContain("Readable");
  });

  test("s3.6: half-close: after our FIN their text still arrives and is acknowledged, for as long as they like (MAY-1, S-099)", () => {
    const x = new Exchange({ memory });
    reach(x, "FIN-WAIT-2");
    let at = 1;
    for (let i = 0; i < 5; i++) {
      x.advance(HOUR);
      x.inject({ seq: at, ack: 2, text: 1_000 });
      x.advance(SECOND);
      at += 1_000;
      expect(x.take().at(-1)).toMatchObject({ flags: ".", ack: at });
      expect(x.read()!.length).toBe(1_000);
    }
    expect(x.state).toBe("FIN-WAIT-2");
  });

  test("s3.6: FIN-WAIT-2 ends after 60 s only when the application has let go (S-099)", () => {
    const x = new Exchange({ memory });
    x.open();
    close(x);
    x.inject({ seq: 1, ack: 2 });
    expect(stateOf(x)).toBe("FIN-WAIT-2");
    x.advance(60 * SECOND - 1);
    expect(stateOf(x)).toBe("FIN-WAIT-2");
    x.advance(1);
    gone(x);
  });

  test("s3.10.4: what is queued goes first, the FIN with the last of it, and is sent again like text (2525-15)", () => {
    const x = new Exchange({ memory });
    x.open({}, { mss: 1460, wnd: 2_000 });
    x.tcp.send(x.handle, octets(3_000), 0, 3_000, x.now);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take().map((s) => [s.flags, s.seq, s.length])).toEqual([[".", 1, 1_460]]);
    x.inject({ seq: 1, ack: 1_461, wnd: 2_000 });
    const rest = x.take();
    expect(rest.map((s) => [s.flags, s.seq, s.length])).toEqual([
      [".", 1_461, 1_460],
      ["FP.", 2_921, 80],
    ]);
    x.inject({ seq: 1, ack: 2_921, wnd: 2_000 });
    x.advance(SECOND);
    expect(x.take()[0]).toMatchObject({ seq: rest.at(-1)!.seq, flags: rest.at(-1)!.flags });
    x.inject({ seq: 1, ack: 3_002 });
    expect(x.state).toBe("FIN-WAIT-2");
  });

  test("s3.10.4: the FIN needs no window of its own to be told when text fills the window (2525-15)", () => {
    const x = new Exchange({ memory });
    x.open({}, { mss: 1460, wnd: 100 });
    x.tcp.send(x.handle, octets(100), 0, 100, x.now);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take().map((s) => [s.flags, s.length])).toEqual([["P.", 100]]);
    x.inject({ seq: 1, ack: 101, wnd: 0 });
    expect(x.take()).toEqual([]);
    x.inject({ seq: 1, ack: 101, wnd: 1 });
    expect(x.take().map((s) => [s.flags, s.seq, s.length])).toEqual([["F.", 101, 0]]);
  });

  test("s3.6.1: close with text unread is a reset, and so is text after close (SHLD-3, 2525-16, 2525-17)", () => {
    const unread = new Exchange({ memory });
    unread.accept();
    unread.inject({ seq: 1, ack: 1, text: 10 });
    unread.take();
    close(unread);
    expect(unread.take()).toMatchObject([{ flags: "R.", seq: 1, ack: 11, why: expect.stringContaining("rst") }]);
    expect(stateOf(unread)).toBe("CLOSED");

    const later = new Exchange({ memory });
    later.accept();
    close(later);
    expect(later.lines()).toEqual(["F. 1:1(0) ack 1"]);
    later.inject({ seq: 1, ack: 2, text: 10 });
    expect(later.take()).toMatchObject([{ flags: "R", seq: 2 }]);
    expect(stateOf(later)).toBe("CLOSED");

    const waiting = new Exchange({ memory });
    waiting.accept();
    waiting.inject({ flags: "F.", seq: 1, ack: 1, text: 10 });
    waiting.take();
    close(waiting);
    expect(waiting.take()).toMatchObject([{ flags: "R." }]);
  });

  test.each<[StateName, boolean]>([
    ["SYN-SENT", false],
    ["ESTABLISHED", true],
    ["FIN-WAIT-1", true],
    ["FIN-WAIT-2", true],
    ["CLOSE-WAIT", true],
    ["CLOSING", false],
    ["LAST-ACK", false],
    ["TIME-WAIT", false],
  ])("s3.10.5: ABORT in %s: a reset %s", (state, reset) => {
    const x = new Exchange({ memory });
    reach(x, state);
    x.tcp.abort(x.handle, x.now);
    x.turn();
    expect(x.take()).toMatchObject(reset ? [{ flags: "R.", seq: sndNxt(state) }] : []);
    expect(() => x.tcp.stateOf(x.handle)).toThrowError(expect.objectContaining({ code: "EBADF" }));
    gone(x);
  });

  test("s3.10.4: CLOSE in SYN-SENT deletes the connection, in SYN-RECEIVED it waits for ESTABLISHED", () => {
    const x = new Exchange({ memory });
    reach(x, "SYN-SENT");
    close(x);
    expect(x.take()).toEqual([]);
    gone(x);
    const y = new Exchange({ memory });
    y.connect();
    y.inject({ flags: "S" });
    shutdown(y);
    y.take();
    y.inject({ seq: 1, ack: 1 });
    expect(y.state).toBe("FIN-WAIT-1");
    expect(y.lines()).toEqual(["F. 1:1(0) ack 1"]);
  });

  test.each<StateName>(["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"])(
    "s3.10.2, s3.10.4: in %s nothing more can be sent, and CLOSE again changes nothing",
    (state) => {
      const x = new Exchange({ memory });
      reach(x, state);
      expect(x.write(10)).toBe(-1);
      shutdown(x);
      expect(x.take()).toEqual([]);
      expect(x.state).toBe(state);
    },
  );
});

describe("s3.10.8: nothing lasts for ever", () => {
  test.each<StateName>(["SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "CLOSING", "LAST-ACK"])(
    "s3.8.3: in %s a peer that has disappeared is given up, and no timer is left (U13, S-105)",
    (state) => {
      const x = new Exchange({ memory });
      reach(x, state);
      x.advance(2 * HOUR);
      expect(x.transitions.at(-1)).toBe(`${state}>CLOSED`);
      if (state !== "SYN-RECEIVED") {
        expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
        close(x);
      }
      gone(x);
    },
  );

  test.each<StateName>(["ESTABLISHED", "CLOSE-WAIT"])(
    "s3.8.3: text in %s that nobody acknowledges ends in ETIMEDOUT after R2 (MUST-20, S-105)",
    (state) => {
      const x = new Exchange({ memory });
      reach(x, state);
      x.write(100);
      const start = x.now;
      for (let i = 0; i < 3_000 && x.state !== "CLOSED"; i++) x.advance(SECOND);
      expect(x.now - start).toBeGreaterThanOrEqual(100 * SECOND);
      expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
      close(x);
      gone(x);
    },
  );

  test("s3.6: an orphan whose peer keeps the window closed for ever is reset after a while (S-104)", () => {
    const x = new Exchange({ memory });
    x.open();
    x.write(5_000);
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    close(x);
    x.take();
    let reset = false;
    for (let i = 0; i < 2_000 && !reset; i++) {
      x.advance(SECOND);
      const out = x.take();
      reset = out.some((s) => s.flags.includes("R"));
      if (out.length > 0 && !reset) x.inject({ seq: 1, ack: 1, wnd: 0 });
    }
    expect(reset).toBe(true);
    gone(x);
  });

  test("s3.8.4: keep-alive neither ends nor probes a connection that is closing with its window shut", () => {
    const x = new Exchange({ memory });
    x.open({ keepAlive: 10 * SECOND });
    x.write(100);
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    shutdown(x);
    expect(x.state).toBe("FIN-WAIT-1");
    x.take();
    for (let i = 0; i < 60; i++) {
      x.advance(SECOND);
      if (x.take().length > 0) x.inject({ seq: 1, ack: 1, wnd: 0 });
    }
    expect(x.state).toBe("FIN-WAIT-1");
    x.inject({ seq: 1, ack: 1, wnd: 1_000 });
    expect(x.take()[0]).toMatchObject({ seq: 1, length: 100 });
  });

  test("s3.6: linger resets what could not be delivered in time", () => {
    const x = new Exchange({ memory });
    x.open({ linger: 5 * SECOND });
    x.write(100);
    close(x);
    x.advance(5 * SECOND);
    expect(x.take().at(-1)).toMatchObject({ flags: "R." });
    gone(x);
    const y = new Exchange({ memory });
    y.open({ linger: 0 });
    y.write(100);
    y.take();
    close(y);
    expect(y.take()).toMatchObject([{ flags: "R." }]);
    gone(y);
  });
});

describe("the application's view", () => {
  test.each<[string, (x: Exchange) => void]>([
    [
      "TIME-WAIT",
      (x) => {
        shutdown(x);
        x.inject({ flags: "F.", seq: 1, ack: 2 });
        x.advance(100 * SECOND);
      },
    ],
    [
      "CLOSING",
      (x) => {
        shutdown(x);
        x.inject({ flags: "F.", seq: 1, ack: 1 });
        x.inject({ seq: 2, ack: 2 });
        x.advance(100 * SECOND);
      },
    ],
    [
      "LAST-ACK",
      (x) => {
        x.inject({ flags: "F.", seq: 1, ack: 1 });
        shutdown(x);
        x.inject({ seq: 2, ack: 2 });
      },
    ],
    [
      "a reset",
      (x) => {
        x.inject({ flags: "R", seq: 1 });
        x.inject({ flags: "R", seq: 1 });
      },
    ],
    [
      "a timeout",
      (x) => {
        x.write(1);
        x.advance(2 * HOUR);
      },
    ],
  ])("s3.9.1: Closed is told exactly once, by way of %s (I-14)", (_name, end) => {
    const x = new Exchange({ memory });
    x.open();
    end(x);
    expect(x.events.filter((event) => event === "Closed").length).toBe(1);
    close(x);
    x.advance(HOUR);
    expect(x.events.filter((event) => event === "Closed").length).toBe(1);
    gone(x);
  });

  test("s3.9.1: text that came before the end can still be read after it", () => {
    const x = new Exchange({ memory });
    x.open();
    shutdown(x);
    x.inject({ flags: "F.", seq: 1, ack: 2, text: 50 });
    x.advance(100 * SECOND);
    expect(x.read()).toEqual(octets(50));
    expect(x.read()).toBeNull();
    close(x);
    gone(x);
  });

  test("s3.10.7.4: a reset between the handshake and accept: nobody is told, nothing is left (S-106)", () => {
    const x = new Exchange({ memory });
    x.onEvents = null;
    x.listener = x.tcp.listen({ port: 80 }, { onEvents: () => {} });
    x.inject({ flags: "S" });
    x.inject({ seq: 1, ack: 1, text: 5 });
    x.inject({ flags: "R", seq: 6 });
    expect(x.tcp.accept(x.listener)).toBe(0);
    expect(x.tcp.summary()).toMatchObject({ slots: 1, live: 0 });
    expect(x.errors).toEqual([]);
  });

  test("s3.10.5: an application may abort or close in its first event (S-106)", () => {
    for (const how of ["abort", "close"] as const) {
      const x = new Exchange({ memory });
      x.onEvents = (_handle, events) => {
        if (events & 32) x.tcp[how](x.handle, x.now);
      };
      x.listen();
      x.inject({ flags: "S" });
      x.inject({ seq: 1, ack: 1 });
      expect(x.take().at(-1)!.flags).toBe(how === "abort" ? "R." : "F.");
      expect(x.errors).toEqual([]);
    }
  });

  test("s3.10.4: a listener that closes resets what nobody has accepted, and nothing else", () => {
    const x = new Exchange({ memory });
    x.accept();
    const accepted = x.handle;
    const iss = x.iss;
    const listener = x.tcp.listen({ port: 81 }, { onEvents: () => {} });
    x.inject({ flags: "S", ourPort: 81 });
    x.inject({ seq: 1, ack: 1, ourPort: 81 });
    x.inject({ flags: "S", ourPort: 81, port: 6_001 });
    x.take();
    x.tcp.close(listener, x.now);
    x.turn();
    expect(x.take()).toMatchObject([{ flags: "R.", dstPort: 5_000, srcPort: 81 }]);
    x.inject({ seq: 1, ack: 1, ourPort: 81, port: 6_001 });
    expect(x.take()[0]!.flags).toContain("R");
    x.iss = iss;
    x.inject({ seq: 1, ack: 1, text: 5 });
    expect(x.tcp.readable(accepted)).toBe(5);
  });
});

describe("s3.10.7.4: FINs in the wrong place (S-133)", () => {
  test("s3.10.7.4: a FIN ahead of a hole waits for the hole", () => {
    const x = new Exchange({ memory });
    x.accept();
    x.inject({ flags: "F.", seq: 101, ack: 1, text: 100 });
    expect(x.state).toBe("ESTABLISHED");
    expect(x.take()).toMatchObject([{ ack: 1 }]);
    x.inject({ seq: 1, ack: 1, text: 100 });
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.take().at(-1)).toMatchObject({ ack: 202 });
    expect(x.read()).toEqual(octets(200));
  });

  test("s3.10.7.4: a bare FIN ahead of a hole, and once more in order", () => {
    const x = new Exchange({ memory });
    x.accept();
    x.inject({ flags: "F.", seq: 101, ack: 1 });
    x.inject({ flags: "F.", seq: 1, ack: 1, text: 100 });
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.take().at(-1)).toMatchObject({ ack: 102 });
    x.inject({ flags: "F.", seq: 101, ack: 1 });
    expect(x.take()).toMatchObject([{ ack: 102 }]);
    expect(x.events.filter((event) => event === "PeerClosed").length).toBe(1);
  });

  test("s3.10.7.4: a FIN beyond the right edge does not count; its text up to the edge does", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: 1460 }, { receiveBuffer: 2_048 });
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    x.inject({ flags: "F.", seq: 1_001, ack: 1, text: 1_048 });
    expect(x.state).toBe("ESTABLISHED");
    expect(x.take().at(-1)).toMatchObject({ ack: 2_049, wnd: 0 });
    x.read();
    x.inject({ flags: "F.", seq: 2_049, ack: 1 });
    expect(x.state).toBe("CLOSE-WAIT");
  });

  test("s3.10.7.4: a FIN in the midst of text that is here already is no end: the peer's own comes behind it (I-14)", () => {
    const cases = [
      // Held out of order, then in order by the segment that carries the FIN.
      [
        { seq: 501, text: 1_000 },
        { flags: "F.", seq: 1, text: 900 },
      ],
      // The FIN first, the text that contradicts it held before it, and the hole filled last.
      [
        { seq: 501, text: 1_000 },
        { flags: "F.", seq: 401 },
        { seq: 1, text: 600 },
      ],
    ];
    for (const segments of cases) {
      const x = new Exchange({ memory });
      x.accept();
      for (const segment of segments) x.inject({ ack: 1, ...segment });
      expect(x.state).toBe("ESTABLISHED");
      expect(x.read()).toEqual(octets(1_500));
      expect(x.read()!.length).toBe(0); // not the end
      x.inject({ flags: "F.", seq: 1_501, ack: 1 });
      expect(x.state).toBe("CLOSE-WAIT");
      expect(x.read()).toBeNull();
    }
  });

  test("s3.10.7.4: text behind the peer's own FIN is not delivered", () => {
    const x = new Exchange({ memory });
    x.accept();
    x.inject({ flags: "F.", seq: 11, ack: 1, text: 10 });
    x.inject({ seq: 21, ack: 1, text: 10 });
    x.inject({ seq: 31, ack: 1, text: 10 });
    x.inject({ seq: 1, ack: 1, text: 10 });
    expect(x.read()).toEqual(octets(20));
    expect(x.read()).toBeNull();
    expect(x.take().at(-1)!.ack).toBe(22);
  });
});

test("s3.6.1: when there are too many TIME-WAITs the oldest goes first, counted", () => {
  const x = new Exchange({ memory, profile: linux, limits: { timeWaits: 4 } });
  for (let i = 0; i < 10; i++) {
    x.handle = x.tcp.connect({ remote: x.network.locals[0]!, remotePort: 9_000 + i, localPort: 80 }, x.application, x.now);
    x.turn();
    const them = { from: x.network.locals[0]!, port: 9_000 + i };
    x.inject({ flags: "S.", ack: 1, ...them });
    shutdown(x);
    x.inject({ flags: "F.", seq: 1, ack: 2, ...them });
    expect(x.state).toBe("TIME-WAIT");
    close(x);
  }
  expect(x.tcp.summary()).toMatchObject({ timeWait: 4 });
  x.advance(100 * SECOND);
  gone(x);
});
