// Two hosts and a cable, all in this process: Node's HTTP server on one stack, its client on the other.
import http from "node:http";
import { createPair, ip, type Link, Stack } from "onwire";
import { connect, createServer } from "onwire/net";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";

const host = (link: Link, address: string) => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  drive.stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  return drive;
};
const [a, b] = createPair();
const [alice, bob] = [host(a, "10.0.0.1"), host(b, "10.0.0.2")];

const web = http.createServer((request, response) => response.end(`hello, ${request.socket.remoteAddress}`));
const listener = createServer(bob, (socket) => web.emit("connection", socket)).listen(80);
http.get({ createConnection: () => connect(alice, { host: "10.0.0.2", port: 80 }) }, async (response) => {
  for await (const text of response) console.log(String(text));
  listener.close();
  for (const drive of [alice, bob]) drive.stop();
});
// prints: hello, 10.0.0.1
