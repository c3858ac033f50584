/** RFC 1122 section 2: the link layer. */
import { describe, expect, test } from "vitest";
import { NeighborState } from "../../src/arp/neighbor.js";
import { SECOND } from "../../src/base/environment.js";
import { ip, LIMITED_BROADCAST } from "../../src/ip/address.js";
import { linux } from "../../src/stack/profile.js";
import {
  arp,
  BROADCAST_MAC,
  datagram,
  decode,
  decodeArp,
  decodeIp,
  decodeUdp,
  echo,
  ethernet,
  icmp,
  icmpFrame,
  ipv4,
  Lab,
  listener,
  macText,
  OTHER,
  OTHER_MAC,
  OUR_MAC,
  PEER,
  PEER_MAC,
  udp,
  udpFrame,
} from "../stack/lab.js";

const send = (lab: Lab, to: string, text = 3): number => {
  const handle = lab.stack.udp.bind({ broadcast: true }, listener());
  return lab.stack.udp.send(handle, new Uint8Array(text), 0, text, ip(to), 9, lab.now);
};

describe("2.3.1 and 2.3.3: encapsulation", () => {
  test("s2.3.1, s2.3.3: only IPv4 and ARP by RFC 894 leave, never trailers or 802.2 (1122-L-01, 1122-L-06, 1122-L-08)", () => {
    const lab = new Lab({ known: false });
    send(lab, PEER);
    const sent = lab.advance(10 * SECOND).map(({ frame }) => decode(frame));
    lab.frame(arp({ op: 1 }));
    send(lab, PEER);
    for (const { frame } of lab.advance(10 * SECOND)) sent.push(decode(frame));
    expect(sent.length).toBeGreaterThan(4);
    for (const { type, from } of sent) {
      expect([0x0800, 0x0806]).toContain(type);
      expect(from).toBe(macText(OUR_MAC));
    }
  });

  test("s2.3.3: a frame shorter than the minimum is padded with zeros (RFC 894)", () => {
    const lab = new Lab();
    const [frame] = lab.frame(icmpFrame({}, echo(1)));
    expect(frame!.length).toBe(60);
    expect([...decodeIp(frame!).padding]).toEqual(new Array(60 - 14 - 29).fill(0));
  });

  test("s2.3.3: RFC 1042 frames are received among the others (1122-L-07)", () => {
    const lab = new Lab();
    const packet = ipv4({ protocol: 1 }, echo(4));
    const snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...packet];
    const padded = [...ethernet(snap.length, snap), ...new Array(10).fill(0x55)];
    const [reply] = lab.frame(padded);
    expect(decode(reply!).type).toBe(0x0800);
    expect(lab.fate(ethernet(snap.length + 30, snap))).toBe("eth.length");
    expect(lab.fate(ethernet(40, [0x42, 0x42, 3, ...new Array(60).fill(0)]))).toBe("eth.unknown_type");
    expect(lab.fate(ethernet(2, [0x42, 0x42]))).toBe("eth.unknown_type");
  });
});

describe("2.3.2: ARP", () => {
  test("s2.3.2.1: an entry that nobody uses is flushed, and found again when it is needed (1122-L-02)", () => {
    const lab = new Lab({ known: false });
    lab.frame(arp({ op: 1 }));
    expect(lab.device.arp.neighbors.find(ip(PEER))?.state).toBe(NeighborState.Stale);
    lab.advance(linux.lower.neighborStale + SECOND);
    expect(lab.device.arp.neighbors.find(ip(PEER))).toBeNull();
    expect(lab.count("arp.expired")).toBe(1);
    send(lab, PEER);
    expect(decodeArp(lab.turn()[0]!)).toMatchObject({ op: 1, tpa: PEER, to: macText(BROADCAST_MAC) });
  });

  test("s2.3.2.1: an entry in use that is out of date is polled by unicast, and given up after three (1122-L-02)", () => {
    const lab = new Lab({ known: false });
    lab.frame(arp({ op: 1 }));
    send(lab, PEER);
    const sent = lab.advance(10 * SECOND).filter(({ frame }) => decode(frame).type === 0x0806);
    expect(sent.map(({ frame }) => decodeArp(frame).to)).toEqual([macText(PEER_MAC), macText(PEER_MAC), macText(PEER_MAC)]);
    expect(lab.device.arp.neighbors.find(ip(PEER))?.state).toBe(NeighborState.Failed);
  });

  test("s2.3.2.1: a thousand packets to a dead host ask for it once a second (1122-L-03)", () => {
    const lab = new Lab({ known: false, limits: { udpEndpoints: 100_000 } });
    const handle = lab.stack.udp.bind({}, listener());
    let asked = 0;
    for (let i = 0; i < 999; i++) {
      lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
      asked += lab.advance(1_000).filter(({ frame }) => decode(frame).type === 0x0806).length;
    }
    expect(asked).toBe(1);
    // Ten seconds of trying: the entry fails and is asked for again, still once a second.
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
      for (const { at, frame } of lab.advance(100_000)) if (decode(frame).type === 0x0806) times.push(at);
    }
    expect(times.length).toBeGreaterThanOrEqual(9);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(SECOND);
  });

  test("s2.3.2.1: the timeouts are a profile's to choose (1122-L-04)", () => {
    const profile = { ...linux, lower: { ...linux.lower, neighborStale: 5 * SECOND } };
    const lab = new Lab({ known: false, profile });
    lab.frame(arp({ op: 1 }));
    lab.advance(6 * SECOND);
    expect(lab.device.arp.neighbors.count).toBe(0);
  });

  test("s2.3.2.2: packets wait for an unresolved destination, the oldest goes first when there are too many (1122-L-05)", () => {
    const lab = new Lab({ known: false, limits: { neighborQueue: 3 } });
    const handle = lab.stack.udp.bind({}, listener());
    for (let i = 0; i < 5; i++) lab.stack.udp.send(handle, Uint8Array.of(i), 0, 1, ip(PEER), 9, lab.now);
    expect(lab.turn().length).toBe(1);
    expect(lab.count("arp.queue_full")).toBe(2);
    const sent = lab.frame(arp({ op: 2, tha: OUR_MAC, to: OUR_MAC }));
    expect(sent.map((frame) => decodeUdp(frame).text[0])).toEqual([2, 3, 4]);
    expect(decode(sent[0]!).to).toBe(macText(PEER_MAC));
  });
});

