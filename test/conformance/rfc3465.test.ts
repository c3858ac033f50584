/** RFC 3465: appropriate byte counting, as segments show it. The controller alone: test/tcp/newreno-controller.test.ts. */
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { ack, established, MS, MSS, sent } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

test("s2.2: an ACK for two segments opens the window by two: who delays ACKs does not slow the start", () => {
  const each = established({ memory });
  const second = established({ memory });
  for (const x of [each, second]) x.write(100 * MSS);
  for (let n = 1; n <= 10; n++) ack(each, n);
  for (let n = 2; n <= 10; n += 2) ack(second, n);
  expect([each.tcb.cc.window(), second.tcb.cc.window()]).toEqual([20 * MSS, 20 * MSS]);
});

test("s2.3: an ACK for ten opens it by two, L = 2 segments: no line-rate burst", () => {
  const x = established({ memory });
  x.write(100 * MSS);
  sent(x);
  ack(x, 10);
  expect(x.tcb.cc.window()).toBe(12 * MSS);
  expect(sent(x).split(" ").length).toBe(12);
});

test("s2.3: after a timeout an ACK opens it by one, whatever it covers", () => {
  const x = established({ memory });
  x.write(100 * MSS);
  x.advance(400 * MS);
  ack(x, 8);
  expect(x.tcb.cc.window()).toBe(2 * MSS);
});

test("s2.1: in congestion avoidance a window of acknowledged octets earns a segment, in whatever pieces they are acknowledged", () => {
  for (const pieces of [1, 2, 5]) {
    const x = established({ memory });
    x.write(100 * MSS);
    x.tcb.cc.adopt(10 * MSS, 8 * MSS);
    for (let n = pieces; n <= 10; n += pieces) ack(x, n);
    expect(x.tcb.cc.window()).toBe(11 * MSS);
  }
});

test("s3.3: divided ACKs open nothing that whole ones would not", () => {
  const x = established({ memory });
  x.write(100 * MSS);
  for (let octet = 100; octet <= MSS; octet += 100) x.inject({ seq: 1, ack: 1 + octet });
  expect(x.tcb.cc.window()).toBe(11 * MSS);
});
