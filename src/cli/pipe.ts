/** A socket joined to standard input and output, with netcat's manners: the end of the input is a half-close, the end of what the
 *  peer sends is the end of the output. Back-pressure passes through. */
import { createWriteStream } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { Socket } from "../net/socket.js";

/** Standard output that is written beside the event loop: process.stdout blocks it while a pipe is full, and the stack with it. */
export const standardOutput = (): Writable => createWriteStream("", { fd: 1, autoClose: false, highWaterMark: 1024 * 1024 });

/**
 * Resolves when the connection is over and all that came is written; rejects with what broke it. `endsWithPeer`: what the
 * peer sends is all that matters (a listener, a terminal); otherwise the input is sent to its end first.
 */
export const joinStreams = async (socket: Socket, input: Readable, output: Writable, endsWithPeer: boolean): Promise<void> => {
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
  await new Promise<void>((resolve, reject) => {
    output.once("error", reject);
    output.end(resolve);
  });
};
