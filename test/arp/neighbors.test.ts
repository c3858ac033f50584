/** The neighbor states of RFC 4861 s7.3.2, as ARP drives them. */
import { describe, expect, test } from "vitest";
import { NeighborState } from "../../src/arp/neighbor.js";
import { DELAY_FIRST_PROBE } from "../../src/arp/neighbors.js";
import { SECOND } from "../../src/base/environment.js";
import { ip, UNSPECIFIED } from "../../src/ip/address.js";
import { arp, decode, decodeArp, Lab, listener, macText, OTHER_MAC, OUR_MAC, PEER, PEER_MAC, udpFrame } from "../stack/lab.js";

const lab = () => {
  const made = new Lab({ known: false });
  const handle = made.stack.udp.bind({ port: 5 }, listener());
  return {
    made,
    send: (to = PEER) => made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(to), 9, made.now),
    neighbor: (address = PEER) => made.device.arp.neighbors.find(ip(address)),
    reply: (sha: readonly number[] = PEER_MAC) => made.frame(arp({ op: 2, sha, tha: OUR_MAC, to: OUR_MAC })),
  };
};
const arps = (sent: { at: number; frame: Uint8Array }[]) => sent.filter(({ frame }) => decode(frame).type === 0x0806);

describe("RFC 4861 s7.3.2: the life of an entry", () => {
  test("INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, REACHABLE", () => {
    const { made, send, neighbor, reply } = lab();
    send();
    expect(neighbor()?.state).toBe(NeighborState.Incomplete);
    reply();
    expect(neighbor()?.state).toBe(NeighborState.Reachable);
    made.advance(46 * SECOND);
    expect(neighbor()?.state).toBe(NeighborState.Stale);
    send();
    expect(neighbor()?.state).toBe(NeighborState.Delay);
    made.advance(DELAY_FIRST_PROBE - 1);
    expect(neighbor()?.state).toBe(NeighborState.Delay);
    const probes = arps(made.advance(1));
    expect(neighbor()?.state).toBe(NeighborState.Probe);
    expect(probes.map(({ frame }) => decodeArp(frame).to)).toEqual([macText(PEER_MAC)]);
    reply();
    expect(neighbor()?.state).toBe(NeighborState.Reachable);
  });

  test("s7.3.1: progress above keeps it reachable, and lack of progress has it verified", () => {
    const { made, send, neighbor, reply } = lab();
    send();
    reply();
    for (let i = 0; i < 60; i++) {
      made.advance(2 * SECOND);
      made.stack.ip.reachable(ip(PEER), UNSPECIFIED, made.now);
    }
    expect(neighbor()?.state).toBe(NeighborState.Reachable);
    made.advance(2 * SECOND);
    made.stack.ip.suspect(ip(PEER), UNSPECIFIED, made.now);
    expect(neighbor()?.state).toBe(NeighborState.Probe);
    expect(arps(made.advance(0)).length).toBe(1);
  });

  test("three questions without an answer: FAILED, what waited is lost and counted, its owner told", () => {
    const { made, send, neighbor } = lab();
    send();
    const asked = arps(made.advance(5 * SECOND));
    expect(asked.map(({ at }) => at - asked[0]!.at)).toEqual([0, SECOND, 2 * SECOND]);
    expect(neighbor()?.state).toBe(NeighborState.Failed);
    expect(made.count("arp.unresolved")).toBe(1);
    expect(made.memory.packets.available).toBe(made.memory.packets.size);
    expect(made.stack.udp.errorOf(made.stack.udp.bind({}, listener()))).toBeNull();
  });

  test("what waits goes out in order when a question of the neighbor's own tells where it is", () => {
    const { made, send, neighbor } = lab();
    send();
    send();
    made.turn();
    const sent = made.frame(arp({ op: 1 }));
    expect(sent.filter((frame) => decode(frame).type === 0x0800).length).toBe(2);
    expect(neighbor()?.state).toBe(NeighborState.Delay);
  });
});

