/** RFC 6864: the IPv4 identification field. */
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { SipKey } from "../../src/base/siphash.js";
import { ip } from "../../src/ip/address.js";
import { Identification } from "../../src/ip/v4/identification.js";
import { rfc } from "../../src/stack/profile.js";
import { datagram, decodeIp, Lab, listener, PEER, udp } from "../stack/lab.js";

const fresh = (seed: number, lifetime = 120 * SECOND) => {
  const random = new SeededRandom(seed);
  return new Identification(new SipKey(random), random, lifetime);
};

describe("4.1: atomic datagrams", () => {
  test("s4.1: a whole datagram with DF carries 0: the field says nothing (6864-01, 6864-02)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({}, listener());
    for (let i = 0; i < 20; i++) lab.stack.udp.send(handle, new Uint8Array(i), 0, i, ip(PEER), 9, lab.now);
    for (const frame of lab.turn()) expect(decodeIp(frame)).toMatchObject({ df: true, id: 0, offset: 0, mf: false });
  });

  test("s4.1: the identification of a datagram that is no fragment is ignored (6864-03)", () => {
    const lab = new Lab();
    const handle = lab.stack.udp.bind({ port: 2000 }, listener());
    for (let i = 0; i < 3; i++) lab.frame(datagram({ id: 5, df: true }, udp({}, [i])));
    lab.frame(datagram({ id: 5, mf: true }, new Array(16).fill(0)));
    lab.frame(datagram({ id: 5 }, udp({}, [9])));
    expect(lab.stack.udp.readable(handle)).toBe(4);
  });
});

describe("4.3: datagrams that may be fragmented", () => {
  test("s4.3: no identification repeats for a tuple within the datagram lifetime (6864-04)", () => {
    const lifetime = 120 * SECOND;
    const ids = fresh(1, lifetime);
    const last = new Map<number, number>();
    let now = 0;
    let sent = 0;
    const random = new SeededRandom(2);
    for (let i = 0; i < 400_000; i++) {
      now += random.below(2_000);
      const id = ids.take(1, 2, 17, now);
      if (id < 0) continue;
      sent += 1;
      const before = last.get(id);
      if (before !== undefined && now - before < lifetime) throw new Error(`id ${id} after ${now - before} µs`);
      last.set(id, now);
    }
    expect(sent).toBeGreaterThan(100_000);
  });

  test("s5.2: a source that would repeat is held back, and counted (6864-06)", () => {
    const lab = new Lab({ profile: rfc, device: { claim: "use", mtu: 68 } });
    const handle = lab.stack.udp.bind({}, listener());
    let sent = 0;
    for (let i = 0; i < 40_000; i++) {
      try {
        if (lab.stack.udp.send(handle, new Uint8Array(64), 0, 64, ip(PEER), 9, lab.now) > 0) sent += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOBUFS" });
      }
      lab.link.sent.length = 0;
    }
    expect(sent).toBe(32_768);
    // Nobody is told of room that is not there: a sender that waited for it would go round without end.
    expect(lab.stack.udp.pending).toBe(false);
    expect(lab.count("ip.id_exhausted")).toBe(40_000 - sent);
    lab.now += 120 * SECOND;
    expect(lab.stack.udp.send(handle, new Uint8Array(64), 0, 64, ip(PEER), 9, lab.now)).toBe(64);
  });

  test("s4.3: a datagram with DF is never fragmented by us (6864-05)", () => {
    const lab = new Lab({ device: { mtu: 300 } });
    const handle = lab.stack.udp.bind({ dontFragment: true }, listener());
    for (let length = 250; length < 350; length++) {
      try {
        lab.stack.udp.send(handle, new Uint8Array(length), 0, length, ip(PEER), 9, lab.now);
      } catch {}
    }
    for (const frame of lab.turn()) expect(decodeIp(frame)).toMatchObject({ df: true, mf: false, offset: 0 });
  });

  test("s5.2: a mixed-up reassembly is found out by the checksum above (6864-07)", () => {
    const lab = new Lab();
    lab.stack.udp.bind({ port: 2000 }, listener());
    const one = udp({}, new Array(100).fill(1));
    const two = udp({}, new Array(100).fill(2));
    lab.frame(datagram({ id: 3, mf: true }, one.slice(0, 64)));
    lab.frame(datagram({ id: 3, offset: 8 }, two.slice(64)));
    expect(lab.count("udp.checksum")).toBe(1);
  });

  test("what one destination sees tells nothing of another (S-025)", () => {
    // Every second identification goes to a bystander at a varying rate; the observer's deltas must not follow it.
    let correlated = 0;
    const trials = 200;
    for (let seed = 0; seed < trials; seed++) {
      const ids = fresh(seed);
      const busy = seed % 2 === 0;
      const before = ids.take(1, 1000 + seed, 17, 0);
      for (let i = 0; i < (busy ? 50 : 0); i++) ids.take(1, 5000 + seed, 17, 0);
      const after = ids.take(1, 1000 + seed, 17, 0);
      if ((((after - before) & 0xffff) !== 1) !== busy) continue;
      if (busy) correlated += 1;
    }
    expect(correlated / trials).toBeLessThan(0.05);
  });

  test("first identifications of tuples are spread over the whole range (S-025)", () => {
    const ids = fresh(9);
    const buckets = new Array(16).fill(0);
    const count = 3200;
    for (let i = 0; i < count; i++) buckets[ids.take(1, i, 17, 0) >>> 12] += 1;
    const expected = count / 16;
    const chi = buckets.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chi).toBeLessThan(37.7); // 15 degrees of freedom, one in a thousand
  });
});
