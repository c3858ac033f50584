/** An application whose stack is elsewhere: echoes, with its name in front; what a predecessor has left goes on under the new name. */
import { parentPort, workerData } from "node:worker_threads";
import { createServer } from "../../../src/net/server.js";
import { Socket } from "../../../src/net/socket.js";
import { connectStack } from "../../../src/workers/remote-stack.js";
import type { Attachment } from "../../../src/workers/stack-program.js";

const { attachment, name } = workerData as { attachment: Attachment; name: string };
const remote = connectStack(attachment);
const echo = (socket: Socket): void => {
  socket.on("error", () => {});
  socket.on("data", (data) => socket.write(`${name}:${data}`));
};
for (const handle of remote.inherited) {
  const socket = new Socket(remote);
  echo(socket);
  socket.adopt(handle, true);
}
createServer(remote, echo).listen(7, () => parentPort!.postMessage("listening"));
