/** A server that speaks enough of Redis' protocol for its clients. */
import net from "node:net";
import { listen } from "./servers.mjs";

const bulk = (text) => (text === undefined ? "$-1\r\n" : `$${Buffer.byteLength(text)}\r\n${text}\r\n`);

export const serve = (host) => {
  const store = new Map();
  const sockets = new Set();
  const execute = ([name, key, value]) => {
    switch (name.toUpperCase()) {
      case "PING":
        return "+PONG\r\n";
      case "SET":
        store.set(key, value);
        return "+OK\r\n";
      case "GET":
        return bulk(store.get(key));
      case "INCR":
        store.set(key, String(Number(store.get(key) ?? 0) + 1));
        return `:${store.get(key)}\r\n`;
      case "INFO":
        return bulk("redis_version:7.0.0\r\nloading:0\r\n");
      case "HELLO":
        return "-ERR unknown command 'HELLO'\r\n";
      default:
        return "+OK\r\n";
    }
  };
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      text += data;
      for (;;) {
        const lines = text.split("\r\n");
        const count = Number(/^\*(\d+)$/.exec(lines[0])?.[1]);
        if (!(count > 0) || lines.length < 2 * count + 2) return;
        const words = Array.from({ length: count }, (_, i) => lines[2 + 2 * i]);
        text = lines.slice(1 + 2 * count).join("\r\n");
        socket.write(execute(words));
        if (words[0].toUpperCase() === "QUIT") return socket.end();
      }
    });
  });
  return listen(server, host, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
};
