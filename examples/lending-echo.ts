// An echo for those to whom a stream costs too much: octets are lent by the stack where they lie, and the end is said when all were acknowledged.
import { createPair, ip, type Link, Stack } from "onwire";
import { connectLending, listenLending } from "onwire/net";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";

const host = (link: Link, address: string) => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  drive.stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  return drive;
};
const [a, b] = createPair();
const [alice, bob] = [host(a, "10.0.0.1"), host(b, "10.0.0.2")];

const listener = listenLending(bob, { port: 7 }, () => ({
  arrived: (connection) => {
    const views = connection.lend();
    // A write is handed over until it is completed; what is lent is the stack's again when it is released: so it is copied, once.
    connection.write(views.map((view) => view.slice()));
    connection.release(views.reduce((octets, view) => octets + view.length, 0));
  },
  ended: (connection) => connection.end(),
}));

let heard = 0;
const connection = connectLending(
  alice,
  { remote: ip("10.0.0.2"), remotePort: 7 },
  {
    arrived: (echo) => {
      const octets = echo.lend().reduce((sum, view) => sum + view.length, 0);
      heard += octets;
      echo.release(octets);
    },
    ended: () => {
      console.log(`${heard} octets came back`);
      listener.close();
      for (const drive of [alice, bob]) drive.stop();
    },
  },
);
connection.write([new Uint8Array(60_000), new Uint8Array(40_000)], () => connection.end());
// prints: 100000 octets came back
