/** RFC 1191: path MTU discovery. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { ip, UNSPECIFIED } from "../../src/ip/address.js";
import { PATH_MTU_LIFETIME, plateauBelow } from "../../src/ip/path-mtu.js";
import { rfc } from "../../src/stack/profile.js";
import {
  datagram,
  decodeIp,
  decodeTcp,
  echo,
  icmp,
  icmpFrame,
  ipv4,
  Lab,
  type LabOptions,
  listener,
  OURS,
  PEER,
  tcp,
  udp,
} from "../stack/lab.js";

const FAR = "8.8.8.8";
const far = ip(FAR);

const paths = (options: LabOptions = {}) => {
  const lab = new Lab(options);
  lab.stack.routes.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip(PEER), device: lab.device.index });
  const handle = lab.stack.udp.bind({ port: 2000 }, listener());
  lab.stack.udp.connect(handle, far, 53);
  const send = (length: number): ReturnType<typeof decodeIp>[] => {
    lab.stack.udp.send(handle, new Uint8Array(length), 0, length, ip("0.0.0.0"), 0, lab.now);
    return lab.turn().map((frame) => decodeIp(frame));
  };
  /** "Fragmentation needed" about a datagram of `total` octets to `destination`. */
  const tooBig = (mtu: number, total = 1500, destination = FAR): string => {
    const quote = ipv4({ source: OURS, destination, df: true, total }, udp({ sourcePort: 2000, port: 53 }, []));
    return lab.fate(icmpFrame({}, icmp(3, 4, [0, 0, mtu >> 8, mtu & 255], quote)));
  };
  return { lab, handle, send, tooBig, mtu: () => lab.stack.ip.mtuTo(far, UNSPECIFIED, lab.now) };
};

