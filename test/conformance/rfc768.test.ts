/** RFC 768: UDP; with RFC 1122 s4.1 and RFC 8085. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChecksumState } from "../../src/base/packet.js";
import { ip } from "../../src/ip/address.js";
import { datagram, decodeIcmp, decodeUdp, Lab, listener, OURS, octetsOf, PEER, sum16, udp, udpFrame } from "../stack/lab.js";

const receiving = () => {
  const lab = new Lab();
  const handle = lab.stack.udp.bind({ port: 2000 }, listener());
  const target = new Uint8Array(2000);
  return {
    lab,
    handle,
    read: (): number[] | null => ((n) => (n < 0 ? null : [...target.subarray(0, n)]))(lab.stack.udp.receive(handle, target, 0, 2000)),
  };
};

describe("fields", () => {
  test("Length: below 8 or beyond the IP payload is dropped, what lies behind it is ignored (768-01, S-055)", () => {
    const { lab, read } = receiving();
    for (let length = 0; length < 8; length++) expect(lab.fate(udpFrame({ length }, [1, 2, 3]))).toBe("udp.length");
    for (const length of [12, 100, 65_535]) expect(lab.fate(udpFrame({ length }, [1, 2, 3]))).toBe("udp.length");
    for (let short = 0; short < 8; short++) expect(lab.fate(datagram({}, udp({}, []).slice(0, short)))).toBe("udp.short");
    lab.frame(datagram({}, [...udp({}, [1, 2, 3]), 9, 9, 9, 9]));
    expect(read()).toEqual([1, 2, 3]);
    lab.frame(udpFrame({}, []));
    expect(read()).toEqual([]);
    expect(read()).toBeNull();
  });

  test("Checksum: zero means none; a wrong one is dropped; a computed zero is sent as all ones (768-02, S-056, 1122-U-05)", () => {
    const { lab, handle, read } = receiving();
    lab.frame(udpFrame({ checksum: 0 } as never, [1]));
    expect(lab.fate(datagram({}, udp({ checksum: 0 }, [7])))).toBe("udp.delivered");
    read();
    const good = udp({}, [1, 2, 3]);
    for (let bit = 0; bit < good.length * 8; bit++) {
      if (bit >> 3 === 4 || bit >> 3 === 5) continue;
      const flipped = [...good];
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(lab.fate(datagram({}, flipped))).toBe("udp.checksum");
    }
    // Find a text whose sum is zero: two octets that cancel the rest.
    const rest = udp({ source: OURS, destination: PEER, sourcePort: 2000, port: 9 }, [0, 0]);
    const field = (rest[6]! << 8) | rest[7]!;
    lab.stack.udp.send(handle, Uint8Array.of(field >> 8, field & 255), 0, 2, ip(PEER), 9, lab.now);
    const sent = decodeUdp(lab.turn().at(-1)!);
    expect(sent.checksum).toBe(0xffff);
    expect(sent.checksumGood).toBe(true);
  });

  test("Checksum: the pseudo-header has the addresses, the protocol and the length (768-03)", () => {
    const { lab } = receiving();
    const payload = udp({}, [1, 2, 3]);
    expect(lab.fate(datagram({ source: "10.0.0.3" }, payload))).toBe("udp.checksum");
    expect(sum16([...octetsOf(PEER), ...octetsOf(OURS), 0, 17, 0, 11, ...payload])).toBe(0);
  });

  test("a link's verdict on the checksum is taken, never guessed (S-026)", () => {
    const bad = udpFrame({}, [1]).map((octet, i) => (i === 40 ? octet ^ 1 : octet));
    for (const [state, fate] of [
      [ChecksumState.Unknown, 0],
      [ChecksumState.Verified, 1],
      [ChecksumState.Partial, 1],
    ] as const) {
      const { lab, handle } = receiving();
      lab.frame(bad, state);
      expect(lab.stack.udp.readable(handle)).toBe(fate);
    }
  });
});

describe("RFC 1122 s4.1", () => {
  test("s4.1.3.4: every datagram is sent with a right checksum (1122-U-04, 8085-02)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({ port: 5 }, listener());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), fc.integer({ min: 1, max: 65_535 }), (text, port) => {
        lab.stack.udp.send(handle, text, 0, text.length, ip(PEER), port, lab.now);
        const sent = decodeUdp(lab.turn()[0]!);
        expect(sent).toMatchObject({ checksumGood: true, port, text: [...text] });
        expect(sent.checksum).not.toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test("s4.1.3.4: a link that finishes checksums is given the pseudo-header's", () => {
    const lab = new Lab({ link: { checksumOffload: true } });
    const handle = lab.stack.udp.bind({ port: 5 }, listener());
    lab.stack.udp.send(handle, Uint8Array.of(1, 2, 3), 0, 3, ip(PEER), 9, lab.now);
    const sent = decodeUdp(lab.turn()[0]!);
    expect(~sent.checksum & 0xffff).toBe(sum16([...octetsOf(OURS), ...octetsOf(PEER), 0, 17, 0, 11]));
    // What is cut into fragments is finished here.
    lab.stack.udp.send(handle, new Uint8Array(3000), 0, 3000, ip(PEER), 9, lab.now);
    expect(lab.turn().length).toBe(3);
  });

  test("s4.1.3.1: a closed port is reported unreachable (1122-U-01)", () => {
    const lab = new Lab();
    expect(decodeIcmp(lab.frame(udpFrame({}, [1]))[0]!)).toMatchObject({ type: 3, code: 3 });
    expect(lab.count("udp.no_port")).toBe(1);
  });

  test("s4.1.3.5: the application learns to which address it was sent, and chooses one or all (1122-U-06, 1122-U-07)", () => {
    const lab = new Lab();
    lab.stack.addAddress(lab.device, ip("10.0.0.9"), 24, lab.now);
    const all = lab.stack.udp.bind({ port: 2000 }, listener());
    const one = lab.stack.udp.bind({ port: 2001, address: ip("10.0.0.9") }, listener());
    lab.frame(udpFrame({ destination: "10.0.0.9" }, [1]));
    lab.frame(udpFrame({ destination: "10.0.0.9", port: 2001 }, [2]));
    lab.frame(udpFrame({ port: 2001 }, [3]));
    const target = new Uint8Array(4);
    lab.stack.udp.receive(all, target, 0, 4);
    expect(lab.stack.udp).toMatchObject({ to: ip("10.0.0.9"), from: ip(PEER), fromPort: 1000, fullLength: 1 });
    expect([lab.stack.udp.readable(all), lab.stack.udp.readable(one)]).toEqual([0, 1]);
  });

  test("s4.1.3.6: only a valid source is received, only a valid source sent (1122-U-08)", () => {
    const { lab, read } = receiving();
    for (const source of ["224.0.0.1", "10.0.0.255", "255.255.255.255", "0.0.0.0"]) lab.frame(udpFrame({ source }, [1]));
    expect(read()).toBeNull();
    expect(() => lab.stack.udp.bind({ address: ip("10.0.0.77") }, listener())).toThrow("EADDRNOTAVAIL");
  });

  test("s4.1.4: the application sets TTL and TOS, also later (1122-U-09)", () => {
    const { lab, handle } = receiving();
    lab.stack.udp.configure(handle, { ttl: 3, trafficClass: 0x20 });
    lab.stack.udp.send(handle, new Uint8Array(0), 0, 0, ip(PEER), 9, lab.now);
    expect(decodeUdp(lab.turn()[0]!)).toMatchObject({ ttl: 3, tos: 0x20, length: 8 });
  });
});

describe("RFC 8085", () => {
  test("s5.1: ports are chosen at random (8085-04)", () => {
    const ports = new Set<number>();
    let ascending = 0;
    let last = 0;
    const lab = new Lab();
    for (let i = 0; i < 400; i++) {
      const handle = lab.stack.udp.bind({}, listener());
      const { localPort } = lab.stack.udp.endpointsOf(handle);
      expect(localPort).toBeGreaterThanOrEqual(32_768);
      ports.add(localPort);
      if (localPort === last + 1) ascending += 1;
      last = localPort;
    }
    expect(ports.size).toBe(400);
    expect(ascending).toBeLessThan(5);
  });

  test("s5.1: a connected endpoint hears its peer only (8085-05)", () => {
    const { lab, handle, read } = receiving();
    lab.stack.udp.connect(handle, ip(PEER), 1000);
    lab.frame(udpFrame({}, [1]));
    expect(lab.fate(udpFrame({ sourcePort: 1001 }, [2]))).toContain("udp.no_port");
    expect(lab.fate(udpFrame({ source: "10.0.0.3" }, [3]))).toContain("udp.no_port");
    expect([read(), read()]).toEqual([[1], null]);
    lab.stack.udp.disconnect(handle);
    lab.frame(udpFrame({ sourcePort: 1001 }, [4]));
    expect(read()).toEqual([4]);
  });
});
