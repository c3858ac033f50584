/** A sender against a peer behind a wire that loses, doubles and reorders: everything arrives, and is what was written. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { freebsd, linux, type Profile, rfc } from "../../src/stack/profile.js";
import { established, MS, MSS, SECOND, withIss } from "./flow.js";
import { INTACT, LOST, Peer, type Wire } from "./peer.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const stream = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7) & 0xff);

interface Transfer {
  length: number;
  wire: Wire;
  sack?: boolean;
  profile?: Profile;
  iss?: number;
  window?: number;
}

/** Sends `length` octets and a FIN; returns the peer when all is said. */
function transfer({ length, wire, sack = false, profile = linux, iss, window }: Transfer): Peer {
  const options = { memory, profile };
  const exchange = iss === undefined ? undefined : withIss(iss, options);
  const x = established({ ...options, ...(exchange ? { exchange } : {}), syn: { sackPermitted: sack } });
  const text = stream(length);
  const peer = new Peer(x, text, wire, { sack });
  if (window !== undefined) {
    peer.window = window;
    peer.say();
  }
  let written = x.tcp.send(x.handle, text, 0, length, x.now);
  const finish = (): void => {
    if (written === length) x.tcp.shutdown(x.handle, x.now);
  };
  x.onEvents = () => {
    if (written >= length || x.state !== "ESTABLISHED") return;
    written += Math.max(0, x.tcp.send(x.handle, text, written, length - written, x.now));
    finish();
  };
  finish();
  x.turn();
  peer.run(3_600 * SECOND);
  return peer;
}

const bits = (pattern: number, most: number) => (n: number) => (n < most && pattern & (1 << n) ? LOST : INTACT);

describe("RFC 9293 s3.8.1: reliability", () => {
  test.each([false, true])("s3.8.1: three segments and a FIN survive every loss of the first nine that leave (SACK: %s)", (sack) => {
    for (let pattern = 0; pattern < 512; pattern++) {
      const peer = transfer({ length: 2_500, sack, wire: { delay: 50 * MS, ours: bits(pattern, 9), theirs: () => INTACT } });
      if (!peer.done) throw new Error(`pattern ${pattern.toString(2)}: ${peer.next} of ${peer.stream.length}, ${peer.x.state}`);
    }
  });

  test("s3.8.1: and every loss of the first five each way", () => {
    for (let pattern = 0; pattern < 1_024; pattern++) {
      const wire: Wire = { delay: 50 * MS, ours: bits(pattern & 31, 5), theirs: bits(pattern >> 5, 5) };
      const peer = transfer({ length: 3_000, sack: (pattern & 1) === 1, wire });
      if (!peer.done) throw new Error(`pattern ${pattern.toString(2)}: ${peer.next} of ${peer.stream.length}, ${peer.x.state}`);
    }
  });

  test("RFC 8985 s3.2: one loss of ten needs no timeout, also if it is the last", () => {
    for (let lost = 0; lost < 10; lost++) {
      const peer = transfer({ length: 10 * MSS, sack: true, wire: { delay: 50 * MS, ours: bits(1 << lost, 10), theirs: () => INTACT } });
      expect([lost, peer.done, peer.log.filter((s) => s.why === "rtx.rto").length]).toEqual([lost, true, 0]);
    }
  });

  test("s3.8.1: any transfer over any wire that is fair in the end: complete, and each number keeps its octet (I-04, I-09, I-15)", () => {
    const fate = fc.oneof(
      { weight: 6, arbitrary: fc.constant(INTACT) },
      { weight: 2, arbitrary: fc.constant(LOST) },
      { weight: 1, arbitrary: fc.constant([0, 3 * MS]) },
      { weight: 1, arbitrary: fc.nat(200).map((late) => [late * MS]) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60_000 }),
        fc.array(fate, { maxLength: 60 }),
        fc.array(fate, { maxLength: 60 }),
        fc.boolean(),
        fc.constantFrom(linux, freebsd, rfc),
        fc.constantFrom(undefined, 0x7fff_ff00, -30_000, -1),
        fc.constantFrom(undefined, 700, 2_500, 16_384),
        (length, ours, theirs, sack, profile, iss, window) => {
          const wire: Wire = { delay: 20 * MS, ours: (n) => ours[n] ?? INTACT, theirs: (n) => theirs[n] ?? INTACT };
          const peer = transfer({
            length,
            wire,
            sack,
            profile,
            ...(iss === undefined ? {} : { iss }),
            ...(window === undefined ? {} : { window }),
          });
          expect([peer.done, peer.next, peer.x.state]).toEqual([true, length + 2, expect.stringMatching(/FIN-WAIT-2|CLOSED/)]);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("RFC 9293 s3.8.6: a window that opens and closes at random stops it for as long as it is closed (MUST-34, MUST-36)", () => {
    const window = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 20 }).map((n) => n * 128),
      fc.constant(0xffff * 128),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ window, wait: fc.nat(3_000) }), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(linux, freebsd, rfc),
        (steps, profile) => {
          const x = established({ memory, profile });
          const text = stream(30_000);
          const peer = new Peer(x, text, { delay: 10 * MS, ours: () => INTACT, theirs: () => INTACT });
          x.write(text);
          x.tcp.shutdown(x.handle, x.now);
          x.turn();
          for (const step of steps) {
            peer.window = step.window;
            peer.say();
            peer.run(step.wait * MS);
          }
          // It opens, and that message is lost: the probe finds out (MUST-36).
          peer.window = 0xffff * 128;
          peer.run(400 * SECOND);
          expect([peer.done, peer.next]).toEqual([true, text.length + 2]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
