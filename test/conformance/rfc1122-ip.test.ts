/** RFC 1122 section 3: the Internet layer; with the rows of RFC 1812 that hold for hosts. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { ip, LIMITED_BROADCAST, UNSPECIFIED } from "../../src/ip/address.js";
import { linux, rfc } from "../../src/stack/profile.js";
import {
  arp,
  BROADCAST_MAC,
  datagram,
  decode,
  decodeArp,
  decodeIcmp,
  decodeIp,
  decodeUdp,
  echo,
  ethernet,
  icmp,
  icmpFrame,
  ipv4,
  Lab,
  type LabOptions,
  listener,
  OTHER_MAC,
  OURS,
  octetsOf,
  PEER,
  probeCounting,
  TestLink,
  udp,
  udpFrame,
} from "../stack/lab.js";

const bound = (lab: Lab, options = {}) => lab.stack.udp.bind({ port: 2000, ...options }, listener());
const answered = "icmp.echo_reply icmp.echo_answered";

/** Gateways at .2 (the peer, answering) and .3; the second prefix is on another link. */
const routed = (options: LabOptions = {}) => {
  const lab = new Lab(options);
  const link = new TestLink("second");
  const second = lab.stack.addDevice(link, { addresses: [{ address: ip("10.1.0.1"), prefixLength: 24 }] }, lab.now);
  second.arp.neighbors.pin(ip("10.1.0.2"), 0x0200, 9, lab.now);
  return { lab, second, link };
};

