/** RFC 791: the Internet Protocol; with RFC 815 (reassembly), RFC 1858 and RFC 3128 (tiny fragments) and RFC 5722 (overlaps). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import { rfc } from "../../src/stack/profile.js";
import { datagram, decodeIp, echo, ethernet, icmpFrame, ipv4, Lab, listener, OURS, PEER, sum16, udp, udpFrame } from "../stack/lab.js";

const text = (length: number): number[] => Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);

/** The frames of one datagram, cut at the given payload offsets (multiples of 8). */
function fragments(payload: readonly number[], cuts: readonly number[], fields: Parameters<typeof ipv4>[0] = {}): number[][] {
  const edges = [0, ...cuts, payload.length];
  return edges.slice(0, -1).map((start, i) => {
    const end = edges[i + 1]!;
    return datagram({ id: 77, ...fields, offset: start / 8, mf: end < payload.length }, payload.slice(start, end));
  });
}

const receiving = (options = {}) => {
  const lab = new Lab(options);
  const handle = lab.stack.udp.bind({ port: 2000, receiveBuffer: 1 << 20 }, listener());
  const read = (): number[] | null => {
    const target = new Uint8Array(65_536);
    const count = lab.stack.udp.receive(handle, target, 0, target.length);
    return count < 0 ? null : [...target.subarray(0, count)];
  };
  return { lab, read };
};

describe("3.1: the header", () => {
  test("s3.1: a header length below 5 words, or beyond the total length, is dropped (791-01)", () => {
    const lab = new Lab();
    for (let ihl = 0; ihl < 5; ihl++) expect(lab.fate(datagram({ ihl }, text(40)))).toBe("ip.header_length");
    for (let ihl = 6; ihl <= 15; ihl++) expect(lab.fate(datagram({ ihl, total: ihl * 4 - 1 }, text(60)))).toBe("ip.header_length");
    for (let length = 0; length < 20; length++) expect(lab.fate(ethernet(0x0800, ipv4({}, []).slice(0, length)))).toBe("ip.short");
  });

  test("s3.1: the total length bounds the datagram, padding behind it is ignored (791-02)", () => {
    const { lab, read } = receiving();
    lab.frame([...udpFrame({}, [1, 2, 3]), ...new Array(30).fill(0xee)]);
    expect(read()).toEqual([1, 2, 3]);
  });

  test("s3.1: a total length beyond what was received is dropped (791-03)", () => {
    const lab = new Lab();
    for (const total of [61, 100, 1500, 65_535]) expect(lab.fate(datagram({ total }, text(40)))).toBe("ip.total_length");
  });

  test.each([576, 1500, 65_515])("s3.1: a datagram of %d octets is accepted, in fragments if need be (791-04, 1122-I-49)", (total) => {
    const { lab, read } = receiving();
    const body = text(total - 28);
    const payload = udp({}, body);
    const cuts = Array.from({ length: Math.ceil(payload.length / 1480) - 1 }, (_, i) => (i + 1) * 1480);
    for (const frame of fragments(payload, cuts)) lab.frame(frame);
    expect(read()).toEqual(body);
  });

  test("s3.1: the checksum is the one's complement of the one's complement sum of the header (791-05)", () => {
    const lab = new Lab();
    for (const frame of lab.frame(icmpFrame({ tos: 0x1c }, echo(100)))) expect(decodeIp(frame).checksumGood).toBe(true);
    // RFC 1071 s3: the example's octets.
    expect(sum16([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])).toBe(~0xddf2 & 0xffff);
  });

  test("s3.1: option lengths are at least 2 and inside the header; end and no-operation are single octets (791-06)", () => {
    const lab = new Lab();
    const fate = (...options: number[]): string =>
      lab
        .fate(icmpFrame({ options }, echo(1)))
        .split(" ")
        .at(-1)!;
    expect(fate(1, 1, 1, 1)).toBe("icmp.echo_answered");
    expect(fate(0, 0xff, 0xff, 0xff)).toBe("icmp.echo_answered");
    expect(fate(0x99, 4, 9, 9)).toBe("icmp.echo_answered");
    for (const bad of [
      [0x99, 0, 0, 0],
      [0x99, 1, 0, 0],
      [0x99, 5, 0, 0],
      [1, 1, 1, 0x99],
      [7, 255, 0, 0],
    ])
      expect(lab.fate(icmpFrame({ options: bad }, echo(1)))).toContain("ip.bad_option");
    expect(fate(...new Array(40).fill(1))).toBe("icmp.echo_answered");
  });

  test("s3.1: fragments but the last are multiples of 8 octets, and none is empty (791-07)", () => {
    const lab = new Lab();
    for (const length of [1, 7, 9, 15, 1479]) expect(lab.fate(datagram({ mf: true, id: length }, text(length)))).toBe("ip.fragment_size");
    expect(lab.fate(datagram({ mf: true }, []))).toBe("ip.fragment_size");
    expect(lab.fate(datagram({ offset: 3 }, []))).toBe("ip.fragment_size");
    expect(lab.fate(datagram({ offset: 3 }, text(7)))).toBe("ip.fragment_held");
  });

  test("s3.1: the reserved flag is never sent (791-08)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({}, listener());
    for (const length of [0, 100, 1472, 1473, 30_000]) lab.stack.udp.send(handle, new Uint8Array(length), 0, length, ip(PEER), 9, lab.now);
    const sent = lab.turn();
    expect(sent.length).toBeGreaterThan(20);
    for (const frame of sent) expect(decodeIp(frame).reserved).toBe(0);
  });
});

