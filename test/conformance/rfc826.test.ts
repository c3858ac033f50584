/** RFC 826: the Address Resolution Protocol. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NeighborState } from "../../src/arp/neighbor.js";
import { ip } from "../../src/ip/address.js";
import { rfc } from "../../src/stack/profile.js";
import {
  arp,
  BROADCAST_MAC,
  decodeArp,
  ethernet,
  Lab,
  macText,
  OTHER,
  OTHER_MAC,
  OUR_MAC,
  OURS,
  octetsOf,
  PEER,
  PEER_MAC,
  ZERO_MAC,
} from "../stack/lab.js";

/** The profile of the letter, but without the wait for the address. */
const letter = { profile: rfc, device: { claim: "use" as const }, known: false };
const neighbor = (lab: Lab, address = PEER) => lab.device.arp.neighbors.find(ip(address));

describe("packet reception", () => {
  test("R1: hardware and protocol type are checked (826-01)", () => {
    const lab = new Lab(letter);
    const good = arp();
    const wrong = (at: number, value: number): number[] => good.map((octet, i) => (i === 14 + at ? value : octet));
    expect(lab.fate(wrong(1, 6))).toBe("arp.bad_type");
    expect(lab.fate(wrong(2, 0x86))).toBe("arp.bad_type");
    expect(lab.fate(good)).toContain("arp.handled");
  });

  test("R1: the pair in the table is updated first, whatever the operation and the target (826-01)", () => {
    const lab = new Lab(letter);
    lab.frame(arp());
    for (const op of [1, 2]) {
      lab.frame(arp({ op, sha: op === 1 ? OTHER_MAC : PEER_MAC, tpa: "10.0.0.77" }));
      expect(neighbor(lab)?.low).toBe(op === 1 ? 3 : 2);
    }
  });

  test("R2: the pair of who asks for us is added (826-02)", () => {
    const lab = new Lab(letter);
    lab.frame(arp({ tpa: OTHER }));
    expect(neighbor(lab)).toBeNull();
    lab.frame(arp());
    expect(neighbor(lab)).toMatchObject({ high: 0x0200, low: 2, state: NeighborState.Stale });
  });

  test("R3, R5: a request is answered to the asker alone, fields swapped, with our own hardware address (826-03, 826-05)", () => {
    const lab = new Lab(letter);
    const [reply] = lab.frame(arp());
    expect(decodeArp(reply!)).toEqual({
      to: macText(PEER_MAC),
      from: macText(OUR_MAC),
      op: 2,
      sha: macText(OUR_MAC),
      spa: OURS,
      tha: macText(PEER_MAC),
      tpa: PEER,
    });
    expect(lab.frame(arp({ op: 2, tha: OUR_MAC, to: OUR_MAC }))).toEqual([]);
    expect(lab.frame(arp({ tpa: OTHER }))).toEqual([]);
    expect(lab.fate(arp({ op: 3 }))).toBe("arp.bad_operation");
  });

  test("R4: lengths other than 6 and 4 are dropped, and whatever is too short (826-04)", () => {
    const lab = new Lab(letter);
    const good = arp();
    for (const [at, values] of [
      [18, [0, 1, 5, 7, 255]],
      [19, [0, 1, 3, 5, 16, 255]],
    ] as const)
      for (const value of values) expect(lab.fate(good.map((octet, i) => (i === at ? value : octet)))).toBe("arp.bad_length");
    for (let length = 14; length < 42; length++) expect(lab.fate(good.slice(0, length))).toBe("arp.bad_length");
    expect(lab.fate([...good, ...new Array(18).fill(0xa5)])).toContain("arp.handled");
    expect(lab.conserved).toBe(true);
  });

  test("no octets behind the type make it throw, and every frame has one fate", () => {
    const lab = new Lab(letter);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (octets, plausible) => {
        const body = [...octets];
        if (plausible) [0, 1, 8, 0, 6, 4, 0].forEach((octet, i) => void (body[i] = octet));
        lab.frame(ethernet(0x0806, body, BROADCAST_MAC));
        expect(lab.conserved).toBe(true);
      }),
    );
  });
});

describe("packet generation", () => {
  test("a request has our addresses, the target's protocol address and zeros for its hardware address, and is broadcast", () => {
    const lab = new Lab({ known: false });
    const handle = lab.stack.udp.bind({}, { onEvents: () => {} });
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now);
    expect(decodeArp(lab.turn()[0]!)).toEqual({
      to: macText(BROADCAST_MAC),
      from: macText(OUR_MAC),
      op: 1,
      sha: macText(OUR_MAC),
      spa: OURS,
      tha: macText(ZERO_MAC),
      tpa: PEER,
    });
  });

  test("the sender address is the one on the target's prefix", () => {
    const lab = new Lab({ known: false });
    lab.stack.addAddress(lab.device, ip("10.9.0.1"), 24, lab.now);
    const handle = lab.stack.udp.bind({}, { onEvents: () => {} });
    lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("10.9.0.2"), 9, lab.now);
    expect(decodeArp(lab.turn()[0]!)).toMatchObject({ spa: "10.9.0.1", tpa: "10.9.0.2" });
    expect(octetsOf("10.9.0.1").length).toBe(4);
  });
});
