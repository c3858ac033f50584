/** RFC 5227: IPv4 address conflict detection. */
import { describe, expect, test } from "vitest";
import { MAX_CONFLICTS, RATE_LIMIT_INTERVAL } from "../../src/arp/claims.js";
import { SECOND } from "../../src/base/environment.js";
import { ip } from "../../src/ip/address.js";
import { linux } from "../../src/stack/profile.js";
import {
  arp,
  BROADCAST_MAC,
  decode,
  decodeArp,
  echo,
  icmpFrame,
  Lab,
  type LabOptions,
  listener,
  macText,
  OTHER_MAC,
  OUR_MAC,
  OURS,
  PEER,
  ZERO_MAC,
} from "../stack/lab.js";

const NEW = "10.0.0.50";
const claiming = (claim: "use" | "announce" | "probe", options: LabOptions = {}) => {
  const lab = new Lab(options);
  const told: [string, boolean][] = [];
  lab.stack.onAddress = (_device, address, granted) => told.push([[24, 16, 8, 0].map((by) => (address >>> by) & 255).join("."), granted]);
  lab.stack.addAddress(lab.device, ip(NEW), 24, lab.now, claim);
  return { lab, told, start: lab.now };
};
const arps = (sent: { at: number; frame: Uint8Array }[]) =>
  sent.filter(({ frame }) => decode(frame).type === 0x0806).map(({ at, frame }) => ({ at, ...decodeArp(frame) }));
const defence = (how: "never" | "once" | "always"): LabOptions => ({ profile: { ...linux, lower: { ...linux.lower, defence: how } } });
const conflicting = arp({ op: 1, sha: OTHER_MAC, spa: OURS, tpa: PEER });

describe("2.1: probing", () => {
  test("s2.1: an address is not used before it has been probed for (5227-01)", () => {
    const { lab, told } = claiming("probe");
    expect(lab.stack.ip.isLocal(ip(NEW))).toBe(false);
    expect(lab.fate(icmpFrame({ destination: NEW }, echo(1)))).toBe("ip.not_for_us");
    expect(lab.frame(arp({ tpa: NEW }))).toEqual([]);
    expect(() => lab.stack.udp.bind({ address: ip(NEW) }, listener())).toThrow("EADDRNOTAVAIL");
    lab.advance(10 * SECOND);
    expect(told).toEqual([[NEW, true]]);
    expect(lab.stack.ip.isLocal(ip(NEW))).toBe(true);
    expect(lab.frame(icmpFrame({ destination: NEW }, echo(1))).length).toBe(1);
  });

  test("s2.1: the check is not repeated (5227-02)", () => {
    const { lab } = claiming("probe");
    lab.advance(20 * SECOND);
    expect(arps(lab.advance(3600 * SECOND))).toEqual([]);
  });

  test("s2.1.1: a probe has our hardware address, sender 0.0.0.0, and zeros for the target's hardware address (5227-03, 5227-04)", () => {
    const { lab } = claiming("probe");
    const probes = arps(lab.advance(20 * SECOND)).filter(({ spa }) => spa === "0.0.0.0");
    expect(probes.length).toBe(3);
    for (const probe of probes) {
      expect(probe).toMatchObject({ op: 1, sha: macText(OUR_MAC), tpa: NEW, tha: macText(ZERO_MAC), to: macText(BROADCAST_MAC) });
    }
  });

  test("s2.1.1: it waits 0 to 1 s, probes 1 to 2 s apart, and 2 s more (5227-05)", () => {
    const waits: number[] = [];
    for (let seed = 1; seed <= 50; seed++) {
      const { lab, start } = claiming("probe", { seed });
      const sent = arps(lab.advance(20 * SECOND));
      const probes = sent.filter(({ spa }) => spa === "0.0.0.0").map(({ at }) => at);
      const announcements = sent.filter(({ spa }) => spa === NEW).map(({ at }) => at);
      waits.push(probes[0]! - start);
      for (const gap of [probes[1]! - probes[0]!, probes[2]! - probes[1]!]) {
        expect(gap).toBeGreaterThanOrEqual(SECOND);
        expect(gap).toBeLessThanOrEqual(2 * SECOND);
      }
      expect(announcements[0]! - probes[2]!).toBe(2 * SECOND);
    }
    expect(Math.min(...waits)).toBeLessThan(SECOND / 5);
    expect(Math.max(...waits)).toBeLessThanOrEqual(SECOND);
    expect(new Set(waits).size).toBeGreaterThan(40);
  });

  test.each([
    ["a request from it", arp({ op: 1, sha: OTHER_MAC, spa: NEW, tpa: PEER })],
    ["a reply from it", arp({ op: 2, sha: OTHER_MAC, spa: NEW, tha: OUR_MAC, tpa: "0.0.0.0", to: OUR_MAC })],
    ["somebody else's probe for it", arp({ op: 1, sha: OTHER_MAC, spa: "0.0.0.0", tpa: NEW })],
  ])("s2.1.1: %s is a conflict (5227-06)", (_what, frame) => {
    const { lab, told } = claiming("probe");
    lab.advance(2 * SECOND);
    expect(lab.fate(frame)).toBe("arp.conflict");
    expect(told).toEqual([[NEW, false]]);
    expect(lab.device.addresses.map(({ address }) => address)).toEqual([ip(OURS)]);
    expect(arps(lab.advance(20 * SECOND))).toEqual([]);
  });

  test("s2.1.1: our own probe, come back, is no conflict", () => {
    const { lab, told } = claiming("probe");
    lab.advance(2 * SECOND);
    expect(lab.fate(arp({ op: 1, sha: OUR_MAC, spa: "0.0.0.0", tpa: NEW }))).toBe("arp.sender_is_us");
    lab.advance(20 * SECOND);
    expect(told).toEqual([[NEW, true]]);
  });

  test("s2.1.1: after ten conflicts there is one attempt a minute (5227-07)", () => {
    const lab = new Lab();
    const begun: number[] = [];
    for (let i = 0; i < MAX_CONFLICTS + 5; i++) {
      const tried = `10.0.0.${100 + i}`;
      lab.stack.addAddress(lab.device, ip(tried), 24, lab.now, "probe");
      const sent = [];
      while (sent.length === 0) sent.push(...arps(lab.advance(SECOND)));
      begun.push(sent[0]!.at);
      lab.frame(arp({ op: 1, sha: OTHER_MAC, spa: tried, tpa: PEER }));
    }
    for (let i = MAX_CONFLICTS + 1; i < begun.length; i++) expect(begun[i]! - begun[i - 1]!).toBeGreaterThanOrEqual(RATE_LIMIT_INTERVAL);
    expect(begun[MAX_CONFLICTS - 1]! - begun[0]!).toBeLessThan(30 * SECOND);
  });
});

