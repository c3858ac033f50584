/** The stack as a whole: turns, devices, addresses, inspection, its end. */
import { describe, expect, test } from "vitest";
import { NEVER, SECOND } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import type { Probe } from "../../src/stack/probe.js";
import { freebsd, linux, profiles, rfc } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair } from "../../src/transport/pair.js";
import { arp, decodeIp, echo, icmpFrame, Lab, listener, OURS, PEER, TestLink, udpFrame } from "./lab.js";

describe("a turn", () => {
  test("takes frames, fires timers, flushes the links once, and calls applications last", () => {
    const order: string[] = [];
    const probe: Probe = { frameReceived: () => void order.push("received"), frameSent: () => void order.push("sent") };
    const lab = new Lab({ probe });
    lab.link.flush = () => void order.push("flushed");
    lab.stack.udp.bind({ port: 2000 }, { onEvents: () => void order.push("application") });
    for (const frame of [icmpFrame({}, echo(1)), udpFrame({}, [1]), udpFrame({}, [2])])
      lab.link.waiting.push({ frame: Uint8Array.from(frame), checksum: 0 });
    lab.turn();
    expect(order).toEqual(["received", "sent", "received", "received", "flushed", "application"]);
  });

  test("what a callback throws ends nothing of the stack's, and reaches whoever drives", () => {
    for (const hooked of [true, false]) {
      const lab = new Lab();
      const heard: unknown[] = [];
      if (hooked) lab.stack.onApplicationError = (error) => void heard.push(error);
      const fine = listener();
      for (const port of [1, 2]) {
        lab.stack.udp.bind(
          { port },
          {
            onEvents: () => {
              throw new Error(`from ${port}`);
            },
          },
        );
      }
      lab.stack.udp.bind({ port: 3 }, fine);
      for (const port of [1, 2, 3]) lab.link.waiting.push({ frame: Uint8Array.from(udpFrame({ port }, [1])), checksum: 0 });
      if (hooked) lab.turn();
      else expect(() => lab.turn()).toThrow("from 1");
      expect(heard.length).toBe(hooked ? 2 : 0);
      expect(fine.events).toEqual([2]);
      expect(lab.frame(icmpFrame({}, echo(1))).length).toBe(1);
    }
  });

  test("a user call asks for a turn, once; an idle stack asks for none", () => {
    const lab = new Lab();
    let asked = 0;
    lab.stack.onWork = () => void (asked += 1);
    lab.turn();
    expect(lab.stack.nextTimeout()).toBe(NEVER);
    const handle = lab.stack.udp.bind({}, listener());
    for (let i = 0; i < 3; i++) lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(asked).toBe(1);
    expect(lab.stack.nextTimeout()).toBeLessThanOrEqual(lab.now);
    lab.turn();
    expect(lab.stack.nextTimeout()).toBe(NEVER);
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(asked).toBe(2);
  });

  test("a busy link does not starve another", () => {
    const lab = new Lab();
    const link = new TestLink("second");
    lab.stack.addDevice(link, { addresses: [{ address: ip("10.1.0.1"), prefixLength: 24 }] }, lab.now);
    for (let i = 0; i < 1000; i++) lab.link.waiting.push({ frame: Uint8Array.from(udpFrame({}, [1])), checksum: 0 });
    link.waiting.push({ frame: Uint8Array.from(arp({ tpa: "10.1.0.1", spa: "10.1.0.2" })), checksum: 0 });
    for (let i = 0; i < 3; i++) lab.stack.pull(lab.now, 100);
    expect(link.waiting.length).toBe(0);
    expect(lab.stack.frames.in).toBeLessThanOrEqual(301);
  });

  test("every frame sent has its why and its cause", () => {
    const seen: [number, number][] = [];
    const lab = new Lab({ known: false, probe: { frameSent: (_device, _packet, why, cause) => void seen.push([why, cause]) } });
    const handle = lab.stack.udp.bind({}, listener());
    lab.stack.udp.send(handle, new Uint8Array(3000), 0, 3000, ip(PEER), 9, lab.now);
    lab.frame(arp());
    lab.frame(icmpFrame({}, echo(3)));
    lab.frame(udpFrame({}, [1]));
    lab.advance(10 * SECOND);
    expect(seen.length).toBeGreaterThan(6);
    for (const [why, cause] of seen) expect(why > 0 && cause > 0).toBe(true);
  });
});

