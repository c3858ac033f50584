/** The loss recoveries by name. A new one is a file, and a line here. */
import { NewRenoRecovery } from "./newreno.js";
import type { LossRecovery } from "./recovery.js";
import type { SentRecords } from "./sent.js";

export const recoveries: Readonly<Record<string, (sent: SentRecords) => LossRecovery>> = {
  newreno: (sent) => new NewRenoRecovery(sent),
};

export const DEFAULT_RECOVERY = "newreno";
