/** What `net/` promises, over any pair of hosts: the fake and the real stack run the same cases. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NetDrive } from "../../src/net/raw.js";
import { createServer, type Server, type ServerOptions } from "../../src/net/server.js";
import { type ConnectOptions, connect, type Socket } from "../../src/net/socket.js";

export interface Pair {
  readonly client: NetDrive;
  readonly server: NetDrive;
  readonly clientAddress: string;
  readonly serverAddress: string;
  stop(): void;
}

/** All until the end; unlike `for await`, it does not destroy the stream then. */
export const collect = (stream: Readable): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks)));
    stream.on("error", reject);
  });
/** Resolves with `hadError`, whether there was one or not. */
const closing = (socket: Socket): Promise<boolean> => new Promise((resolve) => socket.on("close", resolve));
const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

export const netSuite = (name: string, make: () => Pair): void => {
  describe(name, () => {
    let pair: Pair;
    let servers: Server[];
    let sockets: Socket[];
    beforeEach(() => {
      pair = make();
      servers = [];
      sockets = [];
    });
    afterEach(() => {
      for (const server of servers) if (server.listening) server.close();
      // A stack that outlives the test would tell them of its end.
      for (const socket of sockets) socket.on("error", () => {}).destroy();
      pair.stop();
    });

    const serve = async (options: ServerOptions, listener: (socket: Socket) => void): Promise<number> => {
      const server = createServer(pair.server, options, (socket) => {
        sockets.push(socket);
        listener(socket);
      });
      servers.push(server);
      server.listen({ port: 0 });
      await once(server, "listening");
      return server.address()!.port;
    };
    const dial = (port: number, options: Partial<ConnectOptions> = {}): Socket => {
      const socket = connect(pair.client, { host: pair.serverAddress, port, ...options });
      sockets.push(socket);
      return socket;
    };
    const both = async (serverOptions: ServerOptions = {}, options: Partial<ConnectOptions> = {}): Promise<[Socket, Socket]> => {
      let accept: (socket: Socket) => void = () => {};
      const accepted = new Promise<Socket>((resolve) => {
        accept = resolve;
      });
      const port = await serve(serverOptions, accept);
      const client = dial(port, options);
      await once(client, "connect");
      return [client, await accepted];
    };

    test("connect: events, addresses, states", async () => {
      const seen: string[] = [];
      const port = await serve({}, (socket) => {
        seen.push("connection");
        expect(socket.remoteAddress).toBe(pair.clientAddress);
        expect(socket.localPort).toBe(port);
        expect(socket.localAddress).toBe(pair.serverAddress);
        expect(socket.readyState).toBe("open");
        socket.end("bye");
      });
      const socket = dial(port, { localPort: 40_000 });
      for (const event of ["connect", "ready", "data", "end", "close", "finish"]) socket.on(event, () => seen.push(event));
      expect([socket.connecting, socket.pending, socket.readyState]).toEqual([true, true, "opening"]);
      await once(socket, "connect");
      expect([socket.connecting, socket.pending, socket.readyState]).toEqual([false, false, "open"]);
      expect(socket.address()).toEqual({ address: pair.clientAddress, family: "IPv4", port: 40_000 });
      expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual([pair.serverAddress, port, "IPv4"]);
      await once(socket, "close");
      expect(seen.filter((e) => e !== "connection")).toEqual(["connect", "ready", "data", "end", "finish", "close"]);
      expect(socket.bytesRead).toBe(3);
      expect(socket.readyState).toBe("closed");
      expect(socket.remoteAddress).toBe(pair.serverAddress);
    });

    test("connect: refused, with Node's fields, and close after error", async () => {
      const socket = dial(9);
      const seen: string[] = [];
      socket.on("error", () => seen.push("error"));
      socket.on("close", (hadError: boolean) => seen.push(`close ${hadError}`));
      const [error] = await once(socket, "error");
      expect(error).toMatchObject({ code: "ECONNREFUSED", syscall: "connect", address: pair.serverAddress, port: 9 });
      expect(error.message).toBe(`connect ECONNREFUSED ${pair.serverAddress}:9`);
      const request = http.get({ path: "/", createConnection: () => dial(9) as never });
      expect((await once(request, "error"))[0]).toMatchObject({ code: "ECONNREFUSED", syscall: "connect" });
      await turn();
      expect(seen).toEqual(["error", "close true"]);
      expect(socket.connecting).toBe(false);
    });

    test("connect: what is wrong with an attempt is an event, but a bad port is thrown", async () => {
      expect(() => dial(70_000)).toThrow(/port 70000 is out of range/);
      const unnamed = connect(pair.client, { host: "example.org", port: 1 });
      expect((await once(unnamed, "error"))[0]).toMatchObject({ code: "ENOTFOUND", hostname: "example.org" });
      const bad = connect(pair.client, { host: pair.serverAddress, port: 1, localAddress: "nonsense" });
      expect((await once(bad, "error"))[0]).toMatchObject({ code: "EINVAL" });
    });

    test("connect: a lookup names the host", async () => {
      const port = await serve({}, (socket) => socket.end("named"));
      const socket = connect(pair.client, { host: "box", port, lookup: (_name, _options, done) => done(null, pair.serverAddress, 4) });
      expect(String(await collect(socket))).toBe("named");
    });

    test("connect: destroyed while connecting, it settles without connect", async () => {
      const port = await serve({}, (socket) => {
        socket.on("error", () => {});
      });
      const socket = dial(port);
      let connected = false;
      socket.on("connect", () => {
        connected = true;
      });
      const written = new Promise<Error>((resolve) => socket.write("x", (e) => resolve(e as Error)));
      socket.destroy();
      expect([await closing(socket), connected]).toEqual([false, false]);
      expect(await written).toBeInstanceOf(Error);
    });

    test("connect: a signal aborts", async () => {
      const controller = new AbortController();
      const port = await serve({}, (socket) => socket.on("error", () => {}));
      const socket = dial(port, { signal: controller.signal });
      controller.abort();
      expect((await once(socket, "error"))[0]).toMatchObject({ name: "AbortError" });
    });

    test("data: 3 MB each way at once, byte-exact, with early writes and strings", async () => {
      const blob = randomBytes(3_000_000);
      const port = await serve({}, (socket) => void pipeline(socket, socket).catch(() => {}));
      const socket = dial(port);
      socket.write("héllo"); // before the connection is there
      socket.write("4869", "hex");
      const received = collect(socket);
      socket.end(blob);
      expect(digest(await received)).toBe(digest(Buffer.concat([Buffer.from("hélloHi"), blob])));
      expect(socket.bytesWritten).toBe(3_000_000 + 8);
      expect(socket.bytesRead).toBe(3_000_000 + 8);
    });

    test("data: what the reader was given never changes", async () => {
      const [client, server] = await both();
      const kept: Buffer[] = [];
      const copies: Buffer[] = [];
      server.on("data", (chunk) => {
        kept.push(chunk);
        copies.push(Buffer.from(chunk));
      });
      for (let i = 0; i < 50; i++) {
        client.write(randomBytes(7_001));
        await turn();
      }
      client.end();
      await once(server, "end");
      expect(Buffer.concat(kept).equals(Buffer.concat(copies))).toBe(true);
      expect(Buffer.concat(kept).length).toBe(350_050);
    });

    test("back-pressure: a reader that does not read stops the writer; drain follows when it does", async () => {
      const [client, server] = await both({ pauseOnConnect: true });
      const chunk = randomBytes(65_536);
      let pending = 0;
      let sent = 0;
      while (sent < 64 * 1024 * 1024) {
        pending += 1;
        sent += chunk.length;
        client.write(chunk, () => {
          pending -= 1;
        });
        await turn();
        if (pending > 4) break;
      }
      for (let i = 0; i < 200; i++) await turn();
      expect(pending).toBeGreaterThan(0);
      expect(sent).toBeLessThan(32 * 1024 * 1024);
      expect(client.writableNeedDrain).toBe(true);
      let read = 0;
      server.on("data", (data) => {
        read += data.length;
      });
      server.resume();
      await once(client, "drain");
      client.end();
      await once(server, "end");
      expect([read, pending]).toEqual([sent, 0]);
    });

    test("half-close: allowHalfOpen answers after the end; without it the socket ends by itself", async () => {
      const [client, server] = await both({ allowHalfOpen: true }, { allowHalfOpen: true });
      client.end("question");
      expect(String(await collect(server))).toBe("question");
      expect(server.readyState).toBe("writeOnly");
      server.end("answer");
      expect(String(await collect(client))).toBe("answer");

      const [one, other] = await both();
      other.resume();
      one.resume();
      const closed = Promise.all([closing(one), closing(other)]);
      one.end();
      expect(await closed).toEqual([false, false]);
    });

    test("a write after the end says EPIPE", async () => {
      const [client, server] = await both();
      server.end();
      client.resume();
      await once(client, "end");
      await turn();
      const written = new Promise<Error>((resolve) => client.write("late", (e) => resolve(e as Error)));
      client.on("error", () => {});
      expect(await written).toMatchObject({ code: "EPIPE" });
    });

    test("reset: resetAndDestroy arrives as ECONNRESET", async () => {
      const [client, server] = await both();
      client.resetAndDestroy();
      server.resume();
      const [error] = await once(server, "error");
      expect(error).toMatchObject({ code: "ECONNRESET", syscall: "read" });
      expect(error.message).toBe("read ECONNRESET");
    });

    test("reset: destroy with unread data resets, and a write that waits settles", async () => {
      const [client, server] = await both({ pauseOnConnect: true });
      let settled: Error | null | undefined;
      client.on("error", () => {});
      for (let i = 0; i < 200; i++) client.write(randomBytes(65_536), (e) => (settled ??= e));
      for (let i = 0; i < 50; i++) await turn();
      server.destroy();
      expect(await closing(client)).toBe(true);
      expect(settled).toBeInstanceOf(Error);
    });

    test("a listener's exception keeps nothing from being done: what was read, written and ended goes on", async () => {
      const caught: string[] = [];
      const before = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.on("uncaughtException", (error) => caught.push(error.message));
      try {
        let bytes = 0;
        let ended = (): void => {};
        const whole = new Promise<void>((resolve) => {
          ended = resolve;
        });
        const port = await serve({}, (socket) => {
          socket.on("end", ended);
          socket.on("data", (data) => {
            bytes += data.length;
            if (caught.length === 1) throw new Error("data");
          });
        });
        const client = dial(port);
        client.on("connect", () => {
          throw new Error("connect");
        });
        client.end(Buffer.alloc(500_000));
        const closed = closing(client);
        await whole;
        expect([bytes, await closed, caught]).toEqual([500_000, false, ["connect", "data"]]);
      } finally {
        process.removeAllListeners("uncaughtException");
        for (const listener of before) process.on("uncaughtException", listener);
      }
    });

    test("a listener's exception is uncaught, and the stack goes on", async () => {
      const [client, server] = await both();
      const caught: unknown[] = [];
      const before = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.on("uncaughtException", (error) => caught.push(error));
      try {
        server.once("data", () => {
          throw new Error("mine");
        });
        client.write("a");
        while (caught.length === 0) await turn();
        server.on("data", (data) => server.write(data));
        client.write("b");
        expect(String((await once(client, "data"))[0])).toBe("b");
      } finally {
        process.removeAllListeners("uncaughtException");
        for (const listener of before) process.on("uncaughtException", listener);
      }
      expect(String(caught[0])).toBe("Error: mine");
    });

    test("timeout: emitted after idleness only, and the socket lives on", async () => {
      const [client, server] = await both();
      client.setTimeout(5);
      await once(client, "timeout");
      expect(client.destroyed).toBe(false);
      client.setTimeout(0);
      client.end("still here");
      expect(String(await collect(server))).toBe("still here");
    });

    test("server: port in use, close waits for connections, maxConnections drops", async () => {
      const [client, server] = await both();
      const listening = servers[0]!;
      const again = createServer(pair.server).listen({ port: listening.address()!.port });
      expect((await once(again, "error"))[0]).toMatchObject({ code: "EADDRINUSE", syscall: "listen" });

      listening.maxConnections = 1;
      const refused = dial(listening.address()!.port);
      refused.on("error", () => {});
      const [dropped] = await once(listening, "drop");
      expect(dropped).toMatchObject({ localPort: listening.address()!.port, remoteAddress: pair.clientAddress });

      let closed = false;
      listening.close(() => {
        closed = true;
      });
      expect(listening.listening).toBe(false);
      expect(await new Promise((resolve) => listening.getConnections((_e, n) => resolve(n)))).toBe(1);
      server.resume();
      client.resume();
      client.end();
      await once(listening, "close");
      expect(closed).toBe(true);
      expect(server.destroyed).toBe(true);
    });

    test("http: a server and a client of Node's, keep-alive, 10 MB both ways", async () => {
      const body = randomBytes(10_000_000);
      let connections = 0;
      const web = http.createServer((request, response) => {
        if (request.method === "POST") {
          const hash = createHash("sha256");
          request.on("data", (data) => hash.update(data));
          request.on("end", () => response.end(hash.digest("hex")));
        } else if (request.url === "/big") Readable.from([body]).pipe(response);
        else response.end(`hello ${request.socket.remoteAddress}`);
      });
      const port = await serve({}, (socket) => {
        connections += 1;
        web.emit("connection", socket);
      });
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      agent.createConnection = (() => dial(port)) as unknown as typeof agent.createConnection;
      const ask = async (options: http.RequestOptions, data?: Buffer): Promise<Buffer> => {
        const request = http.request({ host: pair.serverAddress, port, agent, ...options });
        request.end(data);
        const [response] = await once(request, "response");
        expect(response.statusCode).toBe(200);
        return collect(response);
      };
      expect(String(await ask({ path: "/" }))).toBe(`hello ${pair.clientAddress}`);
      expect(digest(await ask({ path: "/big" }))).toBe(digest(body));
      expect(String(await ask({ path: "/up", method: "POST" }, body))).toBe(digest(body));
      expect(connections).toBe(1);
      agent.destroy();
      const plain = http.request({ path: "/", createConnection: () => dial(port) as never });
      plain.end();
      expect(String(await collect((await once(plain, "response"))[0]))).toBe(`hello ${pair.clientAddress}`);
    });

    test("http: pipelined requests are answered in order", async () => {
      const web = http.createServer((request, response) => response.end(request.url));
      const port = await serve({}, (socket) => web.emit("connection", socket));
      const socket = dial(port);
      socket.write(["/1", "/2", "/3"].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""));
      socket.write("GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      const text = String(await collect(socket));
      expect([...text.matchAll(/\r\n\r\n(\/\d)/g)].map((m) => m[1])).toEqual(["/1", "/2", "/3", "/4"]);
    });

    test("http: an aborted response and an aborted request settle on the other side", async () => {
      const seen: string[] = [];
      const web = http.createServer((request, response) => {
        if (request.url === "/die") {
          response.write("part");
          setImmediate(() => response.destroy());
          return;
        }
        response.on("close", () => seen.push(`closed ${response.writableFinished}`));
        response.write(Buffer.alloc(5_000_000));
      });
      const port = await serve({}, (socket) => web.emit("connection", socket));
      const cut = http.get({ path: "/die", createConnection: () => dial(port) as never });
      // Collected from the event itself: the end may follow in the same turn.
      const collected = new Promise((resolve, reject) => cut.on("response", (response) => collect(response).then(resolve, reject)));
      await expect(collected).rejects.toMatchObject({ code: "ECONNRESET" });

      const gone = http.get({ path: "/", createConnection: () => dial(port) as never });
      gone.on("error", () => {});
      await once(gone, "response");
      gone.destroy();
      while (seen.length === 0) await turn();
      expect(seen).toEqual(["closed false"]);
    });
  });
};
