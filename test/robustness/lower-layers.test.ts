/** Groups A to E of the robustness cases: frames, IPv4, fragments, ICMP and UDP from somebody who means harm. */
import { describe, expect, test } from "vitest";
import { NeighborState } from "../../src/arp/neighbor.js";
import { SECOND } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip, UNSPECIFIED } from "../../src/ip/address.js";
import { TcpEvent } from "../../src/tcp/events.js";
import {
  arp,
  BROADCAST_MAC,
  datagram,
  decode,
  decodeArp,
  decodeIcmp,
  echo,
  ethernet,
  icmp,
  icmpFrame,
  ipv4,
  Lab,
  listener,
  OTHER_MAC,
  OUR_MAC,
  OURS,
  PEER,
  PEER_MAC,
  udp,
  udpFrame,
} from "../stack/lab.js";

const random = new SeededRandom(42);
const noise = (length: number): number[] => Array.from({ length }, () => random.below(256));

/** A lab with a victim: an endpoint that must go on working. */
const lab = (options = {}) => {
  const made = new Lab(options);
  const victim = made.stack.udp.bind({ port: 7777 }, listener());
  const target = new Uint8Array(16);
  const works = (): boolean => {
    while (made.stack.udp.receive(victim, target, 0, 16) >= 0);
    made.frame(udpFrame({ port: 7777 }, [1, 2, 3]));
    return made.stack.udp.receive(victim, target, 0, 16) === 3;
  };
  return { made, works };
};
const whole = (made: Lab): boolean => made.conserved && made.memory.packets.available === made.memory.packets.size;