describe("3.1, 3.2.1: the header", () => {
  test("s3.1: every drop counts one reason and is told to the probe (1122-I-02)", () => {
    const { probe, dropped } = probeCounting();
    const lab = new Lab({ probe });
    const frames = [
      datagram({ version: 6 }, []),
      datagram({ ihl: 4 }, []),
      datagram({ total: 999 }, []),
      datagram({ checksum: 1 }, []),
      datagram({ source: "0.0.0.1" }, []),
      datagram({ destination: "10.0.0.9" }, []),
      ethernet(0x86dd, []),
      [1, 2],
    ];
    for (const frame of frames) lab.frame(frame);
    expect(dropped).toEqual([
      "ip.version",
      "ip.header_length",
      "ip.total_length",
      "ip.checksum",
      "ip.bad_source",
      "ip.not_for_us",
      "eth.unknown_type",
      "eth.runt",
    ]);
    expect(lab.stack.frames).toEqual({ in: frames.length, delivered: 0, dropped: frames.length });
    expect(Object.entries(lab.stack.tally.show()).reduce((sum, [, n]) => sum + n, 0)).toBe(frames.length);
  });

  test("s3.2.1.1: another version than 4 is silently discarded (1122-I-03)", () => {
    const lab = new Lab();
    for (let version = 0; version < 16; version++) {
      if (version !== 4) expect(lab.fate(datagram({ version, protocol: 1 }, echo(1)))).toBe("ip.version");
    }
    expect(lab.turn()).toEqual([]);
  });

  test("s3.2.1.2: a header with any bit flipped is silently discarded (1122-I-04)", () => {
    const lab = new Lab();
    const frame = icmpFrame({}, echo(8));
    for (let bit = 0; bit < 160; bit++) {
      const flipped = [...frame];
      flipped[14 + (bit >> 3)]! ^= 1 << (bit & 7);
      lab.frame(flipped);
    }
    expect(lab.count("ip.checksum") + lab.count("ip.version") + lab.count("ip.header_length") + lab.count("ip.total_length")).toBe(160);
    expect(lab.turn()).toEqual([]);
  });

  test("s3.2.1.3: the source of what we send is one of our addresses, never a group or zero (1122-I-05)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({ port: 2000, broadcast: true, address: ip("10.0.0.255") }, listener());
    for (const to of [PEER, "10.0.0.255", "239.0.0.1", "255.255.255.255"])
      lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(to), 9, lab.now);
    const sent = lab.turn();
    expect(sent.map((frame) => decodeIp(frame).source)).toEqual([OURS, OURS, OURS, OURS]);
    const packet = lab.stack.memory.packets.take()!;
    packet.end = packet.start + 8;
    lab.stack.ip.send(packet, ip("10.0.0.77"), ip(PEER), 17, { ttl: 64, trafficClass: 0, dontFragment: false }, lab.now);
    expect(lab.count("ip.bad_source")).toBe(1);
  });

  test("s3.2.1.3: a datagram not for this host is silently discarded (1122-I-06)", () => {
    const lab = new Lab();
    for (const destination of ["10.0.0.9", "192.0.2.1", "1.1.1.1"])
      expect(lab.fate(icmpFrame({ destination }, echo(1)))).toBe("ip.not_for_us");
    expect(lab.fate(icmpFrame({ destination: "250.1.1.1" }, echo(1)))).toBe("ip.bad_destination");
    expect(lab.turn()).toEqual([]);
  });

  test.each(["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.0", OURS])(
    "s3.2.1.3: a datagram from %s is silently discarded (1122-I-07, 1812-04, 1812-05, S-019)",
    (source) => {
      const lab = new Lab();
      bound(lab);
      expect(lab.fate(icmpFrame({ source }, echo(1)))).toBe("ip.bad_source");
      expect(lab.fate(udpFrame({ source }, [1]))).toBe("ip.bad_source");
      expect(lab.turn()).toEqual([]);
    },
  );

  test("s3.2.1.3 (g): 127/8 is never on a wire, in or out (1122-I-08)", () => {
    const lab = new Lab();
    expect(lab.fate(icmpFrame({ source: "127.0.0.1" }, echo(1)))).toBe("ip.loopback_on_wire");
    expect(lab.fate(icmpFrame({ destination: "127.0.0.1" }, echo(1)))).toBe("ip.loopback_on_wire");
    const server = lab.stack.udp.bind({ port: 99 }, listener());
    const client = lab.stack.udp.bind({ address: ip("127.0.0.1") }, listener());
    for (const to of ["127.0.0.1", "127.3.4.5", OURS]) {
      lab.stack.udp.send(client, Uint8Array.of(1), 0, 1, ip(to), 99, lab.now);
      lab.turn();
      expect(lab.turn()).toEqual([]);
      expect(lab.stack.udp.receive(server, new Uint8Array(9), 0, 9)).toBe(1);
      expect(lab.stack.udp.to).toBe(ip(to));
    }
    expect(() => lab.stack.udp.send(client, Uint8Array.of(1), 0, 1, ip(PEER), 99, lab.now)).toThrow("EINVAL");
    expect(lab.device.counters.framesOut).toBe(0);
  });

  test("s3.2.1.6, s3.2.1.7: a transport chooses TOS and TTL, and is told what was received (1122-I-10, 1122-I-11, 1122-I-14)", () => {
    const lab = new Lab();
    const handle = bound(lab, { ttl: 7, trafficClass: 0x88 });
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(decodeIp(lab.turn()[0]!)).toMatchObject({ ttl: 7, tos: 0x88 });
    lab.frame(udpFrame({ tos: 0x28, ttl: 3 }, [1]));
    lab.stack.udp.receive(handle, new Uint8Array(4), 0, 4);
    expect([lab.stack.udp.trafficClass, lab.stack.udp.ttl, lab.stack.udp.device]).toEqual([0x28, 3, lab.device.index]);
    const other = new Lab({ profile: { ...linux, lower: { ...linux.lower, ttl: 99 } } });
    expect(decodeIp(other.frame(icmpFrame({}, echo(1)))[0]!).ttl).toBe(99);
    expect(decodeIp(lab.frame(icmpFrame({}, echo(1)))[0]!).ttl).toBe(64);
  });

  test("s3.2.1.7: a TTL of zero is never sent, and of 0 and 1 received (1122-I-12, 1122-I-13, S-022)", () => {
    const lab = new Lab();
    expect(() => bound(lab, { ttl: 0 })).toThrow("ttl 0");
    const packet = lab.stack.memory.packets.take()!;
    packet.end = packet.start + 8;
    lab.stack.ip.send(packet, ip(OURS), ip(PEER), 17, { ttl: 0, trafficClass: 0, dontFragment: false }, lab.now);
    expect(decodeIp(lab.turn()[0]!).ttl).toBe(1);
    for (const ttl of [0, 1]) expect(lab.fate(icmpFrame({ ttl }, echo(1)))).toBe(answered);
  });

  test("s3.2.1.8: unknown options are ignored, source routes dropped, and none is ever sent (1122-I-15, 1122-I-17, 1122-I-59)", () => {
    const lab = new Lab();
    for (let type = 2; type < 256; type++) {
      const options = [type, 4, 0, 0];
      const sourceRoute = type === 131 || type === 137;
      lab.advance(SECOND);
      expect(lab.fate(icmpFrame({ options }, echo(1)))).toBe(sourceRoute ? "ip.source_route" : answered);
    }
    const route = [131, 7, 4, ...octetsOf("10.0.0.9"), 0];
    expect(lab.fate(icmpFrame({ options: route, destination: "10.0.0.1" }, echo(1)))).toBe("ip.source_route");
    for (const frame of lab.frame(icmpFrame({ options: [7, 4, 4, 0] }, echo(1)))) expect(decodeIp(frame).headerLength).toBe(20);
  });

  test("s3.2.1.8, s4.1.3.2: options are not handed up, and the text is what lies behind them (1122-I-16, 1122-U-02)", () => {
    const lab = new Lab();
    const handle = bound(lab);
    lab.frame(udpFrame({ options: [7, 7, 4, 1, 2, 3, 4, 0] }, [5, 6]));
    const target = new Uint8Array(16);
    expect(lab.stack.udp.receive(handle, target, 0, 16)).toBe(2);
    expect([...target.subarray(0, 3)]).toEqual([5, 6, 0]);
  });

  test("s3.2.2.5: a bad option is answered with where it lies (1122-I-34)", () => {
    const lab = new Lab();
    const [problem] = lab.frame(icmpFrame({ options: [1, 1, 7, 99] }, echo(1)));
    expect(decodeIcmp(problem!)).toMatchObject({ type: 12, code: 0, rest: [22, 0, 0, 0], checksumGood: true });
  });
});

