/** One server of a comparison, in a process of its own and in the namespace that it was started in: ours on a link, or Node's on the kernel.
 *  Its only argument is `ServerOptions` as JSON. */
import http from "node:http";
import net from "node:net";
import { createMemory, type Memory } from "../../src/base/memory.js";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { attachNode } from "../../src/node/embedded/node-stack.js";
import { Stack } from "../../src/stack/stack.js";
import type { Link } from "../../src/transport/link.js";
import { openPacket, type PacketOptions } from "../../src/transport/packet.js";
import { openTap } from "../../src/transport/tap.js";
import { openXdp } from "../../src/transport/xdp/index.js";
import { httpRaw, serveHttp } from "./http-service.js";
import { respRaw, serveResp } from "./resp-service.js";
import { serveNet, serveRaw } from "./services.js";

export type LinkKind = "kernel" | "tap" | "tap-offload" | "packet" | "packet-offload" | "xdp";
/** "pb": sink, source and echo. */
export type ServiceKind = "pb" | "resp" | "http";

export interface ServerOptions {
  /** "raw": our stack's own calls; "net": Node's modules, over the kernel or over our stack. */
  readonly api: "raw" | "net";
  readonly link: LinkKind;
  readonly device: string;
  readonly service: ServiceKind;
  readonly host: string;
  /** Of a packet socket. */
  readonly rings?: PacketOptions["rings"];
  /** The client's address. */
  readonly peer: string;
  readonly adaptive: boolean;
  readonly apart: boolean;
}

const SUPER_SEGMENT = 65_600;
const PREFIX_LENGTH = 24;
const CHUNKS = 32_768;

const openLink = ({ link, device, peer, rings }: ServerOptions): { link: Link; memory: Memory } => {
  const large = (packets: number): Memory => createMemory({ packets, packetSize: SUPER_SEGMENT, chunks: CHUNKS });
  const small = (packets: number): Memory => createMemory({ packets, chunks: CHUNKS });
  const tap = { name: device, address: { address: ip(peer), prefixLength: PREFIX_LENGTH }, queueLength: 16_384 };
  switch (link) {
    case "tap":
      return { link: openTap(tap), memory: small(4_096) };
    case "tap-offload":
      return { link: openTap({ ...tap, offload: true }), memory: large(1_024) };
    case "packet":
      return { link: openPacket({ interface: device, offload: false, ...(rings && { rings }) }), memory: small(4_096) };
    case "packet-offload":
      return { link: openPacket({ interface: device, ...(rings && { rings }) }), memory: large(1_024) };
    default: {
      const memory = createMemory({ packets: 8_192, packetSize: 3_944, packetAlignment: 4_096, chunks: CHUNKS });
      return { link: openXdp({ interface: device, memory, trustLink: true }), memory };
    }
  }
};

const openStack = (options: ServerOptions): NodeDrive => {
  const { link, memory } = openLink(options);
  const stack = new Stack({ random: cryptoRandom, memory }, monotonicMicros());
  const drive = new NodeDrive(stack, { busy: options.adaptive ? "adaptive" : "no" });
  const addresses = [{ address: ip(options.host), prefixLength: PREFIX_LENGTH }];
  stack.addDevice(link, { addresses, ...(options.apart ? { merge: false } : {}) }, drive.now());
  drive.start();
  process.on("SIGUSR2", () =>
    console.error(JSON.stringify({ ...stack.inspect(drive.now()), turns: drive.turns, pulled: drive.frames }, null, 1)),
  );
  return drive;
};

const serve = (options: ServerOptions): void => {
  const { api, link, service, host } = options;
  if (link === "kernel") {
    if (service === "pb") serveNet(net, host);
    else if (service === "resp") serveResp(net, host);
    else serveHttp(net, http, host);
    return;
  }
  const drive = openStack(options);
  if (api === "raw") {
    const now = (): number => drive.now();
    if (service === "pb") serveRaw(drive.stack, now);
    else if (service === "resp") respRaw(drive.stack, now);
    else httpRaw(drive.stack, now);
    return;
  }
  const over = attachNode(drive);
  if (service === "pb") serveNet(over.net, host);
  else if (service === "resp") serveResp(over.net, host);
  else serveHttp(over.net, over.http, host);
};

serve(JSON.parse(process.argv[2]!) as ServerOptions);
// A profile is written by a process that ends by itself.
process.on("SIGTERM", () => process.exit(0));
console.log("ready");
