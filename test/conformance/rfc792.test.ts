/** RFC 792: ICMP, with RFC 1122 s3.2.2, RFC 1812 s4.3.2 and RFC 6633. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { ip } from "../../src/ip/address.js";
import { IcmpError } from "../../src/ip/icmp/error.js";
import {
  BROADCAST_MAC,
  datagram,
  decodeIcmp,
  decodeIp,
  echo,
  icmp,
  icmpFrame,
  ipv4,
  Lab,
  listener,
  OURS,
  octetsOf,
  PEER,
  udp,
  udpFrame,
} from "../stack/lab.js";

const REPORTER = "10.0.0.2";
const FAR = "8.8.8.8";

/** A lab with a default gateway and an endpoint on port 2000 that is connected to FAR:53. */
const connected = () => {
  const lab = new Lab();
  lab.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: lab.device.index });
  const told = listener();
  const handle = lab.stack.udp.bind({ port: 2000 }, told);
  lab.stack.udp.connect(handle, ip(FAR), 53);
  return { lab, told, handle };
};
const quoted = (fields = {}, ports = {}): number[] =>
  ipv4({ source: OURS, destination: FAR, ...fields }, udp({ sourcePort: 2000, port: 53, ...ports }, [1, 2, 3]).slice(0, 8));
const error = (type: number, code: number, quote = quoted(), rest = [0, 0, 0, 0]): number[] =>
  icmpFrame({ source: REPORTER }, icmp(type, code, rest, quote));

describe("echo", () => {
  test("Echo: the reply has the addresses swapped, type 0, and the same identifier, sequence number and data (792-01, 1122-I-35)", () => {
    const lab = new Lab();
    const [reply] = lab.frame(icmpFrame({ tos: 0xb9 }, echo(56, 0x1234, 0xabcd)));
    expect(decodeIcmp(reply!)).toMatchObject({
      source: OURS,
      destination: PEER,
      type: 0,
      code: 0,
      rest: [0x12, 0x34, 0xab, 0xcd],
      checksumGood: true,
      tos: 0xb8,
    });
    expect(decodeIcmp(reply!).body).toEqual(echo(56).slice(8));
  });

  test("s3.2.2.6: data of any length comes back whole, reassembled and fragmented if need be (1122-I-38)", () => {
    const lab = new Lab();
    for (const length of [0, 1, 1471, 1472, 1473, 9_000, 65_507]) {
      const message = echo(length);
      let sent: Uint8Array[] = [];
      for (let at = 0; at < message.length; at += 1480) {
        sent = lab.frame(icmpFrame({ id: length & 0xffff, offset: at / 8, mf: at + 1480 < message.length }, message.slice(at, at + 1480)));
      }
      const whole = sent.flatMap((frame) => [...decodeIp(frame).payload]);
      expect(whole.length).toBe(message.length);
      expect(whole.slice(8)).toEqual(message.slice(8));
      expect(whole[0]).toBe(0);
    }
  });

  test("s3.2.2.6: echo requests to groups and broadcasts are discarded (1122-I-36, S-039)", () => {
    const lab = new Lab();
    for (const destination of ["255.255.255.255", "10.0.0.255"])
      expect(lab.fate(icmpFrame({ destination }, echo(1), BROADCAST_MAC))).toBe("icmp.echo_to_group");
    expect(lab.fate(icmpFrame({ destination: "224.0.0.1" }, echo(1), [1, 0, 0x5e, 0, 0, 1]))).toBe("icmp.echo_to_group");
    expect(lab.turn()).toEqual([]);
  });

  test("s3.2.2.6: a reply reaches the one who asked, with its source and TTL (1122-I-39)", () => {
    const lab = new Lab();
    const told = listener();
    const handle = lab.stack.icmp.open({ ttl: 9 }, told);
    const other = lab.stack.icmp.open({}, listener());
    lab.stack.icmp.send(handle, 5, Uint8Array.of(9, 8), 0, 2, ip(PEER), lab.now);
    const request = decodeIcmp(lab.turn()[0]!);
    expect(request).toMatchObject({ type: 8, ttl: 9, checksumGood: true, body: [9, 8] });
    lab.frame(icmpFrame({ ttl: 33 }, icmp(0, 0, request.rest, request.body)));
    expect(told.events).toEqual([2]);
    const target = new Uint8Array(8);
    expect(lab.stack.icmp.receive(handle, target, 1, 7)).toBe(2);
    expect([...target.subarray(1, 3), lab.stack.icmp.sequence, lab.stack.icmp.ttl]).toEqual([9, 8, 5, 33]);
    expect(lab.stack.icmp.receive(other, target, 0, 8)).toBe(-1);
    lab.stack.icmp.close(handle);
    expect(lab.fate(icmpFrame({}, icmp(0, 0, request.rest, request.body)))).toBe("icmp.nobody_waits");
    expect(() => lab.stack.icmp.receive(handle, target, 0, 8)).toThrow("EBADF");
  });

  test("an error about an echo request reaches the one who asked", () => {
    const { lab } = connected();
    const handle = lab.stack.icmp.open({}, listener());
    lab.stack.icmp.send(handle, 6, new Uint8Array(4), 0, 4, ip(FAR), lab.now);
    const [request] = lab.turn();
    lab.frame(icmpFrame({ source: REPORTER }, icmp(11, 0, [0, 0, 0, 0], [...request!.subarray(14, 42)])));
    expect(lab.stack.icmp.errorOf(handle)).toMatchObject({ kind: IcmpError.TimeExceeded, sequence: 6, reporter: ip(REPORTER) });
    expect(lab.stack.icmp.errorOf(handle)).toBeNull();
  });
});