describe("nobody is poisoned", () => {
  test("an answer that nobody asked for makes no entry", () => {
    const { made, neighbor } = lab();
    expect(made.fate(arp({ op: 2, tha: OUR_MAC, to: OUR_MAC }))).toBe("arp.unasked");
    expect(neighbor()).toBeNull();
  });

  test("an unasked answer or question that contradicts what is known has the known address asked, once a second", () => {
    const { made, send, neighbor, reply } = lab();
    send();
    reply();
    made.advance(2 * SECOND);
    for (let i = 0; i < 10; i++) made.frame(arp({ op: 2, sha: OTHER_MAC, tha: OUR_MAC, to: OUR_MAC }));
    made.frame(arp({ op: 1, sha: OTHER_MAC, tpa: PEER }));
    expect(neighbor()).toMatchObject({ low: 2, state: NeighborState.Probe });
    expect(made.count("arp.reprobe")).toBe(1);
    // The true owner answers: nothing has changed.
    reply();
    expect(neighbor()).toMatchObject({ low: 2, state: NeighborState.Reachable });
  });

  test("a neighbor that has really moved is found within seconds", () => {
    const { made, send, neighbor, reply } = lab();
    send();
    reply();
    made.advance(2 * SECOND);
    made.frame(arp({ op: 2, sha: OTHER_MAC, tpa: PEER }));
    made.advance(4 * SECOND);
    expect(neighbor()?.state).toBe(NeighborState.Failed);
    send();
    expect(arps(made.advance(0)).map(({ frame }) => decode(frame).to)).toEqual(["ff:ff:ff:ff:ff:ff"]);
    const sent = reply(OTHER_MAC);
    expect(sent.map((frame) => decode(frame).to)).toEqual([macText(OTHER_MAC)]);
    expect(neighbor()).toMatchObject({ low: 3, state: NeighborState.Reachable });
  });

  test("a pinned entry, and a device that trusts nobody, believe nothing", () => {
    const made = new Lab({ device: { arpTrust: "pinned" } });
    made.frame(arp({ op: 1, sha: OTHER_MAC }));
    expect(made.device.arp.neighbors.find(ip(PEER))).toMatchObject({ low: 2, state: NeighborState.Permanent });
    made.frame(arp({ op: 1, sha: OTHER_MAC, spa: "10.0.0.9" }));
    expect(made.device.arp.neighbors.find(ip("10.0.0.9"))).toBeNull();
    expect(made.count("arp.reply")).toBe(2);
  });
});

describe("the cache is bounded", () => {
  const flood = (made: Lab, count: number, first = 0): void => {
    for (let i = first; i < first + count; i++) {
      const sha = [2, 9, 0, i >>> 16, (i >>> 8) & 255, i & 255];
      made.frame(arp({ sha, spa: `10.${1 + (i >>> 16)}.${(i >>> 8) & 255}.${i & 255}` }));
      if (i % 100 === 0) made.advance(SECOND);
    }
  };

  test("a flood of strangers evicts strangers, not those in use", () => {
    const made = new Lab({
      known: false,
      limits: { neighbors: 64 },
      device: { addresses: [{ address: ip("10.0.0.1"), prefixLength: 8 }] },
    });
    const handle = made.stack.udp.bind({}, listener());
    const mates = Array.from({ length: 8 }, (_, i) => `10.200.0.${i + 1}`);
    mates.forEach((mate, i) => {
      made.frame(arp({ op: 1, sha: [2, 8, 0, 0, 0, i], spa: mate }));
      made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(mate), 9, made.now);
    });
    made.turn();
    flood(made, 1000);
    expect(made.device.arp.neighbors.count).toBe(64);
    for (const mate of mates) expect(made.device.arp.neighbors.find(ip(mate))).not.toBeNull();
  });

  test("a pinned entry that nothing was sent to yet protects no stranger behind it, and is not evicted itself", () => {
    const made = new Lab({ limits: { neighbors: 8 } });
    for (let i = 0; i < 20; i++) made.frame(arp({ sha: [2, 0, 0, 0, 1, i], spa: `10.0.0.${100 + i}` }));
    const handle = made.stack.udp.bind({}, listener());
    for (let i = 0; i < 20; i++) made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(`10.0.0.${50 + i}`), 9, made.now);
    expect(made.count("arp.cache_full")).toBe(0);
    expect(made.device.arp.neighbors.find(ip("10.0.0.69"))?.state).toBe(NeighborState.Incomplete);
    expect(made.device.arp.neighbors.find(ip(PEER))?.state).toBe(NeighborState.Permanent);
  });

  test("a table full of neighbors in use has no room for strangers, and makes room for one that we send to", () => {
    const made = new Lab({ known: false, limits: { neighbors: 8 } });
    const handle = made.stack.udp.bind({}, listener());
    const send = (to: string) => made.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(to), 9, made.now);
    for (let i = 2; i < 10; i++) {
      made.frame(arp({ op: 1, sha: [2, 8, 0, 0, 0, i], spa: `10.0.0.${i}` }));
      send(`10.0.0.${i}`);
    }
    expect(
      made
        .fate(arp({ op: 1, sha: OTHER_MAC, spa: "10.0.0.99" }))
        .split(" ")
        .sort(),
    ).toEqual(["arp.cache_full", "arp.handled", "arp.reply"]);
    expect(made.device.arp.neighbors.find(ip("10.0.0.99"))).toBeNull();
    send("10.0.0.100");
    expect(made.device.arp.neighbors.find(ip("10.0.0.100"))).not.toBeNull();
    expect(made.device.arp.neighbors.find(ip("10.0.0.2"))).toBeNull();
  });
});

test("gratuitous ARP tells of a change of hardware address", () => {
  const made = new Lab();
  made.stack.setHardwareAddress(made.device, Uint8Array.of(2, 0, 0, 0, 0, 0x42), made.now);
  const sent = arps(made.advance(5 * SECOND));
  expect(sent.length).toBe(2);
  expect(decodeArp(sent[0]!.frame)).toMatchObject({
    op: 1,
    spa: "10.0.0.1",
    tpa: "10.0.0.1",
    sha: "02:00:00:00:00:42",
    to: "ff:ff:ff:ff:ff:ff",
  });
  expect(made.fate(udpFrame({}, [1]))).toBe("eth.not_for_us");
});
