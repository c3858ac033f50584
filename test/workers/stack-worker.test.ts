/** A stack in a thread of its own: what becomes of its applications, and of theirs, when one of the threads ends. */
import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { createServer } from "../../src/net/server.js";
import { connect, type Socket } from "../../src/net/socket.js";
import { Stack } from "../../src/stack/stack.js";
import { connectStack } from "../../src/workers/remote-stack.js";
import { makeRingCable, RingLink } from "../../src/workers/ring-link.js";
import type { Attachment } from "../../src/workers/stack-program.js";
import { type StackWorker, type StackWorkerOptions, startStack } from "../../src/workers/stack-worker.js";
import { startProgram } from "./start-program.js";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A stack in a thread, and a client beside it. */
const start = async (options: StackWorkerOptions = {}): Promise<{ client: NodeDrive; stack: StackWorker }> => {
  const [here, there] = makeRingCable();
  const link = new RingLink(here);
  const client = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  client.stack.addDevice(link, { addresses: [{ address: ip("10.9.0.1"), prefixLength: 24 }] }, client.now());
  client.start();
  const stack = await startStack({
    link: { kind: "ring", end: there },
    addresses: [{ address: ip("10.9.0.2"), prefixLength: 24 }],
    ...options,
  });
  undo.push(async () => {
    client.stack.close(client.now());
    client.stop();
    link.close();
    await stack.close(0).catch(() => {});
  });
  return { client, stack };
};

const startApplication = async (attachment: Attachment, name: string): Promise<Worker> => {
  const thread = startProgram("echo-app", { attachment, name }, [attachment.port]);
  undo.push(() => thread.terminate());
  await once(thread, "message");
  return thread;
};

const dial = (client: NodeDrive): Socket => connect(client, { host: "10.9.0.2", port: 7 });
const answer = async (socket: Socket): Promise<string> => String((await once(socket, "data"))[0]);

