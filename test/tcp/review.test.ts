/** What a reading of all of src/tcp with the RFCs at hand has found, each as the shortest exchange that shows it. */
import { describe, expect, test } from "vitest";
import { linux, rfc } from "../../src/stack/profile.js";
import { Exchange, octets } from "./exchange.js";

const SECOND = 1_000_000;

describe("memory", () => {
  test("s3.10.2: who finds no memory for a first octet hears when there is some", () => {
    const x = new Exchange();
    x.accept();
    const hoard: number[] = [];
    for (let chunk = x.memory.chunks.take(); chunk >= 0; chunk = x.memory.chunks.take()) hoard.push(chunk);
    expect(x.write(1_000)).toBe(0);
    x.advance(SECOND);
    expect(x.events).toEqual([]);
    for (const chunk of hoard) x.memory.chunks.give(chunk);
    x.turn();
    expect(x.events).toEqual(["Writable"]);
    expect(x.write(1_000)).toBe(1_000);
  });

  test("what may be sent is what `writable` says", () => {
    const x = new Exchange();
    x.accept({ mss: 1460, windowScale: 7 });
    const room = x.tcp.writable(x.handle);
    expect(x.tcp.send(x.handle, new Uint8Array(room + 1), 0, room + 1, x.now)).toBe(room);
  });

  test("S-122: single octets far apart get no chunk for each (I-03)", () => {
    const x = new Exchange();
    x.accept();
    const { available } = x.memory.chunks;
    for (let i = 1; i <= 1_000; i++) x.inject({ seq: 1 + 4_096 * i, ack: 1, text: 1 });
    expect(available - x.memory.chunks.available).toBeLessThan(24);
    x.inject({ seq: 1, ack: 1, text: 1_460 });
    expect(x.read()).toHaveLength(1_460);
  });

  test("I-24: nothing is sent or written from beyond the application's buffer", () => {
    const x = new Exchange();
    x.accept();
    for (const [offset, length] of [
      [0, 50],
      [6, 0],
      [-1, 2],
      [0, -1],
      [Number.NaN, 1],
    ] as const) {
      expect(() => x.tcp.send(x.handle, new Uint8Array(5), offset, length, x.now)).toThrow("EINVAL");
      expect(() => x.tcp.receive(x.handle, new Uint8Array(5), offset, length, x.now)).toThrow("EINVAL");
    }
    expect(x.lines()).toEqual([]);
  });
});

describe("ends that come", () => {
  test("RFC 5482: a user timeout that is set while the connection opens ends the opening", () => {
    const x = new Exchange();
    x.connect();
    x.tcp.configure(x.handle, { userTimeout: 5 * SECOND }, x.now);
    x.advance(20 * SECOND);
    expect(x.events).toContain("Closed");
    expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
  });

  test("RFC 6429 s4: an orphan whose peer opens and closes its window without taking anything is given up", () => {
    const x = new Exchange();
    x.accept();
    x.inject({ seq: 1, ack: 1, wnd: 0 });
    x.write(5_000);
    x.tcp.close(x.handle, x.now);
    for (let i = 0; i < 2_000 && x.tcp.summary().slots! > 1; i++) {
      x.advance(SECOND);
      x.inject({ seq: 1, ack: 1, wnd: i & 1 });
    }
    expect(x.tcp.summary().slots).toBe(1);
  });

  test("RFC 1122 s4.2.3.6: keep-alive does not end what is closing after a simultaneous open", () => {
    const x = new Exchange();
    x.connect({ keepAlive: 10 * SECOND });
    x.inject({ flags: "S", mss: 1460 });
    x.tcp.close(x.handle, x.now);
    x.inject({ seq: 1, ack: 1 });
    x.advance(15 * SECOND);
    expect(x.take().some((s) => s.flags.includes("R"))).toBe(false);
  });

  test("s3.9.1: a closed handle is dead although the connection still delivers", () => {
    const x = new Exchange();
    x.accept();
    x.write(100);
    x.tcp.close(x.handle, x.now);
    for (const call of [() => x.tcp.stateOf(x.handle), () => x.tcp.abort(x.handle, x.now), () => x.tcp.attach(x.handle, x.application)])
      expect(call).toThrow("EBADF");
    expect(x.tcp.show(x.handle, x.now)).toMatchObject({ state: "FIN-WAIT-1", orphan: true });
  });
});

