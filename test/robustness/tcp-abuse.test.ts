/** Peers that keep to the form and abuse the substance: groups F to I of the robustness cases, where TCP alone must stand. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { Drop } from "../../src/base/why.js";
import { ipFromInt } from "../../src/ip/address.js";
import { TIME_WAIT_ROW_SIZE } from "../../src/tcp/frozen.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { stateOf } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const plain = { timestamps: false, sack: false, windowScaling: false };
const MSS = 1_000;
const sender = (policy: object = plain): Exchange => {
  const x = new Exchange({ memory, policy });
  x.open({}, { mss: MSS, wnd: 0xffff });
  return x;
};

describe("F: options where they do not belong", () => {
  test("S-069: a window scale of one side only, or behind the handshake, scales nothing", () => {
    const x = new Exchange({ memory });
    x.connect();
    expect(x.take()[0]!.windowScale).toBeGreaterThanOrEqual(0);
    x.inject({ flags: "S.", ack: 1, mss: MSS });
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ snd: { windShift: 0 }, rcv: { windShift: 0 } });
    x.inject({ seq: 1, ack: 1, wnd: 500, options: [1, 3, 3, 9] });
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ snd: { windShift: 0, wnd: 500 } });
    const y = new Exchange({ memory, policy: { windowScaling: false } });
    y.accept({ mss: MSS, windowScale: 9 });
    expect(y.tcp.show(y.handle, y.now)).toMatchObject({ snd: { windShift: 0 }, rcv: { windShift: 0 } });
  });

  test("S-070: SACK-permitted and timestamps that nobody negotiated are ignored", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: MSS });
    x.inject({ seq: 1, ack: 1, text: 10, options: [4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] });
    x.inject({ seq: 21, ack: 1, text: 10 });
    const out = x.take();
    expect(out.every((s) => s.tsVal === null && s.sack.length === 0)).toBe(true);
    expect(x.tcp.readable(x.handle)).toBe(10);
  });

  test("S-071: SACK blocks that are upside down, ancient or ahead of everything move nothing", () => {
    const x = new Exchange({ memory });
    x.open({}, { mss: MSS, wnd: 0xffff, sackPermitted: true });
    x.write(5_000);
    x.take();
    for (const sack of [
      [3_001, 2_001],
      [2_001, 2_001],
      [4_001, 900_000],
      [-(2 ** 31) + 5, 2_001],
      [-500, -100],
      [1, 5_001],
    ]) {
      x.inject({ seq: 1, ack: 1, sack });
      expect(x.state).toBe("ESTABLISHED");
    }
    x.inject({ seq: 1, ack: 5_001 });
    expect((x.tcb.snd.una - x.iss!) | 0).toBe(5_001);
  });
});

describe("G: exhaustion", () => {
  test("S-100: TIME-WAIT is a row of a few cells, and nothing that a collector or a timer queue would feel", () => {
    expect(TIME_WAIT_ROW_SIZE).toBeLessThanOrEqual(64);
    const x = new Exchange({ memory, policy: plain });
    for (let i = 0; i < 2_000; i++) {
      const from = ipFromInt(0x0b00_0000 + i);
      x.handle = x.tcp.connect({ remote: from, remotePort: 9, localPort: 80 }, x.application, x.now);
      x.turn();
      x.inject({ flags: "S.", ack: 1, from, port: 9 });
      x.tcp.close(x.handle, x.now);
      x.turn();
      x.inject({ flags: "F.", seq: 1, ack: 2, from, port: 9 });
      x.out.length = 0;
    }
    expect(x.tcp.summary()).toMatchObject({ slots: 2_000, live: 0, frozen: 2_000, timeWait: 2_000 });
    x.advance(61 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ slots: 0, frozen: 0, timeWait: 0 });
  });

  test("S-099: peers that acknowledge our FIN and never close leave nothing behind after a minute", () => {
    const x = new Exchange({ memory, policy: plain });
    x.listen();
    for (let port = 1; port <= 1_000; port++) {
      x.inject({ flags: "S", port, mss: MSS });
      x.inject({ seq: 1, ack: 1, port });
      x.tcp.close(x.handle, x.now);
      x.turn();
      x.inject({ seq: 1, ack: 2, port });
      x.out.length = 0;
    }
    x.advance(3 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ slots: 1_001, live: 0, frozen: 1_000 });
    x.advance(58 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ slots: 1, live: 0, frozen: 0 });
  });

  test("S-093: a full table refuses what is new, counted, keeps what is old, and has room again", () => {
    const x = new Exchange({ memory, policy: { ...plain, synCookies: false }, limits: { connections: 50, synQueue: 1_000 } });
    x.listen();
    x.inject({ flags: "S", mss: MSS });
    x.inject({ seq: 1, ack: 1 });
    const [victim, iss] = [x.handle, x.iss];
    for (let i = 0; i < 10_000; i++) x.inject({ flags: "S", from: ipFromInt(0x0b00_0000 + i), mss: MSS });
    expect(x.tcp.summary()).toMatchObject({ slots: 50 });
    expect(x.tally.counts[Drop.TableFull]).toBeGreaterThan(9_000);
    x.iss = iss;
    x.inject({ seq: 1, ack: 1, text: 10 });
    expect(x.tcp.readable(victim)).toBe(10);
    x.advance(100 * SECOND);
    x.inject({ flags: "S", port: 77, mss: MSS });
    expect(stateOf(x, 77)).toBe("SYN-RECEIVED");
  });

  test("S-093: of two peers that open all they can each gets its share, and who comes later still finds room", () => {
    const x = new Exchange({ memory, policy: plain, limits: { connections: 1_001, synQueue: 1_000 } });
    x.listen();
    const open = (from: number, port: number): boolean => {
      const before = x.handle;
      x.inject({ flags: "S", port, mss: MSS, from: ipFromInt(from) });
      const synAck = x.take().find((s) => s.flags === "S." && s.dstPort === port);
      if (synAck === undefined) return false;
      x.iss = synAck.rawSeq as never;
      x.inject({ seq: 1, ack: 1, port, from: ipFromInt(from) });
      x.take();
      return x.handle !== before;
    };
    const counts = [0, 0];
    for (let port = 1; port <= 2_000; port++) {
      if (open(0x0b00_0001, port)) counts[0]! += 1;
      if (open(0x0b00_0002, port)) counts[1]! += 1;
    }
    // Each leaves as much as it has: a third.
    for (const count of counts) expect(Math.abs(count - 333)).toBeLessThan(20);
    expect(x.tally.counts[Drop.SourceShare]).toBeGreaterThan(3_000);
    for (let i = 0; i < 200; i++) expect(open(0x0c00_0000 + i, 7)).toBe(true);
  });

  test("S-093: when the table is full, who returns a cookie takes the place of who waited longest to be accepted", () => {
    const x = new Exchange({ memory, policy: plain, limits: { connections: 101, synQueue: 1_000 } });
    const quiet = { onEvents: (): void => undefined };
    const listener = x.tcp.listen({ port: 80, backlog: 1_000 }, quiet);
    const open = (from: number): void => {
      x.inject({ flags: "S", mss: MSS, from: ipFromInt(from) });
      const synAck = x.take().at(-1)!;
      expect(synAck.flags).toBe("S.");
      x.iss = synAck.rawSeq as never;
      x.inject({ seq: 1, ack: 1, from: ipFromInt(from) });
    };
    for (let i = 0; i < 100; i++) open(0x0b00_0000 + i);
    expect([x.tcp.summary()["slots"], x.tcp.waiting(listener)]).toEqual([101, 100]);
    // SYNs alone move nobody.
    for (let i = 0; i < 1_000; i++) x.inject({ flags: "S", mss: MSS, from: ipFromInt(0x0d00_0000 + i) });
    expect(x.tcp.waiting(listener)).toBe(100);
    x.take();
    open(0x0c00_0000);
    expect([x.tcp.summary()["slots"], x.tcp.waiting(listener)]).toEqual([101, 100]);
    expect(x.take().find((s) => s.flags.includes("R"))).toMatchObject({ destination: ipFromInt(0x0b00_0000) });
    const remotes = Array.from({ length: 100 }, () => x.tcp.endpointsOf(x.tcp.accept(listener)).remote);
    expect(remotes).toEqual([...Array.from({ length: 99 }, (_, i) => ipFromInt(0x0b00_0001 + i)), ipFromInt(0x0c00_0000)]);
  });

  test("S-093: the full table gives up TIME-WAIT first", () => {
    const x = new Exchange({ memory, policy: plain, limits: { connections: 51 } });
    x.listen();
    for (let i = 0; i < 50; i++) {
      const from = ipFromInt(0x0b00_0000 + i);
      x.inject({ flags: "S", from, mss: MSS });
      x.iss = x.take().at(-1)!.rawSeq as never;
      x.inject({ seq: 1, ack: 1, from });
      x.tcp.close(x.handle, x.now);
      x.turn();
      x.inject({ flags: "F.", seq: 1, ack: 2, from });
      x.take();
    }
    expect(x.tcp.summary()).toMatchObject({ slots: 51, timeWait: 50 });
    x.inject({ flags: "S", mss: MSS });
    x.iss = x.take().at(-1)!.rawSeq as never;
    x.inject({ seq: 1, ack: 1 });
    expect(x.state).toBe("ESTABLISHED");
    expect(x.tcp.summary()).toMatchObject({ slots: 51, timeWait: 49 });
  });

  test("S-125: a thousand clients that ask and close their window cost a probe now and then, until somebody loses patience", () => {
    const x = new Exchange({ memory: createMemory({ packets: 64, chunks: 1_200 }), policy: plain });
    x.listen({ userTimeout: 600 * SECOND });
    for (let port = 1; port <= 200; port++) {
      x.inject({ flags: "S", port, mss: MSS });
      x.inject({ seq: 1, ack: 1, port, wnd: 0 });
      x.tcp.send(x.handle, octets(3_000), 0, 3_000, x.now);
      x.turn();
      x.out.length = 0;
    }
    let probes = 0;
    for (let i = 0; i < 300; i++) {
      x.advance(SECOND);
      probes += x.take().length;
    }
    expect(probes / 200).toBeLessThan(15);
    x.advance(400 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 200 }); // closed with an error, the application's to let go
    expect(x.tcp.showAll(x.now).filter((row) => row["error"] === "ETIMEDOUT").length).toBe(200);
    expect(x.memory.chunks.available).toBe(1_200);
  });

  test("S-128: a peer that drips an octet at a time holds an octet's worth, and the application may ask how long", () => {
    const x = new Exchange({ memory, policy: plain });
    x.accept({ mss: MSS });
    for (let i = 0; i < 100; i++) {
      x.advance(30 * SECOND);
      x.inject({ seq: 1 + i, ack: 1, text: 1 });
    }
    expect(x.tcp.readable(x.handle)).toBe(100);
    expect(x.tcb.receiveQueue.chunksHeld).toBe(1);
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ lastHeard: 0 });
  });
});

describe("H: blind and poisoned", () => {
  test("S-112: a timestamp from the future in a segment that is not acceptable does not set TS.Recent", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: MSS, ts: [1_000, 0] });
    const future = 0x7000_0000;
    x.inject({ seq: -2_000, ack: 1, text: 10, ts: [future, 0] });
    x.inject({ seq: 90_000_000, ack: 1, text: 10, ts: [future, 0] });
    x.inject({ seq: 5_000, ack: 1, text: 10, ts: [future, 0] }); // in the window, not at its left edge
    expect(x.tcb.rcv.tsRecent).toBeLessThan(2_000);
    x.inject({ seq: 1, ack: 1, text: 10, ts: [1_005, 0] });
    expect(x.tcp.readable(x.handle)).toBe(10);
  });

  test("S-112: nor does one whose ACK is not acceptable (RFC 5961 s5.2)", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: MSS, ts: [1_000, 0] });
    x.inject({ seq: 1, ack: 700_000, text: 10, ts: [0x7000_0000, 0] });
    x.inject({ seq: 1, ack: -70_000, text: 10, ts: [0x7000_0000, 0] });
    x.now += 10 * SECOND;
    x.inject({ seq: 1, ack: 1, text: 10, ts: [1_005, 0] });
    expect(x.tcp.readable(x.handle)).toBe(10);
  });

  test("S-115: a stream of 2.2 GiB crosses both wraps, and each octet is the right one", () => {
    const large = createMemory({ packets: 4, packetSize: 65_536, chunks: 64 });
    const x = new Exchange({ memory: large, irs: -100_000, policy: { ...plain, windowScaling: true } });
    x.accept({ mss: 1_460, windowScale: 0 }, { receiveBuffer: 1 << 17 });
    const text = octets(65_000);
    const target = new Uint8Array(65_000);
    const count = Math.ceil((2.2 * 2 ** 30) / 65_000);
    let at = 1;
    let bad = 0;
    for (let i = 0; i < count; i++) {
      x.inject({ seq: at | 0, ack: 1, text }, true);
      at = (at + 65_000) | 0;
      if (x.tcp.receive(x.handle, target, 0, 65_000, x.now) !== 65_000 || (i % 1_000 === 0 && Buffer.compare(target, text) !== 0)) bad += 1;
      x.turn();
      x.out.length = 0;
    }
    expect(bad).toBe(0);
    expect(x.tcb.octetsReceived).toBe(count * 65_000);
  });
});

describe("I: lies about what arrived", () => {
  const flight = (): { x: Exchange; sent: { seq: number; length: number }[] } => {
    const x = new Exchange({ memory });
    x.open({}, { mss: MSS, sackPermitted: true, wnd: 0xffff });
    x.write(40_000);
    return { x, sent: x.take() };
  };

  test("S-135: blocks far ahead, again and again: no more goes again than is outstanding, and cwnd does not grow", () => {
    const { x, sent } = flight();
    const last = sent.at(-1)!;
    const edge = last.seq + last.length;
    const before = x.tcb.cc.window();
    let octetsOut = 0;
    for (let i = 0; i < 2_000; i++) {
      const left = edge - 1 - ((i * 7) % (edge - 2_000));
      x.inject({ seq: 1, ack: 1, sack: [left, Math.min(edge, left + 500)] });
      octetsOut += x.take().reduce((sum, { length }) => sum + length, 0);
      expect(x.tcb.cc.window()).toBeLessThanOrEqual(before + 3 * MSS);
    }
    expect(octetsOut).toBeLessThanOrEqual(2 * (edge - 1) + 40_000);
    x.tcp.closeAll(x.now);
  });

  test("S-136: forged D-SACKs for what was never sent again undo nothing", () => {
    const { x, sent } = flight();
    // A loss: the third of many.
    const lost = sent[2]!;
    for (const { seq, length } of sent.slice(3)) x.inject({ seq: 1, ack: lost.seq, sack: [sent[3]!.seq, seq + length] });
    x.take();
    const cut = x.tcb.cc.window();
    for (let i = 0; i < 1_000; i++) x.inject({ seq: 1, ack: lost.seq, sack: [1 + (i % 1_000), 1_001 + (i % 1_000)] });
    expect(x.tcb.cc.window()).toBeLessThanOrEqual(cut + MSS);
    expect(x.tcb.cc.threshold()).toBeLessThan(2 ** 30);
    x.tcp.closeAll(x.now);
  });
});

describe("I: transfer", () => {
  test("S-117: ACKs for what was not sent are dropped, and the window does not grow by them", () => {
    const x = sender();
    x.write(100_000);
    const sent = x.take().length;
    const before = x.tcb.cc.window();
    for (let i = 0; i < 1_000; i++) x.inject({ seq: 1, ack: sent * MSS + 2 + i });
    expect(x.tcb.cc.window()).toBe(before);
    expect(x.tally.counts[Drop.AckUnsent]).toBe(1_000);
  });

  test("S-118: a thousand ACKs of one octet each grow the window no more than one of a thousand", () => {
    const honest = sender();
    honest.write(100_000);
    honest.inject({ seq: 1, ack: MSS + 1 });
    const divided = sender();
    divided.write(100_000);
    for (let i = 1; i <= MSS; i++) divided.inject({ seq: 1, ack: 1 + i });
    expect(divided.tcb.cc.window()).toBeLessThanOrEqual(honest.tcb.cc.window());
  });

  test("S-119: twenty thousand duplicate ACKs let out no more than the peer's window, and nothing twice without end", () => {
    const x = sender();
    x.write(1_000_000);
    const flight = x.take().reduce((sum, s) => sum + s.length, 0);
    let out = 0;
    for (let i = 0; i < 20_000; i++) {
      x.inject({ seq: 1, ack: 1 });
      out += x.take().reduce((sum, s) => sum + s.length, 0);
    }
    expect(out + flight).toBeLessThanOrEqual(0xffff + 2 * MSS);
  });

  test("S-122: single octets at every second place, in random order: a bounded number of ranges, a bounded memory, the victim served", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: 1_460, sackPermitted: true, windowScale: 7 }, { receiveBuffer: 1 << 20 });
    const random = new SeededRandom(1);
    const held = x.memory.chunks.available;
    for (let i = 0; i < 20_000; i++) {
      x.inject({ seq: 3 + 2 * random.below(500_000), ack: 1, text: 1 });
      x.out.length = 0;
    }
    expect(x.tcb.outOfOrder.count).toBeLessThanOrEqual(1_024);
    expect((held - x.memory.chunks.available) * 4_096).toBeLessThanOrEqual((1 << 20) + 2 * 4_096);
    x.inject({ flags: "S", port: 9, mss: 1_460 });
    x.inject({ seq: 1, ack: 1, port: 9, text: 500 });
    expect(x.read()!.length).toBe(500);
    x.tcp.closeAll(x.now);
  });

  test("S-123: an octet in a large frame is charged as what it keeps: a chunk at most, and never more than the buffer", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: 1_460 }, { receiveBuffer: 65_536 });
    const before = x.memory.chunks.available;
    for (let i = 0; i < 10_000; i++) {
      x.inject({ seq: 1 + i, ack: 1, text: 1 });
      x.out.length = 0;
    }
    expect((before - x.memory.chunks.available) * 4_096).toBeLessThanOrEqual(10_000 + 2 * 4_096);
    x.tcp.closeAll(x.now);
  });

  test("S-130: a peer that acknowledges every hundredth segment, or twice a second, is served without a timeout", () => {
    const x = sender();
    let acked = 1;
    let sent = 1;
    for (let i = 0; i < 60; i++) {
      x.write(50_000);
      for (const s of x.take()) sent = Math.max(sent, s.seq + s.length);
      x.advance(450 * MILLISECOND);
      for (const s of x.take()) sent = Math.max(sent, s.seq + s.length);
      acked = sent;
      x.inject({ seq: 1, ack: acked });
    }
    expect(x.tcb.timeouts).toBeLessThanOrEqual(2);
    expect(x.tcb.rto).toBeGreaterThan(450 * MILLISECOND);
  });

  test("S-134: garbage at SND.NXT-1, ten thousand a second, earns two ACKs a second", () => {
    const x = new Exchange({ memory, policy: plain });
    x.accept({ mss: MSS });
    x.inject({ seq: 1, ack: 1, text: 10 });
    x.take();
    let answers = 0;
    for (let i = 0; i < 10_000; i++) {
      x.now += 100;
      x.inject({ seq: 10, ack: 1 });
      answers += x.take().length;
    }
    expect(answers).toBeLessThanOrEqual(3);
    expect(answers).toBeGreaterThanOrEqual(2);
  });

  test("S-138: segments merged on their way say the same as single ones, and are acknowledged by their octets", () => {
    const large = createMemory({ packets: 8, packetSize: 65_536, chunks: 1_024 });
    const play = (merge: number): { text: Buffer; acks: number } => {
      const x = new Exchange({ memory: large, policy: { ...plain, windowScaling: true, quickAcks: 0 } });
      x.accept({ mss: 1_460, windowScale: 7 });
      const total = 1_460 * 120;
      const stream = octets(total);
      let acks = 0;
      const parts: Uint8Array[] = [];
      for (let at = 0; at < total; at += 1_460 * merge) {
        x.inject({ seq: 1 + at, ack: 1, text: stream.slice(at, at + 1_460 * merge) });
        acks += x.take().length;
        parts.push(x.read()!);
        acks += x.take().length;
      }
      expect(x.tcb.rcv.nxt).toBe((x.irs + total + 1) | 0);
      x.tcp.closeAll(x.now);
      return { text: Buffer.concat(parts), acks };
    };
    const single = play(1);
    for (const merge of [2, 10, 40]) {
      const merged = play(merge);
      expect(merged.text.equals(single.text)).toBe(true);
      expect(merged.acks).toBeGreaterThanOrEqual(Math.floor(120 / merge / 2)); // never fewer than every second merged segment
    }
    expect(single.acks).toBeGreaterThanOrEqual(60);
  });
});
