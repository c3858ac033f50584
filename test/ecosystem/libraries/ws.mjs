/** ws: an upgrade, text and octets, ping, a close with a code, a thousand messages. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { listen, pattern } from "./servers.mjs";

export const serve = (host) => {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  return listen(server, host, async () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    server.close();
  });
};

export const use = async (host, port) => {
  const socket = new WebSocket(`ws://${host}:${port}/`);
  await once(socket, "open");
  const echo = async (data) => {
    socket.send(data);
    return (await once(socket, "message"))[0];
  };
  assert.equal(String(await echo("grüße")), "grüße");
  const octets = Buffer.concat([...pattern(4 * 1024 * 1024)]);
  assert.ok((await echo(octets)).equals(octets));
  socket.ping("there?");
  assert.equal(String((await once(socket, "pong"))[0]), "there?");
  let heard = 0;
  const all = new Promise((resolve) => socket.on("message", (data) => Number(data) === heard++ && heard === 1000 && resolve()));
  for (let i = 0; i < 1000; i++) socket.send(String(i));
  await all;
  socket.close(4321, "enough");
  assert.deepEqual((await once(socket, "close")).map(String), ["4321", "enough"]);
};
