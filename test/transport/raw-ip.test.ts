/** Raw IP by a package that need not be there: the sockets here are of the test's making, and lead to each other. */
import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { openRawIp, type RawIpLink, type RawSocketModule } from "../../src/transport/raw-ip.js";

const TCP = 6;

/** Sockets of one protocol hear what the others send; nothing is delivered before `pass`. */
class Wire {
  readonly sockets: FakeSocket[] = [];
  readonly waiting: (() => void)[] = [];
  failure: Error | null = null;

  module(): RawSocketModule {
    return {
      AddressFamily: { IPv4: 1 },
      SocketLevel: { IPPROTO_IP: 0 },
      SocketOption: { IP_HDRINCL: 3 },
      createSocket: ({ protocol }) => {
        if (this.failure !== null) throw this.failure;
        const socket = new FakeSocket(this, protocol);
        this.sockets.push(socket);
        return socket;
      },
    };
  }

  pass(): void {
    for (const step of this.waiting.splice(0)) step();
  }
}

class FakeSocket extends EventEmitter {
  readonly options: number[][] = [];
  closed = false;
  readonly #wire: Wire;
  readonly #protocol: number;

  constructor(wire: Wire, protocol: number) {
    super();
    this.#wire = wire;
    this.#protocol = protocol;
  }

  setOption(...option: number[]): void {
    this.options.push(option);
  }

  send(octets: Uint8Array, offset: number, length: number, _address: string, done: (error: Error | null) => void): void {
    const sent = Buffer.from(octets.subarray(offset, offset + length));
    this.#wire.waiting.push(() => {
      done(null);
      for (const other of this.#wire.sockets)
        if (other !== this && other.#protocol === this.#protocol && !other.closed) other.emit("message", sent, "10.0.0.9");
    });
  }

  pauseRecv(): void {}
  resumeRecv(): void {}
  close(): void {
    this.closed = true;
  }
}

const open = (wire: Wire, options = {}): RawIpLink => openRawIp(options, () => wire.module());

describe("raw IP", () => {
  test("two stacks talk TCP by it, header and all", () => {
    const wire = new Wire();
    const links = [open(wire), open(wire)] as const;
    const addresses = [ip("10.0.0.1"), ip("10.0.0.2")];
    let now = 1_000_000;
    const [a, b] = links.map((link, i) => {
      const stack = new Stack({ random: new SeededRandom(i), memory: createMemory() }, now);
      stack.addDevice(link, { addresses: [{ address: addresses[i]!, prefixLength: 24 }] }, now);
      return stack;
    }) as [Stack, Stack];
    let received = 0;
    const text = new Uint8Array(100_000).fill(5);
    const buffer = new Uint8Array(65_536);
    b.tcp.listen(
      { port: 80 },
      {
        onEvents: (listener) =>
          b.tcp.attach(b.tcp.accept(listener), {
            onEvents(handle) {
              for (let n = 1; n > 0; received += Math.max(0, n)) n = b.tcp.receive(handle, buffer, 0, buffer.length, now);
            },
          }),
      },
    );
    let sent = 0;
    const write = (handle: number): void => {
      sent += Math.max(0, a.tcp.send(handle, text, sent, text.length - sent, now));
    };
    a.tcp.connect(
      { remote: addresses[1]!, remotePort: 80 },
      { onEvents: (handle, events) => void (events & (TcpEvent.Established | TcpEvent.Writable) && write(handle)) },
      now,
    );
    for (let i = 0; i < 2_000 && received < text.length; i++) {
      now += 1_000;
      a.turn(now);
      b.turn(now);
      wire.pass();
    }
    expect(received).toBe(text.length);
    expect(wire.sockets.map(({ options }) => options)).toEqual(new Array(6).fill([[0, 3, 1]]));
    for (const link of links) link.close();
    expect(wire.sockets.every(({ closed }) => closed)).toBe(true);
  });

  test("a full queue: what comes is dropped and counted, what goes waits, and the waiter is told", () => {
    const wire = new Wire();
    const [near, far] = [open(wire, { protocols: [TCP], queue: 2 }), open(wire, { protocols: [TCP], queue: 2 })];
    const { packets } = createMemory({ packets: 8 });
    let told = 0;
    near.onReadable = () => {
      told += 1;
    };
    const offer = (protocol = TCP): boolean => {
      const packet = packets.take()!;
      packet.end += 40;
      packet.pool.arena.view.setUint8(packet.start + 9, protocol);
      const taken = near.transmit(packet);
      if (!taken) packet.release();
      return taken;
    };
    expect([offer(), offer(), offer()]).toEqual([true, true, false]);
    wire.pass();
    expect([told, packets.available]).toEqual([1, 8]);
    expect(offer()).toBe(true);
    wire.pass();
    expect(far.counters.overflowed).toBe(1);
    // No socket speaks it.
    expect(offer(17)).toBe(true);
    expect([near.counters.refused, packets.available]).toEqual([1, 8]);
    const batch: never[] = [];
    expect(far.receive(packets, batch, 8)).toBe(2);
  });

  test("a socket that fails ends the link", () => {
    const wire = new Wire();
    const link = open(wire);
    const errors: string[] = [];
    link.onError = (error) => errors.push(error.message);
    wire.sockets[1]!.emit("error", new Error("gone"));
    wire.sockets[0]!.emit("error", new Error("gone, too"));
    expect(errors).toEqual(["gone"]);
  });

  test("what cannot be is refused with the remedy", () => {
    const missing = () => {
      throw new Error("Cannot find module 'raw-socket'\nRequire stack:");
    };
    expect(() => openRawIp({}, missing)).toThrow(/raw-socket \(Cannot find module 'raw-socket'\).*npm install raw-socket/);
    const wire = new Wire();
    wire.failure = new Error("Operation not permitted");
    expect(() => open(wire)).toThrow(/Operation not permitted.*run as root, or give node the capability cap_net_raw/);
    expect(() => open(wire, { mtu: 60 })).toThrow(/use 68 to 65535/);
    expect(() => open(wire, { protocols: [] })).toThrow(/give numbers from 1 to 255/);
    expect(() => open(wire, { protocols: [300] })).toThrow(/protocol 300/);
    expect(() => open(wire, { queue: 0 })).toThrow(/use 1 or more packets/);
  });
});
