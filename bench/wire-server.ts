/** One server for `bench/wire.ts`, in a process of its own: `tap NAMESPACE` (our stack, the kernel at the other end of a TAP), `offload NAMESPACE`
 *  (the same with super-segments and checksums left to who needs them) or `net HOST`. */
import { createMemory } from "../src/base/memory.js";
import { cryptoRandom, monotonicMicros } from "../src/drive/clock.js";
import { NodeDrive } from "../src/drive/node.js";
import { ip } from "../src/ip/address.js";
import { Stack } from "../src/stack/stack.js";
import { openTap } from "../src/transport/tap.js";
import { serveNet, serveRaw } from "./services.js";

const [kind, where, mtu] = process.argv.slice(2);
if (kind === "net") serveNet(where!);
else {
  const offload = kind === "offload";
  const link = openTap({
    namespace: where!,
    offload,
    address: { address: ip("10.9.0.1"), prefixLength: 24 },
    mtu: Number(mtu ?? 1_500),
    queueLength: 16_384,
  });
  const packetSize = offload ? 65_600 : Math.max(2_048, Number(mtu ?? 1_500) + 18);
  const memory = createMemory({ packets: offload ? 1_024 : 4_096, packetSize, chunks: 32_768 });
  const stack = new Stack({ random: cryptoRandom, memory }, monotonicMicros());
  const drive = new NodeDrive(stack);
  stack.addDevice(link, { addresses: [{ address: ip("10.9.0.2"), prefixLength: 24 }] }, drive.now());
  serveRaw(stack, () => drive.now());
  drive.start();
  process.on("SIGUSR2", () => console.error(JSON.stringify(stack.inspect(drive.now()), null, 1)));
}
process.on("SIGTERM", () => process.exit(0));
console.log("ready");
