/** The kernel side's program of the state table: sockets that do nothing until they are told, one JSON command a line. */
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

const answer = (result) => process.stdout.write(`${JSON.stringify(result)}\n`);
const sockets = new Map();

const commands = {
  listen: ({ host, port }) =>
    new Promise((resolve) => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        socket.on("error", () => {});
        sockets.set(socket.remotePort, socket);
      });
      server.listen({ host, port, backlog: 4_096 }, () => resolve({}));
    }),
  /** Half-closes the connections from these ports; those of them that are there. */
  end: ({ ports }) => {
    for (const port of ports) sockets.get(port)?.end();
    return { ended: ports.filter((port) => sockets.has(port)).length };
  },
  accepted: () => ({ count: sockets.size }),
  connect: ({ host, port, from, local }) => {
    for (let localPort = from; localPort < from + local; localPort++)
      connect({ host, port, localPort, allowHalfOpen: true }).on("error", () => {});
    return {};
  },
  forget: () => {
    for (const socket of sockets.values()) socket.destroy();
    sockets.clear();
    return {};
  },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, command, ...options } = JSON.parse(line);
  answer({ id, ...(await commands[command](options)) });
});
answer({ id: 0 });
