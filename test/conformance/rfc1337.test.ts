/** RFC 1337: hazards in TIME-WAIT. */
import { expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { exchangeAt, reach, stateOf, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });

test.each(wraps)(
  "s1, figure 1: an old duplicate, the ACK it draws, and the RST that the peer answers leave TIME-WAIT alone (1337-01, S-102), ISS %i IRS %i",
  (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    reach(x, "TIME-WAIT");
    x.inject({ seq: -300, ack: -300, text: 100 }); // 5.1 in the figure
    const [ack] = x.take();
    expect(ack).toMatchObject({ flags: ".", seq: 2, ack: 2 });
    x.inject({ flags: "R", seq: ack!.ack }); // 5.3
    expect(stateOf(x)).toBe("TIME-WAIT");
    expect(x.take()).toEqual([]);
    x.advance(59 * SECOND);
    expect(stateOf(x)).toBe("TIME-WAIT");
  },
);

test("s3: fix F1 is a choice of the profile: without it the reset counts (1337-01)", () => {
  const x = new Exchange({ memory, policy: { timeWaitIgnoresReset: false } });
  reach(x, "TIME-WAIT");
  x.inject({ flags: "R", seq: 2 });
  expect(stateOf(x)).toBe("CLOSED");
});

test("s2.2: what the old incarnation sent is not text of the new one (1337-02)", () => {
  for (const stamped of [false, true]) {
    const x = new Exchange({ memory, irs: 1_000 });
    const ts = (value: number): { ts?: [number, number] } => (stamped ? { ts: [value, 0] } : {});
    x.connect();
    x.inject({ flags: "S.", ack: 1, mss: 1_460, ...ts(10) });
    x.inject({ seq: 1, ack: 1, text: octets(500), ...ts(11) });
    x.read();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    x.inject({ flags: "F.", seq: 501, ack: 2, ...ts(12) });
    expect(x.state).toBe("TIME-WAIT");
    x.listen();
    x.take();
    x.advance(SECOND);
    const isn = stamped ? 100 : 1_000;
    x.inject({ flags: "S", seq: isn, mss: 1_460, ...ts(2_000) });
    expect(x.take()[0]!.flags).toBe("S.");
    x.inject({ seq: isn + 1, ack: 1, ...ts(2_001) });
    expect(x.state).toBe("ESTABLISHED");
    // Everything of the old one again.
    x.inject({ flags: "S.", ack: 1, mss: 1_460, ...ts(10) });
    x.inject({ seq: 1, ack: 1, text: octets(500), ...ts(11) });
    x.inject({ seq: 401, ack: 1, text: octets(100), ...ts(11) });
    x.inject({ flags: "F.", seq: 501, ack: 2, ...ts(12) });
    expect(x.tcp.readable(x.handle)).toBe(0);
    expect(x.state).toBe("ESTABLISHED");
    const fresh = octets(50, 9);
    x.inject({ seq: isn + 1, ack: 1, text: fresh, ...ts(2_002) });
    expect(x.read()).toEqual(fresh);
  }
});

test("s2.4: SYN-SENT survives the old duplicates that a former incarnation left behind (1337-03)", () => {
  const x = new Exchange({ memory });
  x.connect();
  x.take();
  for (const old of [
    { flags: ".", ack: -5_000, seq: -90 },
    { flags: "P.", ack: -5_000, seq: -90, text: 10 },
    { flags: "F.", ack: 77, seq: 3 },
  ]) {
    x.inject(old);
    expect(x.take()).toMatchObject([{ flags: "R", seq: old.ack }]); // figure 9's cure: the peer's old half is reset, not ours
    expect(x.state).toBe("SYN-SENT");
  }
  x.inject({ flags: "S.", ack: 1, mss: 1_460 });
  expect(x.state).toBe("ESTABLISHED");
});
