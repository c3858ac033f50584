/** Keep-alive: RFC 9293 s3.8.4, in every state that may idle, live or frozen. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { profiles } from "../../src/stack/profile.js";
import { Exchange } from "./exchange.js";
import { established, MS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const options = { keepAlive: 60 * SECOND, keepAliveInterval: 5 * SECOND, keepAliveCount: 3 };
const connection = (more: Record<string, unknown> = {}): Exchange => established({ memory, connection: { ...options, ...more } });

test("s3.8.4: an application that names no idle time has the profile's (9293-MUST-28)", () => {
  const x = new Exchange({ policy: { keepAliveIdle: 3_600 * SECOND } });
  x.open({ keepAlive: -1 });
  x.advance(3_600 * SECOND - 1);
  expect(x.take()).toEqual([]);
  x.advance(1);
  expect(x.take()).toMatchObject([{ why: "tx.keepalive" }]);
});

describe("s3.8.4", () => {
  test.each(Object.entries(profiles))("s3.8.4: off by default: a day of silence, profile %s (9293-MUST-25)", (_name, profile) => {
    const x = established({ memory, profile });
    x.advance(86_400 * SECOND);
    expect(x.take()).toEqual([]);
  });

  test("s3.8.4: after the idle time SEQ = SND.NXT-1, no text; then at intervals; then RST and ETIMEDOUT (9293-MUST-27, 9293-SHLD-12, 9293-MUST-29)", () => {
    const x = connection();
    const start = x.now;
    x.advance(100 * SECOND);
    expect(x.take().map((s) => [(s.at - start) / SECOND, s.seq, s.length, s.flags])).toEqual([
      [60, 0, 0, "."],
      [65, 0, 0, "."],
      [70, 0, 0, "."],
      [75, 1, 0, "R."],
    ]);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("s3.8.4: an answer to the last probe is enough, and the idle time begins with it (9293-MUST-29)", () => {
    const x = connection();
    x.advance(74 * SECOND);
    expect(x.take().length).toBe(3);
    x.inject({ seq: 1, ack: 1 });
    x.advance(60 * SECOND - 1);
    expect(x.take()).toEqual([]);
    x.advance(1);
    expect(x.take().length).toBe(1);
  });

  test("s3.8.4: whatever is heard begins the idle time anew: text, ACK, even what is old (9293-MUST-26)", () => {
    for (const heard of [
      { seq: 1, ack: 1, text: 10 },
      { seq: 1, ack: 1 },
    ]) {
      const x = connection();
      x.advance(59 * SECOND);
      x.inject(heard);
      x.advance(59 * SECOND);
      expect(x.take().filter((s) => s.why === "tx.keepalive")).toEqual([]);
      x.advance(SECOND);
      expect(x.take().filter((s) => s.why === "tx.keepalive").length).toBe(1);
    }
  });

  test("s3.8.4: not while text is outstanding: that is the retransmission timer's (9293-MUST-26)", () => {
    const x = connection();
    x.write(10);
    x.advance(300 * SECOND);
    expect(x.take().some((s) => s.why === "tx.keepalive")).toBe(false);
  });

  test("s3.8.4: not before a closed window: that is the persist timer's", () => {
    const x = connection();
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    x.write(10);
    for (let i = 0; i < 20; i++) {
      x.advance(30 * SECOND);
      for (const s of x.take()) {
        expect(s.why).toBe("tx.zero_probe");
        x.inject({ seq: 1, ack: 1, wnd: 0 });
      }
    }
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.8.4: on a connection that was frozen meanwhile it is as punctual", () => {
    const x = connection();
    const start = x.now;
    x.advance(30 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    x.advance(30 * SECOND);
    expect(x.take().map((s) => (s.at - start) / SECOND)).toEqual([60]);
    x.inject({ seq: 1, ack: 1 });
    x.advance(60 * SECOND);
    expect(x.take().length).toBe(1);
  });

  test("s3.8.4: in CLOSE-WAIT, and half-closed in FIN-WAIT-2, too", () => {
    const theirs = connection();
    theirs.inject({ flags: "F.", seq: 1, ack: 1 });
    theirs.take();
    theirs.advance(75 * SECOND);
    expect(theirs.take().map((s) => s.flags)).toEqual([".", ".", ".", "R."]);
    const ours = connection();
    ours.tcp.shutdown(ours.handle, ours.now);
    ours.turn();
    ours.inject({ seq: 1, ack: 2 });
    expect(ours.state).toBe("FIN-WAIT-2");
    ours.take();
    ours.advance(75 * SECOND);
    expect(ours.take().map((s) => s.flags)).toEqual([".", ".", ".", "R."]);
  });

  test("s3.8.4: switched on late it counts from then; switched off it is silent (9293-MUST-24)", () => {
    const x = established({ memory });
    x.advance(1_000 * SECOND);
    x.tcp.configure(x.handle, options, x.now);
    x.turn();
    x.take();
    x.advance(60 * SECOND - 1);
    expect(x.take()).toEqual([]);
    x.advance(1);
    expect(x.take().length).toBe(1);
    x.tcp.configure(x.handle, { keepAlive: 0 }, x.now);
    x.turn();
    x.advance(1_000 * SECOND);
    expect([x.take(), x.state]).toEqual([[], "ESTABLISHED"]);
  });

  test("s3.8.4: to their probe, empty or with an octet that is old, we answer where we are (9293-U06)", () => {
    for (const text of [0, 1]) {
      const x = established({ memory });
      x.inject({ seq: 1, ack: 1, text: 100 });
      x.read();
      x.advance(SECOND);
      x.take();
      x.inject({ seq: 100, ack: 1, text });
      expect(x.take().map((s) => [s.seq, s.ack])).toEqual([[1, 101]]);
    }
  });

  test("s3.8.4: with chance between them, probes never overlap text, and silence is always noticed (9293-MUST-26)", () => {
    const step = fc.record({ wait: fc.nat(80), what: fc.constantFrom("hear", "text", "write", "nothing") });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const x = connection();
        let theirs = 1;
        let acked = 1;
        for (const { wait, what } of steps) {
          if (what === "hear") x.inject({ seq: theirs, ack: acked });
          if (what === "text") x.inject({ seq: theirs++, ack: acked, text: 1 });
          if (what === "write") {
            x.write(1);
            x.advance(10 * MS);
            x.inject({ seq: theirs, ack: ++acked });
          }
          const heard = x.now;
          x.advance(wait * SECOND);
          for (const s of x.take())
            if (s.why === "tx.keepalive") expect([s.length, s.at - heard >= (what === "nothing" ? 0 : 60 * SECOND)]).toEqual([0, true]);
          if (x.state === "CLOSED") return;
        }
        x.advance(76 * SECOND);
        expect(x.state).toBe("CLOSED");
      }),
      { numRuns: 80 },
    );
  });
});

test("s3.8.4: a listener's connections inherit it (9293-MUST-24)", () => {
  const x = new Exchange({ memory });
  x.accept({ mss: 1_000 }, options);
  expect(x.tcp.optionsOf(x.handle)).toMatchObject(options);
});
