/** Group J of the robustness cases: middleboxes and buggy peers as they are met in the field. The connection works, if slowly. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { freebsd, linux, type Profile } from "../../src/stack/profile.js";
import { Exchange } from "../tcp/exchange.js";
import { reach, stateOf } from "../tcp/states.js";
import { converse, end, type Stage, type StageOptions, send, stage } from "../worlds/two-hosts.js";
import { middlebox } from "./middlebox.js";

const KIB = 1 << 10;
const MIB = 1 << 20;
const memory = createMemory({ packets: 128, chunks: 2_048, chunkSize: 4_096 });
const delay = { delay: 10 * MILLISECOND };

const both = (at: Stage, octets: number): void => {
  const { client, server } = converse(at, [send(octets), ...end], [send(octets), ...end], { within: 3_600 * SECOND });
  expect([client.received, server.received]).toEqual([octets, octets]);
};

/** Segments with text that were sent, and sent again. */
const sentAgain = (at: Stage): number => {
  const shown = at.a.stack.tally.show();
  return ["rtx.fast", "rtx.rto", "rtx.partial_ack", "rtx.after_rto", "rtx.rack", "rtx.sack"].reduce(
    (sum, name) => sum + (shown[name] ?? 0),
    0,
  );
};

describe("J: options on their way", () => {
  const kinds = { scale: 3, timestamps: 8, sack: 4 } as const;
  const subsets = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => Object.values(kinds).filter((_, i) => bits & (1 << i)));

  test.each(["SYN", "SYN,ACK"])(
    "S-139: every subset of scale, timestamps and SACK stripped from the %s alone: the stream is whole",
    (which) => {
      for (const stripped of subsets) {
        const at = stage({ wire: delay });
        middlebox(which === "SYN" ? at.a.link : at.b.link, (segment) => {
          if (segment.isSyn) segment.strip(...stripped);
        });
        both(at, 100 * KIB);
      }
    },
  );

  test("S-140: the window scale zeroed on its way: small windows, and the transfer ends", () => {
    for (const of of ["a", "b"] as const) {
      const at = stage({ wire: delay });
      middlebox(at[of].link, (segment) => {
        if (segment.isSyn)
          segment.eachOption((kind, place) => {
            if (kind === 3) segment.bytes[place + 2] = 0;
          });
      });
      both(at, 100 * KIB);
    }
  });

  test("S-141: sequence numbers moved by a firewall that leaves SACK blocks alone, with 1 % loss", () => {
    const at = stage({ wire: { ...delay, loss: 0.01 } });
    const moved = 123_456_789;
    middlebox(at.a.link, (segment) => {
      segment.seq = (segment.seq + moved) >>> 0;
    });
    middlebox(at.b.link, (segment) => {
      if (segment.flags & 16) segment.ack = (segment.ack - moved) >>> 0;
    });
    const { server } = converse(at, [send(MIB), ...end], end, { within: 3_600 * SECOND });
    expect(server.received).toBe(MIB);
  });

  test("S-142: SACK blocks stripped behind the handshake, with 2 % loss", () => {
    const at = stage({ wire: { ...delay, loss: 0.02 } });
    for (const { link } of [at.a, at.b]) middlebox(link, (segment) => segment.strip(5));
    const { server } = converse(at, [send(MIB), ...end], end, { within: 3_600 * SECOND });
    expect(server.received).toBe(MIB);
  });

  test("S-144: SYNs that offer ECN are lost: the connection comes up without (RFC 3168 s6.1.1.1)", () => {
    const profile: Profile = { ...linux, tcp: { ...linux.tcp, ecn: "on" } };
    const at = stage({ wire: delay, profile });
    let offered = 0;
    middlebox(at.a.link, (segment) => {
      if (!segment.isSyn || (segment.flags & 0xc0) === 0) return true;
      offered += 1;
      return false;
    });
    both(at, 10 * KIB);
    expect(offered).toBeGreaterThanOrEqual(1);
    expect(offered).toBeLessThanOrEqual(3);
  });

  test.each([1_360, 536])("S-146: the MSS clamped to %i on its way: no segment is larger", (clamp) => {
    const at = stage({ wire: delay });
    let largest = 0;
    for (const { link } of [at.a, at.b])
      middlebox(link, (segment) => {
        largest = Math.max(largest, segment.textLength);
        if (segment.isSyn)
          segment.eachOption((kind, place) => {
            if (kind === 2) segment.view.setUint16(place + 2, clamp);
          });
      });
    both(at, 100 * KIB);
    expect(largest).toBe(clamp - 12);
  });

  test("S-137: ECE on every ACK for ever: cwnd is a segment at least, and the transfer ends; bleached marks harm nothing", () => {
    const profile: Profile = { ...linux, tcp: { ...linux.tcp, ecn: "on" } };
    for (const lie of [true, false]) {
      const at = stage({ wire: delay, profile });
      middlebox(at.b.link, (segment) => {
        if (!segment.isSyn) segment.flags = lie ? segment.flags | 0x40 : segment.flags & ~0x40;
      });
      const { server } = converse(at, [send(200 * KIB), ...end], end, { within: 3_600 * SECOND });
      expect(server.received).toBe(200 * KIB);
    }
  });
});

