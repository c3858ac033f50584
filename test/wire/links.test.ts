/** Every link to the kernel passes the same tests: frames of each size, bursts, full rings, the other end down and up, close while busy. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { createMemory, type Memory, type MemoryOptions } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { ip } from "../../src/ip/address.js";
import { type BondLink, type BondOptions, openBond } from "../../src/transport/bond.js";
import type { Link } from "../../src/transport/link.js";
import { openPacket } from "../../src/transport/packet.js";
import { openXdp, type XdpLink, xdpPacketSize } from "../../src/transport/xdp/index.js";
import { KERNEL, type Kernel, OURS, wireTest, withKernel } from "./kernel.js";
import { connect, listen, type Ours, type OursOptions, withStack } from "./ours.js";
import { patternHash } from "./pattern.js";
import { kernelPing } from "./ping.js";
import { needProgram } from "./programs.js";

const MEGABYTE = 1 << 20;
const UMEM: MemoryOptions = { packets: 4_096, packetAlignment: 4_096, packetSize: 3_944 };
const SUPER: MemoryOptions = { packets: 512, packetSize: 65_600 };

/** The kernel's end computes its checksums, as across a real cable. */
const withoutOffload = (kernel: Kernel): string => {
  const name = kernel.veth();
  kernel.withoutOffloads("kernel0");
  return name;
};
/** The kernel's end cuts, but leaves checksums unfinished. */
const cutting = (kernel: Kernel): string => {
  const name = kernel.veth();
  kernel.withoutOffloads("kernel0", ["segments"]);
  return name;
};
const xdp = (kernel: Kernel, memory: Memory, more: object = {}): XdpLink =>
  openXdp({ interface: kernel.veth(), namespace: kernel.namespace, memory, trustLink: true, ...more });

/** Two TAPs as one link; the kernel's end of it is a bridge of both. */
const bond = (kernel: Kernel, options: BondOptions = {}): BondLink => {
  const run = (...args: string[]): void => kernel.namespace.run(() => void execFileSync("ip", args));
  run("link", "add", "bridge0", "type", "bridge", "stp_state", "0", "forward_delay", "0");
  const taps = [0, 1].map(() => kernel.tap({ queueLength: 5_000 }));
  for (const { interfaceName } of taps) {
    run("addr", "flush", "dev", interfaceName);
    run("link", "set", interfaceName, "master", "bridge0");
  }
  run("addr", "add", `${KERNEL}/24`, "dev", "bridge0");
  kernel.sysctl("ipv6.conf.bridge0.disable_ipv6", 1);
  run("link", "set", "bridge0", "up");
  return openBond(taps, { interval: 10, ...options });
};

const kinds: { readonly name: string; readonly options: OursOptions; readonly device: string; readonly lengths?: readonly number[] }[] = [
  { name: "TAP", options: {}, device: "wire0" },
  { name: "TAP, a system call a frame", options: { tap: { batches: false } }, device: "wire0" },
  { name: "TAP with offloads", options: { tap: { offload: true }, memory: SUPER }, device: "wire0" },
  {
    name: "packet socket",
    options: { memory: SUPER, link: (kernel) => openPacket({ interface: kernel.veth(), namespace: kernel.namespace }) },
    device: "kernel0",
  },
  {
    name: "packet socket without offloads, past the queue",
    options: {
      link: (kernel) =>
        openPacket({ interface: withoutOffload(kernel), namespace: kernel.namespace, offload: false, rings: "none", bypassQueue: true }),
    },
    device: "kernel0",
  },
  {
    name: "packet socket, rings of super-segments",
    options: {
      memory: SUPER,
      link: (kernel) => openPacket({ interface: kernel.veth(), namespace: kernel.namespace, rings: "both" }),
    },
    device: "kernel0",
  },
  {
    // A slot says that its frame's checksum is unfinished, so the other end needs to cut only; the smallest ring goes round at once.
    name: "packet socket without offloads, small rings, past the queue",
    options: {
      link: (kernel) =>
        openPacket({ interface: cutting(kernel), namespace: kernel.namespace, offload: false, bypassQueue: true, buffer: 1 }),
    },
    device: "kernel0",
  },
  { name: "XDP, native", options: { memory: UMEM, link: (kernel, memory) => xdp(kernel, memory, { mode: "native" }) }, device: "kernel0" },
  {
    // Behind the driver frames may be merged, and what is longer than a packet is lost: the other end must cut.
    name: "XDP, generic",
    options: {
      memory: UMEM,
      link: (kernel, memory) => openXdp({ interface: withoutOffload(kernel), namespace: kernel.namespace, memory, mode: "generic" }),
    },
    device: "kernel0",
  },
  {
    name: "XDP, MTU 9 000: frames in pieces",
    options: {
      memory: { packets: 1_024, packetAlignment: 4_096, packetSize: xdpPacketSize(9_000) },
      link: (kernel, memory) => openXdp({ interface: kernel.veth(9_000), namespace: kernel.namespace, memory, trustLink: true }),
    },
    device: "kernel0",
    lengths: [3_000, 3_700, 3_800, 4_096, 8_000, 8_972],
  },
  {
    name: "XDP for our address alone, small rings",
    options: { memory: UMEM, link: (kernel, memory) => xdp(kernel, memory, { addresses: [ip(OURS)], rings: 64 }) },
    device: "kernel0",
  },
  { name: "bond of two TAPs", options: { link: (kernel) => bond(kernel) }, device: "bridge0" },
  { name: "bond of two TAPs, balanced", options: { link: (kernel) => bond(kernel, { mode: "balance" }) }, device: "bridge0" },
];