describe("A: frames, Ethernet and ARP", () => {
  test("S-001: runt frames of any content are dropped and counted", () => {
    const { made, works } = lab();
    for (let length = 0; length < 14; length++) for (let i = 0; i < 100; i++) expect(made.fate(noise(length))).toBe("eth.runt");
    expect(works() && whole(made)).toBe(true);
  });

  test("S-002: frames beyond the MTU are read to their length and no further", () => {
    const { made, works } = lab({ memory: { packets: 16, packetSize: 65_600 } });
    for (const length of [1514, 1515, 1516, 1518, 9014, 65_549]) made.frame(datagram({ protocol: 1, total: 65_535 }, noise(length - 34)));
    expect(made.stack.frames.dropped).toBe(6);
    expect(works() && whole(made)).toBe(true);
  });

  test("S-004: VLAN, length and SNAP frames are taken or dropped as documented, never misread", () => {
    const { made, works } = lab();
    const inner = icmpFrame({}, echo(1)).slice(14);
    expect(made.fate(ethernet(0x8100, [0, 5, 8, 0, ...inner]))).toBe("eth.unknown_vlan");
    expect(made.fate(ethernet(0x88a8, [0, 5, 8, 0, ...inner]))).toBe("eth.unknown_type");
    expect(made.fate(ethernet(inner.length, inner))).toBe("eth.unknown_type");
    for (let length = 0; length <= 1500; length += 7) made.frame(ethernet(length, noise(random.below(100))));
    expect(works() && whole(made)).toBe(true);
  });

  test("S-005: a unicast datagram in a broadcast frame gets no answer of any kind", () => {
    const { made } = lab();
    made.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const syn = [1, 2, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255, 0, 0, 0, 0];
    for (const frame of [
      datagram({ protocol: 6 }, syn, BROADCAST_MAC),
      udpFrame({}, [1], BROADCAST_MAC),
      icmpFrame({}, echo(1), BROADCAST_MAC),
    ])
      expect(made.frame(frame)).toEqual([]);
    expect(made.advance(5 * SECOND)).toEqual([]);
  });

  test("S-006: ARP of any wrong form is dropped", () => {
    const { made, works } = lab();
    for (let length = 14; length <= 41; length++) expect(made.fate(arp().slice(0, length))).toBe("arp.bad_length");
    for (const at of [14, 15, 16, 17, 18, 19])
      for (const value of [0, 1, 2, 4, 5, 6, 8, 255]) {
        const frame = arp({ tpa: "10.0.0.77" });
        frame[at] = value;
        made.frame(frame);
      }
    expect(made.device.arp.neighbors.count).toBe(1);
    expect(works() && whole(made)).toBe(true);
  });

  test("S-007: an answer that was never asked for creates nothing and changes nothing", () => {
    for (const arpTrust of ["verify", "pinned"] as const) {
      const { made } = lab({ known: false, device: { arpTrust } });
      expect(made.fate(arp({ op: 2, sha: OTHER_MAC, tha: OUR_MAC, to: OUR_MAC }))).toBe("arp.unasked");
      expect(made.device.arp.neighbors.count).toBe(0);
      made.device.arp.neighbors.pin(ip(PEER), 0x0200, 2, made.now);
      made.frame(arp({ op: 2, sha: OTHER_MAC, tha: OUR_MAC, to: OUR_MAC }));
      expect(made.device.arp.neighbors.find(ip(PEER))?.low).toBe(2);
    }
  });

  test("S-008: a flood of askers: the cache stays bounded, replies limited, the one in use is kept", () => {
    const { made, works } = lab({ known: false, device: { addresses: [{ address: ip(OURS), prefixLength: 8 }] } });
    made.frame(arp());
    const handle = made.stack.udp.bind({}, listener());
    let replies = 0;
    for (let i = 0; i < 20_000; i++) {
      const sent = made.frame(
        arp({ sha: [2, 1, 0, i >> 16, (i >> 8) & 255, i & 255], spa: `10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}` }),
      );
      replies += sent.filter((frame) => decode(frame).type === 0x0806).length;
      if (i % 2_000 === 0) made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, made.now);
      made.now += 100;
    }
    expect(made.device.arp.neighbors.count).toBe(1_024);
    expect(replies).toBeLessThanOrEqual(1_500);
    expect(made.count("arp.reply_limited")).toBeGreaterThan(15_000);
    expect(made.device.arp.neighbors.find(ip(PEER))).toMatchObject({ high: 0x0200, low: 2 });
    expect(works()).toBe(true);
  });

  test("S-010: somebody else with our address, 10 000 times a second for a minute: at most 7 announcements", () => {
    const { made, works } = lab();
    const frame = arp({ sha: OTHER_MAC, spa: OURS, tpa: PEER });
    let announced = 0;
    for (let i = 0; i < 60_000; i++) {
      announced += made.frame(frame).length;
      made.now += 1_000;
    }
    expect(announced).toBeLessThanOrEqual(7);
    expect(announced).toBeGreaterThan(0);
    expect(made.device.hardwareAddress).toBe("02:00:00:00:00:01");
    expect(made.device.arp.neighbors.find(ip(OURS))).toBeNull();
    expect(works()).toBe(true);
  });

  test("S-011: probes are answered; 0.0.0.0 and group hardware addresses are never cached", () => {
    const { made } = lab({ known: false });
    expect(decodeArp(made.frame(arp({ spa: "0.0.0.0" }))[0]!)).toMatchObject({ op: 2, to: "02:00:00:00:00:02" });
    for (const sha of [BROADCAST_MAC, [1, 0, 0x5e, 0, 0, 1], [3, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]])
      expect(made.fate(arp({ sha, from: PEER_MAC }))).toBe("arp.sender_group");
    expect(made.device.arp.neighbors.count).toBe(0);
    const handle = made.stack.udp.bind({}, listener());
    made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, made.now);
    made.frame(arp({ op: 2, sha: BROADCAST_MAC, from: PEER_MAC }));
    expect(made.device.arp.neighbors.find(ip(PEER))?.state).toBe(NeighborState.Incomplete);
  });
});

