/** `onwire/register`: `node --import onwire/register app.js` runs the program on our stack. */
import { createMemory } from "./base/memory.js";
import { cryptoRandom, monotonicMicros } from "./drive/clock.js";
import { NodeDrive } from "./drive/node.js";
import { Host } from "./node/host.js";
import { binding } from "./node/internals.js";
import { TcpHandle } from "./node/tcp-handle.js";
import { UdpHandle } from "./node/udp-handle.js";
import { Stack } from "./stack/stack.js";

const memory = createMemory({ packets: 512, packetSize: 65_536, chunks: 16_384 });
const host = new Host(new NodeDrive(new Stack({ random: cryptoRandom, memory }, monotonicMicros())));
const Native = binding("tcp_wrap").TCP as new (type: number) => object;
class TCP extends TcpHandle {
  constructor(type: number) {
    super(host, type);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Native;
  }
}
class UDP extends UdpHandle {
  constructor() {
    super(host);
  }
}
host.makeSocket = () => new TCP(0);
binding("tcp_wrap").TCP = TCP;
binding("udp_wrap").UDP = UDP;

const preload = `--import=${import.meta.url}`;
const options = process.env.NODE_OPTIONS ?? "";
if (!options.includes(preload)) process.env.NODE_OPTIONS = `${options} ${preload}`.trim();