describe("3.3.1: routing", () => {
  test("s3.3.1.1: a destination on the prefix is a neighbor, another is not (1122-I-43, 1122-I-44)", () => {
    const lab = new Lab({ known: false });
    const handle = bound(lab);
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(decodeArp(lab.turn()[0]!).tpa).toBe(PEER);
    expect(() => lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("10.0.1.2"), 9, lab.now)).toThrow("ENETUNREACH");
  });

  test("s3.3.1.2: what is not on a link goes to a gateway, the longest prefix first (1122-I-45)", () => {
    const { lab, link } = routed();
    lab.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: lab.device.index });
    lab.stack.routes.add({ prefix: ip("192.0.0.0"), prefixLength: 8, gateway: ip("10.1.0.2"), device: 2 });
    lab.stack.routes.add({ prefix: ip("192.0.2.0"), prefixLength: 24, gateway: ip(PEER), device: lab.device.index });
    const handle = bound(lab);
    const by = (to: string): string => {
      lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(to), 9, lab.now);
      const first = lab.turn();
      const second = link.sent.splice(0);
      expect(first.length + second.length).toBe(1);
      const frame = first[0] ?? second[0]!;
      expect(decodeIp(frame).source).toBe(first.length === 1 ? OURS : "10.1.0.1");
      return decode(frame).to;
    };
    expect([by("8.8.8.8"), by("192.1.1.1"), by("192.0.2.7"), by("10.1.0.2")]).toEqual([
      "02:00:00:00:00:02",
      "02:00:00:00:00:09",
      "02:00:00:00:00:02",
      "02:00:00:00:00:09",
    ]);
  });

  const twoGateways = () => {
    const lab = new Lab({ known: false });
    for (const [metric, gateway] of ["10.0.0.2", "10.0.0.3"].entries()) {
      lab.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(gateway), device: lab.device.index, metric });
    }
    const handle = bound(lab);
    return { lab, send: () => lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("8.8.8.8"), 9, lab.now) };
  };
  const targets = (sent: { frame: Uint8Array }[]) =>
    sent.filter(({ frame }) => decode(frame).type === 0x0806).map(({ frame }) => decodeArp(frame).tpa);

  test("s3.3.1.4, s3.3.1.5: a gateway that does not answer is found out and another taken (1122-I-46, 1122-I-48)", () => {
    const { lab, send } = twoGateways();
    send();
    expect(new Set(targets(lab.advance(4 * SECOND)))).toEqual(new Set(["10.0.0.2"]));
    send();
    expect(targets(lab.advance(0))).toEqual(["10.0.0.3"]);
    const sent = lab.frame(arp({ op: 2, sha: OTHER_MAC, spa: "10.0.0.3", to: [2, 0, 0, 0, 0, 1] }));
    expect(sent.map((frame) => [decode(frame).to, decodeIp(frame).destination])).toEqual([["02:00:00:00:00:03", "8.8.8.8"]]);
    // After a while the first is tried again.
    lab.advance(70 * SECOND);
    send();
    expect(targets(lab.advance(0))).toEqual(["10.0.0.2"]);
  });

  test("s3.3.1.4: advice from above has the gateway verified before the cache would (1122-I-46)", () => {
    const { lab, send } = twoGateways();
    send();
    lab.frame(arp({ op: 2, spa: "10.0.0.2", to: [2, 0, 0, 0, 0, 1] }));
    lab.advance(2 * SECOND);
    lab.stack.ip.suspect(ip("8.8.8.8"), UNSPECIFIED, lab.now);
    expect(targets(lab.advance(3 * SECOND))).toEqual(["10.0.0.2", "10.0.0.2", "10.0.0.2"]);
    send();
    expect(targets(lab.advance(0))).toEqual(["10.0.0.3"]);
  });

  test("s3.3.1.4: gateways are not pinged when nothing is sent (1122-I-47)", () => {
    const { lab, send } = twoGateways();
    send();
    lab.frame(arp({ op: 2, spa: "10.0.0.2", to: [2, 0, 0, 0, 0, 1] }));
    lab.advance(10 * SECOND);
    expect(lab.advance(3600 * SECOND)).toEqual([]);
  });

  test("s3.2.2.2: a redirect is ignored and counted (1122-I-30, 1122-I-31, 1122-I-29)", () => {
    const { lab } = twoGateways();
    const before = JSON.stringify(lab.stack.inspect(lab.now).routes);
    const quoted = ipv4({ source: OURS, destination: "8.8.8.8" }, udp({}, []));
    for (let code = 0; code < 4; code++) expect(lab.fate(icmpFrame({}, icmp(5, code, octetsOf("10.0.0.3"), quoted)))).toBe("icmp.redirect");
    expect(JSON.stringify(lab.stack.inspect(lab.now).routes)).toBe(before);
    expect(lab.turn()).toEqual([]);
  });
});

