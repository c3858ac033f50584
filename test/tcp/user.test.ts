import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { ip } from "../../src/ip/address.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { Exchange, octets, THEM, US } from "./exchange.js";
import { reach, stateList, stateOf } from "./states.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });
const code = (name: string): object => expect.objectContaining({ code: name });

describe("s3.9.1: calls on what is not there", () => {
  test("s3.10: a handle that was closed, or never was, is EBADF in every call but those that end it", () => {
    const x = new Exchange({ memory });
    x.accept();
    const dead = x.handle;
    x.tcp.abort(dead, x.now);
    for (const handle of [dead, 0, -1, 999_999, 0x7fff_ffff]) {
      for (const call of [
        () => x.tcp.send(handle, octets(1), 0, 1, x.now),
        () => x.tcp.receive(handle, new Uint8Array(1), 0, 1, x.now),
        () => x.tcp.lend(handle),
        () => x.tcp.shutdown(handle, x.now),
        () => x.tcp.configure(handle, {}, x.now),
        () => x.tcp.stateOf(handle),
        () => x.tcp.errorOf(handle),
        () => x.tcp.readable(handle),
        () => x.tcp.attach(handle, x.application),
        () => x.tcp.show(handle, x.now),
        () => x.tcp.markUrgent(handle),
      ])
        expect(call).toThrowError(code("EBADF"));
      expect(() => x.tcp.accept(handle)).toThrowError(code("EINVAL"));
    }
    expect(() => x.tcp.send(x.listener, octets(1), 0, 1, x.now)).toThrowError(code("ENOTCONN"));
  });

  test("s3.10.1: what cannot be asked for says its range and the remedy", () => {
    const x = new Exchange({ memory });
    expect(() => x.connect({ remotePort: 0 })).toThrowError(/port 0.*1 to 65535/);
    expect(() => x.connect({ remotePort: 65_536 })).toThrowError(code("EINVAL"));
    expect(() => x.connect({ sendBuffer: 100 })).toThrowError(/sendBuffer 100.*2048/);
    expect(() => x.connect({ trafficClass: 1.5 })).toThrowError(code("EINVAL"));
    expect(() => x.connect({ congestionControl: "nobody" })).toThrowError(/nobody/);
    expect(() => x.listen({ backlog: 0 })).toThrowError(/backlog/);
    expect(() => x.listen({ local: ip("10.7.7.7") })).toThrowError(code("EADDRNOTAVAIL"));
    expect(x.tcp.summary()).toMatchObject({ slots: 0 });
  });
});

describe("s3.9.1: events", () => {
  test("s3.9.1: they come after the protocol has run, all of a turn in one call, text before the end", () => {
    const x = new Exchange({ memory });
    x.accept();
    const calls: number[] = [];
    x.tcp.attach(x.handle, { onEvents: (_handle, events) => calls.push(events) });
    x.inject({ seq: 1, ack: 1, text: 10 }, true);
    x.inject({ flags: "F.", seq: 11, ack: 1, text: 10 }, true);
    expect(calls).toEqual([]);
    x.turn();
    expect(calls).toEqual([TcpEvent.Readable | TcpEvent.PeerClosed]);
    expect(x.read()!.length).toBe(20);
  });

  test("s3.9.1: an application that throws harms itself only", () => {
    const x = new Exchange({ memory });
    x.accept();
    const bad = new Error("of the application");
    x.tcp.attach(x.handle, {
      onEvents: () => {
        throw bad;
      },
    });
    x.inject({ seq: 1, ack: 1, text: 10 });
    expect(x.errors).toEqual([bad]);
    expect(x.take()).toMatchObject([{ flags: ".", ack: 11 }]);
    expect(x.read()!.length).toBe(10);
  });

  test("s3.9.1: a callback may write, read, close, abort, listen and connect, its own and others", () => {
    const x = new Exchange({ memory });
    x.accept();
    let connected = 0;
    x.onEvents = (handle, events) => {
      if (events & TcpEvent.Readable && handle === x.handle && connected === 0) {
        x.tcp.receive(handle, new Uint8Array(100), 0, 100, x.now);
        x.tcp.send(handle, octets(7), 0, 7, x.now);
        connected = x.tcp.connect({ remote: THEM, remotePort: 99 }, x.application, x.now);
        x.tcp.listen({ port: 4_000 }, x.application);
        x.tcp.close(handle, x.now);
      }
    };
    x.inject({ seq: 1, ack: 1, text: 10 });
    const out = x.take();
    expect(out.map((s) => s.flags)).toEqual(expect.arrayContaining(["S", "FP."]));
    expect(x.errors).toEqual([]);
    x.tcp.abort(connected, x.now);
  });

  test("s3.9.1: what happened before attach is told at attach", () => {
    const x = new Exchange({ memory });
    x.listener = x.tcp.listen({ port: 80 }, { onEvents: () => {} });
    x.inject({ flags: "S" });
    x.inject({ seq: 1, ack: 1, text: 10 });
    x.inject({ flags: "F.", seq: 11, ack: 1 });
    const handle = x.tcp.accept(x.listener);
    const told: number[] = [];
    x.advance(10 * SECOND);
    x.tcp.attach(handle, { onEvents: (_h, events) => told.push(events) });
    x.turn();
    expect(told).toEqual([TcpEvent.Readable | TcpEvent.PeerClosed]);
  });
});

