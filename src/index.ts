/** The stack, as users see it. It runs wherever ECMAScript does: nothing here needs Node. */

export { MILLISECOND, type Micros, NEVER, type Random, SECOND } from "./base/environment.js";
export { type ErrorCode, NetworkError } from "./base/errors.js";
export { createMemory, type Memory, type MemoryOptions } from "./base/memory.js";
export { SeededRandom } from "./base/prng.js";
export { Cc, type WhyEntry } from "./base/why.js";
export { registry, whyEntry, whyName, whyNamed } from "./base/why-registry.js";
export type { Drive } from "./drive/drive.js";
export { ManualDrive, VirtualClock } from "./drive/manual.js";
export { formatIp, type IpAddress, ip, LIMITED_BROADCAST, parseIp, UNSPECIFIED } from "./ip/address.js";
export { type DatagramApplication, DatagramEvent } from "./ip/application.js";
export type { Device } from "./stack/device.js";
export { defaultLimits, type Limits } from "./stack/limits.js";
export type { AddressOptions, DeviceOptions, StackOptions } from "./stack/options.js";
export type { Probe } from "./stack/probe.js";
export { freebsd, linux, type Profile, profiles, rfc } from "./stack/profile.js";
export { Stack } from "./stack/stack.js";
export {
  AckSample,
  CONTROLLER_WORDS,
  type CongestionController,
  type CongestionPolicy,
  type ControllerFactory,
  initialWindow,
  NO_THRESHOLD,
  Signal,
} from "./tcp/congestion/controller.js";
export type { ConnectionOptions } from "./tcp/connection-options.js";
export { type Application, TcpEvent } from "./tcp/events.js";
export { State, stateNames } from "./tcp/state.js";
export { BondLink, type BondOptions, openBond } from "./transport/bond.js";
export type { Capabilities, Link } from "./transport/link.js";
export { createPair, PairLink, type PairOptions } from "./transport/pair.js";
export { openVlan, VlanLink } from "./transport/vlan.js";