describe("packets are shared", () => {
  test("a thousand hosts that are not there hold a quarter of the packets, and each is asked for", () => {
    const { made, works } = lab({ device: { addresses: [{ address: ip(OURS), prefixLength: 8 }] } });
    const handle = made.stack.udp.bind({}, listener());
    let asked = 0;
    for (let i = 0; i < 1_000; i++) {
      made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(`10.5.${i >> 8}.${i & 255}`), 9, made.now);
      asked += made.turn().length;
    }
    expect(asked).toBe(1_000);
    expect(made.memory.packets.available).toBe((made.memory.packets.size * 3) / 4);
    expect(works()).toBe(true);
    made.advance(10 * SECOND);
    expect(made.memory.packets.available).toBe(made.memory.packets.size);
  });

  test("a link that takes nothing holds half of the packets", () => {
    const { made } = lab();
    made.link.full = true;
    const handle = made.stack.udp.bind({}, listener());
    for (let i = 0; i < 1_000; i++) made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, made.now);
    expect(made.memory.packets.available).toBeGreaterThanOrEqual(made.memory.packets.size / 2 - 1);
    expect(made.count("eth.transmit_full")).toBeGreaterThan(700);
  });

  test("what pads a short frame (Etherleak) is zeros, never what lay there before", () => {
    const { made } = lab();
    for (let i = 0; i < 50; i++) made.frame(icmpFrame({}, echo(1_000)));
    for (const frame of made.frame(icmpFrame({}, echo(0)))) expect([...frame.subarray(42)]).toEqual(new Array(frame.length - 42).fill(0));
    for (const frame of made.frame(arp())) expect([...frame.subarray(42)]).toEqual(new Array(18).fill(0));
  });
});

describe("B: the IPv4 header", () => {
  test("S-013: every version and header length but the right ones is dropped", () => {
    const { made, works } = lab();
    for (let first = 0; first < 256; first++)
      for (const length of [20, 24, 40, 60, 100]) {
        const packet = [first, 0, 0, length, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, ...new Array(length - 20).fill(0)];
        const fate = made.fate(ethernet(0x0800, packet));
        if (first >>> 4 !== 4) expect(fate).toBe("ip.version");
        else if ((first & 15) < 5 || (first & 15) * 4 > length) expect(fate).toBe("ip.header_length");
      }
    expect(works() && whole(made)).toBe(true);
  });

  test("S-014: any total length against a 60-octet frame", () => {
    const { made, works } = lab();
    for (let total = 0; total < 65_536; total += total < 200 ? 1 : 97) {
      const fate = made.fate(datagram({ total, protocol: 17 }, udp({ port: 9 }, noise(18))));
      if (total < 20) expect(fate).toBe("ip.header_length");
      if (total > 46) expect(fate).toBe("ip.total_length");
    }
    expect(works() && whole(made)).toBe(true);
  });

  test("S-015: padding is no text", () => {
    const { made, works } = lab();
    const handle = made.stack.udp.bind({ port: 9 }, listener());
    made.frame([...udpFrame({ port: 9 }, []), ...noise(18)]);
    expect(made.stack.udp.receive(handle, new Uint8Array(64), 0, 64)).toBe(0);
    expect(works()).toBe(true);
  });

  test("S-016: each bit of a header flipped: silence", () => {
    const { made } = lab();
    const frame = udpFrame({}, [1]);
    for (let bit = 0; bit < 160; bit++)
      expect(made.frame(frame.map((octet, i) => (i === 14 + (bit >> 3) ? octet ^ (1 << (bit & 7)) : octet)))).toEqual([]);
  });

  test("S-017: options of every length and kind end the walk; source routes are dropped", () => {
    const { made, works } = lab();
    for (let kind = 0; kind < 256; kind++)
      for (const length of [0, 1, 2, 3, 4, 7, 8, 40, 255]) {
        const options = [kind, length, ...noise(6)];
        const fate = made.fate(icmpFrame({ options }, echo(1)));
        if (kind > 1 && (length < 2 || length > 8)) expect(fate).toContain("ip.bad_option");
        else if (kind === 131 || kind === 137) expect(fate).toBe("ip.source_route");
      }
    for (let i = 0; i < 2_000; i++) made.frame(icmpFrame({ options: noise(4 * random.below(11)) }, echo(1)));
    expect(works() && whole(made)).toBe(true);
  });

  test("S-020: LAND: from us to us, the same port: dropped, and all is quiet", () => {
    const { made, works } = lab();
    made.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const syn = [0, 80, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255, 0, 0, 0, 0];
    expect(made.fate(datagram({ protocol: 6, source: OURS }, syn))).toBe("ip.bad_source");
    expect(made.fate(udpFrame({ source: OURS, sourcePort: 7777, port: 7777 }, [1]))).toBe("ip.bad_source");
    expect(made.advance(SECOND)).toEqual([]);
    expect(works()).toBe(true);
  });

  test("S-021: nothing is forwarded", () => {
    const { made } = lab();
    for (const destination of ["8.8.8.8", "10.0.0.200", "172.16.0.1"]) expect(made.frame(icmpFrame({ destination }, echo(1)))).toEqual([]);
  });

  test("S-022: TTL 0 and 1 to us are accepted", () => {
    const { made } = lab();
    for (const ttl of [0, 1]) expect(made.frame(icmpFrame({ ttl }, echo(1))).length).toBe(1);
  });

  test("S-023: tunnels, however deep, are not opened", () => {
    const { made, works } = lab();
    for (const protocol of [4, 41, 47])
      for (const depth of [1, 10, 70]) {
        let inner = ipv4({ protocol: 17 }, udp({ port: 7777 }, [1]));
        for (let i = 0; i < depth; i++) inner = ipv4({ protocol }, inner);
        expect(made.fate(ethernet(0x0800, inner))).toContain("ip.unknown_protocol");
      }
    expect(works()).toBe(true);
  });

  test("S-024: unknown protocols are reported within the limit", () => {
    const { made } = lab();
    let reported = 0;
    for (let protocol = 0; protocol < 256; protocol++)
      if (![1, 6, 17].includes(protocol)) reported += made.frame(datagram({ protocol }, noise(20))).length;
    expect(reported).toBe(6);
    expect(made.count("icmp.limited")).toBe(247);
  });
});

