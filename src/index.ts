/** The core, as users see it. It runs wherever ECMAScript does: nothing here imports `node:`. */

export { MILLISECOND, type Micros, NEVER, type Random, SECOND } from "./base/environment.js";
export { formatIp, type IpAddress, ip, LIMITED_BROADCAST, parseIp, UNSPECIFIED } from "./ip/address.js";
