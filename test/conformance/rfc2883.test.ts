/** RFC 2883: duplicates reported. The examples of its section 4 by number, in segments of 500 octets. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "../tcp/exchange.js";
import { ack, duplicates, established, MS, MSS, SECOND, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

/** The examples count from sequence number zero; eight segments have arrived and been acknowledged. */
function receiver(options: Parameters<typeof established>[0] = {}): Exchange {
  const x = established({ memory, ...options, syn: { sackPermitted: true, ...options.syn } });
  for (let at = 0; at < 4_000; at += 500) arrives(x, at, 500);
  x.advance(100 * MS);
  x.take();
  return x;
}

const arrives = (x: Exchange, at: number, length: number): void => x.inject({ seq: 1 + at, ack: 1, text: length });

/** "4000, SACK=3000-3500" as the RFC writes it. */
const said = (x: Exchange): string[] =>
  x.take().map((s) => {
    const list: string[] = [];
    for (let i = 0; i < s.sack.length; i += 2) list.push(`${s.sack[i]! - 1}-${s.sack[i + 1]! - 1}`);
    return `${s.ack - 1}${list.length > 0 ? `, SACK=${list.join(", ")}` : ""}`;
  });

describe("s4.1: full duplicates", () => {
  test("s4.1.1: a duplicate segment (2883-01, 2883-02)", () => {
    const x = receiver();
    arrives(x, 3_000, 500);
    expect(said(x)).toEqual(["4000, SACK=3000-3500"]);
  });

  test("s4.1.2: an out-of-order segment and a duplicate one (2883-01)", () => {
    const x = receiver();
    arrives(x, 4_500, 500);
    arrives(x, 3_000, 500);
    expect(said(x)).toEqual(["4000, SACK=4500-5000", "4000, SACK=3000-3500, 4500-5000"]);
  });

  test("s4.1.3: a duplicate of an out-of-order segment: the second block is the larger one that holds it (2883-02)", () => {
    const x = receiver();
    arrives(x, 4_500, 500);
    arrives(x, 5_000, 500);
    arrives(x, 5_000, 500);
    expect(said(x)).toEqual(["4000, SACK=4500-5000", "4000, SACK=4500-5500", "4000, SACK=5000-5500, 4500-5500"]);
  });
});

describe("s4.2: partial duplicates", () => {
  test("s4.2.1: a duplicate sub-segment (2883-01)", () => {
    const x = receiver();
    arrives(x, 4_000, 500);
    arrives(x, 4_500, 500);
    x.advance(100 * MS);
    x.take();
    arrives(x, 3_500, 1_000);
    expect(said(x)).toEqual(["5000, SACK=3500-4500"]);
  });

  test("s4.2.1: old text with new behind it: the new is taken, the old reported", () => {
    const x = receiver();
    arrives(x, 3_500, 1_000);
    x.advance(100 * MS);
    expect(said(x)).toEqual(["4500, SACK=3500-4000"]);
  });

  test("s4.2.2: two non-contiguous duplicate sub-segments: the first is reported (2883-01)", () => {
    const x = receiver();
    arrives(x, 4_500, 500);
    arrives(x, 5_500, 500);
    x.take();
    arrives(x, 4_000, 3_000);
    const [ackLine] = said(x);
    expect(ackLine).toMatch(/^7000, SACK=4500-5000$/);
  });

  test("s4.2.3: the gap within a large segment is filled: the duplicate part lies in the larger block (2883-02)", () => {
    const x = receiver();
    arrives(x, 4_500, 500);
    x.take();
    arrives(x, 4_500, 1_000);
    expect(said(x)).toEqual(["4000, SACK=4500-5000, 4500-5500"]);
  });
});

describe("s4: once, and only what came", () => {
  test("s4 (2): each duplicate is in one ACK (2883-03)", () => {
    const x = receiver();
    arrives(x, 3_000, 500);
    arrives(x, 4_500, 500);
    arrives(x, 5_500, 500);
    expect(said(x)).toEqual(["4000, SACK=3000-3500", "4000, SACK=4500-5000", "4000, SACK=5500-6000, 4500-5000"]);
    arrives(x, 3_000, 500);
    arrives(x, 3_000, 500);
    expect(said(x)).toEqual(["4000, SACK=3000-3500, 5500-6000, 4500-5000", "4000, SACK=3000-3500, 5500-6000, 4500-5000"]);
  });

  test("s4: without SACK agreed none is reported", () => {
    const x = receiver({ syn: { sackPermitted: false } });
    arrives(x, 3_000, 500);
    expect(said(x)).toEqual(["4000"]);
  });

  test("s4: it takes the place of the oldest block where there is room for three (2883-01)", () => {
    const x = established({ memory, syn: { sackPermitted: true, ts: [1, 0] } });
    x.inject({ seq: 1, ack: 1, text: 500, ts: [500, 0] });
    for (const at of [1_000, 2_000, 3_000]) x.inject({ seq: 1 + at, ack: 1, text: 500, ts: [500, 0] });
    x.take();
    x.inject({ seq: 1, ack: 1, text: 500, ts: [500, 0] });
    expect(said(x)).toEqual(["500, SACK=0-500, 3000-3500, 2000-2500"]);
  });

  test("s4: a FIN that comes again is acknowledged, its octet is no text", () => {
    const x = receiver();
    x.inject({ flags: "F.", seq: 4_001, ack: 1 });
    x.take();
    x.inject({ flags: "F.", seq: 4_001, ack: 1 });
    expect(said(x)).toEqual(["4001"]);
  });
});

describe("s5: the sender", () => {
  test("s5: a block at or below the ACK is a D-SACK, and no duplicate ACK of a loss (2883-04, 2883-05)", () => {
    const x = established({ memory, syn: { sackPermitted: true } });
    x.write(20 * MSS);
    ack(x, 2);
    x.take();
    duplicates(x, 2, 5, { sack: [1, 1 + MSS] });
    expect(sent(x)).toBe("");
    expect(x.tcb.duplicateAcks).toBe(0);
  });

  test("s5: also one inside the block behind it, once that was reported (2883-05)", () => {
    const x = established({ memory, syn: { sackPermitted: true } });
    x.write(20 * MSS);
    ack(x, 0, { sack: [1 + MSS, 1 + 5 * MSS] });
    x.take();
    duplicates(x, 0, 5, { sack: [1 + 2 * MSS, 1 + 3 * MSS, 1 + MSS, 1 + 5 * MSS] });
    expect(sent(x)).toBe("");
  });

  test("s5: reports of our own needless retransmissions do not stop or harm the connection (2883-05)", () => {
    const x = established({ memory, syn: { sackPermitted: true } });
    x.write(4 * MSS);
    x.advance(x.tcb.rto);
    x.take();
    ack(x, 4);
    ack(x, 4, { sack: [1, 1 + MSS] });
    x.write(10 * MSS);
    x.advance(SECOND);
    expect(x.state).toBe("ESTABLISHED");
    expect(x.tcb.fastRetransmits).toBe(0);
  });
});
