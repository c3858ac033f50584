/** Deterministic simulation: worlds of stacks and wires on one virtual clock. */
export { FramePool, WireFrame } from "./frame-pool.js";
export { Flag, FrameSummary } from "./frame-summary.js";
export { MemoryShelf } from "./memory-shelf.js";
export { type RunOptions, runWorld, type WorldResult } from "./run-world.js";
export { SimLink, type SimLinkOptions } from "./sim-link.js";
export { Switch } from "./switch.js";
export { TraceHash } from "./trace-hash.js";
export { type Violation, Violations } from "./violations.js";
export { Watch } from "./watch.js";
export { WireBox } from "./wire-box.js";
export { WireModel, type WireObserver } from "./wire-model.js";
export {
  type Burst,
  data,
  flags,
  type Outage,
  perfectWire,
  sequence,
  type WireOptions,
  type WireRule,
  wireOptionsError,
} from "./wire-options.js";
export { type Cable, Host, type Turning, World } from "./world.js";
export { planWorld, type WorldPlan } from "./world-plan.js";
