/** RFC 9293 s3.1, s3.2 and s3.4: the header, its options and its numbers, on the wire. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Drop } from "../../src/base/why.js";
import { profiles } from "../../src/stack/profile.js";
import { Exchange, line, octets, type Sentry } from "../tcp/exchange.js";
import { exchangeAt, reach, stateOf, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const NOP = 1;
const END = 0;

/** Kinds and payloads of a header's options, as RFC 9293 s3.1 has them; null where a length is impossible. */
function optionsOf(header: Uint8Array): { kinds: number[]; padding: number[] } | null {
  const kinds: number[] = [];
  let at = 20;
  while (at < header.length) {
    const kind = header[at]!;
    if (kind === END) break;
    kinds.push(kind);
    if (kind === NOP) at += 1;
    else {
      const length = header[at + 1] ?? 0;
      if (length < 2 || at + length > header.length) return null;
      at += length;
    }
  }
  return { kinds, padding: [...header.subarray(at)] };
}

/** Everything a connection may send: handshake, text both ways, SACK, window updates, FIN, keep-alive, reset. */
function everything(profile = profiles["linux"]!, seed = 1): Sentry[] {
  const x = new Exchange({ memory, profile, seed });
  x.connect({ keepAlive: 10_000_000, keepAliveInterval: 1_000_000, keepAliveCount: 2, receiveBuffer: 100_000 });
  x.inject({ flags: "S.", ack: 1, mss: 1460, sackPermitted: true, windowScale: 3, ts: [1, x.out[0]!.tsVal ?? 0] });
  x.write(5_000);
  x.inject({ seq: 11, ack: 1, text: 10, ts: [2, 0] });
  x.inject({ seq: 31, ack: 1, text: 10, ts: [2, 0] });
  x.inject({ seq: 1, ack: 5_001, text: 10, ts: [3, 0] });
  x.read();
  x.advance(60_000_000);
  const y = new Exchange({ memory, profile, seed });
  y.accept();
  y.write(100);
  y.tcp.close(y.handle, y.now);
  y.turn();
  y.inject({ ack: 102, seq: 1 });
  y.inject({ flags: ".", seq: 1, ack: 102, text: 10 });
  y.inject({ flags: "S", port: 9, ourPort: 9 });
  y.inject({ flags: ".", port: 9, ourPort: 9, ack: 3 });
  return [...x.take(), ...y.take()];
}

describe("what leaves", () => {
  test.each(Object.keys(profiles))(
    "s3.1: every segment of profile %s has a good checksum, and options with lengths (MUST-2, MUST-68, MUST-69)",
    (name) => {
      const all = everything(profiles[name]);
      expect(all.length).toBeGreaterThan(8); // the exchange checks each checksum as it leaves
      for (const segment of all) {
        expect(segment.header.length & 3).toBe(0);
        const options = optionsOf(segment.header);
        expect(options).not.toBeNull();
        expect(options!.padding.every((octet) => octet === 0)).toBe(true);
      }
    },
  );

  test.each(Object.keys(profiles))("s3.2: profile %s sends the MSS on every SYN, and on nothing else (MUST-65, SHLD-5, MAY-3)", (name) => {
    const all = everything(profiles[name]);
    expect(all.filter((s) => s.flags.includes("S")).every((s) => s.mss === 1460)).toBe(true);
    expect(all.filter((s) => !s.flags.includes("S")).some((s) => optionsOf(s.header)!.kinds.includes(2))).toBe(false);
  });

  test.each([
    [68, 28],
    [576, 536],
    [1280, 1240],
    [1500, 1460],
    [9000, 8960],
    [65_535, 65_495],
  ])("s3.7.1: with an MTU of %i the MSS announced is %i, also on a path that is narrower (MUST-67)", (mtu, mss) => {
    const x = new Exchange({ memory });
    x.network.mtu = mtu;
    x.network.pathMtu = 68;
    x.connect();
    expect(x.take()[0]!.mss).toBe(mss);
  });

  test("s3.8.5: URG never leaves unless the application asks for it (SHLD-13, 6093-02)", () => {
    expect(everything().some((s) => s.flags.includes("U") || s.up !== 0)).toBe(false);
  });
});