describe("3: host specification", () => {
  test("s3: the estimate becomes the next-hop MTU, and what is sent after fits it (1191-01, 1191-02)", () => {
    const { send, tooBig, mtu } = paths();
    expect(send(1472).length).toBe(1);
    expect(tooBig(1400)).toBe("icmp.pmtu_lowered");
    expect(mtu()).toBe(1400);
    const pieces = send(1472);
    expect(pieces.length).toBe(2);
    for (const piece of pieces) expect(piece.total).toBeLessThanOrEqual(1400);
  });

  test("s3: only the path it is about is changed (4821-06)", () => {
    const { lab, tooBig } = paths();
    tooBig(1400);
    expect(lab.stack.ip.mtuTo(ip("8.8.4.4"), UNSPECIFIED, lab.now)).toBe(1500);
    expect(lab.stack.ip.linkMtuTo(far, UNSPECIFIED)).toBe(1500);
  });

  test("s3: an open echo endpoint, whose identifier is soon guessed, lends its name to no path that it has not asked (RFC 5927 s7.2)", () => {
    const { lab } = paths();
    const open = lab.stack.icmp.open({}, listener());
    const { identifier } = lab.stack.icmp.show()[0]!;
    const about = (destination: string): string => {
      const quote = ipv4({ source: OURS, destination, protocol: 1, total: 1500 }, echo(0, identifier));
      return lab.fate(icmpFrame({}, icmp(3, 4, [0, 0, 4, 0], quote)));
    };
    lab.stack.icmp.send(open, 1, new Uint8Array(1472), 0, 1472, ip("8.8.4.4"), lab.now);
    lab.turn();
    expect([about(FAR), about("8.8.4.4")]).toEqual(["icmp.quote_not_ours", "icmp.pmtu_lowered"]);
    expect([FAR, "8.8.4.4"].map((to) => lab.stack.ip.mtuTo(ip(to), UNSPECIFIED, lab.now))).toEqual([1500, 1024]);
    expect(lab.stack.icmp.errorOf(open)).toMatchObject({ destination: ip("8.8.4.4"), mtu: 1024 });
  });

  test("s3: an application that forbids fragments is told the size that goes", () => {
    const { lab, handle, tooBig } = paths();
    lab.stack.udp.configure(handle, { dontFragment: true });
    tooBig(1400);
    expect(lab.stack.udp.errorOf(handle)).toMatchObject({ code: "EMSGSIZE", mtu: 1400 });
    expect(() => lab.stack.udp.send(handle, new Uint8Array(1400), 0, 1400, ip("0.0.0.0"), 0, lab.now)).toThrow("at most 1372 octets");
  });

  test("s3: a decrease holds at once, an increase waits ten minutes (1191-03, 1191-04)", () => {
    const { lab, tooBig, mtu } = paths();
    tooBig(1400);
    lab.advance(300 * SECOND);
    tooBig(1300);
    expect(mtu()).toBe(1300);
    lab.advance(PATH_MTU_LIFETIME - 1);
    expect(mtu()).toBe(1300);
    const { epoch } = lab.stack.ip;
    lab.advance(1);
    expect(mtu()).toBe(1500);
    expect(lab.stack.ip.epoch).not.toBe(epoch);
  });

  test("s3: an increase sends nothing by itself (1191-08)", () => {
    const { lab, tooBig } = paths();
    tooBig(1400);
    expect(lab.advance(PATH_MTU_LIFETIME + SECOND)).toEqual([]);
  });

  test.each([
    [1500, 1492],
    [1492, 1006],
    [1006, 552],
    [65_535, 32_000],
  ])("s5, s7: without a next-hop MTU, a datagram of %d gives the plateau below it (1191-05)", (total, plateau) => {
    const { tooBig, mtu, lab } = paths({ memory: { packets: 16, packetSize: 65_600 }, link: { mtu: 65_535 } });
    tooBig(0, total);
    expect(mtu()).toBe(plateau);
    expect(lab.stack.inspect(lab.now).pathMtus.length).toBe(1);
  });

  test("s7.1: the plateaus", () => {
    expect([65_536, 65_535, 32_000, 20_000, 1500, 1492, 1006, 508, 296, 68, 1].map(plateauBelow)).toEqual([
      65_535, 32_000, 17_914, 17_914, 1492, 1006, 508, 296, 68, 68, 68,
    ]);
  });

  test("s3: an estimate never falls below 68, nor below the profile's floor; beneath it routers may fragment (1191-06, S-045)", () => {
    for (const [profile, floor] of [
      [undefined, 552],
      [rfc, 68],
    ] as const) {
      for (const claimed of [1, 67, 68, 256, 551]) {
        const { send, tooBig, mtu } = paths({ ...(profile === undefined ? {} : { profile }), device: { claim: "use" } });
        tooBig(claimed);
        expect(mtu()).toBe(Math.max(claimed, floor));
        const pieces = send(2000);
        for (const piece of pieces) expect(piece.total).toBeLessThanOrEqual(mtu());
        if (claimed < floor) for (const piece of send(40)) expect(piece.df).toBe(false);
      }
    }
  });

  test("s3: a message never raises an estimate (1191-07, S-046)", () => {
    const { tooBig, mtu } = paths();
    expect(tooBig(1400)).toBe("icmp.pmtu_lowered");
    for (const larger of [1400, 1401, 1500, 9000]) expect(tooBig(larger, 9500)).toBe("icmp.pmtu_ignored");
    expect(mtu()).toBe(1400);
    expect(tooBig(1500, 1400)).toBe("icmp.pmtu_ignored");
  });

  test("s3: what quotes nothing that we sent changes nothing (RFC 5927 s7.2, 8085-06)", () => {
    const { tooBig, mtu } = paths();
    expect(tooBig(1000, 1500, "8.8.4.4")).toBe("icmp.quote_not_ours");
    expect(mtu()).toBe(1500);
  });

  test("s6.3: the cache is bounded, the oldest estimate goes first", () => {
    const { lab, handle } = paths({ limits: { pathMtus: 4 } });
    for (let i = 0; i < 10; i++) {
      const destination = `20.0.0.${i}`;
      lab.stack.udp.connect(handle, ip(destination), 53);
      const quote = ipv4({ source: OURS, destination, df: true, total: 1500 }, udp({ sourcePort: 2000, port: 53 }, []));
      lab.frame(icmpFrame({}, icmp(3, 4, [0, 0, 5, 0], quote)));
    }
    expect(lab.stack.ip.pathMtu.count).toBe(4);
    expect(lab.stack.ip.mtuTo(ip("20.0.0.9"), UNSPECIFIED, lab.now)).toBe(1280);
    expect(lab.stack.ip.mtuTo(ip("20.0.0.0"), UNSPECIFIED, lab.now)).toBe(1500);
  });
});