describe("J: paths that forget, overtake, duplicate and corrupt", () => {
  test("S-148: a mapping that idles away: keep-alive keeps it; without, the end is told", () => {
    for (const keepAlive of [30 * SECOND, 0]) {
      const at = stage({ wire: delay });
      let last = 0;
      for (const { link } of [at.a, at.b])
        middlebox(link, () => {
          const gone = last > 0 && at.world.now - last > 60 * SECOND;
          if (!gone) last = at.world.now;
          return !gone;
        });
      const pause = { do: "pause" as const, for: 300 * SECOND };
      const script = [send(1_000), pause, send(1_000), ...end];
      if (keepAlive > 0) {
        const { server } = converse(at, script, end, { client: { keepAlive, keepAliveInterval: 10 * SECOND }, within: 3_600 * SECOND });
        expect(server.received).toBe(2_000);
      } else {
        const options = { keepAlive: 600 * SECOND, keepAliveInterval: 10 * SECOND };
        const after = [{ do: "end" as const }, ...end];
        const { client, server } = converse(at, script, after, { client: options, server: options, within: 7_200 * SECOND });
        expect([client.outcome, server.outcome]).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
      }
    }
  });

  test("S-149: bursts of RSTs at NXT, NXT+len, NXT+2len: the exact one ends it, the others are challenged", () => {
    for (const [offsets, ends] of [
      [[0, 1_460, 2_920], true],
      [[1_460, 2_920], false],
    ] as const) {
      const x = new Exchange({ memory });
      reach(x, "ESTABLISHED");
      for (const offset of offsets) x.inject({ flags: "R.", seq: 1 + offset, ack: 1 });
      expect(stateOf(x)).toBe(ends ? "CLOSED" : "ESTABLISHED");
      expect(x.take().length).toBeLessThanOrEqual(1);
      x.tcp.closeAll(x.now);
    }
  });

  test("S-150: reordering by up to 100 ms: every octet arrives, few segments are sent again for nothing", () => {
    const wire = { delay: 50 * MILLISECOND, jitter: 100 * MILLISECOND, jitterReorders: true, rate: 20_000_000, queueFrames: 1_000 };
    const at = stage({ wire, back: delay });
    const { server } = converse(at, [send(4 * MIB), ...end], end, { within: 3_600 * SECOND });
    expect(server.received).toBe(4 * MIB);
    expect(at.a.stack.tally.show()["rtx.rto"] ?? 0).toBeLessThanOrEqual(2);
  });

  test.each([2, 10])("S-151: every packet %i times: delivered once, and no storm of ACKs", (copies) => {
    const at = stage({ wire: delay });
    let acks = 0;
    let texts = 0;
    for (const [of, { link }] of [at.a, at.b].entries()) {
      const transmit = link.transmit.bind(link);
      link.transmit = (packet) => {
        const bytes = packet.pool.arena.bytes.slice(packet.start, packet.end);
        if (bytes[23] === 6 && packet.end - packet.start <= 100) acks += of;
        if (bytes[23] === 6 && packet.end - packet.start > 100) texts += 1;
        for (let i = 1; i < copies; i++) link.out!.offer(bytes, 0, bytes.length, at.world.now);
        return transmit(packet);
      };
    }
    const { server } = converse(at, [send(MIB), ...end], end);
    expect(server.received).toBe(MIB);
    expect(acks).toBeLessThanOrEqual(texts * copies);
    expect(sentAgain(at)).toBe(0);
  });

  test("S-152: a bit in ten thousand flipped: what the checksum sees is dropped and counted, and every octet is right", () => {
    const at = stage({ wire: { ...delay, corrupt: 0.03 } });
    const { server } = converse(at, [send(MIB), ...end], end, { within: 3_600 * SECOND });
    expect(server.received).toBe(MIB);
    const bad = (at.b.stack.tally.show()["drop.bad_checksum"] ?? 0) + (at.a.stack.tally.show()["drop.bad_checksum"] ?? 0);
    expect(bad).toBeGreaterThan(10);
  });

  test("S-129: bursts of loss, 100 ms each second (shrew): a tenth of the goodput at least", () => {
    const run = (outages: StageOptions["wire"]): number => {
      const at = stage({
        wire: { delay: 25 * MILLISECOND, rate: 10_000_000, queueFrames: 100, ...outages },
        back: { delay: 25 * MILLISECOND },
      });
      const { server } = converse(at, [send(8 * MIB), ...end], end, { within: 3_600 * SECOND });
      expect(server.received).toBe(8 * MIB);
      return at.world.now;
    };
    const outages = Array.from({ length: 600 }, (_, i) => ({
      kind: "partition" as const,
      from: (i + 1) * SECOND,
      until: (i + 1) * SECOND + 100 * MILLISECOND,
    }));
    expect(run({ outages })).toBeLessThan(10 * run({}));
  });

  test("S-162: the event loop away for five seconds: what has arrived is heard before a timer fires, and nothing is sent again in a mass", () => {
    const at = stage({ wire: { delay: 10 * MILLISECOND, rate: 50_000_000, queueFrames: 1_000 }, back: delay });
    for (const t of [300, 9_000]) at.world.at(t * MILLISECOND, () => at.world.stall(at.a.host, 5 * SECOND));
    const { server } = converse(at, [send(8 * MIB), ...end], end, { within: 3_600 * SECOND });
    expect(server.received).toBe(8 * MIB);
    expect(at.a.stack.tally.show()["rtx.rto"] ?? 0).toBeLessThanOrEqual(2);
  });
});

