/** RFC 6093: urgent data as it turned out to be. */
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Exchange, octets } from "../tcp/exchange.js";

const memory = createMemory({ packets: 64, chunks: 256, chunkSize: 4_096 });

test("s3.4: a middlebox that clears URG or the pointer takes the signal away and leaves the stream whole (6093-01)", () => {
  for (const [flags, up] of [
    ["P.", 30],
    ["PU.", 0],
    ["PU.", 30],
  ] as const) {
    const x = new Exchange({ memory });
    x.accept();
    x.inject({ flags, seq: 1, ack: 1, text: 60, up });
    expect(x.read()).toEqual(octets(60));
    expect(x.events.includes("Urgent")).toBe(flags === "PU." && up > 0);
    x.inject({ seq: 61, ack: 1, text: 10 });
    expect(x.read()).toEqual(octets(10, 60));
  }
});

test("s5, s6: urgent data is read in line, at its place; no octet is taken out (6093-02, S-072)", () => {
  const x = new Exchange({ memory });
  x.accept();
  x.inject({ flags: "U.", seq: 1, ack: 1, text: 100, up: 50 });
  expect(x.tcp.urgentAhead(x.handle)).toBe(50);
  expect(x.read(50)).toEqual(octets(50));
  expect(x.tcp.urgentAhead(x.handle)).toBe(0);
  expect(x.read()).toEqual(octets(50, 50));
});

test("s2.3: the pointer counts from the sequence number of its segment, trimmed or not", () => {
  const x = new Exchange({ memory });
  x.accept();
  x.inject({ seq: 1, ack: 1, text: 20 });
  x.inject({ flags: "U.", seq: 11, ack: 1, text: 40, up: 40 });
  expect(x.tcp.urgentAhead(x.handle)).toBe(50);
});
