/** Waits until what was written is no longer on its way: a thread that ends takes its stack with it. */
import type { NodeDrive } from "../drive/node.js";
import { State } from "../tcp/state.js";

/** Returns when every closed connection has delivered what it had, or after `patience` milliseconds. */
export const settled = async (drive: NodeDrive, patience: number): Promise<void> => {
  const until = performance.now() + patience;
  for (;;) {
    let busy = false;
    drive.stack.tcp.each(({ state }) => {
      // In FIN-WAIT-2 all has arrived; whether the peer says more is no matter of ours.
      if (state === State.FinWait1 || state === State.Closing || state === State.LastAck) busy = true;
    });
    if (!busy || performance.now() >= until) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