test("RFC 1812 s4.3.2.3: a quote is never longer than a packet, however small the packets of the memory are", () => {
  const lab = new Lab({ memory: { packetSize: 300 } });
  const whole = udp({ port: 4_444 }, new Array<number>(700).fill(1));
  let sent: Uint8Array[] = [];
  for (let at = 0; at < whole.length; at += 240) {
    const piece = whole.slice(at, at + 240);
    sent = lab.frame(datagram({ id: 7, offset: at / 8, mf: at + 240 < whole.length }, piece));
  }
  // The report goes in two fragments, since the link's MTU is less than a packet.
  expect(sent.map((frame) => decodeIp(frame).total - 20).reduce((sum, octets) => sum + octets)).toBe(300);
});

describe("RFC 1122 s3.1", () => {
  test("s3.1, s3.3.8: IP and ICMP work together: an answer to what can be answered, an error to what cannot (1122-I-01, 1122-I-63)", () => {
    const lab = new Lab();
    expect(lab.frame(icmpFrame({}, echo(1))).map((frame) => decodeIcmp(frame).type)).toEqual([0]);
    expect(lab.frame(udpFrame({}, [1])).map((frame) => decodeIcmp(frame).type)).toEqual([3]);
  });
});

describe("the form of a message", () => {
  test("Csum: the checksum is over the whole message, a bad one is dropped (792-03)", () => {
    const lab = new Lab();
    const message = echo(9);
    for (let bit = 0; bit < message.length * 8; bit++) {
      const flipped = [...message];
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(lab.fate(icmpFrame({}, flipped))).toBe("icmp.checksum");
    }
  });

  test("Len: a message of less than 8 octets is dropped (792-05, S-038)", () => {
    const lab = new Lab();
    for (let length = 0; length < 8; length++)
      expect(lab.fate(icmpFrame({}, icmp(8, 0, [0, 0, 0, 0], []).slice(0, length)))).toBe("icmp.short");
  });

  test("s3.2.2: unknown types and codes are silently discarded (1122-I-18)", () => {
    const { lab } = connected();
    for (let type = 19; type < 256; type++) expect(lab.fate(icmpFrame({}, icmp(type, 0, [0, 0, 0, 0], [])))).toBe("icmp.unknown_type");
    expect(lab.fate(error(3, 16))).toBe("icmp.unknown_type");
    expect(lab.fate(error(11, 2))).toBe("icmp.unknown_type");
    expect(lab.turn()).toEqual([]);
  });

  test("s3.2.2.7, s3.2.2.8, s3.2.2.9: information, timestamp and mask requests meet silence (1122-I-40, 1122-I-41, 1122-I-42, S-053)", () => {
    const lab = new Lab();
    for (const type of [9, 10, 13, 14, 15, 16, 17, 18])
      expect(lab.fate(icmpFrame({}, icmp(type, 0, [0, 0, 0, 0], new Array(12).fill(0))))).toBe("icmp.info_request");
    expect(lab.turn()).toEqual([]);
  });

  test("no octets make it throw, and every frame has one fate", () => {
    const { lab } = connected();
    fc.assert(
      fc.property(
        fc.constantFrom(0, 3, 4, 5, 8, 11, 12),
        fc.nat(15),
        fc.uint8Array({ maxLength: 60 }),
        fc.boolean(),
        (type, code, body, plausible) => {
          const octets = plausible ? [...quoted().slice(0, 12), ...body] : [...body];
          lab.frame(icmpFrame({}, icmp(type, code, [0, 0, 0, 0], octets)));
          expect(lab.conserved).toBe(true);
        },
      ),
    );
    lab.turn();
  });
});