describe("s3.9.1.3: reading in place", () => {
  test("s3.9.1.3: lent octets stay as they are until they are consumed, chunk by chunk", () => {
    const x = new Exchange({ memory });
    x.accept();
    const total = 10_000;
    for (let at = 0; at < total; at += 1_000) x.inject({ seq: 1 + at, ack: 1, text: 1_000 });
    const bytes = x.tcp.memory.arena.bytes;
    const got: number[] = [];
    while (x.tcp.lend(x.handle)) {
      const { lentStart, lentLength } = x.tcp;
      expect(lentLength).toBeGreaterThan(0);
      const part = Math.min(lentLength, 1_700);
      const before = bytes.slice(lentStart, lentStart + part);
      x.inject({ seq: total + 1, ack: 1, text: 1 }); // the same octet again and again
      expect(bytes.slice(lentStart, lentStart + part)).toEqual(before);
      got.push(...before);
      x.tcp.consume(x.handle, part, x.now);
    }
    expect(Uint8Array.from(got)).toEqual(octets(total + 1));
    expect(() => x.tcp.consume(x.handle, 1, x.now)).toThrowError(code("EINVAL"));
  });
});

describe("s3.9.1: vectors", () => {
  test("s3.9.1.2: what a write of several buffers took is a count of octets in their order", () => {
    const x = new Exchange({ memory });
    x.accept();
    x.tcp.configure(x.handle, { sendBuffer: 2_048 }, x.now);
    const parts = [octets(1_000), octets(0), octets(1_000), octets(1_000)];
    const taken = x.tcp.sendVector(x.handle, parts, x.now);
    expect(taken).toBe(x.tcp.unsent(x.handle));
    expect(taken).toBeGreaterThanOrEqual(2_000);
    expect(taken).toBeLessThan(3_000);
    x.tcp.shutdown(x.handle, x.now);
    expect(x.tcp.sendVector(x.handle, parts, x.now)).toBe(-1);
  });

  test("s3.9.1.3: several buffers are filled in their order, and the end is told when nothing is left", () => {
    const x = new Exchange({ memory });
    x.accept();
    x.inject({ seq: 1, ack: 1, text: 1_000 });
    x.inject({ flags: "F.", seq: 1_001, ack: 1 });
    const targets = [new Uint8Array(300), new Uint8Array(500), new Uint8Array(500)];
    expect(x.tcp.receiveVector(x.handle, targets, x.now)).toBe(1_000);
    expect(Uint8Array.from(targets.flatMap((target) => [...target])).subarray(0, 1_000)).toEqual(octets(1_000));
    expect(x.tcp.receiveVector(x.handle, targets, x.now)).toBe(-1);
  });
});

describe("the stack takes something away", () => {
  test.each(stateList.filter((state) => state !== "CLOSED" && state !== "LISTEN"))(
    "RFC 5227 s2.4: the address of a connection in %s is gone: it ends, and says so",
    (state) => {
      const x = new Exchange({ memory });
      reach(x, state);
      x.tcp.addressGone(ip("10.0.0.77"), x.now);
      x.turn();
      expect(stateOf(x)).toBe(state);
      x.tcp.addressGone(US, x.now);
      x.turn();
      expect(x.transitions.at(-1)).toBe(`${state}>CLOSED`);
      if (state !== "SYN-RECEIVED" && state !== "TIME-WAIT") {
        expect(x.tcp.errorOf(x.handle)).toBe("EADDRNOTAVAIL");
        expect(x.events).toContain("Closed");
      }
      expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    },
  );

  test("no packet to be had: nothing is lost, it goes as soon as there is one", () => {
    const own = createMemory({ packets: 8, chunks: 64 });
    const x = new Exchange({ memory: own });
    x.accept({ mss: 1_000 });
    const hostages = [];
    for (let packet = own.packets.take(); packet !== null; packet = own.packets.take()) hostages.push(packet);
    x.tcp.send(x.handle, octets(100), 0, 100, x.now);
    x.turn();
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
    expect(x.take()).toEqual([]);
    x.advance(50_000);
    for (const packet of hostages) packet.release();
    x.advance(50_000);
    const out = x.take();
    expect(out[0]).toMatchObject({ seq: 1, length: 100 });
    expect(out.some((s) => s.flags.includes("F"))).toBe(true);
  });

  test("no packet for a SYN, a SYN,ACK or an ACK: each is made up for", () => {
    const own = createMemory({ packets: 8, chunks: 64 });
    const starve = (x: Exchange, during: () => void): void => {
      const hostages = [];
      for (let packet = own.packets.take(); packet !== null; packet = own.packets.take()) hostages.push(packet);
      during();
      x.turn();
      for (const packet of hostages) packet.release();
    };
    const x = new Exchange({ memory: own });
    starve(x, () => x.connect());
    expect(x.take()).toEqual([]);
    x.advance(3 * SECOND);
    expect(x.take()[0]).toMatchObject({ flags: "S", seq: 0 });
    x.inject({ flags: "S.", ack: 1, mss: 1_000 });
    expect(x.state).toBe("ESTABLISHED");
  });

  test("no chunk for what arrives: it is as if lost, and acknowledged when it comes again", () => {
    const own = createMemory({ packets: 8, chunks: 4, chunkSize: 4_096 });
    const x = new Exchange({ memory: own });
    x.accept({ mss: 1_000 });
    const hostages = [];
    for (let chunk = own.chunks.take(); chunk >= 0; chunk = own.chunks.take()) hostages.push(chunk);
    x.inject({ seq: 1, ack: 1, text: 500 });
    expect(x.take().at(-1)!.ack).toBe(1);
    for (const chunk of hostages) own.chunks.give(chunk);
    x.inject({ seq: 1, ack: 1, text: 500 });
    expect(x.read()).toEqual(octets(500));
  });
});

test("s3.8.3: a user timeout that is set, changed or lifted while the SYN is out counts from then", () => {
  const x = new Exchange({ memory });
  x.connect();
  x.advance(SECOND);
  x.tcp.configure(x.handle, { userTimeout: 5 * SECOND }, x.now);
  x.turn();
  x.advance(6 * SECOND);
  expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
});
