// UDP and ping by the raw API: two stacks, one virtual clock, no Node.
import { createPair, DatagramEvent, formatIp, ip, type Link, ManualDrive, SeededRandom, Stack, UNSPECIFIED, VirtualClock } from "onwire";

const clock = new VirtualClock();
const host = (link: Link, address: string, seed: number): Stack => {
  const stack = new Stack({ random: new SeededRandom(seed) }, clock.now);
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, clock.now);
  new ManualDrive(stack, clock);
  return stack;
};
const [a, b] = createPair();
const [alice, bob] = [host(a, "10.0.0.1", 1), host(b, "10.0.0.2", 2)];
const text = new Uint8Array(65_536);

// Bob sends every datagram back.
bob.udp.bind(
  { port: 7 },
  {
    onEvents(handle) {
      for (let n = bob.udp.receive(handle, text, 0, text.length); n >= 0; n = bob.udp.receive(handle, text, 0, text.length)) {
        bob.udp.send(handle, text, 0, n, bob.udp.from, bob.udp.fromPort, clock.now);
      }
    },
  },
);

const heard: string[] = [];
const socket = alice.udp.bind(
  {},
  {
    onEvents(handle, events) {
      if ((events & DatagramEvent.Error) !== 0) heard.push(`${alice.udp.errorOf(handle)?.code}`);
      else heard.push(`${alice.udp.receive(handle, text, 0, text.length)} octets back`);
    },
  },
);
alice.udp.connect(socket, ip("10.0.0.2"), 7);
alice.udp.send(socket, new Uint8Array(30_000), 0, 30_000, UNSPECIFIED, 0, clock.now);
clock.advance(1_000);
alice.udp.connect(socket, ip("10.0.0.2"), 8);
alice.udp.send(socket, new Uint8Array(1), 0, 1, UNSPECIFIED, 0, clock.now);
clock.advance(1_000);

const ping = alice.icmp.open(
  {},
  {
    onEvents(handle) {
      const n = alice.icmp.receive(handle, text, 0, text.length);
      heard.push(`ping: ${n} octets from ${formatIp(alice.icmp.from)}, ttl ${alice.icmp.ttl}`);
    },
  },
);
alice.icmp.send(ping, 1, new Uint8Array(56), 0, 56, ip("10.0.0.2"), clock.now);
clock.advance(1_000);
console.log(heard.join("; "));
// prints: 30000 octets back; ECONNREFUSED; ping: 56 octets from 10.0.0.2, ttl 64
