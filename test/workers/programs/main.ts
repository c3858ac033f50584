/** A program whose workers share a TAP device, until a signal ends it. */
import { ip } from "../../../src/ip/address.js";
import { startWorkers } from "../../../src/workers/workers.js";

await startWorkers({
  module: new URL("./service.ts", import.meta.url),
  workers: 2,
  link: { kind: "tap", name: "owsignal0" },
  addresses: [{ address: ip("10.9.0.2"), prefixLength: 24 }],
});
console.log("ready");