describe("2.4: the interface to IP", () => {
  test("s2.4: IP is told of a link-layer broadcast: no echo reply, no port unreachable (1122-L-09)", () => {
    const lab = new Lab();
    expect(lab.frame(icmpFrame({}, echo(4), BROADCAST_MAC))).toEqual([]);
    expect(lab.fate(udpFrame({ destination: "10.0.0.255" }, [1], BROADCAST_MAC))).toBe("udp.no_port");
    expect(lab.turn()).toEqual([]);
  });

  test("s2.4: the TOS reaches the link with the packet (1122-L-10)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({ trafficClass: 0xb8 }, listener());
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(decodeIp(lab.turn()[0]!).tos).toBe(0xb8);
  });

  test("s2.4: no ARP entry is not a reason to report an unreachable destination (1122-L-11)", () => {
    const lab = new Lab({ known: false });
    const told = listener();
    const handle = lab.stack.udp.bind({}, told);
    lab.stack.udp.connect(handle, ip(PEER), 9);
    expect(lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, 0 as never, 0, lab.now)).toBe(1);
    lab.advance(2 * SECOND);
    expect(told.events).toEqual([]);
    lab.advance(2 * SECOND);
    expect(told.events).toEqual([128]);
    expect(lab.stack.udp.errorOf(handle)?.code).toBe("EHOSTUNREACH");
  });
});

describe("acceptance (IEEE 802.3, RFC 1112 s6.4)", () => {
  const text = udp({}, [1]);

  test("a frame for another host, or from a group address, is dropped", () => {
    const lab = new Lab();
    expect(lab.fate(datagram({}, text, OTHER_MAC))).toBe("eth.not_for_us");
    expect(lab.fate(ethernet(0x0800, ipv4({}, text), OUR_MAC, BROADCAST_MAC))).toBe("eth.source_group");
    expect(lab.conserved).toBe(true);
  });

  test("multicast frames are taken for groups that have been joined, and 224.0.0.1", () => {
    const lab = new Lab();
    const told = listener();
    const handle = lab.stack.udp.bind({ port: 2000 }, told);
    const group = "239.1.2.3";
    const mac = [1, 0, 0x5e, 1, 2, 3];
    const frame = udpFrame({ destination: group }, [1], mac);
    expect(lab.fate(frame)).toBe("eth.not_for_us");
    lab.stack.udp.join(handle, ip(group));
    expect(lab.fate(frame)).toBe("udp.delivered");
    // The same hardware address, another group: 23 bits of 28.
    expect(lab.fate(udpFrame({ destination: "238.129.2.3" }, [1], mac))).toBe("ip.group_not_joined");
    lab.stack.udp.leave(handle, ip(group));
    expect(lab.fate(frame)).toBe("eth.not_for_us");
    expect(lab.fate(icmpFrame({ destination: "224.0.0.1" }, echo(1), [1, 0, 0x5e, 0, 0, 1]))).toBe("icmp.echo_to_group");
  });

  test("what we send to a group or to all goes to their hardware addresses", () => {
    const lab = new Lab();
    send(lab, "239.1.2.3");
    send(lab, "10.0.0.255");
    const handle = lab.stack.udp.bind({ broadcast: true }, listener());
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, LIMITED_BROADCAST, 9, lab.now);
    const sent = lab.turn();
    expect(sent.map((frame) => decode(frame).to)).toEqual(["01:00:5e:01:02:03", macText(BROADCAST_MAC), macText(BROADCAST_MAC)]);
    expect(sent.map((frame) => decodeIp(frame).ttl)).toEqual([1, 64, 64]);
  });
});