const exchange = async (ours: Ours, octets: number): Promise<void> => {
  const peer = await ours.kernel.peer();
  const listener = listen(ours, { send: { seed: 3, octets }, receive: {} });
  const told = peer.tell<{ results: { error: string | null; received: { hash: string } }[] }>("connect", {
    ...{ host: OURS, port: listener.port, count: 1, send: { seed: 4, octets }, receive: {} },
  });
  const [outcome] = await listener.outcomes(1);
  const { results } = await told;
  expect([outcome!.error, results[0]!.error]).toEqual([null, null]);
  expect([outcome!.received.hash, results[0]!.received.hash]).toEqual([patternHash(4, octets), patternHash(3, octets)]);
};

/** When a connection has received, or sent, so many octets. */
const counted =
  (counter: "octetsReceived" | "octetsSent") =>
  async (ours: Ours, octets: number): Promise<void> => {
    for (let most = 0; most < octets; await new Promise((resolve) => setImmediate(resolve)))
      ours.stack.tcp.each((tcb) => {
        most = Math.max(most, tcb[counter]);
      });
  };
const received = counted("octetsReceived");
const sent = counted("octetsSent");

for (const { name, options, device, lengths = [] } of kinds)
  describe(name, () => {
    wireTest("frames of every length come and go whole", async () => {
      await withStack(options, async ({ kernel }) => {
        for (const octets of [0, 1, 2, 17, 18, 19, 56, 127, 128, 511, 512, 513, 1_023, 1_400, 1_471, 1_472, ...lengths])
          expect(await kernelPing(kernel, OURS, octets)).toBe(octets);
      });
    });

    wireTest("16 MiB both ways at once, many times round every ring", async () => {
      await withStack(options, (ours) => exchange(ours, 16 * MEGABYTE));
    });

    wireTest("the kernel's end goes down and comes up in the middle of a transfer", async () => {
      await withStack(options, async (ours) => {
        const set = (state: string): void =>
          ours.kernel.namespace.run(() => void execFileSync("ip", ["link", "set", device, state], { stdio: "ignore" }));
        const done = exchange(ours, 24 * MEGABYTE);
        await received(ours, MEGABYTE);
        set("down");
        await new Promise((resolve) => setTimeout(resolve, 300));
        set("up");
        await done;
      });
    });

    wireTest("it is closed while frames fly: nothing is lost in the house, and the name is free again", async () => {
      await withStack(options, async (ours) => {
        const peer = await ours.kernel.peer();
        const { port } = await peer.tell<{ port: number }>("listen", { host: KERNEL, each: { receive: {} } });
        const outcomes = connect(ours, KERNEL, port, { send: { seed: 1, octets: 64 * MEGABYTE } });
        await sent(ours, MEGABYTE);
        ours.stack.removeDevice(ours.device, ours.drive.now());
        const [outcome] = await outcomes;
        expect(outcome!.error).not.toBeNull();
      });
    });
  });

