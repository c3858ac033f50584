/** Our stack and the kernel as neighbors: ARP, ICMP and UDP both ways. */
import { describe, expect } from "vitest";
import { ip } from "../../src/ip/address.js";
import { DatagramEvent } from "../../src/ip/application.js";
import { KERNEL, OURS, wireTest } from "./kernel.js";
import { type Ours, withStack } from "./ours.js";
import { kernelPing } from "./ping.js";

describe("neighbors", () => {
  wireTest("RFC 826: the kernel learns our hardware address, and we the kernel's", async () => {
    await withStack({}, async (ours) => {
      await kernelPing(ours.kernel, OURS, 8);
      expect(ours.kernel.proc("arp")).toContain(ours.device.hardwareAddress);
    });
  });

  for (const octets of [0, 56, 1472]) {
    wireTest(`RFC 792: the kernel pings us with ${octets} octets`, async () => {
      await withStack({}, async ({ kernel }) => {
        expect(await kernelPing(kernel, OURS, octets)).toBe(octets);
      });
    });
  }

  wireTest("RFC 791 s3.2: a ping in fragments, both ways", async () => {
    await withStack({}, async ({ kernel }) => {
      expect(await kernelPing(kernel, OURS, 20_000)).toBe(20_000);
    });
  });

  wireTest("RFC 792: we ping the kernel", async () => {
    await withStack({}, async (ours) => {
      expect(await ourPing(ours, 100)).toBe(100);
    });
  });
});

const ourPing = ({ stack, drive }: Ours, octets: number): Promise<number> =>
  new Promise((resolve) => {
    const target = new Uint8Array(octets);
    const endpoint = stack.icmp.open(
      {},
      {
        onEvents(handle, events) {
          if ((events & DatagramEvent.Readable) === 0) return;
          const length = stack.icmp.receive(handle, target, 0, octets);
          stack.icmp.close(handle);
          resolve(length);
        },
      },
    );
    stack.icmp.send(endpoint, 1, new Uint8Array(octets), 0, octets, ip(KERNEL), drive.now());
  });
