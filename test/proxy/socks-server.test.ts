/** The proxy between two networks in memory: clients on one, destinations on the other. */
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { createServer } from "../../src/net/server.js";
import { connect, type Socket } from "../../src/net/socket.js";
import { type Dial, serveSocks } from "../../src/proxy/socks-server.js";
import { Stack } from "../../src/stack/stack.js";
import type { Link } from "../../src/transport/link.js";
import { createPair } from "../../src/transport/pair.js";

const drives: NodeDrive[] = [];
afterEach(() => {
  for (const drive of drives.splice(0)) {
    drive.stack.close(drive.now());
    drive.stop();
  }
});
const host = (...links: (readonly [Link, string])[]): NodeDrive => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  for (const [link, address] of links)
    drive.stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  drives.push(drive);
  return drive;
};

/** A client, a proxy on two networks, a server; and what became of the proxy's conversations. */
const networks = async (serve: (socket: Socket) => void, patience = 10_000) => {
  const [a, b] = createPair();
  const [c, d] = createPair();
  const client = host([a, "10.1.0.1"]);
  const proxy = host([b, "10.1.0.2"], [c, "10.2.0.2"]);
  const server = host([d, "10.2.0.1"]);
  const dial: Dial = async (hostname, port) => {
    const stream = connect(proxy, { host: hostname, port, allowHalfOpen: true });
    await once(stream, "connect");
    return { stream, localAddress: stream.localAddress!, localPort: stream.localPort! };
  };
  const ended: Promise<unknown>[] = [];
  const listener = createServer(proxy, { allowHalfOpen: true }, (socket) => {
    ended.push(serveSocks(socket, { dial, credentials: null, patience }).catch((error: Error) => error.message));
  }).listen(1080);
  const target = createServer(server, { allowHalfOpen: true }, serve).listen(7);
  await once(target, "listening");
  const open = async (allowHalfOpen = false): Promise<Socket> => {
    const socket = connect(client, { host: "10.1.0.2", port: 1080, allowHalfOpen });
    await once(socket, "connect");
    return socket;
  };
  return { open, ended, close: () => [listener, target].map((each) => each.close()) };
};

const request = (address: string, port: number): Buffer =>
  Buffer.from([5, 1, 0, 5, 1, 0, 1, ...address.split(".").map(Number), port >> 8, port & 255]);
const octetsOf = async (socket: Socket): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

describe("a SOCKS proxy between two networks", () => {
  test("a megabyte there and back, through both, with what is sent before the answer; each end is passed on", async () => {
    const { open, ended } = await networks((socket) => socket.pipe(socket));
    const text = Buffer.alloc(1 << 20).map((_, i) => (i * 31) & 255);
    const socket = await open(true);
    socket.end(Buffer.concat([request("10.2.0.1", 7), text]));
    const got = await octetsOf(socket);
    expect([...got.subarray(0, 6)]).toEqual([5, 0, 5, 0, 0, 1]);
    expect(got.subarray(6, 10).join(".")).toBe("10.2.0.2");
    expect(got.subarray(12).equals(text)).toBe(true);
    expect(await ended[0]).toEqual({ host: "10.2.0.1", port: 7 });
  });

  test("nobody listens: the client is told so", async () => {
    const { open, ended } = await networks(() => {});
    const socket = await open();
    socket.write(request("10.2.0.1", 8));
    const got = octetsOf(socket);
    expect([...(await got)]).toEqual([5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(await ended[0]).toMatch(/ECONNREFUSED/);
  });

  test("a destination that resets takes the client along", async () => {
    const { open, ended } = await networks((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    const socket = await open();
    socket.write(Buffer.concat([request("10.2.0.1", 7), Buffer.from("x")]));
    socket.resume();
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
    expect(await ended[0]).toMatch(/ECONNRESET/);
  });

  test("a client that leaves, or says nothing in time, or nonsense, holds nothing", async () => {
    const { open, ended } = await networks(() => {}, 50);
    const [leaves, silent, wrong] = [await open(), await open(), await open()];
    for (const socket of [silent, wrong]) socket.on("error", () => {}).resume();
    leaves.end();
    wrong.write("GET / HTTP/1.1\r\n\r\n");
    await Promise.all([silent, wrong].map((socket) => once(socket, "close")));
    expect((await Promise.all(ended)).sort()).toEqual([
      "no request in 50 ms",
      "the client left before it had asked",
      "version 71 of SOCKS",
    ]);
  });
});
