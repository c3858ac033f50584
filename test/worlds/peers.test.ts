/** The experiments in which other stacks for JavaScript lost octets, stalled or hung. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { Wire } from "../../src/base/why.js";
import { Flag, FrameSummary } from "../../src/sim/frame-summary.js";
import type { WireObserver } from "../../src/sim/wire-model.js";
import { data, type WireRule } from "../../src/sim/wire-options.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { B, converse, end, send, settled, stage } from "./two-hosts.js";

const MIB = 1 << 20;
const every = (count: number, action: WireRule["action"]): WireRule => ({ match: data, every: count, action });

describe("bulk transfers on wires with a rule", () => {
  const wires: [string, WireRule][] = [
    ["every 10th data frame arrives behind the next", every(10, "reorder")],
    ["every 50th data frame is lost", every(50, "drop")],
    ["every 10th data frame is lost", every(10, "drop")],
    ["every data frame comes twice", every(1, "duplicate")],
    ["every 20th data frame has a flipped bit", every(20, "corrupt")],
    ["every 7th data frame is 30 ms late", { match: data, every: 7, action: "delay", delay: 30 * MILLISECOND }],
  ];
  test.each(wires)("%s: 1 MiB arrives, every octet in its place", (_name, rule) => {
    const at = stage({ wire: { delay: 5 * MILLISECOND, rules: [rule] }, back: { delay: 5 * MILLISECOND } });
    const { client, server } = converse(at, [send(MIB), ...end], end);
    expect([client.outcome, server.outcome]).toEqual(["closed", "closed"]);
    expect(server.received).toBe(MIB);
  });

  test("both directions at once, both with losses", () => {
    const at = stage({ wire: { delay: 5 * MILLISECOND, rules: [every(50, "drop"), every(11, "reorder")] } });
    const { client, server } = converse(at, [send(MIB), ...end], [send(MIB), ...end]);
    expect([client.received, server.received]).toEqual([MIB, MIB]);
  });

  test("reordering by one place costs no timeout, and little more time than none", () => {
    const run = (rules: WireRule[]): number => {
      const at = stage({
        wire: { delay: 5 * MILLISECOND, rate: 100_000_000, queueFrames: 1_000, rules },
        back: { delay: 5 * MILLISECOND },
      });
      converse(at, [send(MIB), ...end], end);
      return at.world.now;
    };
    expect(run([every(10, "reorder")])).toBeLessThan(1.5 * run([]));
  });
});

test("s3.8.6: an upload goes on past the peer's first window", () => {
  for (const receiveBuffer of [2_048, 5_840, 65_535]) {
    const at = stage();
    const { server } = converse(at, [send(300_000), ...end], end, { server: { receiveBuffer } });
    expect(server.received).toBe(300_000);
  }
});

describe("s3.10.7.4: a FIN that carries text", () => {
  test("the text before the FIN is delivered, whatever the size of the last segment", () => {
    for (const octets of [1, 700, 1_447, 1_448, 1_449, 300_000]) {
      const at = stage();
      const seen = { finWithText: 0 };
      const summary = new FrameSummary();
      const observer: WireObserver = {
        fate: (_wire, why, bytes, start, finish) => {
          summary.read(bytes, start, finish);
          if (why === Wire.Delivered && summary.isData && summary.flags & Flag.Fin) seen.finWithText += 1;
        },
      };
      at.world.observe(observer);
      const { client, server } = converse(at, [send(octets), ...end], [{ do: "end" }, { do: "shutdown" }, { do: "close" }]);
      expect(server.received).toBe(octets);
      expect([client.outcome, server.outcome]).toEqual(["closed", "closed"]);
      expect(seen.finWithText).toBe(1);
    }
  });

  test("a FIN with text that overtakes the text before it waits for it", () => {
    const last = (frame: FrameSummary): boolean => frame.isTcp && (frame.flags & Flag.Fin) === 0 && frame.textLength > 0;
    const at = stage({
      wire: { delay: 5 * MILLISECOND, rules: [{ match: last, nth: 2, action: "delay", delay: 40 * MILLISECOND }] },
      back: { delay: 5 * MILLISECOND },
    });
    const { server } = converse(at, [send(3_500), ...end], end);
    expect(server.received).toBe(3_500);
  });
});

describe("connect", () => {
  test("s3.10.7.1: to a closed port fails with ECONNREFUSED within one round trip", () => {
    const at = stage({ wire: { delay: 20 * MILLISECOND } });
    const { world, a } = at;
    // The first connection asks for the neighbor's address: one round trip more. The second is what is measured.
    for (const trips of [2, 1]) {
      const begun = world.now;
      let ended = -1;
      const handle = a.stack.tcp.connect(
        { remote: B, remotePort: 81 },
        {
          onEvents: (_of, events) => {
            expect(events & TcpEvent.Closed).toBe(TcpEvent.Closed);
            ended = world.now;
          },
        },
        begun,
      );
      world.run(SECOND);
      expect(a.stack.tcp.errorOf(handle)).toBe("ECONNREFUSED");
      expect(ended - begun).toBe(trips * 40 * MILLISECOND);
      a.stack.tcp.close(handle, world.now);
    }
    settled(at);
  });

  test("s3.8.3: to nobody fails with ETIMEDOUT or EHOSTUNREACH, and not before the last SYN", () => {
    const at = stage({ wire: { delay: 20 * MILLISECOND, outages: [{ kind: "partition", from: 1, until: 3_600 * SECOND }] } });
    const { world, a } = at;
    let closed = 0;
    const handle = a.stack.tcp.connect({ remote: B, remotePort: 80 }, { onEvents: (_of, events) => (closed |= events) }, world.now);
    world.run(300 * SECOND);
    expect(closed & TcpEvent.Closed).toBe(TcpEvent.Closed);
    expect(["ETIMEDOUT", "EHOSTUNREACH"]).toContain(a.stack.tcp.errorOf(handle));
    settled(at);
  });
});

test("memory of both stacks is given back: a transfer leaks no packet and no chunk (I-03)", () => {
  const at = stage({ wire: { delay: 1 * MILLISECOND, rules: [every(50, "drop"), every(10, "reorder")] } });
  const free = [at.a, at.b].map(({ stack }) => [stack.memory.packets.available, stack.memory.chunks.available]);
  converse(at, [send(4 * MIB), ...end], [send(4 * MIB), ...end]);
  at.world.run(300 * SECOND);
  expect([at.a, at.b].map(({ stack }) => [stack.memory.packets.available, stack.memory.chunks.available])).toEqual(free);
  expect([at.a, at.b].map(({ stack }) => stack.tcp.summary()["slots"])).toEqual([0, 1]); // the listener
  for (const { stack, link, watch } of [at.a, at.b]) watch.checkConservation(stack, link.received, at.world.now);
  settled(at);
});

test("rfc5681 s3.2: one lost segment of many costs a round trip, not a timeout", () => {
  for (const nth of [2, 10, 40, 100]) {
    const at = stage({
      wire: { delay: 20 * MILLISECOND, rules: [{ match: data, nth, action: "drop" }] },
      back: { delay: 20 * MILLISECOND },
    });
    const { server } = converse(at, [send(300_000), ...end], end);
    expect(server.received).toBe(300_000);
    const counted = at.a.stack.tally.show();
    expect(counted["rtx.fast"]).toBe(1);
    expect(counted["rtx.rto"]).toBeUndefined();
  }
});