describe("C: fragments", () => {
  test("S-027: teardrop: a second fragment inside the first discards the datagram", () => {
    const { made, works } = lab();
    made.frame(datagram({ mf: true, id: 1 }, noise(64)));
    expect(made.fate(datagram({ offset: 3, id: 1 }, noise(8)))).toBe("ip.fragment_overlap");
    expect(works()).toBe(true);
  });

  test("S-029: ping of death", () => {
    const { made, works } = lab();
    expect(made.fate(datagram({ offset: 8190, protocol: 1 }, noise(1480)))).toBe("ip.fragment_too_long");
    expect(works()).toBe(true);
  });

  test("S-030: tiny first fragments of TCP", () => {
    const { made } = lab();
    expect(made.fate(datagram({ protocol: 6, mf: true }, noise(16)))).toBe("ip.fragment_tiny");
    expect(made.fate(datagram({ protocol: 6, offset: 1 }, noise(64)))).toBe("ip.fragment_tiny");
  });

  test("S-031, S-037: fragments that never complete: memory stays within its cap, and a victim's datagrams are put together", () => {
    const { made, works } = lab({ memory: { packets: 64, chunks: 2048 } });
    const flood = (count: number): void => {
      for (let i = 0; i < count; i++) {
        made.frame(
          datagram(
            { id: random.below(65_536), offset: 8 * (1 + random.below(900)), mf: true, source: `10.0.0.${3 + random.below(250)}` },
            noise(8),
          ),
        );
        made.now += 20;
      }
    };
    flood(10_000);
    const { reassembly } = made.stack.ip;
    expect(reassembly.count).toBeLessThanOrEqual(1_024);
    expect(reassembly.octets).toBeLessThanOrEqual((2048 * 4096) >> 2);
    expect((made.memory.chunks.count - made.memory.chunks.available) * 4096).toBeLessThanOrEqual(reassembly.octets);
    expect(works()).toBe(true);
    // The victim's two fragments come one after the other, and find room.
    const handle = made.stack.udp.bind({ port: 9 }, listener());
    const payload = udp({ port: 9 }, noise(100));
    made.frame(datagram({ mf: true, id: 4 }, payload.slice(0, 64)));
    made.frame(datagram({ offset: 8, id: 4 }, payload.slice(64)));
    expect(made.stack.udp.readable(handle)).toBe(1);
    made.advance(31 * SECOND);
    expect([reassembly.count, reassembly.octets]).toEqual([0, 0]);
    expect(made.memory.chunks.available).toBeGreaterThanOrEqual(made.memory.chunks.count - 1);
  });

  test("S-031: one source has no more than its share, and one datagram 64 fragments", () => {
    const { made } = lab();
    for (let i = 0; i < 2_000; i++) made.frame(datagram({ id: i, offset: 8, mf: true, source: "10.0.0.66" }, noise(8)));
    expect(made.stack.ip.reassembly.octets).toBeLessThanOrEqual(1 << 20);
    expect(made.count("ip.fragment_limit")).toBeGreaterThan(1_000);
    for (let i = 1; i <= 65; i++) made.frame(datagram({ id: 1, offset: 4 * i, mf: true, source: "10.0.0.67" }, noise(8)));
    expect(made.stack.ip.reassembly.show(made.now).at(-1)).toMatchObject({ fragments: 64, refused: true });
  });

  test("S-032: a first fragment alone: one report after the timeout; a later one alone: none", () => {
    const { made } = lab();
    made.frame(datagram({ mf: true, id: 1 }, noise(64)));
    made.frame(datagram({ mf: true, offset: 8, id: 2 }, noise(64)));
    const sent = made.advance(60 * SECOND);
    expect(sent.map(({ frame }) => decodeIcmp(frame)).map(({ type, code }) => [type, code])).toEqual([[11, 1]]);
  });
});

