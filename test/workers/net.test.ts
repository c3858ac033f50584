/** What `net/` promises, with the one or the other end on a stack in a thread of its own. */
import { afterAll } from "vitest";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { connectStack } from "../../src/workers/remote-stack.js";
import { makeRingCable, RingLink } from "../../src/workers/ring-link.js";
import { startStack } from "../../src/workers/stack-worker.js";
import { netSuite } from "../net/suite.js";

const [here, there] = makeRingCable();
const link = new RingLink(here);
const near = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
near.stack.addDevice(link, { addresses: [{ address: ip("10.0.0.1"), prefixLength: 24 }] }, near.now());
near.start();
const worker = await startStack({
  link: { kind: "ring", end: there },
  addresses: [{ address: ip("10.0.0.2"), prefixLength: 24 }],
});
const far = connectStack(await worker.attachment());

afterAll(async () => {
  await worker.close();
  near.stack.close(near.now());
  near.stop();
  link.close();
});

netSuite("a server on a stack in another thread", () => ({
  client: near,
  server: far,
  clientAddress: "10.0.0.1",
  serverAddress: "10.0.0.2",
  stop: () => {},
}));

netSuite("a client on a stack in another thread", () => ({
  client: far,
  server: near,
  clientAddress: "10.0.0.2",
  serverAddress: "10.0.0.1",
  stop: () => {},
}));
