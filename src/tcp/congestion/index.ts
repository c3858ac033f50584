/** The congestion controllers by name. A new one is a file, and a line here. */
import type { CongestionController } from "./controller.js";
import { NewReno } from "./newreno.js";

export const controllers: Readonly<Record<string, () => CongestionController>> = {
  newreno: () => new NewReno(),
};

export const DEFAULT_CONTROLLER = "newreno";
