import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { type IpAddress, ip, UNSPECIFIED } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair } from "../../src/transport/pair.js";

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");

function world(mtu = 1500) {
  const clock = new VirtualClock(1_000_000);
  const [linkA, linkB] = createPair({ mtu });
  const make = (name: string, address: IpAddress, link: typeof linkA, seed: number) => {
    const stack = new Stack({ name, random: new SeededRandom(seed) }, clock.now);
    const device = stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }] }, clock.now);
    const drive = new ManualDrive(stack, clock);
    return { stack, device, drive };
  };
  return { clock, a: make("a", A, linkA, 1), b: make("b", B, linkB, 2) };
}

describe("two stacks on a pair of links", () => {
  test("an echo request is answered, after ARP", () => {
    const { clock, a } = world();
    const seen: number[] = [];
    const handle = a.stack.icmp.open({}, { onEvents: (_handle, events) => seen.push(events) });
    a.stack.icmp.send(handle, 7, Uint8Array.of(1, 2, 3), 0, 3, B, clock.now);
    clock.settle();
    const target = new Uint8Array(16);
    expect(a.stack.icmp.receive(handle, target, 0, 16)).toBe(3);
    expect([...target.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(a.stack.icmp.from).toBe(B);
    expect(a.stack.icmp.sequence).toBe(7);
    expect(seen).toEqual([2]);
  });

  test.each([68, 576, 1500])("a datagram of 20 000 octets arrives over an MTU of %d, and its answer", (mtu) => {
    const { clock, a, b } = world(mtu);
    const events: string[] = [];
    const server = b.stack.udp.bind({ port: 53 }, { onEvents: () => events.push("b") });
    const client = a.stack.udp.bind({}, { onEvents: () => events.push("a") });
    const length = mtu === 68 ? 2_000 : 20_000;
    const text = Uint8Array.from({ length }, (_, i) => i & 255);
    a.stack.udp.send(client, text, 0, length, B, 53, clock.now);
    clock.settle();
    const target = new Uint8Array(65_536);
    expect(b.stack.udp.receive(server, target, 0, target.length)).toBe(length);
    expect(Buffer.from(target.subarray(0, length)).equals(Buffer.from(text))).toBe(true);
    b.stack.udp.send(server, target, 0, 5, b.stack.udp.from, b.stack.udp.fromPort, clock.now);
    clock.settle();
    expect(a.stack.udp.receive(client, target, 0, target.length)).toBe(5);
    expect(events).toEqual(["b", "a"]);
  });

  test("a connection by the loopback never meets a wire", () => {
    const { clock, a } = world();
    const listener = a.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const events: number[] = [];
    const client = a.stack.tcp.connect({ remote: A, remotePort: 80 }, { onEvents: (_h, e) => events.push(e) }, clock.now);
    clock.advance(10_000);
    expect(events[0]! & TcpEvent.Established).toBe(TcpEvent.Established);
    expect(a.stack.tcp.accept(listener)).toBeGreaterThan(0);
    expect(a.device.counters.framesOut).toBe(0);
    a.stack.tcp.abort(client, clock.now);
  });

  test("a connection carries octets", () => {
    const { clock, a, b } = world();
    const received: number[] = [];
    const target = new Uint8Array(65_536);
    const listener = b.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const client = a.stack.tcp.connect({ remote: B, remotePort: 80 }, { onEvents: () => {} }, clock.now);
    clock.advance(10_000);
    const server = b.stack.tcp.accept(listener);
    expect(server).toBeGreaterThan(0);
    b.stack.tcp.attach(server, {
      onEvents: () => {
        for (
          let n = b.stack.tcp.receive(server, target, 0, target.length, clock.now);
          n > 0;
          n = b.stack.tcp.receive(server, target, 0, target.length, clock.now)
        ) {
          received.push(n);
        }
      },
    });
    const text = new Uint8Array(65_000).fill(7);
    expect(a.stack.tcp.send(client, text, 0, text.length, clock.now)).toBe(65_000);
    clock.advance(1_000_000);
    expect(received.reduce((sum, n) => sum + n, 0)).toBe(65_000);
    expect(JSON.parse(JSON.stringify(a.stack.inspect(clock.now))).name).toBe("a");
    for (const { stack } of [a, b]) expect(stack.frames.in).toBe(stack.frames.delivered + stack.frames.dropped);
  });
});

/** A host with two ways out, of which the second is narrower, and a client beyond it that talks to the second address. */
function twoWays() {
  const clock = new VirtualClock(1_000_000);
  const [first] = createPair({ checksumOffload: true });
  const [second, far] = createPair();
  const host = new Stack({ name: "host", random: new SeededRandom(1) }, clock.now);
  const one = host.addDevice(first, { addresses: [{ address: A, prefixLength: 24 }] }, clock.now);
  const two = host.addDevice(second, { mtu: 1_000, addresses: [{ address: ip("10.1.0.1"), prefixLength: 24 }] }, clock.now);
  host.routes.add({ prefix: UNSPECIFIED, prefixLength: 0, device: one.index, gateway: ip("10.0.0.254") });
  host.routes.add({ prefix: UNSPECIFIED, prefixLength: 0, device: two.index, gateway: ip("10.1.0.2"), metric: 1 });
  const client = new Stack({ name: "client", random: new SeededRandom(2) }, clock.now);
  const beyond = [ip("10.1.0.2"), ip("192.0.2.1")].map((address, i) => ({ address, prefixLength: i === 0 ? 24 : 32 }));
  client.addDevice(far, { addresses: beyond }, clock.now);
  new ManualDrive(host, clock);
  new ManualDrive(client, clock);
  return { clock, host, client, two };
}

describe("RFC 1122 s3.3.4.2: a host with two ways out sends by the device of the source address", () => {
  test("and asks after the MTU, the checksums and the neighbor of that way", () => {
    const { clock, host, client, two } = twoWays();
    const text = new Uint8Array(65_000).fill(7);
    let accepted = 0;
    const listener = host.tcp.listen(
      { port: 80 },
      {
        onEvents: () => {
          accepted = host.tcp.accept(listener);
          host.tcp.send(accepted, text, 0, text.length, clock.now);
        },
      },
    );
    const local = ip("192.0.2.1");
    const handle = client.tcp.connect({ remote: ip("10.1.0.1"), remotePort: 80, local }, { onEvents: () => {} }, clock.now);
    clock.advance(5_000_000);
    expect(client.tcp.readable(handle)).toBe(text.length);
    expect([host.ip.mtuTo(local, ip("10.1.0.1"), clock.now), host.ip.mtuTo(local, A, clock.now)]).toEqual([1_000, 1_500]);
    expect([host.ip.checksumOffloadTo(local, ip("10.1.0.1")), host.ip.checksumOffloadTo(local, A)]).toEqual([false, true]);
    expect(host.ip.linkMtuTo(local, ip("10.1.0.1"))).toBe(1_000);
    host.ip.reachable(local, ip("10.1.0.1"), clock.now);
    expect(two.arp.neighbors.find(ip("10.1.0.2"))?.confirmedAt).toBeGreaterThan(clock.now - 2_000_000);
  });
});