describe("what arrives", () => {
  test("s3.1: any single bit that is flipped makes the segment vanish, counted (MUST-3, S-062)", () => {
    const x = new Exchange({ memory });
    x.accept();
    const { packets, arena } = x.memory;
    // A good segment of 60 octets of header with text, and the pseudo-header around it.
    const length = 60 + 8;
    const build = (): ReturnType<typeof packets.take> => {
      const packet = packets.take()!;
      arena.bytes.fill(NOP, packet.start, packet.start + 60);
      arena.view.setUint16(packet.start, 5000);
      arena.view.setUint16(packet.start + 2, 80);
      arena.view.setInt32(packet.start + 4, x.irs + 1);
      arena.view.setInt32(packet.start + 8, x.iss! + 1);
      arena.view.setUint8(packet.start + 12, 0xf0);
      arena.view.setUint8(packet.start + 13, 0x18);
      arena.view.setUint16(packet.start + 14, 5_000);
      arena.view.setUint16(packet.start + 16, 0);
      arena.view.setUint16(packet.start + 18, 0);
      arena.bytes.set(octets(8), packet.start + 60);
      packet.end = packet.start + length;
      return packet;
    };
    const pseudo = (source: number, destination: number): number =>
      (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + 6 + length;
    const source = 0x0a00_0002;
    const destination = 0x0a00_0001;
    const play = (bit: number): void => {
      const packet = build()!;
      arena.view.setUint16(packet.start + 16, ~arena.sum(packet.start, length, pseudo(source, destination)) & 0xffff);
      let [from, to] = [source, destination];
      if (bit < length * 8) arena.bytes[packet.start + (bit >> 3)]! ^= 0x80 >> (bit & 7);
      else if (bit < length * 8 + 32) from ^= 1 << (bit - length * 8);
      else if (bit < length * 8 + 64) to ^= 1 << (bit - length * 8 - 32);
      const datagram = { packet, source: from, destination: to, protocol: 6, payloadStart: packet.start, payloadEnd: packet.end };
      x.tcp.arrives({ ...datagram, ttl: 64, trafficClass: 0, device: 0, group: false } as never, x.now);
      packet.release();
      x.turn();
    };
    for (let bit = 0; bit < length * 8 + 64; bit++) play(bit);
    expect(x.take()).toEqual([]);
    expect(x.tcp.readable(x.handle)).toBe(0);
    expect(new Set(x.drops)).toEqual(new Set(["drop.bad_checksum"]));
    expect(x.tally.counts[Drop.BadChecksum]).toBe(length * 8 + 64);
    play(Number.MAX_SAFE_INTEGER); // untouched, it is taken
    expect(x.tcp.readable(x.handle)).toBe(8);
  });

  test("s3.1: a window of 0xffff lets 65535 octets out (MUST-1)", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: 8960, wnd: 0xffff }, { sendBuffer: 1 << 20 });
    x.tcp.configure(x.handle, { noDelay: true }, x.now);
    let acked = 1;
    // Grow the congestion window until only the peer's window holds.
    for (let i = 0; i < 12; i++) {
      x.write(65_535);
      for (const s of x.take()) acked = Math.max(acked, s.seq + s.length);
      x.advance(1_000);
      x.inject({ seq: 1, ack: acked, wnd: 0xffff });
    }
    for (let s = x.take(); s.length > 0; s = x.take()) {
      acked = s.at(-1)!.seq + s.at(-1)!.length;
      x.inject({ seq: 1, ack: acked, wnd: 0xffff });
    }
    x.write(65_535);
    expect(x.take().reduce((sum, s) => sum + s.length, 0)).toBe(65_535);
    x.tcp.closeAll(x.now);
  });

  test("s3.1: windows of a gibibyte fit, both ways (REC-1)", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: 1460, windowScale: 14 }, { receiveBuffer: 2 ** 30 });
    x.inject({ seq: 1, ack: 1, wnd: 0xffff });
    expect(x.tcb.snd.wnd).toBe(0xffff * 2 ** 14);
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ snd: { wnd: 0xffff * 2 ** 14 } });
    expect(x.tcb.rcv.scale).toBe(14);
  });

  test("s3.1: EOL, NOP and MSS are understood wherever they lie (MUST-4, MUST-64)", () => {
    for (const options of [
      [2, 4, 2, 0],
      [NOP, 2, 4, 2, 0],
      [NOP, NOP, NOP, 2, 4, 2, 0, END, 9, 9],
      [254, 3, 7, 2, 4, 2, 0, END],
    ]) {
      const x = new Exchange({ memory });
      x.accept({ options });
      expect(x.tcb.snd.peerMss).toBe(512);
    }
    const x = new Exchange({ memory });
    x.accept({ options: [END, 2, 4, 2, 0] }); // behind the end there is nothing
    expect(x.tcb.snd.peerMss).toBe(536);
  });

  test("s3.2: timestamps and SACK blocks are read at any alignment (MUST-64)", () => {
    for (let pad = 0; pad < 4; pad++) {
      const x = new Exchange({ memory });
      x.accept({ mss: 1460, sackPermitted: true, windowScale: 7, ts: [100, 0] });
      const echo = x.tcb.tsOffset;
      void echo;
      x.write(10);
      const nops = Array.from({ length: pad }, () => NOP);
      x.inject({ seq: 1, ack: 1, text: 3, options: [...nops, 8, 10, 0, 0, 1, 44, 0, 0, 0, 0] });
      expect(x.tcb.rcv.tsRecent).toBe(300);
    }
  });

  test("s3.1: an option in any segment is no reason to refuse it (MUST-5)", () => {
    const unknown = [253, 4, 1, 2, NOP, NOP, 30, 2];
    const x = new Exchange({ memory });
    x.accept({ options: unknown });
    x.inject({ seq: 1, ack: 1, text: 10, options: unknown });
    expect(x.read()).toEqual(octets(10));
    x.inject({ flags: "F.", seq: 11, ack: 1, options: unknown });
    expect(x.state).toBe("CLOSE-WAIT");
    x.inject({ flags: "R", seq: 12, options: unknown });
    expect(x.tcp.errorOf(x.handle)).toBe("ECONNRESET");
  });

  test("s3.1: options that nobody implements change nothing (MUST-6)", () => {
    const play = (options: number[] | undefined): string[] => {
      const x = new Exchange({ memory });
      x.accept({ options: [2, 4, 5, 180, ...(options ?? [])] });
      const with_ = options === undefined ? {} : { options };
      x.inject({ seq: 1, ack: 1, text: 100, ...with_ });
      x.write(3_000);
      x.inject({ seq: 101, ack: 1_461, ...with_ });
      x.inject({ flags: "F.", seq: 101, ack: 3_001, ...with_ });
      return [...x.take().map(line), x.state];
    };
    const plain = play(undefined);
    const known = new Set([0, 1, 2, 3, 4, 5, 8]);
    const unknown = fc
      .tuple(
        fc.integer({ min: 6, max: 255 }).filter((kind) => !known.has(kind)),
        fc.uint8Array({ maxLength: 20 }),
      )
      .map(([kind, body]) => [kind, body.length + 2, ...body]);
    fc.assert(
      fc.property(unknown, (options) => {
        expect(play(options)).toEqual(plain);
      }),
      { numRuns: 200 },
    );
  });

  test("s3.1: a length of 0, 1 or past the end ends the list, not the segment (MUST-7, S-063, S-064)", () => {
    const x = new Exchange({ memory });
    x.accept({ options: [3, 3, 0, 2, 4, 5, 180] });
    let at = 1;
    for (let kind = 2; kind < 256; kind++)
      for (const length of [0, 1, 12, 40, 255]) {
        x.inject({ seq: at, ack: 1, text: 1, options: [kind, length, 0, 0] });
        at += 1;
      }
    x.inject({ seq: at, ack: 1, text: 1, options: Array.from({ length: 40 }, () => NOP) });
    x.inject({ seq: at + 1, ack: 1, text: 1, options: [NOP, NOP, NOP, 5] });
    expect(x.tcb.rcv.nxt).toBe((x.irs + at + 2) | 0);
    expect(x.drops).toEqual([]);
  });

  test("s3.1: all values of the reserved bits are ignored (S-076)", () => {
    const x = new Exchange({ memory });
    x.accept();
    const { arena, packets } = x.memory;
    for (let reserved = 0; reserved < 16; reserved++)
      for (const ecn of [0, 0x40, 0x80, 0xc0]) {
        const packet = packets.take()!;
        const { view } = arena;
        arena.bytes.fill(0, packet.start, packet.start + 21);
        view.setUint16(packet.start, 5000);
        view.setUint16(packet.start + 2, 80);
        view.setInt32(packet.start + 4, x.tcb.rcv.nxt);
        view.setInt32(packet.start + 8, x.iss! + 1);
        view.setUint8(packet.start + 12, 0x50 | reserved);
        view.setUint8(packet.start + 13, 0x18 | ecn);
        view.setUint16(packet.start + 14, 5_000);
        packet.end = packet.start + 21;
        packet.checksum = 1;
        const datagram = {
          packet,
          source: 0x0a00_0002,
          destination: 0x0a00_0001,
          protocol: 6,
          payloadStart: packet.start,
          payloadEnd: packet.end,
        };
        x.tcp.arrives({ ...datagram, ttl: 64, trafficClass: 0, device: 0, group: false } as never, x.now);
        packet.release();
        x.turn();
      }
    expect(x.tcp.readable(x.handle)).toBe(64);
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.1: a data offset below 5 or beyond the segment makes it no segment (S-061)", () => {
    const x = new Exchange({ memory });
    x.accept();
    const { arena, packets } = x.memory;
    let good = 0;
    for (let offset = 0; offset < 16; offset++)
      for (let length = 0; length <= 64; length++) {
        const packet = packets.take()!;
        arena.bytes.fill(0, packet.start, packet.start + 64);
        arena.view.setUint16(packet.start, 5000);
        arena.view.setUint16(packet.start + 2, 80);
        arena.view.setInt32(packet.start + 4, x.tcb.rcv.nxt);
        arena.view.setInt32(packet.start + 8, x.iss! + 1);
        arena.view.setUint8(packet.start + 12, offset << 4);
        arena.view.setUint8(packet.start + 13, 0x10);
        arena.view.setUint16(packet.start + 14, 5_000);
        packet.end = packet.start + length;
        packet.checksum = 1;
        const datagram = {
          packet,
          source: 0x0a00_0002,
          destination: 0x0a00_0001,
          protocol: 6,
          payloadStart: packet.start,
          payloadEnd: packet.end,
        };
        const before = x.tcb.segmentsReceived;
        x.tcp.arrives({ ...datagram, ttl: 64, trafficClass: 0, device: 0, group: false } as never, x.now);
        packet.release();
        x.turn();
        const taken = x.tcb.segmentsReceived - before;
        expect(taken).toBe(offset >= 5 && offset * 4 <= length ? 1 : 0);
        good += taken;
      }
    expect(good).toBe(275);
    expect(x.state).toBe("ESTABLISHED");
  });
});

