/** RFC 8511: an alternative backoff with ECN, on the wire. The controllers: rfc3168.test.ts and rfc9438.test.ts. */
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { profiles } from "../../src/stack/profile.js";
import { Exchange } from "../tcp/exchange.js";
import { ack, MS, MSS } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

test.each([
  ["newreno", true, 8],
  ["newreno", false, 5],
  ["cubic", true, 8.5],
  ["cubic", false, 7],
])(
  "s3: %s, alternative backoff %s: a mark leaves %f of ten segments in flight, and as much for ssthresh",
  (congestionControl, alternativeBackoff, left) => {
    const x = new Exchange({ memory, policy: { ecn: "on", congestionControl, alternativeBackoff } });
    x.connect();
    x.inject({ flags: "SE.", ack: 1, mss: MSS, windowScale: 7 });
    x.inject({ seq: 1, ack: 1 });
    x.write(60 * MSS);
    x.advance(100 * MS);
    ack(x, 1, { flags: "E." });
    expect([x.tcb.cc.window(), x.tcb.cc.threshold()]).toEqual([left * MSS, left * MSS]);
  },
);

test("s3: it is an experiment: no profile has it on", () => {
  expect(Object.values(profiles).map(({ tcp }) => tcp.alternativeBackoff)).toEqual([false, false, false]);
});
