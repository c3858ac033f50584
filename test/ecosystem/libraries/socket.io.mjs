/** socket.io: polling and WebSocket, acknowledgments, octets, rooms. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { listen } from "./servers.mjs";

export const serve = (host) => {
  const server = http.createServer();
  const hub = new Server(server);
  hub.on("connection", (socket) => {
    socket.on("echo", (value, done) => done(value));
    socket.on("join", (room, done) => {
      socket.join(room);
      done();
    });
    socket.on("tell", (room, text) => hub.to(room).emit("told", text));
  });
  return listen(server, host, async () => {
    await hub.close();
    server.closeAllConnections();
  });
};

export const use = async (host, port) => {
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    const [a, b] = [1, 2].map(() => io(`http://${host}:${port}`, { transports, forceNew: true }));
    await Promise.all([a, b].map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    assert.deepEqual(await a.emitWithAck("echo", { text: "x", octets: Buffer.from([1, 2, 3]) }), {
      text: "x",
      octets: Buffer.from([1, 2, 3]),
    });
    await b.emitWithAck("join", "room");
    const told = once(b, "told");
    a.emit("tell", "room", "hello");
    assert.deepEqual(await told, ["hello"]);
    a.close();
    b.close();
  }
};