describe("3.3.2, 3.3.3: sizes", () => {
  test("s3.3.2, s3.3.3: transports can ask for the sizes that go and come (1122-I-50, 1122-I-54, 8085-01)", () => {
    const { lab } = routed({ device: { mtu: 1400 } });
    expect(lab.stack.ip.mtuTo(ip(PEER), UNSPECIFIED, lab.now)).toBe(1400);
    expect(lab.stack.ip.linkMtuTo(ip("10.1.0.2"), UNSPECIFIED)).toBe(1500);
    lab.stack.routes.add({ prefix: ip("192.0.2.0"), prefixLength: 24, gateway: ip(PEER), device: lab.device.index, mtu: 1000 });
    expect(lab.stack.ip.mtuTo(ip("192.0.2.1"), UNSPECIFIED, lab.now)).toBe(1000);
    expect(lab.stack.ip.mtuTo(ip("127.0.0.1"), UNSPECIFIED, lab.now)).toBe(lab.memory.packets.capacity);
  });

  test("s3.3.2: Time Exceeded after the timeout if the first fragment came, and only then (1122-I-52, 792-04, S-032)", () => {
    const lab = new Lab();
    const first = datagram({ mf: true, id: 5, tos: 4, options: [1, 1, 1, 1] }, new Array(64).fill(7));
    lab.frame(first);
    lab.frame(datagram({ offset: 8, id: 6 }, new Array(64).fill(7)));
    const sent = lab.advance(31 * SECOND);
    expect(sent.length).toBe(1);
    const error = decodeIcmp(sent[0]!.frame);
    expect(error).toMatchObject({ type: 11, code: 1, checksumGood: true, tos: 0, destination: PEER, source: OURS });
    // The header is quoted as it was received.
    expect(error.body.slice(0, 24)).toEqual(first.slice(14, 38));
    expect(lab.count("ip.fragment_timeout")).toBe(2);
  });
});

