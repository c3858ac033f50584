// Two stacks in threads of their own. This thread blocks its event loop while data is on its way; the stacks go on.
import { ip } from "onwire";
import { connect, createServer } from "onwire/net";
import { connectStack, makeRingCable, startStack } from "onwire/workers";

const host = (end: ReturnType<typeof makeRingCable>[0], address: string) =>
  startStack({ link: { kind: "ring", end }, addresses: [{ address: ip(address), prefixLength: 24 }] });
const [a, b] = makeRingCable();
const [alice, bob] = await Promise.all([host(a, "10.0.0.1"), host(b, "10.0.0.2")]);
const [near, far] = [connectStack(await alice.attachment()), connectStack(await bob.attachment())];

const server = createServer(far, (socket) => socket.pipe(socket)).listen(7);
const client = connect(near, { host: "10.0.0.2", port: 7 }, () => {
  client.end("sent, acknowledged and waiting while nobody looked");
  // Nothing runs here for half a second: no timer, no I/O.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
});
let said = "";
for await (const text of client) said += text;
console.log(said);
server.close();
await Promise.all([alice.close(), bob.close()]);
// prints: sent, acknowledged and waiting while nobody looked