describe("errors that we send", () => {
  test("DU: the IP header and at least 64 bits are quoted as they came; with TOS 0, and no more than 576 octets in all (792-02, 1122-I-19, 1122-I-21, 1812-02, 1122-I-27, 1122-U-01)", () => {
    const lab = new Lab();
    for (const length of [0, 1, 500, 1400]) {
      lab.advance(SECOND);
      const frame = udpFrame({ tos: 0x10, ttl: 3, id: 99 }, new Array(length).fill(5));
      const [sent] = lab.frame(frame);
      const { type, code, body, total, tos, checksumGood, source, destination } = decodeIcmp(sent!);
      expect({ type, code, tos, checksumGood, source, destination }).toEqual({
        type: 3,
        code: 3,
        tos: 0,
        checksumGood: true,
        source: OURS,
        destination: PEER,
      });
      expect(body).toEqual(frame.slice(14, 14 + body.length));
      expect(total).toBe(Math.min(576, 20 + 8 + 28 + length));
    }
  });

  test("s3.2.2.1: an unknown protocol is reported (1122-I-27, S-024)", () => {
    const lab = new Lab();
    for (let protocol = 0; protocol < 256; protocol++) {
      if (protocol === 1 || protocol === 6 || protocol === 17) continue;
      lab.advance(SECOND);
      const [sent] = lab.frame(datagram({ protocol }, [1, 2, 3, 4, 5, 6, 7, 8]));
      expect(decodeIcmp(sent!)).toMatchObject({ type: 3, code: 2 });
    }
  });

  test("s3.2.2: none about an error, a group, a link broadcast, a later fragment or a source that is no host (1122-I-22, 1122-I-23, 1122-I-24, 1122-I-25, 1122-I-26, 1812-03, S-042)", () => {
    const lab = new Lab();
    const bad = [1, 1, 7, 99];
    const cases = [
      icmpFrame({ options: bad }, icmp(3, 3, [0, 0, 0, 0], quoted())),
      icmpFrame({ options: bad }, icmp(200, 0, [0, 0, 0, 0], [])),
      udpFrame({ destination: "10.0.0.255" }, [1], BROADCAST_MAC),
      udpFrame({ destination: "224.0.0.1" }, [1], [1, 0, 0x5e, 0, 0, 1]),
      datagram({ destination: "10.0.0.255", protocol: 99 }, [1], BROADCAST_MAC),
      udpFrame({}, [1], BROADCAST_MAC),
      datagram({ offset: 5, options: bad }, new Array(64).fill(1)),
      ...["0.0.0.0", "127.0.0.1", "10.0.0.255", "224.0.0.1", "240.0.0.1"].map((source) => udpFrame({ source }, [1])),
    ];
    for (const frame of cases) expect(lab.frame(frame)).toEqual([]);
    // What must be answered still is.
    expect(lab.frame(icmpFrame({ options: bad }, echo(1))).length).toBe(1);
  });

  test("RFC 1812 s4.3.2.8: errors are limited for each destination and for all (1812-01)", () => {
    const lab = new Lab();
    lab.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: lab.device.index });
    let sent = 0;
    for (let i = 0; i < 1000; i++) {
      sent += lab.frame(udpFrame({}, [1])).length;
      lab.advance(1_000);
    }
    expect(sent).toBeGreaterThanOrEqual(6);
    expect(sent).toBeLessThanOrEqual(12);
    let spread = 0;
    for (let i = 0; i < 4000; i++) spread += lab.frame(udpFrame({ source: `20.0.${i >> 8}.${i & 255}` }, [1])).length;
    expect(spread).toBeGreaterThan(400);
    expect(spread).toBeLessThanOrEqual(1_600);
    expect(lab.count("icmp.limited")).toBe(5000 - sent - spread);
  });

  test("s3.2.2.2, s3.2.2.3, RFC 6633 s3: redirects and source quenches are never sent (1122-I-29, 6633-01)", () => {
    const lab = new Lab();
    for (const frame of [icmpFrame({ destination: "192.0.2.1" }, echo(1)), udpFrame({}, [1]), icmpFrame({}, echo(1))])
      for (const sent of lab.frame(frame)) expect([4, 5]).not.toContain(decodeIcmp(sent).type);
  });
});

