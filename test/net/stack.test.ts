import { once } from "node:events";
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { monotonicMicros } from "../../src/drive/clock.js";
import { ManualDrive } from "../../src/drive/manual.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { createServer } from "../../src/net/server.js";
import { connect, type Socket } from "../../src/net/socket.js";
import { Stack } from "../../src/stack/stack.js";
import { State } from "../../src/tcp/state.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";
import { collect, netSuite } from "./suite.js";

const host = (link: PairLink, address: string, seed: number, chunks = 8_192): NodeDrive => {
  const stack = new Stack({ random: new SeededRandom(seed), memory: createMemory({ chunks }) }, monotonicMicros());
  const drive = new NodeDrive(stack);
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  return drive;
};

/** On virtual time, at a cable that ends in nothing. */
const alone = (): ManualDrive => {
  const stack = new Stack({ random: new SeededRandom(3) }, 0);
  const [link] = createPair();
  stack.addDevice(link, { addresses: [{ address: ip("10.0.0.1"), prefixLength: 24 }] }, 0);
  return new ManualDrive(stack);
};

netSuite("over two stacks, joined by a cable", () => {
  const [a, b] = createPair();
  const client = host(a, "10.0.0.1", 1);
  const server = host(b, "10.0.0.2", 2);
  return {
    client,
    server,
    clientAddress: "10.0.0.1",
    serverAddress: "10.0.0.2",
    stop: () => {
      for (const drive of [client, server]) {
        drive.stack.close(drive.now());
        drive.stop();
      }
    },
  };
});

test("unreachable: nobody answers ARP (RFC 1122 s2.3.2.2), and connect settles", async () => {
  const drive = alone();
  const socket = connect(drive, { host: "10.0.0.9", port: 80 });
  const failed = once(socket, "error");
  drive.advance(5_000_000);
  expect((await failed)[0]).toMatchObject({ code: "EHOSTUNREACH", syscall: "connect", address: "10.0.0.9", port: 80 });
});

test("unreachable: no route, and connect settles at once", async () => {
  const drive = alone();
  const socket = connect(drive, { host: "192.0.2.1", port: 80 });
  expect((await once(socket, "error"))[0]).toMatchObject({ code: "ENETUNREACH" });
});

test("timed out: a SYN that nobody answers (RFC 9293 s3.8.3), and connect settles", async () => {
  const drive = alone();
  const [device] = drive.stack.devices.filter((d) => !d.loopback);
  device!.arp.neighbors.pin(ip("10.0.0.9"), 0x0200, 9, drive.now());
  const socket = connect(drive, { host: "10.0.0.9", port: 80 });
  const failed = once(socket, "error");
  drive.advance(600_000_000);
  expect((await failed)[0]).toMatchObject({ code: "ETIMEDOUT", syscall: "connect", address: "10.0.0.9", port: 80 });
});

test("200 connections at once, echoed with sizes of all kinds, leave no memory behind", async () => {
  const [a, b] = createPair();
  const [client, server] = [host(a, "10.0.0.1", 5), host(b, "10.0.0.2", 6)];
  const chunks = [client, server].map((drive) => drive.stack.memory.chunks.available);
  const listener = createServer(server, (socket) => socket.pipe(socket)).listen({ port: 7 });
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const data = Buffer.alloc((i * 7919) % 100_000, i);
      const socket = connect(client, { host: "10.0.0.2", port: 7 });
      const echoed = collect(socket);
      socket.end(data);
      expect((await echoed).equals(data)).toBe(true);
    }),
  );
  await new Promise<void>((resolve) => listener.close(() => resolve()));
  for (const [i, drive] of [client, server].entries()) {
    const live = (): number => {
      let count = 0;
      drive.stack.tcp.each((tcb) => {
        if (tcb.state !== State.TimeWait) count += 1;
      });
      return count;
    };
    // The last acknowledgements may still be on their way; what never ends fails by the test's own limit.
    while (live() > 0) await new Promise(setImmediate);
    expect(drive.stack.memory.chunks.available).toBe(chunks[i]);
  }
  for (const drive of [client, server]) {
    drive.stack.close(drive.now());
    drive.stop();
  }
  // What was on the cable goes with it.
  for (const link of [a, b]) link.close();
  for (const { stack } of [client, server]) expect(stack.memory.packets.available).toBe(stack.memory.packets.size);
});

test("60 connections that each could fill the stack's memory share it, and all arrive", async () => {
  const [a, b] = createPair();
  const [client, server] = [host(a, "10.0.0.1", 7), host(b, "10.0.0.2", 8, 128)];
  const data = Buffer.alloc(600_000, 7);
  const listener = createServer(server, (socket) => socket.end(data)).listen({ port: 7 });
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      const received = await collect(connect(client, { host: "10.0.0.2", port: 7 }));
      expect(received.equals(data)).toBe(true);
    }),
  );
  listener.close();
  for (const drive of [client, server]) {
    drive.stack.close(drive.now());
    drive.stop();
  }
});

test("a stack that was closed under its sockets: writing, ending and destroying settle, and nothing is thrown", async () => {
  const [a, b] = createPair();
  const [client, server] = [host(a, "10.0.0.1", 9), host(b, "10.0.0.2", 10)];
  const accepted: Socket[] = [];
  createServer(server, (socket) => accepted.push(socket)).listen({ port: 7 });
  const sockets = Array.from({ length: 3 }, () => connect(client, { host: "10.0.0.2", port: 7 }));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  for (const drive of [client, server]) {
    drive.stack.close(drive.now());
    drive.stop();
  }
  const [writer, ender, goner] = sockets as [Socket, Socket, Socket];
  const failures = [writer, ender].map((socket) => once(socket, "error"));
  const written = new Promise<unknown>((resolve) => writer.write("text", resolve));
  writer.setNoDelay(true);
  ender.end();
  goner.destroy();
  for (const failed of failures) expect((await failed)[0]).toMatchObject({ code: "ECONNABORTED" });
  expect(await written).toMatchObject({ code: "ECONNABORTED" });
  expect(goner.destroyed).toBe(true);
  for (const link of [a, b]) link.close();
});

test("a stack that is closed under sockets that do nothing tells them: `close` without an error, and an error where something waits", async () => {
  const [a, b] = createPair();
  const [client, server] = [host(a, "10.0.0.1", 9), host(b, "10.0.0.2", 10)];
  const accepted: Socket[] = [];
  const listener = createServer(server, (socket) => accepted.push(socket)).listen({ port: 7 });
  const idle = connect(client, { host: "10.0.0.2", port: 7 });
  await Promise.all([once(idle, "connect"), once(listener, "connection")]);
  const opening = connect(client, { host: "10.0.0.9", port: 7 });
  const refused = once(opening, "error");
  const closed = [idle, ...accepted].map((socket) => once(socket, "close"));
  expect(closed).toHaveLength(2);
  for (const drive of [client, server]) {
    drive.stack.close(drive.now());
    drive.stop();
  }
  for (const end of closed) expect((await end)[0]).toBe(false);
  expect((await refused)[0]).toMatchObject({ code: "ECONNABORTED" });
});