describe("3.2: fragmentation", () => {
  test.each([68, 296, 576, 1006, 1500])(
    "s3.2: every size around an MTU of %d is cut so that the pieces make up the whole (1122-I-55)",
    (mtu) => {
      const lab = new Lab({ device: { mtu } });
      const handle = lab.stack.udp.bind({ port: 1000 }, listener());
      for (const length of [0, 1, mtu - 29, mtu - 28, mtu - 27, 2 * mtu, 2001]) {
        const body = text(length);
        lab.stack.udp.send(handle, Uint8Array.from(body), 0, length, ip(PEER), 2000, lab.now);
        const sent = lab.turn().map((frame) => decodeIp(frame));
        expect(sent.length).toBe(length + 28 <= mtu ? 1 : Math.ceil((length + 8) / ((mtu - 20) & ~7)));
        const whole: number[] = [];
        sent.forEach((packet, i) => {
          expect(packet.total).toBeLessThanOrEqual(mtu);
          expect(packet).toMatchObject({ checksumGood: true, df: sent.length === 1, mf: i < sent.length - 1, id: sent[0]!.id });
          expect(packet.offset * 8).toBe(whole.length);
          whole.push(...packet.payload);
        });
        expect(whole).toEqual(udp({ source: OURS, destination: PEER }, body));
      }
    },
  );

  test("s3.2: what must not be fragmented and does not fit is not sent (791-11)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({ dontFragment: true }, listener());
    expect(() => lab.stack.udp.send(handle, new Uint8Array(1473), 0, 1473, ip(PEER), 9, lab.now)).toThrow(/EMSGSIZE.*at most 1472/);
    expect(lab.turn()).toEqual([]);
    expect(lab.count("ip.too_big")).toBe(1);
    expect(lab.stack.udp.send(handle, new Uint8Array(1472), 0, 1472, ip(PEER), 9, lab.now)).toBe(1472);
    expect(decodeIp(lab.turn()[0]!).df).toBe(true);
  });

  test("s2.3: a datagram for somebody else is never forwarded (791-12)", () => {
    const lab = new Lab();
    expect(lab.fate(icmpFrame({ destination: "10.0.0.77" }, echo(1)))).toBe("ip.not_for_us");
    expect(lab.fate(icmpFrame({ destination: "192.0.2.1", ttl: 1 }, echo(1)))).toBe("ip.not_for_us");
    expect(lab.turn()).toEqual([]);
  });
});