describe("6: TCP", () => {
  /** An established connection to a peer with an MSS of 1460, no options, and what the stack then sends of 20 000 octets. */
  const established = () => {
    const lab = new Lab();
    const handle = lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 80 }, { onEvents: () => {} }, lab.now);
    const syn = decodeTcp(lab.turn()[0]!);
    const iss = syn.seq;
    const answer = (ack: number, flags = 16, options: number[] = []): Uint8Array[] =>
      lab.frame(datagram({ protocol: 6 }, tcp({ port: syn.sourcePort, seq: flags === 18 ? 100 : 101, ack: ack >>> 0, flags, options })));
    answer(iss + 1, 18, [2, 4, 5, 0xb4]);
    lab.stack.tcp.send(handle, new Uint8Array(20_000), 0, 20_000, lab.now);
    const sent = lab.turn();
    const tooBig = (frame: Uint8Array, mtu: number): Uint8Array[] =>
      lab.frame(icmpFrame({}, icmp(3, 4, [0, 0, mtu >> 8, mtu & 255], [...frame.subarray(14, 42)])));
    return { lab, syn, iss, answer, sent, tooBig };
  };

  test("s3.1: the MSS we announce is by the MTU of our link, not of the path (1191-10)", () => {
    const { lab, sent, tooBig } = established();
    tooBig(sent[0]!, 1400);
    expect(lab.stack.ip.mtuTo(ip(PEER), UNSPECIFIED, lab.now)).toBe(1400);
    lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 81 }, { onEvents: () => {} }, lab.now);
    const second = lab
      .turn()
      .map(decodeTcp)
      .find(({ port }) => port === 81);
    expect(second!.options.slice(0, 4)).toEqual([2, 4, 1460 >> 8, 1460 & 255]);
  });

  test("s6.4: a burst of messages about one window is one retransmission, in segments that fit (1191-09, S-051)", () => {
    const { sent, tooBig } = established();
    expect(sent.length).toBe(10);
    const again = sent.map((frame) => tooBig(frame, 1400).map(decodeTcp));
    const resent = again.flat().filter(({ text }) => text.length > 0);
    expect(resent.length).toBeGreaterThan(0);
    expect(again.slice(1).flat()).toEqual([]);
    for (const { total } of resent) expect(total).toBeLessThanOrEqual(1400);
  });

  test("s6.4, RFC 5927 s4.1: what quotes acknowledged or unsent octets is ignored (S-047)", () => {
    const { lab, sent, answer, tooBig, iss } = established();
    const [first] = sent;
    const unsent = Uint8Array.from(first!);
    new DataView(unsent.buffer).setUint32(38, (iss + 1 + 30_000) >>> 0);
    expect(tooBig(unsent, 1400)).toEqual([]);
    answer(iss + 1 + 1460);
    tooBig(first!, 1400);
    expect(lab.stack.ip.mtuTo(ip(PEER), UNSPECIFIED, lab.now)).toBe(1500);
    expect(lab.count("icmp.quote_out_of_window")).toBe(2);
  });
});
