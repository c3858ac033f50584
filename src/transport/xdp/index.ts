/** `onwire/transport/xdp`: AF_XDP links. */
export { XdpProgram, type XdpProgramOptions } from "./program.js";
export { openXdp, type XdpLink, type XdpOptions, type XdpStatistics, xdpPacketSize } from "./xdp.js";