describe("3.2: reassembly", () => {
  test("s3.2: any order, any cuts, duplicates too: the whole is what was sent (815-01, 1122-I-09)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 17, max: 5000 }),
        fc.array(fc.nat(600), { maxLength: 20 }),
        fc.nat(),
        fc.boolean(),
        (length, raw, seed, twice) => {
          const { lab, read } = receiving();
          const body = text(length);
          const payload = udp({}, body);
          const cuts = [...new Set(raw.map((n) => n * 8))].filter((cut) => cut > 0 && cut < payload.length).sort((a, b) => a - b);
          const frames = fragments(payload, cuts);
          const random = new SeededRandom(seed);
          const order = twice && frames.length > 1 ? [...frames, ...frames.slice(1)] : frames;
          for (let i = order.length - 1; i > 0; i--) {
            const j = random.below(i + 1);
            [order[i], order[j]] = [order[j]!, order[i]!];
          }
          for (const frame of order) lab.frame(frame);
          expect(read()).toEqual(body);
          expect(lab.conserved).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("s3.2: fragments are put together by source, destination, protocol and identification (791-09)", () => {
    const { lab, read } = receiving();
    lab.stack.addAddress(lab.device, ip("10.0.0.9"), 24, lab.now);
    const bodies = [text(100), text(101), text(102), text(103)];
    const variants = [{}, { id: 78 }, { source: "10.0.0.3" }, { destination: "10.0.0.9" }];
    const all = variants.map((fields, i) => fragments(udp(fields, bodies[i]!), [64], fields));
    for (const part of [1, 0]) for (const frames of all) lab.frame(frames[part]!);
    expect([read(), read(), read(), read()]).toEqual(bodies);
    expect(lab.memory.chunks.available).toBe(lab.memory.chunks.count);
  });

  test("s3.2: no datagram grows beyond 65535 octets (791-10)", () => {
    const lab = new Lab();
    expect(lab.fate(datagram({ offset: 8191, mf: false }, text(1000)))).toBe("ip.fragment_too_long");
    expect(lab.fate(datagram({ id: 2, offset: 8189, mf: true }, text(8)))).toBe("ip.fragment_too_long");
    expect(lab.fate(datagram({ id: 3, offset: 8187 }, text(8)))).toBe("ip.fragment_held");
    expect(lab.turn()).toEqual([]);
  });

  test("s3.2: after the timeout nothing is kept, and the time does not depend on the TTL (1122-I-51, 1122-I-53)", () => {
    for (const [profile, seconds] of [
      [rfc, 60],
      [undefined, 30],
    ] as const)
      for (const ttl of [1, 255]) {
        const lab = new Lab({ ...(profile === undefined ? {} : { profile }), device: { claim: "use" } });
        lab.frame(datagram({ mf: true, ttl }, text(64)));
        lab.advance(seconds * SECOND - 1);
        expect(lab.stack.ip.reassembly.count).toBe(1);
        lab.advance(1);
        expect(lab.stack.ip.reassembly.count).toBe(0);
        expect(lab.stack.ip.reassembly.octets).toBe(0);
        expect(lab.memory.chunks.available).toBe(lab.memory.chunks.count);
        expect(lab.count("ip.fragment_timeout")).toBe(1);
      }
  });

  test("RFC 3168 s5.3: congestion met by one fragment is met by the whole; mixed with a fragment that is not ECN-capable it is dropped (3168-04)", () => {
    const { lab, read } = receiving();
    const payload = udp({}, text(100));
    const send = (id: number, first: number, second: number): void => {
      lab.frame(datagram({ id, mf: true, tos: first }, payload.slice(0, 64)));
      lab.frame(datagram({ id, offset: 8, tos: second }, payload.slice(64)));
    };
    send(1, 2, 3);
    expect(read()).toEqual(text(100));
    expect(lab.stack.udp.trafficClass & 3).toBe(3);
    send(2, 0, 3);
    expect(read()).toBeNull();
  });
});

describe("RFC 1858 and RFC 3128: fragments made to deceive", () => {
  test("s3: a TCP header in two fragments is dropped (1858-01)", () => {
    const lab = new Lab();
    for (let length = 8; length < 20; length += 8)
      expect(lab.fate(datagram({ protocol: 6, mf: true, id: length }, text(length)))).toBe("ip.fragment_tiny");
    for (const offset of [1, 2]) expect(lab.fate(datagram({ protocol: 6, offset, id: 40 + offset }, text(64)))).toBe("ip.fragment_tiny");
    expect(lab.fate(datagram({ protocol: 6, mf: true, id: 3 }, text(24)))).toBe("ip.fragment_held");
  });

  test("s4: whatever way fragments overlap, the datagram is dropped with all that still comes of it (1858-02, RFC 5722 s4, S-028)", () => {
    // A grid of 8 units: the first fragment is [2, 5), the second anything that overlaps it and is not the same.
    for (let start = 0; start < 7; start++) {
      for (let end = start + 1; end <= 8; end++) {
        const overlaps = start < 5 && end > 2 && !(start === 2 && end === 5);
        if (!overlaps || (start === 0 && end === 8)) continue;
        const { lab, read } = receiving();
        const payload = udp({}, text(56));
        const piece = (from: number, to: number) => datagram({ id: 9, offset: from, mf: to < 8 }, payload.slice(from * 8, to * 8));
        lab.frame(piece(2, 5));
        expect(lab.fate(piece(start, end))).toBe("ip.fragment_overlap");
        for (const [from, to] of [
          [0, 2],
          [2, 5],
          [5, 8],
        ] as const)
          expect(lab.fate(piece(from, to))).toBe("ip.fragment_overlap");
        expect(read()).toBeNull();
        expect(lab.memory.chunks.available).toBe(lab.memory.chunks.count);
      }
    }
  });

  test("an exact duplicate is ignored, another end than the one known is refused", () => {
    const { lab, read } = receiving();
    const payload = udp({}, text(56));
    const piece = (from: number, to: number, mf: boolean, id: number) =>
      datagram({ id, offset: from, mf }, payload.slice(from * 8, to * 8));
    lab.frame(piece(4, 8, false, 1));
    expect(lab.fate(piece(4, 8, false, 1))).toBe("ip.fragment_duplicate");
    lab.frame(piece(0, 4, true, 1));
    expect(read()).toEqual(text(56));
    lab.frame(piece(4, 8, false, 2));
    expect(lab.fate(piece(8, 9, true, 2))).toBe("ip.fragment_size");
    expect(lab.fate(datagram({ id: 2, offset: 8, mf: true }, text(8)))).toBe("ip.fragment_overlap");
    lab.frame(piece(4, 8, true, 3));
    expect(lab.fate(piece(2, 4, false, 3))).toBe("ip.fragment_overlap");
  });
});
