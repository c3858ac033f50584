/** An application whose stack is elsewhere: sums what it is sent. When it is told to block, it blocks until the test lets it go. */
import { createHash } from "node:crypto";
import { workerData } from "node:worker_threads";
import { createServer } from "../../../src/net/server.js";
import { connectStack } from "../../../src/workers/remote-stack.js";
import type { Attachment } from "../../../src/workers/stack-program.js";

const { attachment, gate } = workerData as { attachment: Attachment; gate: Int32Array };
const remote = connectStack(attachment);
createServer(remote, { allowHalfOpen: true }, (socket) => {
  const hash = createHash("sha256");
  socket.on("data", (data) => hash.update(data));
  socket.on("end", () => socket.end(hash.digest("hex")));
  socket.on("error", () => {});
}).listen(80, () => {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
});
createServer(remote, (socket) => {
  socket.resume();
  socket.on("error", () => {});
  Atomics.store(gate, 0, 2);
  Atomics.wait(gate, 1, 0);
}).listen(81);
