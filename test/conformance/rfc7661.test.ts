/** RFC 7661 as far as NewReno goes: a window that is not used does not grow. The rest of it waits for a controller that asks for it. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { ack, established, MS, MSS } from "../tcp/flow.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });

describe("s4.4", () => {
  test("s4.4: an application that sends little keeps the window it had (7661-05)", () => {
    const x = established({ memory });
    for (let n = 1; n <= 100; n++) {
      x.write(MSS);
      x.advance(50 * MS);
      ack(x, n);
    }
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s4.4: in slow start it grows to twice what is used, and stops (7661-05)", () => {
    const x = established({ memory });
    let acked = 0;
    for (let round = 0; round < 50; round++) {
      x.write(8 * MSS);
      x.advance(50 * MS);
      for (let i = 0; i < 8; i++) ack(x, ++acked);
    }
    expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(11 * MSS);
    expect(x.tcb.cc.window()).toBeLessThanOrEqual(16 * MSS);
  });

  test("s4.4: a peer's small window limits it as well (7661-05)", () => {
    const x = established({ memory, syn: { windowScale: 0, wnd: 4 * MSS }, connection: { sendBuffer: 400 * MSS } });
    x.write(400 * MSS);
    for (let n = 1; n <= 200; n++) {
      x.advance(10 * MS);
      ack(x, n, { wnd: 4 * MSS });
    }
    expect(x.tcb.cc.window()).toBe(10 * MSS);
  });

  test("s4.4: used again, it grows again", () => {
    const x = established({ memory });
    x.write(MSS);
    ack(x, 1);
    x.write(100 * MSS);
    x.advance(50 * MS);
    ack(x, 11);
    expect(x.tcb.cc.window()).toBe(12 * MSS);
  });

  test("s4.4.1: never below one segment, whatever is lost (7661-07)", () => {
    const x = established({ memory });
    x.write(40 * MSS);
    for (let i = 0; i < 8; i++) {
      x.advance(x.tcb.rto * 2 ** i);
      expect(x.tcb.cc.window()).toBeGreaterThanOrEqual(MSS);
    }
  });
});