describe("3.3.4: multihoming", () => {
  test("s3.3.4.2: the answer comes from the address that was asked (1122-I-56, 1122-I-37)", () => {
    const lab = new Lab();
    lab.stack.addAddress(lab.device, ip("10.0.0.9"), 24, lab.now);
    expect(decodeIcmp(lab.frame(icmpFrame({ destination: "10.0.0.9" }, echo(1)))[0]!)).toMatchObject({ type: 0, source: "10.0.0.9" });
    expect(decodeIcmp(lab.frame(udpFrame({ destination: "10.0.0.9" }, [1]))[0]!)).toMatchObject({ type: 3, source: "10.0.0.9" });
  });

  test("s3.3.4.2: an application chooses its address (1122-I-57)", () => {
    const lab = new Lab();
    lab.stack.addAddress(lab.device, ip("10.0.0.9"), 24, lab.now);
    const handle = lab.stack.udp.bind({ address: ip("10.0.0.9") }, listener());
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(decodeUdp(lab.turn()[0]!)).toMatchObject({ source: "10.0.0.9", checksumGood: true });
  });

  test("s3.3.4.2: the strong model: in by its own device only, out by its own device only (1122-I-58, S-021)", () => {
    const { lab, link } = routed();
    expect(lab.fate(icmpFrame({ destination: "10.1.0.1" }, echo(1)))).toBe("ip.wrong_device");
    const handle = lab.stack.udp.bind({ address: ip("10.1.0.1") }, listener());
    expect(() => lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now)).toThrow("ENETUNREACH");
    expect([...lab.turn(), ...link.sent]).toEqual([]);
  });

  test("RFC 1812 s5.3.8: strict source validation, by the profile (1812-07)", () => {
    for (const sourceValidation of [true, false]) {
      const { lab } = routed({ profile: { ...linux, lower: { ...linux.lower, sourceValidation } } });
      lab.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: lab.device.index });
      expect(lab.fate(icmpFrame({ source: "10.1.0.7" }, echo(1)))).toContain(sourceValidation ? "ip.wrong_device" : "icmp.echo_answered");
      expect(lab.fate(icmpFrame({ source: "8.8.8.8" }, echo(1)))).toContain("icmp.echo_answered");
    }
    expect(rfc.lower.sourceValidation).toBe(true);
  });
});

