import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { EtherType, Frame, HEADER_LENGTH, parseFrame, TAG_LENGTH, writeHeader, writeTaggedHeader } from "../../src/ethernet/frame.js";
import {
  formatHardware,
  hardwareHigh,
  hardwareLow,
  isGroupHardware,
  multicastLow,
  parseHardware,
  randomHardware,
} from "../../src/ethernet/hardware-address.js";
import { ip } from "../../src/ip/address.js";

const u16 = fc.nat(0xffff);
const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe("headers", () => {
  test("RFC 894: a header written is the header read, with and without a tag", () => {
    fc.assert(
      fc.property(
        u16,
        i32,
        u16,
        i32,
        fc.integer({ min: 1501, max: 0xffff }),
        fc.nat(4094),
        fc.nat(7),
        fc.nat(100),
        (dh, dl, sh, sl, type, vlan, priority, text) => {
          fc.pre(type !== EtherType.Vlan);
          const view = new DataView(new ArrayBuffer(200));
          const length = vlan === 0 ? HEADER_LENGTH : HEADER_LENGTH + TAG_LENGTH;
          if (vlan === 0) writeHeader(view, 3, dh, dl, sh, sl, type);
          else writeTaggedHeader(view, 3, dh, dl, sh, sl, vlan, priority, type);
          const frame = new Frame();
          expect(parseFrame(frame, view, 3, 3 + length + text)).toBe(0);
          expect(frame).toMatchObject({
            destinationHigh: dh,
            destinationLow: dl,
            sourceHigh: sh,
            sourceLow: sl,
            type,
            vlan,
            priority: vlan === 0 ? 0 : priority,
          });
          expect([frame.payloadStart, frame.payloadEnd]).toEqual([3 + length, 3 + length + text]);
        },
      ),
    );
  });

  test("no octets make the parser throw or point outside the frame", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const frame = new Frame();
        if (parseFrame(frame, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length) !== 0) return;
        expect(frame.payloadStart).toBeGreaterThanOrEqual(HEADER_LENGTH);
        expect(frame.payloadStart).toBeLessThanOrEqual(frame.payloadEnd);
        expect(frame.payloadEnd).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("hardware addresses", () => {
  test("text and octets are each other's inverse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (octets) => {
        const text = formatHardware(hardwareHigh(octets), hardwareLow(octets));
        expect(parseHardware(text)).toEqual(octets);
        expect(parseHardware(text.replaceAll(":", "-").toUpperCase())).toEqual(octets);
      }),
    );
    for (const bad of ["", "02:00:00:00:00", "02:00:00:00:00:0g", "02-00:00:00:00:00", "02:00:00:00:00:00:00"])
      expect(parseHardware(bad)).toBeNull();
  });

  test("a random one is a host's, locally administered", () => {
    const random = new SeededRandom(3);
    for (let i = 0; i < 100; i++) {
      const octets = randomHardware(random);
      expect(octets[0]! & 3).toBe(2);
      expect(isGroupHardware(hardwareHigh(octets))).toBe(false);
    }
  });

  test("RFC 1112 s6.4: a group's address has the group's low 23 bits", () => {
    expect(formatHardware(0x0100, multicastLow(ip("224.0.0.1")))).toBe("01:00:5e:00:00:01");
    expect(formatHardware(0x0100, multicastLow(ip("239.255.255.250")))).toBe("01:00:5e:7f:ff:fa");
  });
});
