/** Puts all TCP and UDP of a Node program on our stack, before the program loads `net`: in memory, or on a TAP device that the environment names,
 *  so that nothing at all is left to the kernel. */
import { createMemory } from "../../src/base/memory.js";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { Host } from "../../src/node/host.js";
import { binding } from "../../src/node/internals.js";
import { TcpHandle } from "../../src/node/tcp-handle.js";
import { UdpHandle } from "../../src/node/udp-handle.js";
import { Stack } from "../../src/stack/stack.js";
import { openTap } from "../../src/transport/tap.js";

const { ONWIRE_TEST_TAP: name, ONWIRE_TEST_OURS: ours, ONWIRE_TEST_KERNEL: kernel } = process.env;
const memory = createMemory({ packets: 1024, packetSize: 65_600, chunks: 16_384 });
const stack = new Stack({ random: cryptoRandom, memory }, monotonicMicros());
if (name !== undefined && ours !== undefined && kernel !== undefined) {
  const link = openTap({ name, address: { address: ip(kernel), prefixLength: 24 }, queueLength: 5_000 });
  stack.addDevice(link, { addresses: [{ address: ip(ours), prefixLength: 24 }] }, monotonicMicros());
}
const host = new Host(new NodeDrive(stack));
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
