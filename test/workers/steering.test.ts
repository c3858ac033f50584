import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL, Steering } from "../../src/workers/steering.js";

const KEY = [1, 2, 3, 4];
const OURS = 0x0a000002;
const TCP = 6;
const UDP = 17;
const ICMP = 1;

interface Ip {
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  readonly payload: readonly number[];
  readonly fragment?: number;
  readonly id?: number;
  readonly options?: number;
}
const half = (value: number): number[] => [(value >> 8) & 255, value & 255];
const word = (value: number): number[] => [...half(value >>> 16), ...half(value)];
const datagram = ({ protocol, source, destination, payload, fragment = 0, id = 7, options = 0 }: Ip): number[] => [
  ...[0x45 + options, 0, ...half(20 + 4 * options + payload.length), ...half(id), ...half(fragment), 64, protocol, 0, 0],
  ...word(source),
  ...word(destination),
  ...new Array<number>(4 * options).fill(1),
  ...payload,
];
const ethernet = (type: number, payload: readonly number[], to = 0x02, tag: number | null = null): number[] => [
  ...[to, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2],
  ...(tag === null ? [] : [0x81, 0, ...half(tag)]),
  ...half(type),
  ...payload,
];
const ports = (source: number, destination: number): number[] => [...half(source), ...half(destination), ...new Array<number>(16).fill(0)];
const homeOf = (steering: Steering, frame: readonly number[]): number => {
  // At an odd place among other octets: nothing outside of [start, end) may matter.
  const octets = new Uint8Array(frame.length + 64).fill(0xff);
  octets.set(frame, 13);
  return steering.home(new DataView(octets.buffer), 13, 13 + frame.length);
};

const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.integer({ min: 0x01000001, max: 0x7fffffff });