describe("2.3: announcing", () => {
  test.each(["announce", "probe"] as const)("s2.3: two announcements, two seconds apart (%s) (5227-08)", (claim) => {
    const { lab } = claiming(claim);
    const sent = arps(lab.advance(30 * SECOND)).filter(({ spa }) => spa === NEW);
    expect(sent.length).toBe(2);
    expect(sent[1]!.at - sent[0]!.at).toBe(2 * SECOND);
    for (const one of sent) expect(one).toMatchObject({ op: 1, spa: NEW, tpa: NEW, sha: macText(OUR_MAC), to: macText(BROADCAST_MAC) });
  });

  test("an address that is merely used is not announced", () => {
    expect(arps(claiming("use").lab.advance(30 * SECOND))).toEqual([]);
  });
});

describe("2.4: ongoing detection and defence", () => {
  test("s2.4 (a): cease at the first conflict (5227-09)", () => {
    const lab = new Lab(defence("never"));
    expect(lab.frame(conflicting)).toEqual([]);
    expect(lab.stack.ip.isLocal(ip(OURS))).toBe(false);
    expect(lab.stack.routes.all).toEqual([]);
  });

  test("s2.4 (b): defend once, cease at the second conflict within 10 s (5227-09, 5227-11)", () => {
    const lab = new Lab(defence("once"));
    const [first] = lab.frame(conflicting);
    expect(decodeArp(first!)).toMatchObject({ op: 1, spa: OURS, tpa: OURS, to: macText(BROADCAST_MAC) });
    lab.advance(9 * SECOND);
    expect(lab.frame(conflicting)).toEqual([]);
    expect(lab.stack.ip.isLocal(ip(OURS))).toBe(false);
  });

  test("s2.4 (b): a conflict every 11 s is defended against each time", () => {
    const lab = new Lab(defence("once"));
    for (let i = 0; i < 5; i++) {
      expect(lab.frame(conflicting).length).toBe(1);
      lab.advance(11 * SECOND);
    }
    expect(lab.stack.ip.isLocal(ip(OURS))).toBe(true);
  });

  test("s2.4 (c): defend always, but not more than once in 10 s (5227-09, 5227-10)", () => {
    const lab = new Lab(defence("always"));
    let defended = 0;
    for (let i = 0; i < 600; i++) {
      defended += lab.frame(conflicting).length;
      lab.advance(100_000);
    }
    expect(defended).toBe(6);
    expect(lab.stack.ip.isLocal(ip(OURS))).toBe(true);
  });

  test("s2.4: connections are reset before the address is given up (5227-12)", () => {
    const lab = new Lab(defence("never"));
    const events: number[] = [];
    const told = listener();
    const handle = lab.stack.tcp.connect({ remote: ip(PEER), remotePort: 80 }, { onEvents: (_h, e) => void events.push(e) }, lab.now);
    lab.stack.udp.bind({ address: ip(OURS) }, told);
    lab.turn();
    lab.frame(conflicting);
    lab.turn();
    expect(lab.stack.tcp.errorOf(handle)).toBe("EADDRNOTAVAIL");
    expect(events.length).toBe(1);
    expect(told.events).toEqual([144]);
  });

  test("s2.5: every request is answered while the address is in use (5227-13)", () => {
    const lab = new Lab();
    for (let i = 0; i < 20; i++) {
      expect(lab.frame(arp()).length).toBe(1);
      lab.advance(100 * SECOND);
    }
    // A probe is a question like any other.
    expect(decodeArp(lab.frame(arp({ spa: "0.0.0.0", sha: OTHER_MAC }))[0]!)).toMatchObject({
      op: 2,
      spa: OURS,
      tpa: "0.0.0.0",
      to: macText(OTHER_MAC),
    });
  });

  test("s2.6: replies are never broadcast (5227-14)", () => {
    const lab = new Lab();
    const replies = [arp(), arp({ spa: "0.0.0.0" }), arp({ op: 1, spa: OURS, tpa: OURS, sha: OTHER_MAC })]
      .flatMap((frame) => lab.frame(frame))
      .map(decodeArp);
    for (const { op, to } of replies) expect(op === 2 && to === macText(BROADCAST_MAC)).toBe(false);
    expect(replies.some(({ op }) => op === 2)).toBe(true);
  });

  test("s1.1: a probe pollutes no cache (5227-15)", () => {
    const lab = new Lab({ known: false });
    lab.frame(arp({ spa: "0.0.0.0" }));
    expect(lab.device.arp.neighbors.count).toBe(0);
  });
});