describe("rows", () => {
  test("s3.6.1: the TIME-WAIT of an active closer is a row at once", () => {
    const x = new Exchange();
    x.accept();
    x.tcp.close(x.handle, x.now);
    x.turn();
    x.inject({ seq: 1, ack: 2 });
    x.inject({ flags: "F.", seq: 1, ack: 2 });
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1, timeWait: 1 });
  });

  test("looking at a frozen connection keeps it live for no longer than a turn", () => {
    const x = new Exchange();
    x.accept();
    x.advance(10 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    expect(x.tcp.readable(x.handle)).toBe(0);
    x.advance(SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
    expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ["a SYN with text", { flags: "S", mss: 1460, text: 10 }],
    ["a SYN without", { flags: "S", mss: 1460 }],
  ] as const)("an idle connection that began by %s freezes once its text is read", (_name, syn) => {
    const x = new Exchange();
    x.listen();
    x.inject(syn);
    const from = "text" in syn ? 11 : 1;
    x.inject({ seq: from, ack: 1 });
    x.read();
    x.advance(10 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
  });

  test("unread text keeps a connection live, and wakes nobody", () => {
    const x = new Exchange();
    x.accept();
    x.inject({ flags: "P.", seq: 1, ack: 1, text: 10 });
    x.advance(10 * SECOND);
    expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    x.read();
    x.advance(10 * SECOND);
    expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
  });
});

describe("what is said", () => {
  test("s3.10.7.4: text that came before a RST is read first, then the error is told", () => {
    const x = new Exchange();
    x.accept();
    x.inject({ flags: "P.", seq: 1, ack: 1, text: 100 }, true);
    x.inject({ flags: "R", seq: 101 });
    expect(x.events).toContain("Closed");
    expect(x.read()).toEqual(octets(100));
    expect(x.read()).toBeNull();
    expect(x.tcp.errorOf(x.handle)).toBe("ECONNRESET");
    x.tcp.close(x.handle, x.now);
    expect(x.tcp.summary()).toMatchObject({ slots: 1, live: 0 });
    expect(x.memory.chunks.available).toBe(x.memory.chunks.count);
  });

  test("s3.8.6: text in the SYN counts against the first window (SHLD-14)", () => {
    const x = new Exchange({ policy: { synText: true } });
    x.listen({ receiveBuffer: 2_048 });
    x.inject({ flags: "S", mss: 1460, text: 1_000 });
    const [synAck] = x.take();
    expect(synAck).toMatchObject({ flags: "S.", ack: 1_001 });
    expect(synAck!.ack + synAck!.wnd).toBe(2_049);
  });

  test("s3.10.2: what was marked urgent before the connection was open goes out urgent", () => {
    const x = new Exchange();
    x.connect();
    x.write(10);
    x.tcp.markUrgent(x.handle);
    x.take();
    x.inject({ flags: "S.", ack: 1, mss: 1460 });
    expect(x.take()).toMatchObject([{ flags: "PU.", seq: 1, length: 10, up: 10 }]);
  });

  test("RFC 4861 s7.3.1: a busy connection tells IP now and then that its peer is there", () => {
    const x = new Exchange();
    x.accept();
    x.network.advice.length = 0;
    for (let i = 0; i < 100; i++) {
      x.write(10);
      x.advance(100_000);
      x.inject({ seq: 1, ack: 11 + 10 * i });
    }
    const { length } = x.network.advice;
    expect(length).toBeGreaterThanOrEqual(9);
    expect(length).toBeLessThanOrEqual(11);
  });

  test("s3.10.7.4: text across the peer's own FIN counts as far as the FIN; a FIN below what is held does not", () => {
    const x = new Exchange();
    x.accept();
    x.inject({ flags: "F.", seq: 51, ack: 1 });
    x.inject({ flags: "P.", seq: 1, ack: 1, text: 100 });
    expect(x.state).toBe("CLOSE-WAIT");
    expect(x.read()).toEqual(octets(50));

    const y = new Exchange();
    y.accept();
    y.inject({ flags: ".", seq: 101, ack: 1, text: 100 });
    y.inject({ flags: "F.", seq: 51, ack: 1 });
    y.inject({ flags: ".", seq: 1, ack: 1, text: 100 });
    expect(y.state).toBe("ESTABLISHED");
    expect(y.read()).toHaveLength(200);
  });

  test("s3.8.6.3: an ACK waits for the application once, and no longer (MUST-40)", () => {
    const x = new Exchange({ profile: { ...linux, tcp: { ...rfc.tcp, quickAcks: 100 } } });
    x.accept();
    x.inject({ flags: "P.", seq: 1, ack: 1, text: 10 }, true);
    x.tcp.flush(x.now);
    expect(x.take()).toEqual([]);
    x.tcp.flush(x.now); // nobody has delivered: the ACK goes all the same
    expect(x.lines()).toEqual([". 1:1(0) ack 11"]);
  });
});