describe("every kind", () => {
  wireTest("without the right to open it: EPERM, with the capability that is missing", async (context) => {
    const setpriv = needProgram(context, "setpriv", "util-linux");
    await withKernel((kernel) => {
      const program = fileURLToPath(new URL("open-link.ts", import.meta.url));
      const command = [process.execPath, "--import", "tsx", program, kernel.veth()];
      const tell = (file: string, ...words: string[]): unknown =>
        JSON.parse(kernel.namespace.run(() => execFileSync(file, words, { encoding: "utf8" })));
      // Root without capabilities still owns its files, and nothing else.
      expect(tell(setpriv, "--bounding-set=-all", "--inh-caps=-all", ...command)).toEqual({
        tap: expect.stringMatching(/^EPERM: .*cap_net_admin/),
        packet: expect.stringMatching(/^EPERM: .*cap_net_raw/),
        xdp: expect.stringMatching(/^EPERM: .*cap_bpf, cap_net_admin and cap_net_raw/),
      });
      expect(tell(setpriv, ...command)).toEqual({ tap: "open", packet: "open", xdp: "open" });
    });
  });
});

describe("packet sockets", () => {
  for (const rings of ["none", "both"] as const)
    wireTest(`rings: ${rings}: our own end goes down and comes up in the middle of a transfer`, async () => {
      const link = (kernel: Kernel): Link =>
        openPacket({ interface: withoutOffload(kernel), namespace: kernel.namespace, offload: false, rings });
      await withStack({ link }, async (ours) => {
        const set = (state: string): void =>
          ours.kernel.namespace.run(() => void execFileSync("ip", ["link", "set", "ours0", state], { stdio: "ignore" }));
        const done = exchange(ours, 24 * MEGABYTE);
        await received(ours, MEGABYTE);
        set("down");
        await new Promise((resolve) => setTimeout(resolve, 300));
        set("up");
        await done;
      });
    });

  wireTest("the tag that a kernel takes out of a received frame is back in it when it comes out of a ring", () =>
    withKernel(async (kernel) => {
      const memory = createMemory({ packets: 1_024 });
      const open = (name: string): Link => openPacket({ interface: name, namespace: kernel.namespace, offload: false });
      const [far, near] = [open(kernel.veth()), open("kernel0")];
      const { bytes } = memory.arena;
      // To everybody, tagged with priority 3 and VLAN 10, of a type for experiments.
      const frame = [
        255,
        255,
        255,
        255,
        255,
        255,
        2,
        0,
        0,
        0,
        0,
        9,
        0x81,
        0,
        0x60,
        10,
        0x88,
        0xb5,
        ...Array.from({ length: 60 }, (_, i) => i),
      ];
      const packet = memory.packets.take()!;
      bytes.set(frame, packet.start);
      packet.end = packet.start + frame.length;
      near.transmit(packet);
      near.flush();
      const got: number[][] = [];
      while (!got.some(([first]) => first === 255)) {
        const batch: Packet[] = [];
        const count = far.receive(memory.packets, batch, 8);
        for (const each of batch.slice(0, count)) {
          got.push([...bytes.subarray(each.start, each.end)]);
          each.release();
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(got).toContainEqual(frame);
      for (const link of [far, near]) link.close();
    }),
  );

  wireTest("more than its rings can have", () =>
    withKernel((kernel) => {
      const open = (): Link => openPacket({ interface: kernel.veth(), namespace: kernel.namespace, offload: false, buffer: 2 ** 50 });
      expect(open).toThrow(/EINVAL|ENOMEM/);
    }),
  );
});

describe("bond", () => {
  wireTest(
    "its active member goes down in the middle of a transfer: the other takes over, and the bridge is told where we are",
    async () => {
      let made: BondLink | null = null;
      const link = (kernel: Kernel): BondLink => {
        made = bond(kernel);
        return made;
      };
      await withStack({ link }, async (ours) => {
        const done = exchange(ours, 16 * MEGABYTE);
        await received(ours, MEGABYTE);
        expect(made!.active).toBe(0);
        ours.kernel.namespace.run(() => void execFileSync("ip", ["link", "set", "wire0", "down"]));
        await done;
        expect([made!.active, made!.counters.failovers]).toEqual([1, 1]);
      });
    },
  );
});