describe("errors that we receive", () => {
  test.each([
    [3, 0, IcmpError.NetUnreachable, "ENETUNREACH"],
    [3, 1, IcmpError.HostUnreachable, "EHOSTUNREACH"],
    [3, 2, IcmpError.ProtocolUnreachable, "ECONNREFUSED"],
    [3, 3, IcmpError.PortUnreachable, "ECONNREFUSED"],
    [3, 5, IcmpError.SourceRouteFailed, "EHOSTUNREACH"],
    [3, 6, IcmpError.NetUnreachable, "ENETUNREACH"],
    [3, 7, IcmpError.HostUnreachable, "EHOSTUNREACH"],
    [3, 10, IcmpError.AdminProhibited, "EHOSTUNREACH"],
    [3, 13, IcmpError.AdminProhibited, "EHOSTUNREACH"],
    [11, 0, IcmpError.TimeExceeded, "EHOSTUNREACH"],
    [11, 1, IcmpError.ReassemblyTimeExceeded, "EHOSTUNREACH"],
    [12, 0, IcmpError.ParameterProblem, "EINVAL"],
  ] as const)(
    "s3.2.2: type %d code %d is passed to the transport it quotes (1122-I-20, 1122-I-28, 1122-I-32, 1122-I-33, 1122-U-03)",
    (type, code, kind, name) => {
      const { lab, told, handle } = connected();
      expect(lab.fate(error(type, code))).toBe("icmp.error_delivered");
      expect(told.events).toEqual([128]);
      expect(lab.stack.udp.errorOf(handle)).toEqual({ code: name, kind, reporter: ip(REPORTER), remote: ip(FAR), remotePort: 53, mtu: 0 });
      expect(lab.stack.udp.errorOf(handle)).toBeNull();
    },
  );

  test("s3.2.2: what quotes nothing of ours is ignored (8085-06)", () => {
    const { lab, told } = connected();
    expect(lab.fate(error(3, 3, quoted({ source: "10.0.0.9" })))).toBe("icmp.quote_not_ours");
    expect(lab.fate(error(3, 3, quoted({}, { sourcePort: 2001 })))).toBe("icmp.quote_not_ours");
    expect(lab.fate(error(3, 3, quoted({}, { port: 54 })))).toBe("icmp.quote_not_ours");
    expect(lab.fate(error(3, 3, quoted({ destination: "8.8.4.4" })))).toBe("icmp.quote_not_ours");
    expect(lab.fate(error(3, 3, quoted({ offset: 2 })))).toBe("icmp.quote_not_ours");
    expect(lab.fate(error(3, 3, quoted({ protocol: 99 })))).toBe("icmp.quote_not_ours");
    for (let length = 0; length < 28; length++) expect(lab.fate(error(3, 3, quoted().slice(0, length)))).toBe("icmp.quote_short");
    expect(lab.fate(error(3, 3, quoted({ version: 6 })))).toBe("icmp.quote_short");
    expect(lab.fate(error(3, 3, quoted({ ihl: 15 })))).toBe("icmp.quote_short");
    expect(told.events).toEqual([]);
    // An endpoint that is not connected hears of those it has sent to.
    const open = lab.stack.udp.bind({ port: 3000 }, listener());
    const about = error(3, 3, quoted({}, { sourcePort: 3000 }));
    expect(lab.fate(about)).toBe("icmp.quote_not_ours");
    lab.stack.udp.send(open, new Uint8Array(1), 0, 1, ip(FAR), 53, lab.now);
    lab.turn();
    expect(lab.fate(about)).toBe("icmp.error_delivered");
  });

  test("RFC 6633 s3, s5: source quench is discarded silently, for TCP and UDP, and counted (6633-02, 6633-03, 6633-04)", () => {
    const { lab, told } = connected();
    for (const protocol of [6, 17]) expect(lab.fate(error(4, 0, quoted({ protocol })))).toBe("icmp.source_quench");
    expect(told.events).toEqual([]);
    expect(lab.count("icmp.source_quench")).toBe(2);
    expect(octetsOf(FAR).length).toBe(4);
  });

  test("an error by broadcast is nobody's", () => {
    const { lab } = connected();
    expect(lab.fate(icmpFrame({ destination: "10.0.0.255" }, icmp(3, 3, [0, 0, 0, 0], quoted()), BROADCAST_MAC))).toBe(
      "icmp.quote_not_ours",
    );
  });

  test("UDP to a closed port of our own is refused, inside the host", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({}, listener());
    lab.stack.udp.connect(handle, ip(OURS), 9);
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("0.0.0.0"), 0, lab.now);
    lab.advance(100);
    expect(lab.stack.udp.errorOf(handle)?.code).toBe("ECONNREFUSED");
    expect(lab.device.counters.framesOut).toBe(0);
  });
});