describe("devices and addresses", () => {
  test("what no host can have is refused", () => {
    const { stack, device, now } = new Lab();
    const add = (address: string, length: number) => () => stack.addAddress(device, ip(address), length, now);
    for (const bad of ["0.0.0.0", "0.1.1.1", "127.0.0.1", "224.0.0.1", "250.1.1.1", "255.255.255.255", "10.3.0.0", "10.3.0.255"])
      expect(add(bad, 24)).toThrow("EINVAL");
    for (const length of [0, 33, 1.5]) expect(add("10.3.0.1", length)).toThrow("EINVAL");
    expect(add(OURS, 24)).toThrow("EADDRINUSE");
    for (const length of [31, 32]) expect(add(`10.4.${length}.0`, length)).not.toThrow();
    expect(() => stack.addDevice(new TestLink(), { hardwareAddress: Uint8Array.of(1, 0, 0, 0, 0, 0) }, now)).toThrow("EINVAL");
    expect(() => stack.addDevice(new TestLink(), { vlan: 4 }, now)).toThrow("EINVAL");
    // A device whose addresses are refused is not half there.
    expect(() =>
      stack.addDevice(
        new TestLink(),
        {
          addresses: [
            { address: ip("10.9.0.1"), prefixLength: 24 },
            { address: ip(OURS), prefixLength: 24 },
          ],
        },
        now,
      ),
    ).toThrow("EADDRINUSE");
    expect(stack.ip.isLocal(ip("10.9.0.1"))).toBe(false);
    expect(stack.inspect(now).devices.length).toBe(2);
  });

  test("RFC 3021: both addresses of a 31-bit prefix are hosts", () => {
    const lab = new Lab({ device: { addresses: [{ address: ip("10.0.0.2"), prefixLength: 31 }] }, known: false });
    lab.frame(arp({ spa: "10.0.0.3", tpa: "10.0.0.2" }));
    const [reply] = lab.frame(icmpFrame({ source: "10.0.0.3", destination: "10.0.0.2" }, echo(1)));
    expect(decodeIp(reply!).destination).toBe("10.0.0.3");
  });

  test("removing an address ends its connections with a reset and takes its route; removing a device frees its place", () => {
    const lab = new Lab();
    const handle = lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 80 }, { onEvents: () => {} }, lab.now);
    lab.turn();
    lab.stack.removeAddress(lab.device, ip(OURS), lab.now);
    expect(lab.stack.tcp.errorOf(handle)).toBe("EADDRNOTAVAIL");
    expect(lab.stack.routes.all.length).toBe(0);
    lab.stack.removeDevice(lab.device, lab.now);
    const again = lab.stack.addDevice(lab.link, { addresses: [{ address: ip(OURS), prefixLength: 24 }] }, lab.now);
    expect(again.index).toBe(lab.device.index);
    lab.advance(SECOND);
    expect(lab.memory.packets.available).toBe(lab.memory.packets.size);
  });

  test("a prefix shared by two addresses keeps its route until both are gone", () => {
    const lab = new Lab();
    lab.stack.addAddress(lab.device, ip("10.0.0.9"), 24, lab.now);
    lab.stack.removeAddress(lab.device, ip(OURS), lab.now);
    expect(lab.stack.ip.sourceFor(ip(PEER))).toBe(ip("10.0.0.9"));
    expect(lab.stack.ip.isGroup(ip("10.0.0.255"))).toBe(true);
    lab.stack.removeAddress(lab.device, ip("10.0.0.9"), lab.now);
    expect(lab.stack.routes.all).toEqual([]);
    expect(lab.stack.ip.isGroup(ip("10.0.0.255"))).toBe(false);
  });

  test("on a link of bare IP there is no ARP, and nothing is padded", () => {
    const lab = new Lab({ link: { medium: "ip" }, known: false });
    const [reply] = lab.frame(icmpFrame({}, echo(1)).slice(14));
    expect(decodeIp(reply!, "ip")).toMatchObject({ total: 29, protocol: 1 });
    expect(reply!.length).toBe(29);
    expect(lab.advance(10 * SECOND)).toEqual([]);
  });
});

