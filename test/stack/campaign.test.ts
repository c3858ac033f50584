/** Whatever an application calls, in whatever order, with frames in between: only errors that say what was wrong, and nothing is lost. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { NetworkError } from "../../src/base/errors.js";
import { ip } from "../../src/ip/address.js";
import type { Device } from "../../src/stack/device.js";
import { profiles } from "../../src/stack/profile.js";
import { arp, BROADCAST_MAC, echo, icmp, icmpFrame, ipv4, Lab, OTHER_MAC, OURS, PEER, TestLink, udp, udpFrame } from "./lab.js";

const ADDRESSES = [
  "0.0.0.0",
  OURS,
  PEER,
  "10.0.0.3",
  "10.0.0.255",
  "10.1.0.1",
  "10.1.0.9",
  "127.0.0.1",
  "224.0.0.1",
  "239.1.2.3",
  "255.255.255.255",
  "8.8.8.8",
  "250.0.0.1",
];
const index = fc.nat(5);
const address = fc.constantFrom(...ADDRESSES);
const port = fc.constantFrom(0, 1, 7, 2000, 65_535, 65_536);
const length = fc.constantFrom(0, 1, 100, 1472, 1473, 5_000, 65_507, 65_508);

type Step = readonly [kind: string, a: number, address: string, port: number, length: number];
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(
    "nothing",
    "bind",
    "connect",
    "disconnect",
    "send",
    "receive",
    "close",
    "join",
    "leave",
    "configure",
    "open",
    "ping",
    "pong",
    "shut",
    "add address",
    "remove address",
    "add device",
    "remove device",
    "vlan",
    "route",
    "hardware",
    "frame",
    "frame",
    "frame",
    "advance",
    "full",
    "listen",
    "tcp",
    "abort",
  ),
  index,
  address,
  port,
  length,
);

const frames = (a: number, to: string, number: number, size: number): number[] => {
  const small = new Array(Math.min(size, 1_400)).fill(a);
  switch (a) {
    case 0:
      return udpFrame({ destination: to, port: number & 0xffff }, small, to.endsWith("255") ? BROADCAST_MAC : undefined);
    case 1:
      return icmpFrame({ destination: to, mf: number === 7 }, echo(Math.min(size, 1_400) & ~7));
    case 2:
      return arp({ op: number === 7 ? 2 : 1, spa: to, sha: OTHER_MAC, tpa: OURS });
    case 3:
      return icmpFrame(
        {},
        icmp(
          3,
          4,
          [0, 0, 3, size & 255],
          ipv4({ source: OURS, destination: to, total: 1500 }, udp({ sourcePort: 2000, port: number & 0xffff }, [])),
        ),
      );
    case 4:
      return arp({ op: 2, spa: PEER, tpa: OURS });
    default:
      return icmpFrame(
        {},
        icmp(3, 3, [0, 0, 0, 0], ipv4({ source: OURS, destination: to }, udp({ sourcePort: 2000, port: number & 0xffff }, []))),
      );
  }
};

test("random calls and frames", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 100 }),
      fc.constantFrom(...Object.values(profiles)),
      fc.nat(1_000),
      (steps, profile, seed) => {
        const lab = new Lab({ profile, seed, known: seed % 2 === 0, memory: { packets: 128, chunks: 256 } });
        const { stack } = lab;
        const buffer = new Uint8Array(65_536);
        const sockets: number[] = [];
        const pings: number[] = [];
        const streams: number[] = [];
        const devices: Device[] = [lab.device];
        const application = {
          onEvents: (handle: number) => {
            if (!sockets.includes(handle)) return;
            while (stack.udp.receive(handle, buffer, 0, buffer.length) >= 0);
          },
        };
        const run = ([kind, a, text, number, size]: Step): void => {
          const to = ip(text);
          const socket = sockets[a] ?? 99;
          const device = devices[a % devices.length]!;
          switch (kind) {
            case "nothing":
              break;
            case "bind":
              sockets.push(
                stack.udp.bind({ address: to, port: number, broadcast: a === 1, dontFragment: a === 2, reuse: a === 3 }, application),
              );
              break;
            case "connect":
              stack.udp.connect(socket, to, number);
              break;
            case "disconnect":
              stack.udp.disconnect(socket);
              break;
            case "send":
              stack.udp.send(socket, buffer, 0, size, to, number, lab.now);
              break;
            case "receive":
              stack.udp.receive(socket, buffer, 0, size);
              stack.udp.errorOf(socket);
              break;
            case "close":
              stack.udp.close(socket);
              break;
            case "join":
              stack.udp.join(socket, to, a - 1);
              break;
            case "leave":
              stack.udp.leave(socket, to, a - 1);
              break;
            case "configure":
              stack.udp.configure(socket, { ttl: a * 60, receiveBuffer: size, multicastDevice: a - 1 });
              break;
            case "open":
              pings.push(stack.icmp.open({ local: to }, { onEvents: () => {} }));
              break;
            case "ping":
              stack.icmp.send(pings[a] ?? 99, number, buffer, 0, size, to, lab.now);
              break;
            case "pong":
              stack.icmp.receive(pings[a] ?? 99, buffer, 0, size);
              stack.icmp.errorOf(pings[a] ?? 99);
              break;
            case "shut":
              stack.icmp.close(pings[a] ?? 99);
              break;
            case "add address":
              stack.addAddress(device, to, 20 + a * 3, lab.now, a === 1 ? "probe" : "announce");
              break;
            case "remove address":
              stack.removeAddress(device, to, lab.now);
              break;
            case "add device":
              devices.push(
                stack.addDevice(
                  new TestLink(`link${devices.length}`, { medium: a === 1 ? "ip" : "ethernet" }),
                  { addresses: [{ address: to, prefixLength: 24 }] },
                  lab.now,
                ),
              );
              break;
            case "remove device":
              stack.removeDevice(device, lab.now);
              break;
            case "vlan":
              devices.push(
                stack.addDevice(device.link, { parent: device, vlan: a, addresses: [{ address: to, prefixLength: 24 }] }, lab.now),
              );
              break;
            case "route":
              if (stack.routes.all.length < 8)
                stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: to, device: device.index, metric: a });
              break;
            case "hardware":
              stack.setHardwareAddress(device, Uint8Array.of(a, 0, 0, 0, 0, number & 255), lab.now);
              break;
            case "frame":
              lab.frame(frames(a, text, number, size));
              break;
            case "advance":
              lab.advance(size * 2_000);
              break;
            case "full":
              lab.link.full = a < 2;
              break;
            case "listen":
              streams.push(stack.tcp.listen({ port: number, local: to }, { onEvents: () => {} }));
              break;
            case "tcp":
              streams.push(stack.tcp.connect({ remote: to, remotePort: number }, { onEvents: () => {} }, lab.now));
              break;
            default:
              stack.tcp.close(streams[a] ?? 99, lab.now);
          }
        };
        for (const one of steps) {
          try {
            run(one);
          } catch (error) {
            expect(error).toBeInstanceOf(NetworkError);
          }
          expect(lab.conserved).toBe(true);
        }
        expect(JSON.parse(JSON.stringify(stack.inspect(lab.now)))).toBeTypeOf("object");
        lab.link.full = false;
        lab.advance(3 * SECOND);
        stack.close(lab.now);
        lab.turn();
        for (const device of devices) (device.link as TestLink).waiting.length = 0;
        for (const socket of sockets) {
          try {
            stack.udp.close(socket);
          } catch (error) {
            expect(error).toBeInstanceOf(NetworkError);
          }
        }
        for (const ping of pings) {
          try {
            stack.icmp.close(ping);
          } catch (error) {
            expect(error).toBeInstanceOf(NetworkError);
          }
        }
        expect(lab.memory.packets.available).toBe(lab.memory.packets.size);
        expect(lab.memory.large.available).toBe(lab.memory.large.size);
        expect(lab.memory.chunks.available).toBe(lab.memory.chunks.count);
      },
    ),
    { numRuns: 1000 },
  );
});