describe("a stack in a thread", () => {
  test("an application's thread dies: its connections are reset, its ports are closed, the stack goes on", async () => {
    const { client, stack } = await start();
    const thread = await startApplication(await stack.attachment(), "first");
    const socket = dial(client);
    socket.write("one");
    expect(await answer(socket)).toBe("first:one");
    const reset = once(socket, "error");
    await thread.terminate();
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
    expect((await once(dial(client), "error"))[0]).toMatchObject({ code: "ECONNREFUSED" });
    expect((await stack.inspect()).tcp.connections).toEqual([]);
    await startApplication(await stack.attachment(), "second");
    const next = dial(client);
    next.write("two");
    expect(await answer(next)).toBe("second:two");
    next.destroy();
  });

  test("handed over: another application finds the connections as they were, and what has come since", async () => {
    const { client, stack } = await start({ onApplicationExit: { keep: 3_600_000 } });
    const attachment = await stack.attachment();
    const thread = await startApplication(attachment, "first");
    const socket = dial(client);
    let said = "";
    socket.on("data", (data) => {
      said += String(data);
    });
    socket.write("one");
    while (said !== "first:one") await once(socket, "data");
    await thread.terminate();
    socket.write("two");
    // The port goes on, too: who comes now waits to be served.
    const late = dial(client);
    await once(late, "connect");
    late.write("three");
    await startApplication(await stack.attachment({ inherit: attachment }), "heir");
    while (String(said) !== "first:oneheir:two") await once(socket, "data");
    expect(await answer(late)).toBe("heir:three");
    const newest = dial(client);
    newest.write("four");
    expect(await answer(newest)).toBe("heir:four");
    for (const each of [socket, late, newest]) each.destroy();
  });

  test("nobody comes for what was left: it is reset in the end, and who comes later is told", async () => {
    const { client, stack } = await start({ onApplicationExit: { keep: 50 } });
    const attachment = await stack.attachment();
    const thread = await startApplication(attachment, "first");
    const socket = dial(client);
    socket.write("one");
    await answer(socket);
    const reset = once(socket, "error");
    await thread.terminate();
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
    await expect(stack.attachment({ inherit: attachment })).rejects.toThrow(/nothing is left to inherit/);
  });

  test("the stack's thread dies: each connection and server is told, and so is who has started it", async () => {
    const { client, stack } = await start();
    const remote = connectStack(await stack.attachment());
    const exits: string[] = [];
    remote.onStackExit = () => exits.push("exit");
    const server = createServer(remote).listen(7);
    const broken = once(server, "error");
    createServer(client, (socket) => socket.on("error", () => {})).listen(8);
    const socket = connect(remote, { host: "10.9.0.1", port: 8 });
    await once(socket, "connect");
    const failed = once(socket, "error");
    await stack.terminate();
    expect((await failed)[0]).toMatchObject({ code: "ECONNABORTED" });
    expect((await broken)[0]).toMatchObject({ code: "ECONNABORTED" });
    expect(exits).toEqual(["exit"]);
    await expect(stack.finished).rejects.toThrow(/the stack's thread died: it ended by itself, with status 1: its connections are gone/);
    const after = connect(remote, { host: "10.9.0.1", port: 8 });
    expect((await once(after, "error"))[0]).toMatchObject({ code: "ECONNABORTED" });
    await expect(stack.inspect()).rejects.toThrow(/has ended: `finished` says why/);
  });

  test("bounds: so many connections as were asked for; those beyond wait in the stack until one has ended", async () => {
    const { client, stack } = await start();
    const remote = connectStack(await stack.attachment({ slots: 3, ring: 4_096 }));
    const accepted: Socket[] = [];
    const server = createServer(remote, (socket) => accepted.push(socket.resume())).listen(7);
    const sockets = Array.from({ length: 4 }, () => dial(client).resume());
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    while (accepted.length < 2) await once(server, "connection");
    expect(() => remote.stack.tcp.connect({ remote: ip("10.9.0.1"), remotePort: 8 }, { onEvents() {} })).toThrow(
      "connect ENOBUFS 3 connections and listeners: close some, or attach with more `slots`",
    );
    for (let i = 0; i < 4; i++) {
      while (accepted.length <= i) await once(server, "connection");
      accepted[i]!.end();
    }
    await Promise.all([...sockets, ...accepted].map((socket) => (socket.closed ? null : once(socket, "close"))));
    server.close();
  });

  test("what is wrong is said where it was asked", async () => {
    const { stack } = await start();
    await expect(stack.attachment({ slots: 0 })).rejects.toThrow("0 slots: use an integer from 1 to 32767");
    await expect(stack.attachment({ ring: 5_000 })).rejects.toThrow("rings of 5000 octets: use a power of two from 4096 to 16777216");
    const { tcp } = connectStack(await stack.attachment()).stack;
    const nobody = { onEvents() {} };
    expect(() => tcp.connect({ remote: ip("10.9.0.1"), remotePort: 70_000 }, nobody)).toThrow(/EINVAL port 70000/);
    expect(() => tcp.connect({ remote: ip("10.9.0.1"), remotePort: 7, ttl: 300 }, nobody)).toThrow(
      /EINVAL ttl 300: use an integer from 1 to 255/,
    );
    const listener = tcp.listen({ port: 7 }, nobody);
    expect(() => tcp.listen({ port: 7 }, nobody)).toThrow(/EADDRINUSE/);
    tcp.close(listener);
    expect(() => tcp.readable(listener)).toThrow(/EBADF/);
    expect(() => tcp.listen({ port: 7, local: ip("192.0.2.1") }, nobody)).toThrow(
      /EADDRNOTAVAIL 192\.0\.2\.1: listen on an address of this stack/,
    );
    await expect(startStack({ link: { kind: "tap", name: "a name that is too long" } })).rejects.toMatchObject({ code: "EINVAL" });
  });
});