describe("sequence numbers", () => {
  /** A whole connection with loss, disorder and both closes, as a trace in relative numbers. */
  const play = (iss: number, irs: number): string[] => {
    const x = exchangeAt(iss, { memory, irs });
    const start = x.now;
    const trace: string[] = [];
    const note = (): void => {
      for (const s of x.take()) trace.push(`${s.at - start} ${line(s)} win ${s.wnd} sack ${s.sack.join(",")}`);
    };
    x.accept({ mss: 1460, sackPermitted: true, windowScale: 2 }, { receiveBuffer: 1 << 18 });
    expect(x.iss).toBe(iss | 0);
    for (let i = 0; i < 4; i++) {
      x.inject({ seq: 1 + i * 2_000 + 1_000, ack: 1, text: 1_000 });
      x.inject({ seq: 1 + i * 2_000, ack: 1, text: 1_000 });
      note();
    }
    trace.push(`read ${x.read()!.length}`);
    x.write(20_000);
    note();
    x.advance(20_000);
    x.inject({ seq: 8_001, ack: 1_461, sack: [2_921, 4_381] });
    x.inject({ seq: 8_001, ack: 1_461, sack: [2_921, 5_841] });
    x.inject({ seq: 8_001, ack: 1_461, sack: [2_921, 7_301] });
    note();
    x.inject({ seq: 8_001, ack: 7_301, wnd: 20_000 });
    note();
    x.advance(3_000_000);
    note();
    x.inject({ seq: 8_001, ack: 20_001 });
    note();
    x.inject({ flags: "F.", seq: 8_001, ack: 20_001, text: 0 });
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    note();
    x.inject({ seq: 8_002, ack: 20_002 });
    trace.push(...x.transitions);
    x.tcp.closeAll(x.now);
    return trace;
  };
  const reference = play(1_000_000, 2_000_000);

  test("s3.4: the exchange that is to wrap does something", () => {
    expect(reference.length).toBeGreaterThan(25);
    expect(reference.at(-1)).toBe("LAST-ACK>CLOSED");
  });

  test.each(wraps)("s3.4: from ISS %i and IRS %i it is the same (U16, S-115)", (iss, irs) => {
    expect(play(iss, irs)).toEqual(reference);
  });

  test("s3.4: from anywhere within reach of a wrap it is the same (U16, S-115)", () => {
    const near = fc.tuple(fc.constantFrom(0, 0x7fff_ffff), fc.integer({ min: -30_000, max: 10 })).map(([edge, off]) => (edge + off) | 0);
    fc.assert(
      fc.property(near, near, (iss, irs) => {
        expect(play(iss, irs)).toEqual(reference);
      }),
      { numRuns: 60 },
    );
  });

  test.each(["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"] as const)(
    "s3.4: with a closed receive window %s takes URG and RST (MUST-66)",
    (state) => {
      const x = new Exchange({ memory });
      reach(x, state, { mss: 1460 }, { receiveBuffer: 2_048 });
      x.inject({ seq: 1, ack: 1, text: 2_048 });
      x.take();
      expect(x.tcb.rcv.adv).toBe(x.tcb.rcv.nxt);
      x.events.length = 0;
      x.inject({ flags: "U.", seq: 2_049, ack: 1, up: 10 });
      expect(x.events).toContain("Urgent");
      x.inject({ flags: "R", seq: 2_049 });
      expect(stateOf(x)).toBe("CLOSED");
    },
  );

  test("s3.8.6: with a closed receive window the ACK of a segment counts, its text does not (MUST-66)", () => {
    const x = new Exchange({ memory });
    x.accept({ mss: 1460 }, { receiveBuffer: 2_048 });
    x.inject({ seq: 1, ack: 1, text: 2_048 });
    x.write(100);
    x.take();
    x.inject({ seq: 2_049, ack: 101, text: 1 });
    expect(x.tcb.snd.una).toBe((x.iss! + 101) | 0);
    expect(x.lines()).toEqual([". 101:101(0) ack 2049"]);
    expect(x.tcp.readable(x.handle)).toBe(2_048);
  });
});
