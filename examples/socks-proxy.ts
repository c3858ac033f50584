// A SOCKS5 proxy: programs of the kernel's side reach a network of our own by name. `onwire proxy` is this on a TAP device.
import { once } from "node:events";
import net from "node:net";
import { createPair, ip, type Link, Stack } from "onwire";
import { createResolver } from "onwire/dns";
import { connect, createServer } from "onwire/net";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";
import { type Dial, serveSocks } from "onwire/proxy";

const host = (link: Link, address: string) => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  drive.stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  return drive;
};
const [a, b] = createPair();
const [gateway, inside] = [host(a, "10.0.0.1"), host(b, "10.0.0.2")];
const clock = createServer(inside, (socket) => socket.end("it is late")).listen(13);

const { lookup } = createResolver(gateway, { hosts: "10.0.0.2 clock.inside" });
const dial: Dial = async (hostname, port) => {
  const stream = connect(gateway, { host: hostname, port, allowHalfOpen: true, lookup });
  await once(stream, "connect");
  return { stream, localAddress: stream.localAddress!, localPort: stream.localPort! };
};
const proxy = net.createServer({ allowHalfOpen: true }, (client) => {
  serveSocks(client, { dial, credentials: null, patience: 10_000 }).catch((error: Error) => console.log(error.message));
});
proxy.listen(0, "127.0.0.1");
await once(proxy, "listening");

// What `curl --proxy socks5h://...` would say, by hand: no password; connect to clock.inside, port 13.
const client = net.connect((proxy.address() as net.AddressInfo).port, "127.0.0.1");
client.write(Buffer.from([5, 1, 0, 5, 1, 0, 3, 12, ...Buffer.from("clock.inside"), 0, 13]));
const answer: Buffer[] = [];
for await (const octets of client) answer.push(octets as Buffer);
console.log(Buffer.concat(answer).subarray(12).toString());
for (const server of [proxy, clock]) await new Promise((closed) => server.close(closed));
for (const drive of [gateway, inside]) drive.stop();
// prints: it is late
