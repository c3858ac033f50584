// A port of the kernel's that leads into a network of our own: what `onwire forward -L` does, in twenty lines.
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { createPair, ip, type Link, Stack } from "onwire";
import { connect, createServer } from "onwire/net";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";
import { splice } from "onwire/proxy";

const host = (link: Link, address: string) => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  drive.stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  return drive;
};
const [a, b] = createPair();
const [gateway, inside] = [host(a, "10.0.0.1"), host(b, "10.0.0.2")];

// A web server that the kernel has no way to ...
const web = http.createServer((request, response) => response.end(`hello, ${request.socket.remoteAddress}`));
const listener = createServer(inside, (socket) => web.emit("connection", socket)).listen(80);

// ... and one.
const door = net.createServer({ allowHalfOpen: true }, (client) => {
  splice(client, connect(gateway, { host: "10.0.0.2", port: 80, allowHalfOpen: true })).catch(() => {});
});
door.listen(0, "127.0.0.1");
await once(door, "listening");
const { port } = door.address() as net.AddressInfo;

const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
console.log(await response.text());
for (const server of [door, listener]) await new Promise((closed) => server.close(closed));
for (const drive of [gateway, inside]) drive.stop();
// prints: hello, 10.0.0.1