describe("D: ICMP and path MTU", () => {
  test("S-038: short messages, and messages that lie about their length", () => {
    const { made, works } = lab();
    for (let length = 0; length < 8; length++) expect(made.fate(icmpFrame({}, noise(length)))).toBe("icmp.short");
    expect(made.fate(icmpFrame({ total: 1000 }, echo(10)))).toBe("ip.total_length");
    expect(works() && whole(made)).toBe(true);
  });

  test("S-039: smurf", () => {
    const { made } = lab();
    expect(made.frame(icmpFrame({ destination: "10.0.0.255", source: "10.0.0.9" }, echo(1), BROADCAST_MAC))).toEqual([]);
  });

  test("S-040: an echo flood: replies no larger than requests, and limited for each source and in all", () => {
    const { made, works } = lab();
    let inOctets = 0;
    let outOctets = 0;
    let replies = 0;
    for (let i = 0; i < 20_000; i++) {
      const request = icmpFrame({}, echo(100));
      inOctets += request.length;
      for (const reply of made.frame(request)) {
        replies += 1;
        outOctets += reply.length;
        expect(reply.length).toBeLessThanOrEqual(request.length);
      }
      made.now += 10;
    }
    expect(outOctets / inOctets).toBeLessThanOrEqual(1);
    expect(replies).toBeLessThanOrEqual(1_300);
    expect(works()).toBe(true);
  });

  test("S-041: the common budget of errors cannot be counted from outside", () => {
    // The attacker provokes 50 errors for spoofed sources or none, then counts his own; he guesses by how many he gets.
    let right = 0;
    const trials = 200;
    for (let seed = 1; seed <= trials; seed++) {
      const made = new Lab({ seed, limits: { icmpErrors: 100, icmpErrorsPerDestination: 100 } });
      made.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: made.device.index });
      const open = seed % 2 === 0;
      for (let i = 0; i < (open ? 0 : 3); i++) made.frame(udpFrame({ source: `20.0.0.${i}` }, [1]));
      let mine = 0;
      for (let i = 0; i < 100; i++) mine += made.frame(udpFrame({ source: "20.0.1.1" }, [1])).length;
      if (mine >= 98 === open) right += 1;
    }
    expect(Math.abs(right / trials - 0.5)).toBeLessThan(0.1);
  });

  test("S-042: no errors about errors, fragments, broadcasts", () => {
    const { made } = lab();
    const quote = ipv4({ source: OURS, destination: PEER }, noise(20));
    for (let type = 0; type < 256; type++) {
      if (type === 8) continue;
      expect(made.frame(icmpFrame({}, icmp(type, 0, [0, 0, 0, 0], quote)))).toEqual([]);
    }
    expect(made.frame(datagram({ offset: 4, protocol: 99 }, noise(16)))).toEqual([]);
    expect(made.frame(datagram({ protocol: 99, destination: "10.0.0.255" }, noise(16), BROADCAST_MAC))).toEqual([]);
  });

  test("S-044, S-052, S-053: source quench, redirect, and questions about us: silence", () => {
    const { made } = lab();
    const quote = ipv4({ source: OURS, destination: PEER }, noise(20));
    const before = made.stack.inspect(made.now).routes;
    for (const type of [4, 5, 13, 15, 17])
      for (let i = 0; i < 100; i++) expect(made.frame(icmpFrame({}, icmp(type, i & 3, noise(4), quote)))).toEqual([]);
    expect(made.stack.inspect(made.now).routes).toEqual(before);
  });

  test("S-045, S-046, S-051: a storm of size reports: never below the floor, never up, the table bounded", () => {
    const { made, works } = lab({ limits: { pathMtus: 16 } });
    made.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: made.device.index });
    const handle = made.stack.udp.bind({ port: 9 }, listener());
    for (let i = 0; i < 1_000; i++) {
      const destination = `30.0.0.${i % 100}`;
      made.stack.udp.connect(handle, ip(destination), 53);
      const mtu = random.below(65_536);
      const quote = ipv4({ source: OURS, destination, df: true, total: 1500 }, udp({ sourcePort: 9, port: 53 }, []));
      made.frame(icmpFrame({}, icmp(3, 4, [0, 0, mtu >> 8, mtu & 255], quote)));
      expect(made.stack.ip.mtuTo(ip(destination), UNSPECIFIED, made.now)).toBeGreaterThanOrEqual(552);
      expect(made.stack.ip.mtuTo(ip(destination), UNSPECIFIED, made.now)).toBeLessThanOrEqual(1500);
    }
    expect(made.stack.ip.pathMtu.count).toBeLessThanOrEqual(16);
    expect(works()).toBe(true);
  });

  test("S-043: a hard error about an established connection is a soft one", () => {
    const made = new Lab();
    const events: number[] = [];
    const handle = made.stack.tcp.connect(
      { remote: ip(PEER), remotePort: 80 },
      { onEvents: (_handle, event) => void events.push(event) },
      made.now,
    );
    const syn = decode(made.turn()[0]!).payload;
    const quote = [...syn.subarray(0, 28)];
    made.frame(
      icmpFrame(
        {},
        icmp(
          3,
          3,
          [0, 0, 0, 0],
          quote.map((octet, i) => (i === 24 ? octet ^ 0x40 : octet)),
        ),
      ),
    );
    expect(made.stack.tcp.errorOf(handle)).toBeNull();
    made.frame(icmpFrame({}, icmp(3, 3, [0, 0, 0, 0], quote)));
    expect(made.stack.tcp.errorOf(handle)).toBe("ECONNREFUSED");
    expect(events.at(-1)! & TcpEvent.Closed).toBe(TcpEvent.Closed);
  });
});

