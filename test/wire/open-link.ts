/** Opens a link of each kind in the namespace that it is started in, and says what came of it: a line of JSON. open-link.ts INTERFACE */
import { createMemory } from "../../src/base/memory.js";
import type { Link } from "../../src/transport/link.js";
import { openPacket } from "../../src/transport/packet.js";
import { openTap } from "../../src/transport/tap.js";
import { openXdp, xdpPacketSize } from "../../src/transport/xdp/index.js";

const name = process.argv[2]!;
const kinds: Readonly<Record<string, () => Link>> = {
  tap: () => openTap({ name: "wire9" }),
  packet: () => openPacket({ interface: name, offload: false }),
  xdp: () => openXdp({ interface: name, memory: createMemory({ packets: 256, packetAlignment: 4_096, packetSize: xdpPacketSize(1_500) }) }),
};
const told: Record<string, string> = {};
for (const [kind, open] of Object.entries(kinds))
  try {
    open().close();
    told[kind] = "open";
  } catch (error) {
    told[kind] = `${String((error as { code?: string }).code)}: ${(error as Error).message}`;
  }
console.log(JSON.stringify(told));