describe("inspection", () => {
  test("every table is plain JSON", () => {
    const lab = new Lab();
    lab.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 80 }, { onEvents: () => {} }, lab.now);
    lab.stack.udp.bind({ port: 53 }, listener());
    lab.stack.icmp.open({}, listener());
    lab.frame(icmpFrame({ mf: true }, echo(56)));
    const shown = lab.stack.inspect(lab.now);
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
    expect(shown.devices.map(({ name }) => name)).toEqual(["lo", "test"]);
    expect(shown.devices[1]!.neighbors).toMatchObject([{ address: PEER, hardwareAddress: "02:00:00:00:00:02", state: "PERMANENT" }]);
    expect(shown.reassembly.datagrams).toMatchObject([{ source: PEER, fragments: 1, received: 64, total: -1 }]);
    expect(shown.routes).toMatchObject([{ prefix: "10.0.0.0/24", gateway: null, device: "test" }]);
    expect(shown.udp.length).toBe(1);
    expect(shown.ping.length).toBe(1);
    expect(shown.tcp.connections.length).toBe(2);
    expect(shown.frames).toEqual({ in: 1, delivered: 1, dropped: 0 });
    expect(Object.keys(shown.tally).length).toBeGreaterThan(0);
    expect(shown.limits.fragments).toBe(64);
  });
});

test("closing resets connections and detaches devices; twice does nothing", () => {
  const lab = new Lab();
  lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 80 }, { onEvents: () => {} }, lab.now);
  lab.turn();
  lab.stack.close(lab.now);
  lab.stack.close(lab.now);
  lab.turn();
  expect(lab.stack.nextTimeout()).toBe(NEVER);
  expect(lab.memory.packets.available).toBe(lab.memory.packets.size);
  const late = lab.memory.packets.take()!;
  lab.stack.receive(lab.device, late, lab.now);
  expect(lab.count("eth.no_device")).toBe(1);
});

test("closing tells those who have a connection, once, and gives back what nobody has read", () => {
  const lab = new Lab();
  const before = lab.memory.chunks.available;
  const told: [number, number][] = [];
  const application = { onEvents: (handle: number, events: number) => void told.push([handle, events]) };
  const handle = lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 80 }, application, lab.now);
  const endpoint = lab.stack.udp.bind({ port: 5 }, listener());
  for (let i = 0; i < 8; i++) lab.stack.udp.send(endpoint, new Uint8Array(1_000), 0, 1_000, ip("127.0.0.1"), 5, lab.now);
  lab.turn();
  expect(lab.memory.chunks.available).toBeLessThan(before);
  lab.stack.close(lab.now);
  expect(told).toEqual([[handle, TcpEvent.Closed | TcpEvent.Readable]]);
  expect(lab.stack.tcp.errorOf(handle)).toBe("ECONNABORTED");
  expect(lab.memory.chunks.available).toBe(before);
  lab.stack.tcp.close(handle, lab.now);
  lab.turn();
  expect(told).toHaveLength(1);
});

test("profiles are data", () => {
  expect(Object.keys(profiles)).toEqual(["linux", "freebsd", "rfc"]);
  for (const profile of [linux, freebsd, rfc]) expect(profiles[profile.name]).toBe(profile);
  const [link] = createPair();
  const stack = new Stack({ random: new SeededRandom(1), profile: rfc }, 0);
  const device = stack.addDevice(link, { addresses: [{ address: ip(OURS), prefixLength: 24 }] }, 0);
  expect(device.addresses[0]!.tentative).toBe(true);
});

test("a stack that ends while more is under way by its loopback than that takes leaves no packet behind", () => {
  const lab = new Lab();
  const handle = lab.stack.udp.bind({ port: 5 }, listener());
  for (let i = 0; i < 400; i++) lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("127.0.0.1"), 5, lab.now);
  lab.stack.close(lab.now);
  expect(lab.memory.packets.available).toBe(lab.memory.packets.size);
});

test("a full table of addresses or routes refuses the next, also one that was probed for, and is as before", () => {
  const lab = new Lab({ limits: { addresses: 3, routes: 2 } });
  const told: boolean[] = [];
  lab.stack.onAddress = (_device, _address, granted) => void told.push(granted);
  lab.stack.addAddress(lab.device, ip("10.0.2.1"), 24, lab.now, "probe");
  lab.stack.addAddress(lab.device, ip("10.0.1.1"), 24, lab.now, "use");
  expect(() => lab.stack.addAddress(lab.device, ip("10.0.3.1"), 24, lab.now, "use")).toThrow("ENOBUFS");
  expect(() => lab.advance(20 * SECOND)).not.toThrow();
  expect(told).toEqual([false]);
  expect(lab.device.addresses.map(({ address }) => address)).toEqual([ip(OURS), ip("10.0.1.1")]);
  expect(["10.0.2.1", "10.0.3.1"].map((address) => lab.stack.ip.isLocal(ip(address)))).toEqual([false, false]);
});
