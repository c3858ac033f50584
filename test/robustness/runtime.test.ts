/** Group K of the robustness cases: the interface for programs, and what JavaScript does to those who are not careful. */
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { type Seq, seq, seqAdd, seqDiff, seqGeq, seqGt, seqLeq, seqLt } from "../../src/base/seq.js";
import { Peer } from "../../src/sim/application.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { Exchange, octets } from "../tcp/exchange.js";
import { A, B, converse, end, READ_ALL, send, settled, stage } from "../worlds/two-hosts.js";

const memory = createMemory({ packets: 64, chunks: 1_024, chunkSize: 4_096 });

describe("K: applications", () => {
  test("S-164: a handler that throws at every event is told of, and other connections go on", () => {
    const at = stage();
    const { world, a, b } = at;
    const errors: unknown[] = [];
    for (const { stack } of [a, b])
      stack.onApplicationError = (error) => {
        errors.push(error);
      };
    const angry = {
      onEvents: () => {
        throw new Error("not today");
      },
    };
    b.stack.tcp.listen({ port: 81 }, angry);
    for (let i = 0; i < 5; i++) a.stack.tcp.connect({ remote: B, remotePort: 81 }, angry, world.now);
    const { server } = converse(at, [send(300_000), ...end], end);
    expect(server.received).toBe(300_000);
    expect(errors.length).toBeGreaterThanOrEqual(6);
    settled(at);
  });

  test("S-165: write, shut down, close and connect from within every event: no recursion, no lost octet", () => {
    const at = stage();
    const { world, a, b } = at;
    let depth = 0;
    let deepest = 0;
    let received = 0;
    let events = 0;
    const done: number[] = [];
    const within = (run: () => void): void => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      run();
      depth -= 1;
    };
    const scratch = new Uint8Array(65_536);
    b.stack.tcp.listen(
      { port: 82 },
      {
        onEvents: (listener, bits) =>
          within(() => {
            if (!(bits & TcpEvent.Acceptable)) return;
            const handle = b.stack.tcp.accept(listener);
            b.stack.tcp.attach(handle, {
              onEvents: (of, what) =>
                within(() => {
                  events += 1;
                  for (let n = b.stack.tcp.receive(of, scratch, 0, scratch.length, world.now); n > 0; ) {
                    received += n;
                    b.stack.tcp.send(of, scratch, 0, n, world.now);
                    n = b.stack.tcp.receive(of, scratch, 0, scratch.length, world.now);
                  }
                  if (what & TcpEvent.PeerClosed) b.stack.tcp.close(of, world.now);
                }),
            });
          }),
      },
    );
    const open = (left: number): void => {
      a.stack.tcp.connect(
        { remote: B, remotePort: 82 },
        {
          onEvents: (of, what) =>
            within(() => {
              events += 1;
              if (what & TcpEvent.Established) {
                a.stack.tcp.send(of, octets(5_000), 0, 5_000, world.now);
                a.stack.tcp.shutdown(of, world.now);
                if (left > 0) open(left - 1);
              }
              while (a.stack.tcp.receive(of, scratch, 0, scratch.length, world.now) > 0);
              if (what & (TcpEvent.PeerClosed | TcpEvent.Closed) && !done.includes(of)) {
                done.push(of);
                a.stack.tcp.close(of, world.now);
              }
            }),
        },
        world.now,
      );
    };
    open(20);
    world.run(300 * SECOND);
    expect([received, done.length]).toEqual([21 * 5_000, 21]);
    expect(deepest).toBe(1);
    expect(events).toBeGreaterThan(60);
    // I-09 knows the pattern of the applications of worlds only.
    expect(at.violations.list.filter(({ id }) => id !== "I-09")).toEqual([]);
  });

  test("S-166: a RST for a socket that nobody listens to for errors: as with node:net, in the same process and before it is accepted", () => {
    // In a process of its own: an error that nobody hears ends it, here and there.
    const play = (setUp: string): string => {
      const from = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
      const source = `
        ${setUp.replaceAll(/FROM\((.*?)\)/g, (_, path: string) => from(path))}
        const accepted = (socket) => { socket.on("error", () => {}); setTimeout(() => socket.resetAndDestroy(), 20); };
        const socket = await start(accepted);
        socket.on("close", () => { console.log("closed"); setTimeout(() => process.exit(0), 20); });
        process.on("uncaughtException", (error) => console.log("uncaught", error.code));
      `;
      const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
        encoding: "utf8",
      });
      return stdout.trim() || stderr;
    };
    const theirs = play(`
      import net from "node:net";
      const start = (accepted) => new Promise((resolve) => {
        const server = net.createServer(accepted).listen(0, "127.0.0.1", () => resolve(net.connect(server.address().port, "127.0.0.1")));
      });`);
    const ours = play(`
      import { createMemory } from FROM(base/memory.ts);
      import { SeededRandom } from FROM(base/prng.ts);
      import { monotonicMicros } from FROM(drive/clock.ts);
      import { NodeDrive } from FROM(drive/node.ts);
      import { ip } from FROM(ip/address.ts);
      import { createServer } from FROM(net/server.ts);
      import { connect } from FROM(net/socket.ts);
      import { Stack } from FROM(stack/stack.ts);
      import { createPair } from FROM(transport/pair.ts);
      const start = async (accepted) => {
        const drives = createPair().map((link, i) => {
          const stack = new Stack({ random: new SeededRandom(i), memory: createMemory({ chunks: 64 }) }, monotonicMicros());
          const drive = new NodeDrive(stack);
          stack.addDevice(link, { addresses: [{ address: ip("10.0.0." + (i + 1)), prefixLength: 24 }] }, drive.now());
          drive.start();
          return drive;
        });
        createServer(drives[1], accepted).listen({ port: 80 });
        return connect(drives[0], { host: "10.0.0.2", port: 80 });
      };`);
    expect(theirs).toContain("uncaught ECONNRESET");
    expect(ours).toBe(theirs);
  });

  test("S-167: options are plain values: nothing is taken from a prototype, and a getter is read once", () => {
    const x = new Exchange({ memory });
    const hostile = JSON.parse('{"__proto__":{"sendBuffer":1,"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as object;
    x.connect({ ...hostile });
    expect(x.tcp.optionsOf(x.handle).sendBuffer).not.toBe(1);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    let reads = 0;
    const getter = Object.defineProperty({}, "receiveBuffer", {
      enumerable: true,
      get: () => {
        reads += 1;
        return reads === 1 ? 4_096 : Number.NaN;
      },
    });
    x.tcp.configure(x.handle, getter, x.now);
    expect(x.tcp.optionsOf(x.handle).receiveBuffer).toBe(4_096);
    x.tcp.closeAll(x.now);
  });

  test("S-168: sequence arithmetic is that of integers modulo 2^32, and counters do not overflow", () => {
    const wide = fc.bigInt({ min: 0n, max: 2n ** 33n });
    const low = (n: bigint): Seq => seq(Number(BigInt.asIntN(32, n)));
    fc.assert(
      fc.property(wide, fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (start, by) => {
        const a = low(start);
        const b = low(start + BigInt(by));
        expect(seqAdd(a, by)).toBe(b);
        expect(seqDiff(b, a)).toBe(by);
        expect([seqLt(a, b), seqGt(a, b), seqLeq(a, b), seqGeq(a, b)]).toEqual([by > 0, by < 0, by >= 0, by <= 0]);
      }),
      { numRuns: 2_000 },
    );
    const x = new Exchange({ memory });
    x.open();
    x.tcb.octetsReceived = 2 ** 40;
    x.inject({ seq: 1, ack: 1, text: 100 });
    expect(x.tcb.octetsReceived).toBe(2 ** 40 + 100);
    x.tcp.closeAll(x.now);
  });

  test("S-169: octets belong to who has them: a buffer changed behind write, and frames used again behind read", () => {
    const x = new Exchange({ memory });
    x.open();
    const written = octets(1_000);
    x.tcp.send(x.handle, written, 0, 1_000, x.now);
    written.fill(0xee);
    x.turn();
    expect(Buffer.compare(x.take()[0]!.text, octets(1_000))).toBe(0);
    x.inject({ seq: 1, ack: 1_001, text: 500 });
    const read = x.read()!;
    const before = Uint8Array.from(read);
    for (let i = 0; i < 200; i++) x.inject({ seq: 501 + i, ack: 1_001, text: 1 }); // packets and chunks poison what they give back
    x.read();
    expect(Buffer.compare(read, before)).toBe(0);
    x.tcp.closeAll(x.now);
  });

  test("S-171: killed in the midst and started again: the peer's connection is reset, the secrets are new", () => {
    const at = stage({ wire: { delay: 10 * MILLISECOND } });
    const { world, a, b, registry } = at;
    b.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const before = b.stack.tcp;
    const options = { remote: B, remotePort: 80, localPort: 50_000 };
    const found: { client: Peer | null } = { client: null };
    const handle = a.stack.tcp.connect(options, { onEvents: (of, events) => found.client?.onEvents(of, events) }, world.now);
    found.client = new Peer("a", a.stack.tcp, handle, { steps: [send(1 << 20), ...end], reading: READ_ALL }, world, registry, false);
    found.client.start();
    world.run(100 * MILLISECOND);
    const again = new Stack({ name: "b2", random: new SeededRandom(99), memory: createMemory({ packets: 1_024 }) }, world.now);
    world.reboot(b.host, again);
    again.addDevice(
      b.link,
      { hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, B & 255), addresses: [{ address: B, prefixLength: 24 }], claim: "use" },
      world.now,
    );
    world.run(60 * SECOND);
    expect(found.client.outcome).toBe("ECONNRESET");
    const iss = (tcp: typeof before): number => {
      const one = tcp.connect({ remote: A, remotePort: 9, localPort: 9 }, { onEvents: () => {} }, world.now);
      return Number(tcp.show(one, world.now)["iss"]);
    };
    expect(iss(again.tcp)).not.toBe(iss(before));
  });
});
