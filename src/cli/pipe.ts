/** A socket joined to standard input and output, with netcat's manners: the end of the input is a half-close, the end of what the
 *  peer sends is the end of the output. Back-pressure passes through. */
import { createWriteStream, fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { Socket as StackSocket } from "../net/socket.js";

/** Standard output, written without ever holding up the event loop, and the stack with it: a pipe by readiness, a file by other threads. */
export const standardOutput = (): Writable => {
  const info = fstatSync(1);
  if (info.isFIFO() || info.isSocket()) return new Socket({ fd: 1, readable: false, writable: true });
  return process.stdout.isTTY ? process.stdout : createWriteStream("", { fd: 1, autoClose: false, highWaterMark: 1024 * 1024 });
};

/** Resolves when all that was written has been taken by the system. The output stays open: it is not ours to end. */
export const flushed = (output: Writable): Promise<void> =>
  new Promise((resolve, reject) => {
    output.once("error", reject);
    output.write(Buffer.alloc(0), () => {
      output.off("error", reject);
      resolve();
    });
  });

/**
 * Resolves when the connection is over and all that came is written; rejects with what broke it. `endsWithPeer`: what the
 * peer sends is all that matters (a listener, a terminal); otherwise the input is sent to its end first.
 */
export const joinStreams = async (socket: StackSocket, input: Readable, output: Writable, endsWithPeer: boolean): Promise<void> => {
  await new Promise<void>((resolve, reject) => {
    let failure: Error | null = null;
    const fail = (error: Error): void => {
      failure ??= error;
      socket.destroy();
    };
    socket.on("error", fail);
    input.on("error", fail);
    output.on("error", fail);
    socket.on("close", () => {
      input.unpipe(socket);
      input.pause();
      if (failure === null) resolve();
      else reject(failure);
    });
    socket.on("end", () => {
      if (!endsWithPeer) return;
      input.unpipe(socket);
      socket.end();
    });
    socket.pipe(output, { end: false });
    input.pipe(socket);
  });
  await flushed(output);
};
