// A server is restarted under load, three times. What its stack knew goes on in a new one as octets, which could as well be in another process:
// the clients notice nothing, and no octet is lost.
import { createPair, ip, type Link, Stack, TcpEvent } from "onwire";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";

const CLIENTS = 100;
const OCTETS = 9_000;
const RESTARTS = 3;

const host = (link: Link, address: string): Stack => {
  const stack = new Stack({ random: cryptoRandom }, monotonicMicros());
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, monotonicMicros());
  return stack;
};

/** The server: it sends back what it hears. `before`: what the server before it has left. */
const serve = (link: Link, before: { octets: Uint8Array; at: number } | null): NodeDrive => {
  const stack = host(link, "10.0.0.1");
  const { tcp } = stack;
  const buffer = new Uint8Array(4_096);
  const echo = {
    onEvents(handle: number, events: number): void {
      for (;;) {
        const count = tcp.peek(handle, 0, buffer, 0, buffer.length);
        if (count === 0) break;
        // What could not be sent back yet is not read yet: Writable comes when there is room.
        const taken = tcp.send(handle, buffer, 0, count, stack.now);
        if (taken > 0) tcp.consume(handle, taken, stack.now);
        if (taken < count) break;
      }
      if (events & TcpEvent.PeerClosed && tcp.readable(handle) === 0) tcp.close(handle, stack.now);
    },
  };
  const accept = (listener: number): void => {
    for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) tcp.attach(handle, echo);
  };
  tcp.listen({ port: 7 }, { onEvents: accept });
  if (before !== null) {
    const now = monotonicMicros();
    for (const handle of tcp.restore(before.octets, now, now - before.at).values()) tcp.attach(handle, echo);
  }
  const drive = new NodeDrive(stack);
  drive.start();
  return drive;
};

/** The end of a server, without a word to anybody. */
const leave = (drive: NodeDrive): { octets: Uint8Array; at: number } => {
  drive.stop();
  const at = monotonicMicros();
  const octets = drive.stack.tcp.snapshot(at);
  drive.stack.abandon(at);
  return { octets, at };
};

const [far, near] = createPair();
let server = serve(far, null);
const client = host(near, "10.0.0.2");
const drive = new NodeDrive(client);
drive.start();

let good = 0;
let restarts = 0;
const ask = (number: number): Promise<void> =>
  new Promise((resolve) => {
    const octetAt = (at: number): number => (at * 7 + number) & 255;
    const buffer = new Uint8Array(4_096);
    let sent = 0;
    let heard = 0;
    const application = {
      onEvents(handle: number): void {
        for (;;) {
          const count = client.tcp.receive(handle, buffer, 0, buffer.length, client.now);
          if (count <= 0) break;
          for (let i = 0; i < count; i++) if (buffer[i] === octetAt(heard + i)) good += 1;
          heard += count;
        }
        // The next piece when the last is back.
        if (heard === sent && sent < OCTETS) {
          const piece = Uint8Array.from({ length: 300 }, (_, i) => octetAt(sent + i));
          sent += client.tcp.send(handle, piece, 0, piece.length, client.now);
        }
        if (heard < OCTETS) return;
        client.tcp.close(handle, client.now);
        resolve();
      },
    };
    client.tcp.connect({ remote: ip("10.0.0.1"), remotePort: 7 }, application, client.now);
  });

const asked = Promise.all(Array.from({ length: CLIENTS }, (_, i) => ask(i)));
while (restarts < RESTARTS) {
  // In the midst of it: when a quarter, a half, three quarters have come back.
  while (good < ((restarts + 1) / (RESTARTS + 1)) * CLIENTS * OCTETS) await new Promise((resolve) => setImmediate(resolve));
  server = serve(far, leave(server));
  restarts += 1;
}
await asked;
console.log(`${CLIENTS} connections, ${restarts} restarts, ${good} of ${CLIENTS * OCTETS} octets`);
for (const each of [server, drive]) {
  each.stop();
  each.stack.abandon(monotonicMicros());
}
// prints: 100 connections, 3 restarts, 900000 of 900000 octets
