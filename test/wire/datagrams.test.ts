/** UDP, ICMP and ARP against the kernel: every size, whole and in fragments, and what either side says of a closed port. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect } from "vitest";
import { NeighborState } from "../../src/arp/neighbor.js";
import { ip } from "../../src/ip/address.js";
import { DatagramEvent } from "../../src/ip/application.js";
import { KERNEL, type Kernel, OURS, wireTest } from "./kernel.js";
import { type Ours, withStack } from "./ours.js";

/** The kernel sends back whatever comes, and first says on which port. */
const ECHO = `
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", (text, from) => socket.send(text, from.port, from.address));
  socket.bind(0, () => console.log(socket.address().port));
  process.stdin.resume().on("end", () => process.exit());
`;
/** The kernel sends to a port of ours, and says what its connected socket hears. */
const REFUSED = `
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("error", (error) => { console.log(error.code); process.exit(); });
  socket.connect(9999, "${OURS}", () => { socket.send("x"); setInterval(() => socket.send("x"), 100); });
  process.stdin.resume().on("end", () => process.exit());
`;

const line = async (kernel: Kernel, script: string): Promise<string> => {
  const program = kernel.spawn(process.execPath, ["-e", script]);
  const [text] = (await once(createInterface({ input: program.stdout! }), "line")) as [string];
  return text;
};

/** Sends a datagram and resolves with the next that comes, or the code of an error. */
const exchange = ({ stack, drive }: Ours, port: number, text: Uint8Array): Promise<Uint8Array | string> =>
  new Promise((resolve) => {
    const target = new Uint8Array(65_536);
    const handle = stack.udp.bind(
      {},
      {
        onEvents(endpoint, events) {
          const error = (events & DatagramEvent.Error) !== 0 ? stack.udp.errorOf(endpoint) : null;
          const length = stack.udp.receive(endpoint, target, 0, target.length);
          if (length < 0 && error === null) return;
          stack.udp.close(endpoint);
          resolve(error === null ? target.subarray(0, length) : error.code);
        },
      },
    );
    stack.udp.connect(handle, ip(KERNEL), port);
    stack.udp.send(handle, text, 0, text.length, ip("0.0.0.0"), 0, drive.now());
  });

describe("RFC 768 over RFC 791", () => {
  for (const mtu of [68, 576, 1500, 9000]) {
    wireTest(`an MTU of ${mtu}: datagrams of every size around it come back as they went, fragmented by both`, async () => {
      await withStack({ tap: { mtu } }, async (ours) => {
        const port = Number(await line(ours.kernel, ECHO));
        // Linux takes 64 fragments of ours and more; 64 is what we take of one datagram.
        const largest = Math.min(65_507, 60 * ((mtu - 20) & ~7));
        for (const size of [0, 1, mtu - 29, mtu - 28, mtu - 27, 2 * mtu, 3 * mtu + 1, largest].filter((n) => n <= largest)) {
          const text = Uint8Array.from({ length: size }, (_, i) => (i * 13 + size) & 255);
          const echoed = await exchange(ours, port, text);
          expect(typeof echoed === "string" ? echoed : Buffer.compare(echoed, text), `${size} octets`).toBe(0);
        }
        const { Udp, Ip } = ours.kernel.counters();
        expect([Udp!.InErrors, Udp!.InCsumErrors, Ip!.InHdrErrors, Ip!.ReasmFails]).toEqual([0, 0, 0, 0]);
      });
    });
  }
});

describe("RFC 792", () => {
  wireTest("RFC 1122 s4.1.3.3: the kernel refuses a closed port, and our application hears it", async () => {
    await withStack({}, async (ours) => {
      expect(await exchange(ours, 9, new Uint8Array(10))).toBe("ECONNREFUSED");
    });
  });

  wireTest("RFC 1122 s4.1.3.1: we refuse a closed port, and the kernel's application hears it", async () => {
    await withStack({}, async ({ kernel }) => {
      expect(await line(kernel, REFUSED)).toBe("ECONNREFUSED");
      expect(kernel.counters().Icmp!.InCsumErrors).toBe(0);
    });
  });
});

describe("RFC 5227 and RFC 826", () => {
  wireTest("the kernel answers our probe for its address: we let it be", async () => {
    await withStack({}, async ({ stack, device, drive }) => {
      const told = new Promise<boolean>((resolve) => {
        stack.onAddress = (_device, address, granted) => address === ip(KERNEL) && resolve(granted);
      });
      stack.addAddress(device, ip(KERNEL), 24, drive.now(), "probe");
      expect(await told).toBe(false);
      expect(stack.ip.isLocal(ip(KERNEL))).toBe(false);
    });
  });

  wireTest("a host that is not there is asked for three times, and then given up", async () => {
    await withStack({}, async (ours) => {
      const { stack, device, drive } = ours;
      const nobody = ip("10.9.0.77");
      const failed = new Promise<string | undefined>((resolve) => {
        const handle = stack.udp.bind({}, { onEvents: () => resolve(stack.udp.errorOf(handle)?.code) });
        stack.udp.connect(handle, nobody, 9);
        stack.udp.send(handle, new Uint8Array(1), 0, 1, ip("0.0.0.0"), 0, drive.now());
      });
      expect(await failed).toBe("EHOSTUNREACH");
      expect(device.arp.neighbors.find(nobody)?.state).toBe(NeighborState.Failed);
      expect(stack.tally.show()["arp.request"]).toBe(3);
    });
  });
});