describe("802.1Q", () => {
  const tag = (vlan: number, frame: readonly number[]): number[] => [
    ...frame.slice(0, 12),
    0x81,
    0,
    (vlan >> 8) & 255,
    vlan & 255,
    ...frame.slice(12),
  ];

  const tagged = () => {
    const lab = new Lab();
    const device = lab.stack.addDevice(
      lab.link,
      { parent: lab.device, vlan: 7, addresses: [{ address: ip("10.7.0.1"), prefixLength: 24 }] },
      lab.now,
    );
    device.arp.neighbors.pin(ip("10.7.0.2"), 0x0200, 2, lab.now);
    return { lab, device };
  };

  test("a device may be a VLAN of another: frames in and out carry its tag", () => {
    const { lab } = tagged();
    const request = icmpFrame({ source: "10.7.0.2", destination: "10.7.0.1" }, echo(1));
    const [reply] = lab.frame(tag(7, request));
    expect(decode(reply!)).toMatchObject({ vlan: 7, type: 0x0800, to: macText(PEER_MAC), from: macText(OUR_MAC) });
    // Without its tag a frame keeps the minimum length.
    expect(reply!.length).toBe(64);
    expect(lab.device.counters.framesOut).toBe(1);
  });

  test("an unknown VLAN is dropped, the strong model holds between VLANs, a priority tag is no VLAN", () => {
    const { lab } = tagged();
    expect(lab.fate(tag(8, icmpFrame({}, echo(1))))).toBe("eth.unknown_vlan");
    expect(lab.fate(tag(0xfff, icmpFrame({}, echo(1))))).toBe("eth.unknown_vlan");
    expect(lab.fate(tag(7, icmpFrame({ source: "10.7.0.2" }, echo(1))))).toBe("ip.wrong_device");
    expect(lab.fate(tag(0, icmpFrame({}, echo(1))))).toBe("icmp.echo_reply icmp.echo_answered");
    expect(lab.fate(icmpFrame({}, echo(1)).slice(0, 12).concat([0x81, 0, 0]))).toBe("eth.runt");
    expect(lab.conserved).toBe(true);
  });

  test("a VLAN goes with its parent", () => {
    const { lab, device } = tagged();
    lab.stack.removeDevice(lab.device, lab.now);
    expect(device.attached).toBe(false);
    expect(lab.stack.routes.all.length).toBe(0);
    expect(lab.fate(icmpFrame({}, echo(1)))).toBe("");
  });
});

describe("a link that is full", () => {
  test.each(["newest", "oldest"] as const)("frames wait, bounded; the %s are lost and counted", (transmitDrop) => {
    const profile = { ...linux, lower: { ...linux.lower, transmitDrop } };
    const lab = new Lab({ limits: { transmitQueue: 2 }, profile });
    lab.link.full = true;
    const handle = lab.stack.udp.bind({}, listener());
    for (let i = 0; i < 6; i++) lab.stack.udp.send(handle, Uint8Array.of(i), 0, 1, ip(PEER), 9, lab.now);
    expect(lab.turn()).toEqual([]);
    expect(lab.device.queued).toBe(3);
    expect(lab.count("eth.transmit_full")).toBe(3);
    lab.link.full = false;
    const texts = lab.turn().map((frame) => decodeUdp(frame).text[0]);
    expect(texts).toEqual(transmitDrop === "newest" ? [0, 1, 2] : [0, 4, 5]);
    expect(lab.memory.packets.available).toBe(lab.memory.packets.size);
  });
});

test("an MTU is 68 to 65535, and no more than the link and the packets take", () => {
  const lab = new Lab();
  expect(() => lab.stack.addDevice(lab.link, { mtu: 67 }, 0)).toThrow("68 to 65535");
  expect(() => lab.stack.addDevice(lab.link, { mtu: 9000 }, 0)).toThrow("take 1500");
  expect(lab.stack.addDevice(lab.link, { mtu: 68 }, 0).mtu).toBe(68);
  const big = new Lab({ memory: { packets: 8, packetSize: 65_560 }, link: { mtu: 65_535 } });
  expect(big.device.mtu).toBe(65_535);
});

test("a frame with more than the MTU is taken unless the device is strict", () => {
  const message = icmp(8, 0, [0, 1, 0, 1], new Array(700).fill(1));
  expect(new Lab({ device: { mtu: 600 } }).frame(icmpFrame({}, message)).length).toBe(2);
  expect(new Lab({ device: { mtu: 600, strictMtu: true } }).fate(icmpFrame({}, message))).toBe("eth.oversize");
});

test("what is for another address of the link needs its own neighbor", () => {
  const lab = new Lab();
  send(lab, OTHER);
  expect(decodeArp(lab.turn()[0]!).tpa).toBe(OTHER);
});