describe("steering", () => {
  test("a segment comes to the worker that would choose its port, whatever it looks like", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), address, port, port, fc.constantFrom(TCP, UDP), fc.nat(10), fc.boolean(), (...given) => {
        const [count, remote, localPort, remotePort, protocol, options, tagged] = given;
        const steering = new Steering(KEY, count, "ethernet");
        const home = steering.homeOf(protocol, OURS, localPort, remote, remotePort);
        const payload = ports(remotePort, localPort);
        const frame = ethernet(0x800, datagram({ protocol, source: remote, destination: OURS, payload, options }), 0x02, tagged ? 5 : null);
        expect(homeOf(steering, frame)).toBe(home);
        expect([...new Array(count).keys()].filter((i) => steering.owner(i)(protocol, OURS, localPort, remote, remotePort))).toEqual([
          home,
        ]);
        const bare = new Steering(KEY, count, "ip");
        expect(homeOf(bare, frame.slice(tagged ? 18 : 14))).toBe(home);
      }),
    );
  });

  test("an ICMP error comes to the flow that it is about", () => {
    fc.assert(
      fc.property(address, address, port, port, fc.constantFrom(TCP, UDP), (router, remote, localPort, remotePort, protocol) => {
        const steering = new Steering(KEY, 16, "ethernet");
        const quoted = datagram({ protocol, source: OURS, destination: remote, payload: ports(localPort, remotePort).slice(0, 8) });
        const payload = [3, 4, 0, 0, 0, 0, 5, 0xdc, ...quoted];
        const frame = ethernet(0x800, datagram({ protocol: ICMP, source: router, destination: OURS, payload }));
        expect(homeOf(steering, frame)).toBe(steering.homeOf(protocol, OURS, localPort, remote, remotePort));
      }),
    );
  });

  test("an echo reply comes to who has the identifier; so does an error about the request", () => {
    const steering = new Steering(KEY, 16, "ethernet");
    for (let id = 0; id < 200; id++) {
      const home = steering.homeOf(ICMP, 0, id, 0, 0);
      const echo = [0, 0, 0, 0, ...half(id), 0, 1];
      expect(homeOf(steering, ethernet(0x800, datagram({ protocol: ICMP, source: 1, destination: OURS, payload: echo })))).toBe(home);
      const quoted = datagram({ protocol: ICMP, source: OURS, destination: 1, payload: [8, 0, 0, 0, ...half(id), 0, 1] });
      const error = [11, 0, 0, 0, 0, 0, 0, 0, ...quoted];
      expect(homeOf(steering, ethernet(0x800, datagram({ protocol: ICMP, source: 9, destination: OURS, payload: error })))).toBe(home);
    }
  });

  test("UDP from an ephemeral port is answered at home by whoever answers; a served port is shared out", () => {
    const steering = new Steering(KEY, 8, "ethernet");
    const homes = (localPort: number): Set<number> =>
      new Set(Array.from({ length: 200 }, (_, i) => steering.homeOf(UDP, OURS, localPort, 0x08080000 + i, 53)));
    expect(homes(40_000).size).toBe(1);
    expect(homes(53).size).toBe(8);
    expect(new Set(Array.from({ length: 200 }, (_, i) => steering.homeOf(UDP, OURS, 40_000 + i, 1, 53))).size).toBe(8);
  });

  test("fragments follow the first; one that is ahead of it goes to everybody", () => {
    fc.assert(
      fc.property(address, port, port, fc.nat(65_535), (remote, localPort, remotePort, id) => {
        const steering = new Steering(KEY, 16, "ethernet");
        const piece = (fragment: number, payload: number[]): number[] =>
          ethernet(0x800, datagram({ protocol: UDP, source: remote, destination: OURS, fragment, id, payload }));
        const first = piece(0x2000, ports(remotePort, localPort));
        const rest = piece(185, new Array<number>(40).fill(9));
        const home = steering.homeOf(UDP, OURS, localPort, remote, remotePort);
        expect([homeOf(steering, rest), homeOf(steering, first), homeOf(steering, rest)]).toEqual([ALL, home, home]);
      }),
    );
  });

  test("what is for several goes to all; what is for nobody, or makes no sense, goes to one", () => {
    const steering = new Steering(KEY, 4, "ethernet");
    const segment = datagram({ protocol: TCP, source: 1, destination: OURS, payload: ports(1, 2) });
    expect(homeOf(steering, ethernet(0x806, new Array<number>(28).fill(0)))).toBe(ALL);
    expect(homeOf(steering, ethernet(0x800, segment, 0xff))).toBe(ALL);
    expect(
      homeOf(steering, ethernet(0x800, datagram({ protocol: UDP, source: 1, destination: 0xe0000001 | 0, payload: ports(1, 2) }))),
    ).toBe(ALL);
    expect(homeOf(steering, ethernet(0x86dd, segment))).toBe(0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), (octets) => {
        const home = homeOf(steering, [...octets]);
        expect(home === ALL || (home >= 0 && home < 4)).toBe(true);
        expect(homeOf(steering, ethernet(0x800, [0x45, ...octets]))).toBeLessThan(4);
      }),
    );
  });

  test("another key is another order: nobody outside can choose flows that meet", () => {
    const [a, b] = [new Steering(KEY, 2, "ethernet"), new Steering([5, 6, 7, 8], 2, "ethernet")];
    const homes = (steering: Steering): number[] =>
      Array.from({ length: 1_000 }, (_, i) => steering.homeOf(TCP, OURS, 80, 0x0b000001, i + 1));
    const same = homes(a).filter((home, i) => home === homes(b)[i]).length;
    expect(same).toBeGreaterThan(400);
    expect(same).toBeLessThan(600);
    const first = homes(a).filter((home) => home === 0).length;
    expect(first).toBeGreaterThan(400);
    expect(first).toBeLessThan(600);
  });

  test("of ARP, one speaks for all, and each may ask", () => {
    const steering = new Steering(KEY, 2, "ethernet");
    const arp = (operation: number, sender: number, target: number): number[] =>
      ethernet(0x806, [
        0,
        1,
        8,
        0,
        6,
        4,
        ...half(operation),
        ...new Array<number>(6).fill(2),
        ...word(sender),
        0,
        0,
        0,
        0,
        0,
        0,
        ...word(target),
      ]);
    const may = (index: number, frame: number[]): boolean =>
      steering.maySpeak(index, new DataView(Uint8Array.from(frame).buffer), 0, frame.length);
    const [question, reply, probe, announcement] = [arp(1, OURS, 9), arp(2, OURS, 9), arp(1, 0, OURS), arp(1, OURS, OURS)];
    expect([question, reply, probe, announcement].map((frame) => may(0, frame))).toEqual([true, true, true, true]);
    expect([question, reply, probe, announcement].map((frame) => may(1, frame))).toEqual([true, false, false, false]);
    expect(may(1, ethernet(0x800, datagram({ protocol: TCP, source: OURS, destination: 1, payload: ports(1, 2) })))).toBe(true);
    // The source address of a bare IP packet is no Ethernet type.
    const bare = datagram({ protocol: TCP, source: 0x08060102, destination: 1, payload: ports(1, 2) });
    expect(new Steering(KEY, 2, "ip").maySpeak(1, new DataView(Uint8Array.from(bare).buffer), 0, bare.length)).toBe(true);
  });
});