describe("J: peers", () => {
  test("S-153: 1.5 segments to a peer that delays its ACKs by half a second: at once (Minshall), or after one delayed ACK", () => {
    for (const [profile, least] of [
      [linux, 2],
      [freebsd, 1],
    ] as const) {
      const x = new Exchange({ memory, profile, policy: { timestamps: false, rtoMin: SECOND } });
      x.open({}, { mss: 1_460 });
      x.write(2_190);
      expect(x.take().length).toBe(least);
      x.advance(500 * MILLISECOND);
      x.out.length = 0;
      x.inject({ seq: 1, ack: 1_461 });
      const rest = x.take().reduce((sum, { length }) => sum + length, 0);
      expect(rest).toBe(least === 2 ? 0 : 730);
      x.tcp.closeAll(x.now);
    }
  });

  test("S-154: probes that are ignored, or answered with an old window or a wrong number: text flows when the window opens", () => {
    for (const answer of ["silence", "old", "wrong"] as const) {
      const x = new Exchange({ memory });
      x.open({}, { mss: 1_460 });
      x.inject({ seq: 1, ack: 1, wnd: 0 });
      x.write(3_000);
      for (let i = 0; i < 8; i++) {
        x.out.length = 0;
        x.advance(2 * SECOND);
        if (answer === "old") x.inject({ seq: 1, ack: 1, wnd: 0 });
        if (answer === "wrong") x.inject({ seq: 500_000, ack: 1, wnd: 0 });
      }
      expect(stateOf(x)).toBe("ESTABLISHED");
      x.out.length = 0;
      x.inject({ seq: 1, ack: 1, wnd: 10_000 });
      x.advance(5 * SECOND);
      expect(Math.max(...x.take().map(({ seq, length }) => seq + length))).toBe(3_001);
      x.tcp.closeAll(x.now);
    }
  });

  test("S-154: both windows closed and the updates lost: the probes of both ends resolve it (2525-12)", () => {
    const at = stage({ wire: { ...delay, loss: 0.3 } });
    const slow = { do: "pause" as const, for: 3 * SECOND };
    const { client, server } = converse(at, [slow, send(60 * KIB), ...end], [slow, send(60 * KIB), ...end], {
      client: { receiveBuffer: 2_048 },
      server: { receiveBuffer: 2_048 },
      within: 7_200 * SECOND,
    });
    expect([client.received, server.received]).toEqual([60 * KIB, 60 * KIB]);
  });

  test("S-157: a window of zero in the SYN,ACK: connected, and probed", () => {
    const x = new Exchange({ memory });
    x.open({}, { mss: 1_460, wnd: 0 });
    expect(x.state).toBe("ESTABLISHED");
    x.write(100);
    expect(x.take().filter(({ length }) => length > 1)).toEqual([]);
    x.advance(10 * SECOND);
    expect(x.take().length).toBeGreaterThan(1);
    x.inject({ seq: 1, ack: 1, wnd: 5_000 });
    x.advance(SECOND);
    expect(x.take().some(({ seq, length }) => seq === 1 && length === 100)).toBe(true);
    x.tcp.closeAll(x.now);
  });

  test("S-158: a window of a gibibyte: the buffer limits, and arithmetic holds", () => {
    const x = new Exchange({ memory });
    x.open({ sendBuffer: 100_000 }, { mss: 1_460, windowScale: 14, wnd: 65_535 });
    x.inject({ seq: 1, ack: 1, wnd: 65_535 });
    expect(x.tcb.snd.wnd).toBe(65_535 * 2 ** 14);
    expect(x.write(new Uint8Array(1 << 20))).toBeLessThanOrEqual(100_000);
    expect(x.take().reduce((sum, { length }) => sum + length, 0)).toBe(14_600);
    x.tcp.closeAll(x.now);
  });

  test("S-160: the SYN,ACK once more behind the handshake: an ACK, no RST", () => {
    const x = new Exchange({ memory });
    x.open();
    x.inject({ flags: "S.", ack: 1, mss: 1_460, sackPermitted: true, windowScale: 7 });
    expect(x.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(x.state).toBe("ESTABLISHED");
    x.tcp.closeAll(x.now);
  });

  test("S-161: an old duplicate SYN, and the RST that its SYN,ACK draws: back to LISTEN, and the place in the queue is free", () => {
    const x = new Exchange({ memory, limits: { synQueue: 1 }, policy: { synCookies: false } });
    x.listen();
    for (let i = 0; i < 5; i++) {
      x.inject({ flags: "S", seq: i * 1_000, mss: 1_460 });
      expect(x.take().map(({ flags }) => flags)).toEqual(["S."]);
      x.inject({ flags: "R", seq: i * 1_000 + 1 });
      expect(stateOf(x)).toBe("CLOSED");
      expect(x.take()).toEqual([]);
    }
    x.tcp.closeAll(x.now);
  });
});