describe("E: UDP", () => {
  test("S-055, S-056: lengths and checksums", () => {
    const { made, works } = lab();
    for (let length = 0; length < 65_536; length += length < 64 ? 1 : 501) {
      const fate = made.fate(udpFrame({ length, port: 7777 }, noise(10)));
      if (length < 8 || length > 18) expect(fate).toBe("udp.length");
    }
    expect(made.fate(datagram({}, udp({ port: 7777, checksum: 0xffff }, [5])))).toBe("udp.checksum");
    expect(made.fate(udpFrame({ port: 0 }, [1]))).toBe("udp.port_zero");
    const { made: fresh, works: fine } = lab();
    expect(fine() && works() !== undefined && whole(fresh)).toBe(true);
  });

  test("S-057: there is no echo service to loop with", () => {
    const { made } = lab();
    for (const port of [7, 19]) {
      const sent = made.frame(udpFrame({ sourcePort: port, port }, [1]));
      for (const frame of sent) expect(decodeIcmp(frame).protocol).toBe(1);
    }
  });

  test("S-058: a flood to closed ports is answered by few reports", () => {
    const { made, works } = lab();
    let reports = 0;
    for (let i = 0; i < 20_000; i++) {
      reports += made.frame(udpFrame({ port: 1 + random.below(2_000) }, [1])).length;
      made.now += 10;
    }
    expect(reports).toBeLessThanOrEqual(8);
    expect(works()).toBe(true);
  });

  test("S-059: an application that does not read: octets bounded, the newest dropped and counted, the chunks come back", () => {
    const { made, works } = lab();
    const handle = made.stack.udp.bind({ port: 9, receiveBuffer: 100_000 }, listener());
    for (let i = 0; i < 20_000; i++) made.frame(udpFrame({ port: 9 }, i % 3 === 0 ? [] : noise(20)));
    const kept = made.stack.udp.readable(handle);
    expect(kept).toBeLessThan(100_000 / 32);
    expect(made.count("udp.queue_full")).toBe(20_000 - kept);
    expect(made.memory.chunks.count - made.memory.chunks.available).toBeLessThanOrEqual(26);
    made.stack.udp.close(handle);
    expect(made.memory.chunks.available).toBe(made.memory.chunks.count);
    expect(works()).toBe(true);
  });
});