describe("3.3.6: broadcasts", () => {
  test("s3.3.6: every form of broadcast address is known as one (1122-I-60)", () => {
    const lab = new Lab();
    const handle = bound(lab);
    for (const destination of ["255.255.255.255", "10.0.0.255", "10.0.0.0", "0.0.0.0"]) {
      expect(lab.fate(udpFrame({ destination }, [1], BROADCAST_MAC))).toBe("udp.delivered");
    }
    expect(lab.stack.udp.readable(handle)).toBe(4);
    expect(lab.fate(udpFrame({ destination: "10.1.0.255" }, [1], BROADCAST_MAC))).toBe("ip.not_for_us");
    expect(lab.stack.ip.isGroup(LIMITED_BROADCAST)).toBe(true);
  });

  test("s3.3.6: a unicast datagram in a broadcast or multicast frame is dropped (1122-I-61, S-005)", () => {
    const lab = new Lab();
    bound(lab);
    lab.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const syn = [0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
    for (const to of [BROADCAST_MAC, [1, 0, 0x5e, 0, 0, 1]]) {
      expect(lab.fate(udpFrame({}, [1], to))).toBe("ip.unicast_in_broadcast");
      expect(lab.fate(datagram({ protocol: 6 }, syn, to))).toBe("ip.unicast_in_broadcast");
      expect(lab.fate(icmpFrame({}, echo(1), to))).toBe("ip.unicast_in_broadcast");
    }
    expect(lab.turn()).toEqual([]);
  });

  test("s3.3.6, RFC 919: sending to all needs leave, and goes out once", () => {
    const lab = new Lab();
    const handle = bound(lab);
    expect(() => lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("10.0.0.255"), 9, lab.now)).toThrow("EACCES");
    lab.stack.udp.configure(handle, { broadcast: true });
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("10.0.0.255"), 9, lab.now);
    expect(lab.turn().map((frame) => decode(frame).to)).toEqual(["ff:ff:ff:ff:ff:ff"]);
  });
});

test("s3.3.7: groups are received where they were joined (1122-I-62)", () => {
  const { lab, second } = routed();
  const handle = bound(lab);
  lab.stack.udp.join(handle, ip("239.0.0.5"), second.index);
  expect(lab.fate(udpFrame({ destination: "239.0.0.5" }, [1], [1, 0, 0x5e, 0, 0, 5]))).toBe("eth.not_for_us");
  lab.stack.udp.join(handle, ip("239.0.0.5"), lab.device.index);
  expect(lab.fate(udpFrame({ destination: "239.0.0.5" }, [1], [1, 0, 0x5e, 0, 0, 5]))).toBe("udp.delivered");
  lab.stack.udp.close(handle);
  expect(second.groups).toEqual([]);
});

test("s3.4: a transport is told by which device a datagram came, and may choose by which a group is sent to (1122-I-64)", () => {
  const { lab, second, link } = routed();
  const handle = bound(lab, { multicastDevice: second.index, multicastTtl: 4 });
  lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("239.0.0.5"), 9, lab.now);
  expect(lab.turn()).toEqual([]);
  expect(decodeIp(link.sent[0]!)).toMatchObject({ destination: "239.0.0.5", ttl: 4, source: "10.1.0.1" });
});

test("s3.2.1.3, RFC 1812 s5.3.5.2: a directed broadcast is not amplified (1812-06)", () => {
  const lab = new Lab();
  expect(lab.fate(icmpFrame({ destination: "10.0.0.255" }, echo(1), BROADCAST_MAC))).toBe("icmp.echo_to_group");
  expect(lab.turn()).toEqual([]);
});

test("RFC 1112 s6.1: members on this host hear what it sends to a group, unless the sender would not have it", () => {
  const lab = new Lab();
  const handle = bound(lab);
  lab.stack.udp.join(handle, ip("239.0.0.5"));
  const sender = lab.stack.udp.bind({}, listener());
  lab.stack.udp.send(sender, Uint8Array.of(1, 2), 0, 2, ip("239.0.0.5"), 2000, lab.now);
  expect(lab.turn().length).toBe(1);
  lab.turn();
  const target = new Uint8Array(4);
  expect(lab.stack.udp.receive(handle, target, 0, 4)).toBe(2);
  expect([lab.stack.udp.from, lab.stack.udp.to]).toEqual([ip(OURS), ip("239.0.0.5")]);
  lab.stack.udp.configure(sender, { multicastLoop: false });
  lab.stack.udp.send(sender, Uint8Array.of(1, 2), 0, 2, ip("239.0.0.5"), 2000, lab.now);
  lab.advance(10);
  expect(lab.stack.udp.readable(handle)).toBe(0);
});
