/** RFC 1191 s6.4 in TCP, with the checks of RFC 5927 s7.2. The cache of path MTUs is IP's: test/ip. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { IcmpError } from "../../src/ip/icmp/error.js";
import { Exchange } from "../tcp/exchange.js";
import { established, MS, SECOND } from "../tcp/flow.js";
import { icmp, tooBig } from "../tcp/icmp-message.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const connection = (options: Parameters<typeof established>[0] = {}): Exchange =>
  established({ memory, ...options, syn: { mss: 1460, ...options.syn } });
const sizes = (x: Exchange): number[] => x.take().flatMap((s) => (s.length > 0 ? [s.header.length + 20 + s.length] : []));

describe("s6.4: what TCP does", () => {
  test("s6.4: smaller segments, what is outstanding sent again at once, no loss of cwnd beyond the ratio (1191-01, 1191-02, 5681-07)", () => {
    const x = connection();
    x.write(5 * 1_460);
    expect(sizes(x)).toEqual([1_500, 1_500, 1_500, 1_500, 1_500]);
    tooBig(x, 1, 1_000);
    expect(x.network.lowered).toEqual([1_000]);
    const out = x.take();
    expect(out.map((s) => [s.seq, s.length, s.why])).toEqual([
      [1, 960, "rtx.pmtu"],
      [961, 960, "rtx.pmtu"],
      [1_921, 960, "rtx.pmtu"],
      [2_881, 960, "rtx.pmtu"],
      [3_841, 960, "rtx.pmtu"],
      [4_801, 960, "rtx.pmtu"],
      [5_761, 960, "rtx.pmtu"],
      [6_721, 580, "rtx.pmtu"],
    ]);
    expect(x.tcb.cc.window()).toBe(Math.floor((14_600 * 960) / 1_460));
    expect(x.tcb.timeouts).toBe(0);
  });

  test("s6.4: one retransmission for a burst of messages (1191-09)", () => {
    const x = connection();
    x.write(5 * 1_460);
    x.take();
    tooBig(x, 1, 1_000);
    const first = x.take().length;
    for (let n = 1; n < 5; n++) tooBig(x, 1 + n * 1_460, 1_000);
    expect(x.take()).toEqual([]);
    expect(x.tcb.segmentsRetransmitted).toBe(first);
  });

  test("s6.4: two steps down, one retransmission each (1191-01, 1191-09)", () => {
    const x = connection();
    x.write(5 * 1_460);
    tooBig(x, 1, 1_400);
    x.take();
    tooBig(x, 1, 600);
    expect(Math.max(...sizes(x))).toBe(600);
    expect(x.network.lowered).toEqual([1_400, 600]);
  });

  test("s6.4: the segments of another connection told IP already: its own message still sends them again (1191-01)", () => {
    const x = connection();
    x.write(3 * 1_460);
    x.take();
    x.network.lowerMtu(0 as never, 1_000);
    x.inject({ seq: 1, ack: 1, text: 10 }); // it speaks, and learns of the smaller MTU
    x.take();
    tooBig(x, 1, 1_000);
    expect(sizes(x)).toEqual([1_000, 1_000, 1_000, 1_000, 580]);
  });

  test("s6.3: a larger path MTU sends nothing again, and later segments are larger (1191-08)", () => {
    const x = connection();
    x.network.lowerMtu(0 as never, 1_000);
    x.write(4_000);
    x.take();
    x.network.pathMtu = 1_500;
    x.network.epoch += 1;
    x.inject({ seq: 1, ack: 1, text: 10 });
    expect(sizes(x)).toEqual([]);
    x.inject({ seq: 11, ack: 4_001 });
    x.write(3_000);
    expect(Math.max(...sizes(x))).toBe(1_500);
  });

  test("s3: never larger by a message (1191-07)", () => {
    const x = connection();
    x.write(5 * 1_460);
    x.take();
    for (const mtu of [1_500, 1_501, 9_000, 65_535]) tooBig(x, 1, mtu);
    expect([x.network.lowered, x.take()]).toEqual([[], []]);
  });

  test("s3.1: the MSS that is announced is the link's, whatever the path (1191-10, 9293-MUST-67)", () => {
    const x = new Exchange({ memory });
    x.network.lowerMtu(0 as never, 600);
    x.connect();
    expect(x.take()[0]!.mss).toBe(1_460);
  });

  test("s6.4: the SYN that is sent again does not change, and text after it fits", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.take();
    tooBig(x, 0, 576); // a SYN of 60 octets cannot have been too big
    expect(x.network.lowered).toEqual([]);
    x.inject({ flags: "S.", ack: 1, mss: 1460 });
    x.write(3_000);
    expect(Math.max(...sizes(x))).toBe(1_500);
  });

  test.each([68, 100, 296, 552])("s3: down to %d octets the stream still flows (1191-06)", (mtu) => {
    const x = connection();
    x.write(2_000);
    x.take();
    tooBig(x, 1, mtu);
    let acked = 1;
    for (let i = 0; i < 200 && acked < 2_001; i++) {
      for (const s of x.take()) {
        if (s.length === 0) continue;
        expect(s.header.length + 20 + s.length).toBeLessThanOrEqual(mtu);
        acked = Math.max(acked, s.seq + s.length);
      }
      x.inject({ seq: 1, ack: acked });
    }
    expect(acked).toBe(2_001);
  });
});

describe("RFC 5927 s7.2: what TCP believes", () => {
  test("s4.1: only a quote of what is in flight (5927-01)", () => {
    for (const [seq, believed] of [
      [0, false],
      [1, true],
      [3 * 1_460, true],
      [1 + 3 * 1_460, false],
      [-100_000, false],
    ] as const) {
      const x = connection();
      x.write(3 * 1_460);
      tooBig(x, seq, 1_000);
      expect([seq, x.network.lowered.length > 0]).toEqual([seq, believed]);
    }
  });

  test("s7.2: a claim as large as anything that was sent cannot be true (5927-04)", () => {
    const x = connection();
    x.write(500); // 540 octets
    tooBig(x, 1, 540);
    tooBig(x, 1, 1_000);
    expect(x.network.lowered).toEqual([]);
    tooBig(x, 1, 539);
    expect(x.network.lowered).toEqual([539]);
  });

  test("s7.2: once segments of that size were acknowledged it waits for a timeout (5927-04)", () => {
    const x = connection();
    x.write(1_460);
    x.inject({ seq: 1, ack: 1_461 });
    x.write(3 * 1_460);
    x.take();
    tooBig(x, 1_461, 600);
    expect([x.network.lowered, x.take()]).toEqual([[], []]);
    x.advance(x.tcb.rto);
    expect(x.network.lowered).toEqual([600]);
    expect(Math.max(...sizes(x))).toBe(600);
  });

  test("s7.2: what was said not to fit is acknowledged: the message was a lie and is forgotten (5927-04)", () => {
    const x = connection();
    x.write(1_460);
    x.inject({ seq: 1, ack: 1_461 });
    x.write(3 * 1_460);
    tooBig(x, 1_461, 600);
    x.inject({ seq: 1, ack: 1_461 + 3 * 1_460 });
    x.write(1_460);
    x.take();
    x.advance(10 * SECOND); // a real loss, later
    expect(x.network.lowered).toEqual([]);
    expect(Math.max(...sizes(x))).toBe(1_500);
  });

  test("s7.2: of forged messages no segment suffers while the peer acknowledges (5927-04)", () => {
    const x = connection();
    x.write(1_460);
    let acked = 1_461;
    x.inject({ seq: 1, ack: acked });
    x.take();
    for (let round = 0; round < 20; round++) {
      x.write(2 * 1_460);
      expect(sizes(x)).toEqual([1_500, 1_500]);
      tooBig(x, acked, 576);
      x.advance(50 * MS);
      acked += 2 * 1_460;
      x.inject({ seq: 1, ack: acked });
    }
    expect(x.network.lowered).toEqual([]);
  });

  test("s6.2: source quench is ignored (5927-03, 9293-MUST-55)", () => {
    const x = connection();
    x.write(3 * 1_460);
    const before = x.tcb.cc.window();
    icmp(x, IcmpError.SourceQuench, 1);
    expect([x.tcb.cc.window(), x.events]).toEqual([before, []]);
  });

  test("s5.2: hard errors in synchronized states are soft (5927-02, 9293-SHLD-26)", () => {
    for (const kind of [IcmpError.ProtocolUnreachable, IcmpError.PortUnreachable, IcmpError.AdminProhibited]) {
      const x = connection();
      x.write(100);
      icmp(x, kind, 1);
      expect([x.state, x.events]).toEqual(["ESTABLISHED", ["SoftError"]]);
    }
  });

  test("s4.1, s7.2: whatever is claimed, octets are sent once each with their numbers, and all arrive (I-09)", () => {
    const step = fc.record({
      ack: fc.nat(4),
      seq: fc.integer({ min: -1_460, max: 9_000 }),
      mtu: fc.integer({ min: 0, max: 2_000 }),
      wait: fc.nat(400),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const x = connection();
        const stream = new Uint8Array(20_000).map((_, i) => (i * 31 + (i >> 7)) & 0xff);
        let sent = x.write(stream);
        let acked = 1;
        const have = new Set<number>();
        const look = (): void => {
          for (const s of x.take()) {
            for (let i = 0; i < s.length; i++) {
              if (s.text[i] !== stream[s.seq - 1 + i]) throw new Error(`octet ${s.seq + i} changed`);
              have.add(s.seq + i);
            }
          }
          while (have.has(acked)) acked += 1;
        };
        for (const { ack, seq, mtu, wait } of steps) {
          look();
          if (ack > 0) x.inject({ seq: 1, ack: acked });
          tooBig(x, acked + seq, mtu);
          x.advance(wait * MS);
        }
        for (let i = 0; i < 400 && acked < 20_001; i++) {
          look();
          x.inject({ seq: 1, ack: acked });
          if (sent < stream.length) sent += x.write(stream.subarray(sent));
          x.advance(100 * MS);
        }
        expect(acked).toBe(20_001);
      }),
      { numRuns: 40 },
    );
  });
});
