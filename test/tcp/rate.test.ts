/** The delivery rate as draft-cheng-iccrg-delivery-rate-estimation has it. Segments of 1 000 octets, a round trip of 100 ms. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Exchange } from "./exchange.js";
import { ack, established, MS, MSS } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

const flow = (policy: object = {}): Exchange => established({ memory, policy });
const rate = (x: Exchange): unknown => {
  const { deliveryRate, deliveryLimited } = (x.tcp.show(x.handle, x.now) as { congestion: Record<string, unknown> }).congestion;
  return { deliveryRate, deliveryLimited };
};

describe("s3.3: a sample", () => {
  test("s3.3: a window in a round trip, by hand: ten segments in 100 ms; before them there was nothing to say", () => {
    const x = flow();
    x.write(400 * MSS);
    x.advance(100 * MS);
    ack(x, 10);
    expect(rate(x)).toEqual({ deliveryRate: 100_000, deliveryLimited: true });
  });

  test("s3.3: ACKs that come in a bunch show no rate that is not there", () => {
    const x = flow();
    x.write(400 * MSS);
    x.advance(100 * MS);
    for (let n = 1; n <= 10; n++) ack(x, n);
    expect(rate(x)).toEqual({ deliveryRate: 100_000, deliveryLimited: true });
    x.advance(100 * MS);
    // Twenty are in flight, and were sent as the ACKs came: 20 000 octets in 100 ms.
    ack(x, 30);
    expect(rate(x)).toEqual({ deliveryRate: 200_000, deliveryLimited: false });
  });

  test("s3.3: a bottleneck of a segment in 10 ms is seen, whatever the window", () => {
    const x = flow();
    x.write(400 * MSS);
    x.advance(100 * MS);
    for (let n = 1; n <= 60; n++) {
      ack(x, n);
      x.advance(10 * MS);
    }
    expect(rate(x)).toEqual({ deliveryRate: 100_000, deliveryLimited: false });
  });
});

describe("s3.4: limited by the application", () => {
  test("s3.4: little to say is a small rate, and marked as such; it does not hide a larger one that was not", () => {
    const x = flow();
    x.write(2 * MSS);
    x.advance(100 * MS);
    ack(x, 2);
    x.write(MSS);
    x.advance(100 * MS);
    ack(x, 3);
    expect(rate(x)).toMatchObject({ deliveryLimited: true });
    x.write(100 * MSS);
    x.advance(100 * MS);
    ack(x, 13);
    x.advance(100 * MS);
    ack(x, 23);
    const known = rate(x) as { deliveryRate: number; deliveryLimited: boolean };
    expect(known.deliveryLimited).toBe(false);
    x.advance(100 * MS);
    ack(x, Math.floor((x.tcb.snd.nxt - x.tcb.snd.text) / MSS) + 23);
    expect((rate(x) as { deliveryRate: number }).deliveryRate).toBeGreaterThanOrEqual(known.deliveryRate);
  });
});
