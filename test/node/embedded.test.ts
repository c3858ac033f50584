/** Node's own modules over a stack of ours, in the process of the test, whose kernel has no part in it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { attachNode, type NodeStack, nodeStack } from "../../src/node/embedded/node-stack.js";
import { Stack } from "../../src/stack/stack.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";

const onCable = (link: PairLink, address: string, seed: number): NodeStack => {
  const stack = new Stack({ random: new SeededRandom(seed), memory: createMemory({ chunks: 4_096 }) }, monotonicMicros());
  const drive = new NodeDrive(stack);
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  return attachNode(drive);
};

let alone: NodeStack;
let near: NodeStack;
let far: NodeStack;

beforeAll(async () => {
  alone = await nodeStack();
  const [a, b] = createPair();
  near = onCable(a, "10.0.0.1", 1);
  far = onCable(b, "10.0.0.2", 2);
});
afterAll(() => {
  for (const each of [alone, near, far]) each.close();
});

const listening = async (server: net.Server, ...where: (number | string)[]): Promise<number> => {
  server.listen(...(where as [number]));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};
const collect = async (socket: Socket): Promise<string> => {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
};

describe("net", () => {
  test("sockets and servers are Node's, with names of the stack", async () => {
    const server = far.net.createServer((socket) => socket.end(`${socket.remoteAddress} ${socket.localPort}`));
    const port = await listening(server, 0, "10.0.0.2");
    const socket = near.net.connect(port, "10.0.0.2");
    expect(socket).toBeInstanceOf(net.Socket);
    expect(server).toBeInstanceOf(net.Server);
    await once(socket, "connect");
    expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily, socket.localAddress]).toEqual([
      "10.0.0.2",
      port,
      "IPv4",
      "10.0.0.1",
    ]);
    expect(await collect(socket)).toBe(`10.0.0.1 ${port}`);
    server.close();
    await once(server, "close");
  });

  test("what is not ours does not exist: the kernel's listeners are not seen, nor are ours by the kernel", async () => {
    const kernels = net.createServer();
    const port = await listening(kernels, 0, "127.0.0.1");
    const [refused] = await once(alone.net.connect(port, "127.0.0.1"), "error");
    expect(refused).toMatchObject({ code: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1", port });
    expect(refused.message).toBe(`connect ECONNREFUSED 127.0.0.1:${port}`);
    kernels.close();
    const ours = alone.net.createServer();
    const [unseen] = await once(net.connect(await listening(ours, 0, "127.0.0.1"), "127.0.0.1"), "error");
    expect(unseen).toMatchObject({ code: "ECONNREFUSED" });
    ours.close();
  });

  test("an address in use, and one that is none of ours, are told as Node tells it", async () => {
    const first = alone.net.createServer();
    const port = await listening(first, 0, "127.0.0.1");
    const [inUse] = await once(alone.net.createServer().listen(port), "error");
    expect(inUse).toMatchObject({
      code: "EADDRINUSE",
      syscall: "listen",
      port,
      message: `listen EADDRINUSE: address already in use :::${port}`,
    });
    const [elsewhere] = await once(alone.net.createServer().listen(0, "192.0.2.1"), "error");
    expect(elsewhere).toMatchObject({ code: "EADDRNOTAVAIL", syscall: "listen", address: "192.0.2.1" });
    first.close();
  });

  test("the wildcard is that of both families, as far as there is a second", async () => {
    const server = alone.net.createServer((socket) => socket.end(`${socket.remoteAddress} ${socket.remoteFamily}`));
    const port = await listening(server, 0);
    expect(server.address()).toEqual({ address: "::", family: "IPv6", port });
    expect(await collect(alone.net.connect(port, "::1"))).toBe("::1 IPv6");
    expect(await collect(alone.net.connect(port, "127.0.0.1"))).toBe("::ffff:127.0.0.1 IPv6");
    server.close();
    const only4 = alone.net.createServer();
    const [refused] = await once(alone.net.connect(await listening(only4, 0, "0.0.0.0"), "::1"), "error");
    expect(refused).toMatchObject({ code: "ECONNREFUSED", address: "::1" });
    only4.close();
  });

  test("large writes come whole, through back-pressure, and are counted", async () => {
    const octets = Buffer.alloc(8_000_000, "0123456789abcdef");
    const server = far.net.createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("end", () => socket.end(Buffer.concat(chunks)));
    });
    const port = await listening(server, 0);
    const socket = near.net.connect({ port, host: "10.0.0.2" });
    socket.end(octets);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(octets)).toBe(true);
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([octets.length, octets.length]);
    server.close();
  });

  test("a write that fits has ended before write returns to the loop, and reads coalesce", async () => {
    const server = alone.net.createServer((socket) => socket.pipe(socket));
    const socket = alone.net.connect(await listening(server, 0), "127.0.0.1");
    await once(socket, "connect");
    for (let i = 0; i < 100; i++) socket.write("x");
    expect(socket.writableLength).toBe(0);
    const chunks: Buffer[] = [];
    for (let read = 0; read < 100; read += chunks.at(-1)!.length) chunks.push((await once(socket, "data"))[0]);
    expect(chunks.length).toBeLessThan(10);
    socket.destroy();
    server.close();
  });

  test("closing with unread data resets; a reset is an error of the reader", async () => {
    const server = far.net.createServer((socket) => {
      socket.pause();
      setImmediate(() => setImmediate(() => socket.destroy()));
    });
    const socket = near.net.connect(await listening(server, 0), "10.0.0.2");
    socket.write(Buffer.alloc(100_000));
    const [error] = await once(socket, "error");
    expect(error).toMatchObject({ code: "ECONNRESET" });
    server.close();
  });

  test("resetAndDestroy resets", async () => {
    const server = far.net.createServer((socket) => socket.resetAndDestroy());
    const socket = near.net.connect(await listening(server, 0), "10.0.0.2");
    expect((await once(socket, "error"))[0]).toMatchObject({ code: "ECONNRESET", syscall: "read" });
    server.close();
  });

  test("the server's connection comes before the client's connect", async () => {
    const order: string[] = [];
    const server = alone.net.createServer((socket) => {
      order.push("connection");
      socket.end();
    });
    const socket = alone.net.connect(await listening(server, 0), "127.0.0.1", () => order.push("connect"));
    await once(socket.resume(), "close");
    expect(order).toEqual(["connection", "connect"]);
    server.close();
  });

  test("each callback runs in the context of who asked for it", async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const server = context.run("server", () =>
      alone.net.createServer((socket) => {
        seen.push(context.getStore());
        socket.end("x");
      }),
    );
    const port = await context.run("server", () => listening(server, 0));
    await context.run("client", async () => {
      const socket = alone.net.connect(port, "127.0.0.1");
      socket.on("connect", () => seen.push(context.getStore()));
      socket.on("data", () => seen.push(context.getStore()));
      await once(socket, "close");
    });
    expect(seen).toEqual(["server", "client", "client"]);
    server.close();
  });

  test("what a listener throws is uncaught, and the others are heard", async () => {
    const server = alone.net.createServer((socket) => socket.end("text"));
    const port = await listening(server, 0);
    const uncaught: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.push(error));
    const throwing = alone.net.connect(port, "127.0.0.1");
    throwing.on("data", () => {
      throw new Error("the program's");
    });
    const text = await collect(alone.net.connect(port, "127.0.0.1"));
    await once(throwing, "close");
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
    expect([text, uncaught.map(String)]).toEqual(["text", ["Error: the program's"]]);
    server.close();
  });

  test("a handle cannot be sent to another process", () => {
    const { Pipe } = (process as unknown as { binding(name: string): { Pipe: new (type: number) => unknown } }).binding("pipe_wrap");
    const pipe = new Pipe(2) as { writeUtf8String(request: object, text: string, handle: unknown): void };
    const server = alone.net.createServer().listen(0);
    const { _handle } = server as unknown as { _handle: object };
    expect(() => pipe.writeUtf8String({}, "{}", _handle)).toThrow("cannot be sent to another");
    server.close();
  });
});

describe("tls, http, http2", () => {
  const psk = { psk: Buffer.alloc(32, 7), identity: "test" };
  const ciphers = "PSK-AES128-GCM-SHA256";
  const secure = { ciphers, maxVersion: "TLSv1.2" as const, pskCallback: () => psk, checkServerIdentity: () => undefined };

  test("TLS on top of both ends", async () => {
    const server = far.adopt(
      tls.createServer({ ciphers, maxVersion: "TLSv1.2", pskCallback: () => psk.psk }, (socket) => socket.pipe(socket)),
    );
    server.listen(0);
    await once(server, "listening");
    const socket = tls.connect({ ...secure, socket: near.net.connect((server.address() as AddressInfo).port, "10.0.0.2") });
    socket.end(Buffer.alloc(200_000, "a"));
    let octets = 0;
    for await (const chunk of socket) octets += chunk.length;
    expect(octets).toBe(200_000);
    server.close();
  });

  test("an agent keeps its connections, to a server of http", async () => {
    const server = far.http.createServer((request, response) => response.end(request.url));
    const port = await listening(server, 0);
    const agent = new near.http.Agent({ keepAlive: true, maxSockets: 1 });
    const get = async (path: string): Promise<{ text: string; reused: boolean }> => {
      const request = http.get({ host: "10.0.0.2", port, path, agent });
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      let text = "";
      for await (const chunk of response) text += chunk;
      return { text, reused: request.reusedSocket };
    };
    expect([await get("/a"), await get("/b")]).toEqual([
      { text: "/a", reused: false },
      { text: "/b", reused: true },
    ]);
    agent.destroy();
    server.close();
  });

  test("streams of http2", async () => {
    const server = far.http.createHttp2Server();
    server.on("stream", (stream) => stream.pipe(stream));
    server.listen(0);
    await once(server, "listening");
    const session = near.http.http2(`http://10.0.0.2:${(server.address() as AddressInfo).port}`);
    const texts = await Promise.all(
      ["one", "two", "three"].map(async (text) => {
        const stream = session.request({ ":method": "POST" });
        stream.end(text);
        let answer = "";
        for await (const chunk of stream) answer += chunk;
        return answer;
      }),
    );
    expect(texts).toEqual(["one", "two", "three"]);
    session.close();
    await once(session, "close");
    server.close();
  });

  test("the connector for undici gives a connected socket, or the error", async () => {
    const server = far.http.createServer((_request, response) => response.end("ok"));
    const port = await listening(server, 0);
    const connected = (number: number): Promise<Error | Socket | null> =>
      new Promise((resolve) =>
        near.http.connect({ hostname: "10.0.0.2", protocol: "http:", port: String(number) }, (error, socket) => resolve(error ?? socket)),
      );
    const socket = (await connected(port)) as Socket;
    socket.end("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(await collect(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*ok/s);
    server.close();
    await once(server, "close");
    expect(await connected(port)).toMatchObject({ code: "ECONNREFUSED" });
  });
});

describe("dgram", () => {
  test("datagrams between stacks, with who sent them", async () => {
    const receiver = far.dgram.createSocket("udp4");
    receiver.bind(0, "10.0.0.2");
    await once(receiver, "listening");
    const sender = near.dgram.createSocket("udp4");
    sender.send(["par", Buffer.from("ts")], receiver.address().port, "10.0.0.2");
    const [message, from] = await once(receiver, "message");
    expect([message.toString(), from]).toEqual(["parts", { address: "10.0.0.1", family: "IPv4", port: sender.address().port, size: 5 }]);
    sender.close();
    receiver.close();
  });

  test("a connected socket hears of a port that nobody has", async () => {
    const socket = near.dgram.createSocket("udp4");
    socket.connect(9, "10.0.0.2");
    await once(socket, "connect");
    socket.send("x");
    expect((await once(socket, "error"))[0]).toMatchObject({ code: "ECONNREFUSED", syscall: "recvmsg" });
    socket.close();
  });

  test("a port in use is refused, unless both share it", async () => {
    const first = alone.dgram.createSocket({ type: "udp4", reuseAddr: true }).bind(0, "127.0.0.1");
    await once(first, "listening");
    const { port } = first.address();
    const second = alone.dgram.createSocket({ type: "udp4", reuseAddr: true }).bind(port, "127.0.0.1");
    await once(second, "listening");
    const third = alone.dgram.createSocket("udp4").bind(port);
    expect((await once(third, "error"))[0]).toMatchObject({ code: "EADDRINUSE", syscall: "bind", port });
    first.close();
    second.close();
    third.close();
  });

  test("buffer sizes, time to live and groups answer as Node's do", async () => {
    const socket = alone.dgram.createSocket("udp4");
    expect(() => socket.setRecvBufferSize(8_192)).toThrow("EBADF");
    socket.bind(0);
    await once(socket, "listening");
    socket.setRecvBufferSize(8_192);
    expect(socket.getRecvBufferSize()).toBe(16_384);
    expect(socket.setTTL(7)).toBe(7);
    expect(() => socket.setTTL(0)).toThrow("setTTL EINVAL");
    expect(() => socket.addMembership("10.0.0.1")).toThrow("addMembership EINVAL");
    socket.close();
  });
});
