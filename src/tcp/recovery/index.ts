/** The loss recoveries by name. A new one is a file, and a line here. */
import { DupThresh } from "./dup-thresh.js";
import { NewRenoRecovery } from "./newreno.js";
import { Rack } from "./rack.js";
import type { LossRecovery, RecoveryPolicy } from "./recovery.js";
import { SelectiveRecovery } from "./selective.js";
import type { SentRecords } from "./sent.js";

export type RecoveryFactory = (sent: SentRecords, policy: RecoveryPolicy) => LossRecovery;

export const recoveries: Readonly<Record<RecoveryPolicy["lossDetection"] | "newreno", RecoveryFactory>> = {
  rack: (sent, policy) => new SelectiveRecovery("rack", sent, policy, new Rack(sent, policy)),
  sack: (sent, policy) => new SelectiveRecovery("sack", sent, policy, new DupThresh(sent, policy)),
  newreno: (sent, policy) => new NewRenoRecovery(sent, policy),
};

/** Which a connection has: SACK agreed or not. */
export const recoveryFor = (policy: RecoveryPolicy, sack: boolean): keyof typeof recoveries => (sack ? policy.lossDetection : "newreno");
