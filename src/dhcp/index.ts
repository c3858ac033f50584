/** `onwire/dhcp`: a device's address, routes and DNS servers from a DHCP server. It needs no Node. */
export { DhcpClient, type DhcpOptions, type DhcpState } from "./client.js";
export type { Lease } from "./lease.js";
export type { LeasedRoute } from "./options.js";
