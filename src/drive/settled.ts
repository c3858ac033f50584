/** Whether what was written is still on its way: a process or a thread that ends takes its stack with it. */
import type { Stack } from "../stack/stack.js";
import { State } from "../tcp/state.js";
import type { Drive } from "./drive.js";

const LOOK_AGAIN_MILLISECONDS = 5;

/** True when every closed connection has delivered what it had. */
export const isSettled = (stack: Stack): boolean => {
  let busy = false;
  stack.tcp.each(({ state }) => {
    // In FIN-WAIT-2 all has arrived; whether the peer says more is no matter of ours.
    if (state === State.FinWait1 || state === State.Closing || state === State.LastAck) busy = true;
  });
  return !busy;
};

/** Waits for that, `patience` milliseconds at most; they are asked for at each look, since somebody may come to be in a hurry. */
export const settled = async ({ stack }: Drive, patience: () => number): Promise<void> => {
  const began = performance.now();
  while (!isSettled(stack) && performance.now() - began < patience())
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MILLISECONDS));
};