describe("campaign", () => {
  test("half a million octets of structured noise: no exception, every frame has one fate, every packet comes back", () => {
    const { made, works } = lab();
    const seeds = [
      arp(),
      arp({ op: 2 }),
      icmpFrame({}, echo(40)),
      udpFrame({}, noise(30)),
      udpFrame({ port: 7777 }, noise(30)),
      datagram({ mf: true }, noise(64)),
      datagram({ offset: 8 }, noise(64)),
      icmpFrame({}, icmp(3, 4, [0, 0, 2, 0], ipv4({ source: OURS, destination: PEER }, noise(28)))),
    ];
    for (let i = 0; i < 8_000; i++) {
      const frame = [...seeds[random.below(seeds.length)]!];
      for (let flips = random.below(4); flips > 0; flips--) frame[random.below(frame.length)] = random.below(256);
      if (random.below(4) === 0) frame.length = random.below(frame.length + 1);
      // Half of the headers are made right again, so that what lies behind them is reached.
      if (random.below(2) === 0 && frame.length >= 34 && frame[12] === 8 && frame[13] === 0) {
        frame[14] = 0x45;
        frame[24] = frame[25] = 0;
        let sum = 0;
        for (let at = 14; at < 34; at += 2) sum += (frame[at]! << 8) | frame[at + 1]!;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
        frame[24] = (~sum >> 8) & 255;
        frame[25] = ~sum & 255;
      }
      made.frame(frame);
      if (i % 50 === 0) made.advance(random.below(100_000));
    }
    expect(made.conserved).toBe(true);
    expect(works()).toBe(true);
    made.advance(120 * SECOND);
    expect(made.memory.packets.available).toBe(made.memory.packets.size);
    expect(made.memory.large.available).toBe(made.memory.large.size);
  });
});
