/** What each worker of `onwire serve --workers` runs: the folder by HTTP, on its own stack. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "../net/server.js";
import type { WorkerContext } from "../workers/program.js";
import { say } from "./exit.js";
import { folderListener } from "./folder-server.js";

export interface ServeSettings {
  readonly root: string;
  readonly port: number;
  readonly upload: boolean;
  readonly quiet: boolean;
}

export const run = async ({ drive, data }: WorkerContext<ServeSettings>): Promise<() => void> => {
  const { root, port, upload, quiet } = data;
  const http = createHttpServer(folderListener({ root, upload, ...(quiet ? {} : { log: say }) }));
  const server = createServer(drive, { noDelay: true }, (socket) => http.emit("connection", socket));
  server.listen({ port });
  await once(server, "listening");
  return () => {
    server.close();
    http.closeAllConnections();
  };
};
