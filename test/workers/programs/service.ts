/** What the workers of the tests run: port 7 echoes, port 8 says which worker it is, port 9 has it connect to the client's port 4 000 and tell how
 *  that went, port 10 throws, port 11 leaves; UDP port 7 echoes. */
import { createServer, type Server } from "../../../src/net/server.js";
import { connect, type Socket } from "../../../src/net/socket.js";
import type { WorkerContext } from "../../../src/workers/program.js";

export const run = async ({
  drive,
  index,
  signal,
  stack,
  data,
}: WorkerContext<{ client: string } | null>): Promise<() => Promise<void>> => {
  const servers: Server[] = [];
  const serve = (port: number, listener: (socket: Socket) => void): void => {
    const server = createServer(drive, { noDelay: true }, (socket) => {
      socket.on("error", () => {});
      listener(socket);
    });
    servers.push(server.listen({ port, signal }));
  };
  serve(7, (socket) => void socket.pipe(socket));
  serve(8, (socket) => void socket.end(String(index)));
  serve(9, (socket) => {
    const out = connect(drive, { host: data!.client, port: 4_000 });
    out.on("error", (error) => socket.end(`failed: ${error.message}`));
    out.pipe(socket);
  });
  serve(10, () => {
    setImmediate(() => {
      throw new Error("a bug of the module");
    });
  });
  serve(11, () => process.exit(3));
  const buffer = new Uint8Array(2_048);
  const { udp } = stack;
  udp.bind(
    { port: 7 },
    {
      onEvents(handle) {
        for (;;) {
          const length = udp.receive(handle, buffer, 0, buffer.length);
          if (length < 0) break;
          udp.send(handle, buffer, 0, length, udp.from, udp.fromPort, drive.now());
        }
      },
    },
  );
  return async () => {
    for (const server of servers) if (server.listening) server.close();
  };
};
