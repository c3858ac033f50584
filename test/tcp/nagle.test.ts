/** When a small segment may go: RFC 9293 s3.7.4 (Nagle), appendix A.3 (Minshall), s3.8.6.2.1 (silly windows, the sender). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { linux, rfc } from "../../src/stack/profile.js";
import { type Exchange, line } from "./exchange.js";
import { ack, established, MS, MSS, SECOND } from "./flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const plain = { policy: { nagleMinshall: false } };
const connection = (options: Parameters<typeof established>[0] = {}): Exchange => established({ memory, ...options });
const lengths = (x: Exchange): number[] => x.take().flatMap((s) => (s.length > 0 ? [s.length] : []));

describe("s3.7.4: Nagle's algorithm", () => {
  test("s3.7.4: nothing is outstanding: at once; else small text waits and grows (9293-SHLD-7)", () => {
    for (const policy of [{ nagleMinshall: false }, { nagleMinshall: true }]) {
      const x = connection({ policy });
      for (const n of [1, 2, 3, 4]) x.write(n);
      expect(lengths(x)).toEqual([1]);
      x.advance(10 * MS);
      x.inject({ seq: 1, ack: 2 });
      expect(lengths(x)).toEqual([9]);
    }
  });

  test("s3.7.4: a full segment never waits", () => {
    const x = connection(plain);
    x.write(10);
    x.write(MSS - 1);
    expect(lengths(x)).toEqual([10]);
    x.write(1);
    expect(lengths(x)).toEqual([MSS]);
  });

  test("s3.7.4: behind full segments the rest waits, by the plain rule", () => {
    const x = connection(plain);
    x.write(3 * MSS + 7);
    expect(lengths(x)).toEqual([MSS, MSS, MSS]);
    ack(x, 2);
    expect(lengths(x)).toEqual([]);
    ack(x, 3);
    expect(lengths(x)).toEqual([7]);
  });

  test("A.3: Minshall: it waits only behind another small one", () => {
    const x = connection();
    x.write(3 * MSS + 7);
    expect(lengths(x)).toEqual([MSS, MSS, MSS, 7]);
    x.write(5);
    expect(lengths(x)).toEqual([]);
    ack(x, 3);
    expect(lengths(x)).toEqual([]);
    x.inject({ seq: 1, ack: 1 + 3 * MSS + 7 });
    expect(lengths(x)).toEqual([5]);
  });

  test("s3.7.4: noDelay: at once, each write (9293-MUST-17)", () => {
    const x = connection({ connection: { noDelay: true } });
    for (const n of [1, 2, 3]) x.write(n);
    expect(lengths(x)).toEqual([1, 2, 3]);
  });

  test("s3.6: the last octets do not wait when the FIN goes with them", () => {
    const x = connection(plain);
    x.write(10);
    x.write(10);
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take().map(line)).toEqual(["P. 1:11(10) ack 1", "FP. 11:21(10) ack 1"]);
  });

  test("s3.8.5: urgent text does not wait", () => {
    const x = connection(plain);
    x.write(10);
    x.take();
    x.tcp.send(x.handle, new Uint8Array(5), 0, 5, x.now);
    x.tcp.markUrgent(x.handle);
    x.turn();
    expect(x.take().map((s) => [s.flags, s.length, s.up])).toEqual([["PU.", 5, 5]]);
  });

  test("s3.7.4: however it is written, no more than one small segment is outstanding (9293-MUST-38)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ write: fc.nat(2_500), ack: fc.nat(2_000), wait: fc.nat(50) }), { maxLength: 60 }),
        fc.boolean(),
        (steps, minshall) => {
          const x = connection({ policy: { nagleMinshall: minshall } });
          let acked = 1;
          let end = 1;
          let small: number[] = [];
          const look = (): void => {
            for (const s of x.take()) {
              if (s.length === 0 || s.why.startsWith("rtx")) continue;
              if (s.length < MSS) {
                if (!minshall) expect(acked).toBe(s.seq); // the plain rule: nothing outstanding
                small = small.filter((right) => right > acked);
                small.push(s.seq + s.length);
                expect(small.length).toBe(1);
              }
              end = Math.max(end, s.seq + s.length);
            }
          };
          for (const step of steps) {
            x.write(step.write);
            look();
            acked = Math.min(acked + step.ack, end);
            x.inject({ seq: 1, ack: acked });
            look();
            x.advance(step.wait * MS);
            look();
          }
          for (let i = 0; i < 50; i++) {
            x.inject({ seq: 1, ack: (acked = end) });
            look();
          }
          expect(x.tcb.sendQueue.length).toBe(0); // (MUST-60)
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("s3.8.6.2.1: silly window syndrome, the sender", () => {
  /** The peer's window has never been larger than `most`. */
  function narrow(most: number): Exchange {
    const x = connection({ syn: { windowScale: 0, wnd: most } });
    x.inject({ seq: 1, ack: 1, wnd: most });
    x.write(20 * MSS);
    return x;
  }

  test("s3.8.6.2.1 (1): a full segment goes when it fits; less than that does not (9293-MUST-38, 9293-U14)", () => {
    const x = narrow(4_500);
    expect(lengths(x)).toEqual([MSS, MSS, MSS, MSS]);
    x.inject({ seq: 1, ack: 1 + MSS, wnd: 3_999 });
    expect(lengths(x)).toEqual([]);
    x.inject({ seq: 1, ack: 1 + MSS, wnd: 4_000 });
    expect(lengths(x)).toEqual([MSS]);
  });

  test("s3.8.6.2.1 (3): half of the largest window that was ever offered goes (9293-U14)", () => {
    const x = narrow(1_500);
    expect(lengths(x)).toEqual([MSS]);
    x.inject({ seq: 1, ack: 1 + MSS, wnd: 749 });
    expect(lengths(x)).toEqual([]);
    x.inject({ seq: 1, ack: 1 + MSS, wnd: 750 });
    expect(lengths(x)).toEqual([750]);
  });

  test("s3.8.6.2.1 (3): the largest window rises with the window, and stays when that falls (9293-U14)", () => {
    const x = narrow(800);
    expect(lengths(x)).toEqual([800]);
    x.inject({ seq: 1, ack: 801, wnd: 1_600 });
    expect(lengths(x)).toEqual([MSS]);
    x.inject({ seq: 1, ack: 1_801, wnd: 799 });
    expect(lengths(x)).toEqual([]);
    x.inject({ seq: 1, ack: 1_801, wnd: 800 });
    expect(lengths(x)).toEqual([800]);
  });

  test("s3.8.6.2.1 (4): after the override timeout what fits goes, 0.1 to 1 s (9293-U14)", () => {
    const x = narrow(4_500);
    x.take();
    x.inject({ seq: 1, ack: 1 + 4 * MSS, wnd: 500 });
    expect(lengths(x)).toEqual([]);
    x.advance(linux.tcp.swsOverride - 1);
    expect(lengths(x)).toEqual([]);
    x.advance(1);
    expect(x.take().map((s) => [s.length, s.why])).toEqual([[500, "tx.sws_override"]]);
  });

  test("s3.8.6.2.1: the override is off again when the window opens", () => {
    const x = narrow(4_500);
    x.take();
    x.inject({ seq: 1, ack: 1 + 4 * MSS, wnd: 500 });
    x.advance(100 * MS);
    x.inject({ seq: 1, ack: 1 + 4 * MSS, wnd: 4_500 });
    expect(lengths(x)).toEqual([MSS, MSS, MSS, MSS]);
    expect(x.tcb.swsAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("s3.8.6.2.1: noDelay does not make silly windows", () => {
    const x = connection({ syn: { windowScale: 0, wnd: 4_500 }, connection: { noDelay: true } });
    x.inject({ seq: 1, ack: 1, wnd: 4_500 });
    x.write(20 * MSS);
    expect(lengths(x)).toEqual([MSS, MSS, MSS, MSS]);
  });

  test("s3.8.6.2.1: two that are silly do not starve each other: a crawling window still moves a stream", () => {
    const x = connection({ profile: rfc, syn: { windowScale: 0, wnd: 4_500 } });
    x.inject({ seq: 1, ack: 1, wnd: 100 });
    x.write(2_000);
    let acked = 1;
    for (let i = 0; i < 400 && acked <= 2_000; i++) {
      x.advance(300 * MS);
      for (const s of x.take()) if (s.length > 0) acked = Math.max(acked, s.seq + Math.min(s.length, 100));
      x.inject({ seq: 1, ack: acked, wnd: 100 });
    }
    expect(acked).toBe(2_001);
    expect(x.now).toBeLessThan(1_000_000_000 + 60 * SECOND);
  });
});
