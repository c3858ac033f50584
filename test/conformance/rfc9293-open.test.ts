/** RFC 9293 s3.5, s3.10.1 and s3.10.7.1 to s3.10.7.3: how connections begin. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { ip } from "../../src/ip/address.js";
import { linux, profiles, rfc } from "../../src/stack/profile.js";
import { Exchange, OUR_PORT, octets, THEIR_PORT, THEM, US } from "../tcp/exchange.js";
import { exchangeAt, reach, stateOf, wraps } from "../tcp/states.js";

const memory = createMemory({ packets: 64, chunks: 2_048, chunkSize: 4_096 });
const plain = { timestamps: false, sack: false, windowScaling: false };

describe("s3.5: the handshake", () => {
  test.each(wraps)("s3.5: active open, figure 6, from ISS %i and IRS %i", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    x.connect();
    expect(x.lines()).toEqual(["S 0:0(0)"]);
    expect(x.iss).toBe(iss | 0);
    x.inject({ flags: "S.", ack: 1, mss: 1460 });
    expect(x.lines()).toEqual([". 1:1(0) ack 1"]);
    expect(x.state).toBe("ESTABLISHED");
    expect(x.events).toEqual(["Established", "Writable"]);
  });

  test.each(wraps)("s3.5: crossing SYNs make one connection, figure 7, from ISS %i and IRS %i (MUST-10, U04)", (iss, irs) => {
    const x = exchangeAt(iss, { memory, irs });
    x.connect();
    x.take();
    x.inject({ flags: "S", mss: 1460 });
    expect(x.state).toBe("SYN-RECEIVED");
    expect(x.lines()).toEqual(["S. 0:0(0) ack 1"]);
    x.inject({ flags: "S.", ack: 1, mss: 1460 });
    expect(x.state).toBe("ESTABLISHED");
    expect(x.take().length).toBeLessThanOrEqual(1); // U17: no war of ACKs
    expect(x.tcp.summary()).toMatchObject({ slots: 1 });
    x.inject({ seq: 1, ack: 1, text: 5 });
    expect(x.read()).toEqual(octets(5));
  });

  test("s3.5: crossing SYNs, the SYN,ACK lost: the plain ACK that follows is enough (MUST-10, S-090)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.inject({ flags: "S", mss: 1460 });
    x.inject({ seq: 1, ack: 1 });
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.5: crossing SYNs, our SYN,ACK lost: it is sent again (MUST-10, S-090)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.inject({ flags: "S", mss: 1460 });
    x.take();
    x.advance(1_100_000);
    expect(x.lines()).toEqual(["S. 0:0(0) ack 1"]);
    x.inject({ flags: "S", mss: 1460 }); // theirs again
    expect(x.lines()).toEqual(["S. 0:0(0) ack 1"]);
    x.inject({ flags: "S.", ack: 1, mss: 1460 });
    expect(x.state).toBe("ESTABLISHED");
  });

  test("s3.5: an old duplicate SYN is reset by the peer and the listener waits for the real one, figure 9", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S", seq: -5_000, mss: 1460 });
    expect(x.take()[0]).toMatchObject({ flags: "S.", ack: -4_999 });
    x.inject({ flags: "R", seq: -4_999 });
    expect(stateOf(x)).toBe("CLOSED");
    x.inject({ flags: "S", mss: 1460 });
    expect(x.lines()).toEqual(["S. 0:0(0) ack 1"]);
    x.inject({ seq: 1, ack: 1 });
    expect(x.events).toEqual(["Acceptable"]);
  });

  test("s3.5: a reset in SYN-RECEIVED returns to LISTEN, or is told as refused, by who opened (MUST-11)", () => {
    const passive = new Exchange({ memory });
    passive.listen();
    passive.inject({ flags: "S" });
    passive.inject({ flags: "R", seq: 1 });
    expect(stateOf(passive)).toBe("CLOSED");
    expect(passive.events).toEqual([]);
    expect(passive.tcp.stateOf(passive.listener)).toBe(1);
    passive.inject({ flags: "S", port: 6_000 });
    expect(stateOf(passive, 6_000)).toBe("SYN-RECEIVED");

    const active = new Exchange({ memory });
    active.connect();
    active.inject({ flags: "S" });
    active.inject({ flags: "R", seq: 1 });
    expect(active.state).toBe("CLOSED");
    expect(active.tcp.errorOf(active.handle)).toBe("ECONNREFUSED");
    expect(active.events).toContain("Closed");
  });

  test("s3.5.3: a reset may carry text (SHLD-2)", () => {
    const x = new Exchange({ memory });
    x.accept();
    x.inject({ flags: "R", seq: 1, text: 30 });
    expect(x.tcp.errorOf(x.handle)).toBe("ECONNRESET");
    expect(x.tcp.readable(x.handle)).toBe(0);
  });

  test("s3.10.7.3: without ACK a RST in SYN-SENT is dropped (U03, 5961-09)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.take();
    for (const seq of [0, 1, 1_000]) x.inject({ flags: "R", seq });
    expect(x.state).toBe("SYN-SENT");
    expect(x.take()).toEqual([]);
    x.inject({ flags: "R.", ack: 1 });
    expect(x.tcp.errorOf(x.handle)).toBe("ECONNREFUSED");
  });

  test("s3.10.7.3: an unacceptable ACK in SYN-SENT earns <SEQ=SEG.ACK><CTL=RST>, unless it is a reset itself (U03)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.take();
    for (const ack of [0, 2, -1, 100_000]) {
      x.inject({ flags: ".", ack });
      expect(x.take()).toMatchObject([{ flags: "R", seq: ack, wnd: 0 }]);
      x.inject({ flags: "R.", ack });
      expect(x.take()).toEqual([]);
    }
    expect(x.state).toBe("SYN-SENT");
  });

  test("s3.10.7.4: an unacceptable ACK in SYN-RECEIVED earns <SEQ=SEG.ACK><CTL=RST>, and the peer may still come (U10)", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S" });
    x.take();
    for (const ack of [0, 2, -7]) {
      x.inject({ seq: 1, ack });
      expect(x.take()).toMatchObject([{ flags: "R", seq: ack }]);
    }
    x.inject({ seq: 1, ack: 1 });
    expect(x.events).toEqual(["Acceptable"]);
  });

  test("s3.10.7.2: text and FIN behind the handshake's ACK are taken with it (S-078)", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S" });
    x.inject({ flags: "F.", seq: 1, ack: 1, text: 100 });
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.read()).toEqual(octets(100));
    expect(x.read()).toBeNull();
    expect(x.take().at(-1)).toMatchObject({ flags: ".", ack: 102 });
  });

  test("s3.10.7.3: text and FIN in the SYN,ACK are taken once (S-078)", () => {
    const x = new Exchange({ memory });
    x.connect();
    x.take();
    const synAck = { flags: "SF.", ack: 1, text: octets(50), mss: 1460 };
    x.inject(synAck);
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.take()).toMatchObject([{ flags: ".", ack: 52 }]);
    x.inject(synAck);
    expect(x.read()).toEqual(octets(50));
    expect(x.read()).toBeNull();
  });

  test("s3.10.7.2: text in a SYN waits for the handshake, then it is there once (S-077)", () => {
    for (const length of [1, 536, 1_460]) {
      const x = new Exchange({ memory });
      x.listen();
      x.inject({ flags: "S", text: octets(length), mss: 1460 });
      const synAck = x.take()[0]!;
      expect(synAck).toMatchObject({ flags: "S.", seq: 0 });
      expect([1, 1 + length]).toContain(synAck.ack);
      expect(x.events).toEqual([]);
      x.inject({ seq: synAck.ack, ack: 1 });
      x.inject({ seq: 1, ack: 1, text: octets(length) });
      expect(x.read()).toEqual(octets(length));
      expect(x.tcp.readable(x.handle)).toBe(0);
    }
  });

  test("s3.10.7.2, s3.10.7.3: text of a SYN beyond the window is not taken (U07)", () => {
    const large = createMemory({ packets: 8, packetSize: 9_000, chunks: 64 });
    const x = new Exchange({ memory: large });
    x.listen({ receiveBuffer: 2_048 });
    x.inject({ flags: "S", text: octets(5_000), mss: 8960 });
    expect(x.take()[0]!.ack).toBeLessThanOrEqual(2_049);
    const y = new Exchange({ memory: large });
    y.connect({ receiveBuffer: 2_048 });
    y.take();
    y.inject({ flags: "SF.", ack: 1, text: octets(5_000), mss: 8960 });
    expect(y.state).toBe("ESTABLISHED"); // the FIN lies beyond the window
    expect(y.take()[0]!.ack).toBe(2_049);
    expect(y.read()!.length).toBe(2_048);
  });

  test("s3.10.7.1: a segment for nobody is answered by a reset that its sender will believe (U01)", () => {
    const x = new Exchange({ memory });
    x.inject({ flags: "S", seq: 7, text: 3 });
    expect(x.take()).toMatchObject([{ flags: "R.", rawSeq: 0, ack: 11, wnd: 0, length: 0, srcPort: OUR_PORT, dstPort: THEIR_PORT }]);
    x.inject({ flags: "F.", seq: 7, ack: 99 });
    expect(x.take()).toMatchObject([{ flags: "R", seq: 99 }]);
    x.inject({ flags: "R", seq: 7 });
    x.inject({ flags: "R.", seq: 7, ack: 9 });
    expect(x.take()).toEqual([]);
  });

  test("s3.9.2.3: what was addressed to many is dropped without a word (MUST-57)", () => {
    const x = new Exchange({ memory });
    x.listen();
    for (const flags of ["S", ".", "F", "R"]) {
      x.inject({ flags, ack: 1, group: true });
      x.inject({ flags, ack: 1, group: true, ourPort: 81 });
    }
    expect(x.take()).toEqual([]);
    expect(stateOf(x)).toBe("CLOSED");
  });

  test("s3.10.7: port 0 is nobody's (S-080)", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S", port: 0 });
    x.inject({ flags: "S", ourPort: 0 });
    expect(x.take()).toEqual([]);
    expect(x.drops).toEqual(["drop.port_zero", "drop.port_zero"]);
  });

  test("s3.10.7.2: SYN with RST or FIN opens nothing (S-075)", () => {
    const x = new Exchange({ memory });
    x.listen();
    for (const flags of ["SR", "SF", "SFR", "SFPU"]) x.inject({ flags, text: 4 });
    expect(x.take()).toEqual([]);
    expect(stateOf(x)).toBe("CLOSED");
  });
});

describe("s3.9.1.1: OPEN", () => {
  test("s3.9.1.1: a passive open leaves connections alone, also those of its port (MUST-41, MUST-42)", () => {
    const x = new Exchange({ memory });
    x.connect();
    const half = x.handle;
    const iss = x.iss;
    x.listen();
    x.inject({ flags: "S.", ack: 1 });
    expect(x.tcp.stateOf(half)).toBe(4);
    x.inject({ flags: "S", port: 6_000 });
    expect(stateOf(x, 6_000)).toBe("SYN-RECEIVED");
    const second = x.tcp.listen({ port: 81 }, x.application);
    x.inject({ flags: "S", port: 6_001, ourPort: 81 });
    x.tcp.close(second, x.now);
    x.tcp.listen({ port: 81 }, x.application); // while a connection is in SYN-RECEIVED there
    x.iss = iss;
    x.inject({ seq: 1, ack: 1, text: 3 });
    expect(x.tcp.readable(half)).toBe(3);
  });

  test("s3.9.1.1: the local address is the one asked for, else IP's choice, and it stays (MUST-43, MUST-44, MUST-45)", () => {
    const other = ip("10.9.0.1");
    const asked = new Exchange({ memory });
    asked.network.locals.push(other);
    asked.connect({ local: other });
    const chosen = new Exchange({ memory });
    chosen.connect();
    for (const [x, local] of [
      [asked, other],
      [chosen, US],
    ] as const) {
      x.inject({ flags: "S.", ack: 1, to: local });
      x.network.locals.reverse(); // IP would choose another now
      x.network.epoch += 1;
      x.write(100);
      x.inject({ seq: 1, ack: 1, text: 5, to: local });
      x.advance(10 * SECOND);
      const all = x.take();
      expect(all.length).toBeGreaterThan(3);
      expect(all.every((s) => s.source === local && s.destination === THEM)).toBe(true);
    }
    const x = new Exchange({ memory });
    expect(() => x.connect({ local: ip("10.1.1.1") })).toThrowError(expect.objectContaining({ code: "EADDRNOTAVAIL" }));
    x.network.locals.push(other);
    x.tcp.listen({ port: 90, local: other }, x.application);
    x.inject({ flags: "S", ourPort: 90 });
    expect(x.take()[0]!.flags).toBe("R.");
    x.inject({ flags: "S", ourPort: 90, to: other });
    expect(x.take()[0]!).toMatchObject({ flags: "S.", source: other });
  });

  test.each(["255.255.255.255", "224.0.0.1", "239.1.2.3", "10.0.0.255", "0.0.0.0"])(
    "s3.9.1.1: %s is no peer: an error and no packet (MUST-46, 1122-T-08)",
    (remote) => {
      const x = new Exchange({ memory });
      expect(() => x.tcp.connect({ remote: ip(remote), remotePort: 9 }, x.application, x.now)).toThrowError(
        expect.objectContaining({ code: "EINVAL" }),
      );
      x.turn();
      expect(x.take()).toEqual([]);
      expect(x.tcp.summary()).toMatchObject({ slots: 0 });
    },
  );

  test("s3.10.1: without a route the open fails at once, and so does a pair of sockets in use", () => {
    const x = new Exchange({ memory });
    x.network.locals[0] = ip("0.0.0.0");
    expect(() => x.connect()).toThrowError(expect.objectContaining({ code: "ENETUNREACH" }));
    x.network.locals[0] = US;
    x.connect();
    expect(() => x.connect()).toThrowError(expect.objectContaining({ code: "EADDRINUSE" }));
    x.listen();
    expect(() => x.listen()).toThrowError(expect.objectContaining({ code: "EADDRINUSE" }));
  });

  test("s3.10.1, A.2: a connection to itself is refused rather than an exchange without end (U17, S-091)", () => {
    const x = new Exchange({ memory });
    expect(() => x.tcp.connect({ remote: US, remotePort: 80, localPort: 80 }, x.application, x.now)).toThrowError(
      expect.objectContaining({ code: "EADDRINUSE" }),
    );
  });
});

describe("s3.7.1: the MSS", () => {
  test.each([
    [0, 536],
    [1, 48],
    [7, 48],
    [47, 48],
    [48, 48],
    [63, 63],
    [64, 64],
    [88, 88],
    [535, 535],
    [536, 536],
    [1_460, 1_460],
    [65_535, 1_460],
  ])(
    "s3.7.1: their MSS %i: no segment above %i octets, none below the floor while there is more (MUST-14, MUST-15, S-066)",
    (mss, most) => {
      const x = new Exchange({ memory, policy: plain });
      x.accept({ mss, wnd: 0xffff });
      x.write(3 * most);
      const lengths = x.take().map((s) => s.length);
      expect(Math.max(...lengths)).toBe(most);
      expect(lengths.every((length) => length === most)).toBe(true);
    },
  );

  test("s3.7.1: both sides bound the segment: text and options fit the peer's MSS and the path (MUST-16, SHLD-6, 2525-18)", () => {
    for (const mss of [88, 536, 1_460, 8_960])
      for (const mtu of [68, 296, 576, 1_500, 9_000])
        for (const ts of [false, true])
          for (const hole of [false, true]) {
            const x = new Exchange({ memory, policy: { timestamps: ts } });
            x.network.mtu = mtu;
            x.accept({ mss, sackPermitted: true, ...(ts ? { ts: [1, 0] as [number, number] } : {}) });
            const stamp = ts ? { ts: [2, 0] as [number, number] } : {};
            if (hole) for (const seq of [11, 31, 51, 71]) x.inject({ seq, ack: 1, text: 5, ...stamp });
            x.take();
            x.write(5_000);
            const bound = Math.min(mss, mtu - 40);
            for (const s of x.take()) expect(s.length + s.header.length - 20).toBeLessThanOrEqual(bound);
            x.tcp.closeAll(x.now);
          }
  });

  test("s3.7.1: every MTU from 68 to 1500 is filled to the octet (MUST-16, S-050)", () => {
    for (let mtu = 68; mtu <= 1_500; mtu++) {
      const x = new Exchange({ memory, policy: plain });
      x.network.mtu = mtu;
      x.accept({ mss: 1460 });
      x.write(2 * mtu);
      expect(x.take()[0]!.length).toBe(mtu - 40);
      x.tcp.closeAll(x.now);
    }
  });
});

describe("s3.8.3: how long a SYN is tried", () => {
  const patience = (x: Exchange): number => {
    const start = x.now;
    x.connect();
    for (let i = 0; i < 1_000 && x.state !== "CLOSED"; i++) x.advance(SECOND);
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
    return (x.now - start) / SECOND;
  };

  test("s3.8.3: profile rfc gives up no sooner than after three minutes (MUST-22, MUST-23)", () => {
    expect(patience(new Exchange({ memory, profile: rfc }))).toBeGreaterThanOrEqual(180);
  });

  test("s3.8.3: profile linux does after 131 s, as Linux (docs/deviations.md, syn-r2)", () => {
    expect(patience(new Exchange({ memory, profile: linux }))).toBeCloseTo(131, 0);
  });

  test("s3.8.3: R1 and R2 of a SYN count apart from those of text (MUST-22)", () => {
    const x = new Exchange({ memory, policy: { r2: 2, synRetries: 5, synLinear: 0 } });
    x.connect();
    x.advance(60 * SECOND);
    expect(x.take().filter((s) => s.flags === "S").length).toBe(6);
    expect(x.network.advice).toContain("suspect");
  });

  test("s3.8.3: a SYN,ACK is sent again five times, then forgotten (S-087)", () => {
    const x = new Exchange({ memory });
    x.listen();
    x.inject({ flags: "S", mss: 1460 });
    x.advance(200 * SECOND);
    expect(x.take().map((s) => s.flags)).toEqual(["S.", "S.", "S.", "S.", "S.", "S."]);
    expect(x.tcp.summary()).toMatchObject({ slots: 1, live: 0, frozen: 0 });
    expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
  });
});

test("s3.3.2: profiles differ in no state: each opens and closes the same way", () => {
  for (const profile of Object.values(profiles)) {
    const x = new Exchange({ memory, profile });
    reach(x, "TIME-WAIT");
    expect(x.transitions.map((t) => t.split(">")[1])).toEqual(["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]);
  }
});
