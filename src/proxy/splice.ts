/** Two connections joined: what comes from one goes to the other, at the pace of the slower one; each end is passed on by itself. */
import type { Duplex } from "node:stream";

/** Resolves when both are over; rejects with what broke one, which breaks the other too. Both must allow half-open. */
export const splice = (a: Duplex, b: Duplex): Promise<void> =>
  new Promise((resolve, reject) => {
    let left = 2;
    let failure: Error | null = null;
    const fail = (error: Error): void => {
      failure ??= error;
      reset(a);
      reset(b);
    };
    const closed = (from: Duplex, to: Duplex) => (): void => {
      // Who has gone without an end has not said all: the other must not take it for all.
      if (!from.readableEnded) reset(to);
      left -= 1;
      if (left > 0) return;
      if (failure === null) resolve();
      else reject(failure);
    };
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on("error", fail);
      from.on("close", closed(from, to));
      from.pipe(to);
    }
  });

/** Ends a connection so that its peer does not take what it has for all there is. */
const reset = (stream: Duplex & { resetAndDestroy?: () => unknown }): void => {
  if (!stream.destroyed) stream.resetAndDestroy?.();
  // At once: what is still to be written is not waited for.
  stream.destroy();
};
