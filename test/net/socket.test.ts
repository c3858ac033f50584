import { once } from "node:events";
import { expect, test } from "vitest";
import { createServer } from "../../src/net/server.js";
import { connect, Socket } from "../../src/net/socket.js";
import { FakeNetwork } from "./fake-tcp.js";
import { netSuite } from "./suite.js";

netSuite("over a network in memory", () => {
  const network = new FakeNetwork();
  return {
    client: network.host("10.0.0.1"),
    server: network.host("10.0.0.2"),
    clientAddress: "10.0.0.1",
    serverAddress: "10.0.0.2",
    stop: () => {},
  };
});

test("unreachable: settles with the code of the stack", async () => {
  const network = new FakeNetwork();
  const socket = connect(network.host("10.0.0.1"), { host: "10.9.9.9", port: 7 });
  expect((await once(socket, "error"))[0]).toMatchObject({ code: "EHOSTUNREACH", syscall: "connect", address: "10.9.9.9", port: 7 });
});

test("timed out: a connection that the stack gives up fails its reader", async () => {
  const network = new FakeNetwork();
  const [a, b] = [network.host("10.0.0.1"), network.host("10.0.0.2")];
  createServer(b, () => {}).listen({ port: 7 });
  const socket = connect(a, { host: "10.0.0.2", port: 7 });
  await once(socket, "connect");
  a.stack.tcp.fail(socket.handle, "ETIMEDOUT");
  expect((await once(socket, "error"))[0]).toMatchObject({ code: "ETIMEDOUT", syscall: "read" });
});

test("reset: what the stack still has for a slow reader comes before the error", async () => {
  const network = new FakeNetwork();
  const [a, b] = [network.host("10.0.0.1"), network.host("10.0.0.2")];
  const server = createServer(b, { pauseOnConnect: true }).listen({ port: 7 });
  const client = connect(a, { host: "10.0.0.2", port: 7 });
  const [accepted] = (await once(server, "connection")) as [Socket];
  client.write("last words", () => setImmediate(() => client.resetAndDestroy()));
  await once(client, "close");
  const got: Buffer[] = [];
  accepted.on("data", (data) => got.push(data));
  accepted.resume();
  expect((await once(accepted, "error"))[0]).toMatchObject({ code: "ECONNRESET" });
  expect(String(Buffer.concat(got))).toBe("last words");
});

test("options reach the stack: noDelay, keepAlive in microseconds", async () => {
  const network = new FakeNetwork();
  const [a, b] = [network.host("10.0.0.1"), network.host("10.0.0.2")];
  createServer(b, { noDelay: true, keepAlive: true, keepAliveInitialDelay: 1500 }, () => {}).listen({ port: 7 });
  const socket = new Socket(a).setNoDelay().connect(7, "10.0.0.2");
  await once(socket, "connect");
  socket.setKeepAlive(true);
  socket.setKeepAlive(false);
  expect(a.stack.tcp.configured).toEqual([
    { noDelay: true, keepAlive: -1 },
    { noDelay: true, keepAlive: 0 },
  ]);
  expect(b.stack.tcp.configured).toEqual([{ noDelay: true, keepAlive: 1_500_000 }]);
});

test("the event loop goes on for what is referenced, and only for that", async () => {
  const network = new FakeNetwork();
  const [a, b] = [network.host("10.0.0.1"), network.host("10.0.0.2")];
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const server = createServer(b, (socket) => socket.unref()).listen({ port: 7 });
  expect(timers()).toBe(before + 1);
  server.unref();
  expect(timers()).toBe(before);
  const socket = connect(a, { host: "10.0.0.2", port: 7 });
  expect(timers()).toBe(before + 1);
  await once(socket, "connect");
  socket.unref();
  expect(timers()).toBe(before);
  socket.ref();
  expect(timers()).toBe(before + 1);
  socket.destroy();
  expect(timers()).toBe(before);
});
