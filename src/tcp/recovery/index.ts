/** The loss recoveries by name. A new one is a file, and a line here. */
import { NewRenoRecovery } from "./newreno.js";
import type { LossRecovery } from "./recovery.js";

export const recoveries: Readonly<Record<string, () => LossRecovery>> = {
  newreno: () => new NewRenoRecovery(),
};

export const DEFAULT_RECOVERY = "newreno";
