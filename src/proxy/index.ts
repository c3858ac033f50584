/** `onwire/proxy`: connections of one side led to the other: SOCKS5 and forwarded ports, over any streams. */
export { type Credentials, SocksHandshake, type SocksRequest } from "./socks.js";
export { type Dial, type Dialled, type SocksOptions, serveSocks } from "./socks-server.js";
export { splice } from "./splice.js";
