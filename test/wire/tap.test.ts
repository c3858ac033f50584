/** The TAP link against the kernel itself: no stack of ours yet, frames by hand. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, expect } from "vitest";
import { createMemory, type Memory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { ip } from "../../src/ip/address.js";
import { Namespace } from "../../src/transport/namespace.js";
import { nativePort } from "../../src/transport/native-load.js";
import { Ready } from "../../src/transport/native-port.js";
import { NetworkInterfaces } from "../../src/transport/network-interface.js";
import { openTap, type TapLink } from "../../src/transport/tap.js";
import { KERNEL, OURS, wireTest, withKernel } from "./kernel.js";

const HARDWARE = [2, 0, 0, 0, 0, 9];
const openDescriptors = (): number => readdirSync("/proc/self/fd").length;
const hereNow = (): string => readlinkSync("/proc/thread-self/ns/net");
const memoryOf = (packetSize = 2048): Memory => createMemory({ packets: 64, packetSize, chunks: 1 });

const frame = (memory: Memory, octets: readonly number[]): Packet => {
  const packet = memory.packets.take()!;
  memory.arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
};
const dotted = (address: string): number[] => address.split(".").map(Number);
/** RFC 826: who has `target`? */
const arpRequest = (target: string): number[] => [
  ...[255, 255, 255, 255, 255, 255, ...HARDWARE, 8, 6],
  ...[0, 1, 8, 0, 6, 4, 0, 1, ...HARDWARE, ...dotted(OURS), 0, 0, 0, 0, 0, 0, ...dotted(target)],
];

/** The first frame that fits, waiting on readiness as a drive does. */
const frameThat = (link: TapLink, memory: Memory, fits: (octets: Uint8Array) => boolean): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const batch: Packet[] = [];
    link.onError = reject;
    link.onReadable = () =>
      setImmediate(() => {
        const count = link.receive(memory.packets, batch, 16);
        for (let i = 0; i < count; i++) {
          const packet = batch[i]!;
          const octets = memory.arena.bytes.slice(packet.start, packet.end);
          packet.release();
          if (fits(octets)) resolve(octets);
        }
      });
  });

describe("frames", () => {
  wireTest("the kernel answers ARP for its address, by readiness and without a timer", async () => {
    await withKernel(async (kernel) => {
      const link = kernel.tap();
      const memory = memoryOf();
      const answer = frameThat(link, memory, (octets) => octets[12] === 8 && octets[13] === 6 && octets[21] === 2);
      link.transmit(frame(memory, arpRequest(KERNEL)));
      link.flush();
      const octets = await answer;
      expect([...octets.subarray(0, 6)]).toEqual(HARDWARE);
      expect([...octets.subarray(28, 32)]).toEqual(dotted(KERNEL));
      const interfaces = kernel.namespace.run(() => new NetworkInterfaces());
      expect([...octets.subarray(22, 28)]).toEqual([...interfaces.hardwareAddress(link.interfaceName)]);
      interfaces.close();
      expect(kernel.proc("arp")).toContain("02:00:00:00:00:09");
    });
  });

  wireTest("a new device is silent: no IPv6 advertisements", async () => {
    await withKernel((kernel) => {
      const link = kernel.tap();
      const memory = memoryOf();
      const batch: Packet[] = [];
      expect(link.receive(memory.packets, batch, 16)).toBe(0);
      const disabled = kernel.namespace.run(() => readFileSync(`/proc/sys/net/ipv6/conf/${link.interfaceName}/disable_ipv6`, "utf8"));
      expect(disabled.trim()).toBe("1");
    });
  });

  wireTest("a kernel end that is down loses what we send; the link lives on", async () => {
    await withKernel((kernel) => {
      const link = kernel.tap();
      const memory = memoryOf();
      const interfaces = kernel.namespace.run(() => new NetworkInterfaces());
      interfaces.setUp(link.interfaceName, false);
      expect(link.transmit(frame(memory, arpRequest(KERNEL)))).toBe(true);
      link.flush();
      expect(link.counters.refused).toBe(1);
      interfaces.setUp(link.interfaceName, true);
      expect(link.transmit(frame(memory, arpRequest(KERNEL)))).toBe(true);
      link.flush();
      expect(link.counters.refused).toBe(1);
      interfaces.close();
      expect(memory.packets.available).toBe(memory.packets.size);
    });
  });

  wireTest("the largest MTU: a frame of 65 535 octets comes whole", async () => {
    await withKernel(async (kernel) => {
      const link = kernel.tap({ mtu: 65521 });
      expect(link.capabilities.mtu).toBe(65521);
      const memory = createMemory({ packets: 4, packetSize: 65_539, chunks: 1 });
      const program = kernel.spawn(process.execPath, ["-e", largeDatagram(OURS, 65_521 - 28)]);
      // The kernel asks who has our address before it sends.
      const asked = await frameThat(link, memory, (octets) => octets[13] === 6 && octets[21] === 1);
      const large = frameThat(link, memory, (octets) => octets[13] === 0 && octets[23] === 17);
      const answer = [...asked.subarray(6, 12), ...HARDWARE, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, ...HARDWARE, ...asked.subarray(38, 42)];
      link.transmit(frame(memory, [...answer, ...asked.subarray(22, 28), ...asked.subarray(28, 32)]));
      link.flush();
      expect((await large).length).toBe(65_535);
      program.stdin?.end();
    });
  });
});

const largeDatagram = (address: string, octets: number): string =>
  `const s = require("node:dgram").createSocket("udp4"); s.send(Buffer.alloc(${octets}), 9, "${address}", () => process.stdin.resume().on("end", () => process.exit()))`;

describe("errors have a remedy", () => {
  wireTest("a name that is taken", async () => {
    await withKernel((kernel) => {
      const link = kernel.tap({ name: "taken" });
      expect(() => kernel.tap({ name: "taken" })).toThrow(/EBUSY TAP taken: another process has this device: choose another name/);
      expect(() => kernel.tap({ name: "lo" })).toThrow(/EINVAL TAP lo: an interface of this name exists/);
      link.close();
      kernel.tap({ name: "taken" });
    });
  });

  wireTest("a namespace that is not there", () => {
    expect(() => openTap({ namespace: "onwire-no-such" })).toThrow(/ENOENT namespace onwire-no-such: .*ip netns add/);
  });

  wireTest("a device that is removed while it is read: one error, and no busy loop", async () => {
    await withKernel(async (kernel) => {
      const link = kernel.tap();
      const memory = memoryOf();
      const gone = frameThat(link, memory, () => false);
      kernel.namespace.run(() => removeInterface(link.interfaceName));
      await expect(gone).rejects.toThrow(/tap:wire0 is gone .*: somebody removed the device or its namespace/);
      expect(link.receive(memory.packets, [], 1)).toBe(0);
    });
  });
});

/** RTM_DELLINK, rtnetlink(7): what `ip link del` says. */
const removeInterface = (name: string): void => {
  const port = nativePort();
  const message = new DataView(new ArrayBuffer(56));
  message.setUint32(0, 56, true);
  message.setUint16(4, 17, true);
  message.setUint16(6, 1, true);
  // IFLA_IFNAME behind the two headers.
  message.setUint16(32, 4 + name.length + 1, true);
  message.setUint16(34, 3, true);
  for (let i = 0; i < name.length; i++) message.setUint8(36 + i, name.charCodeAt(i));
  const fd = port.socket(16, 3, 0);
  expect(port.write(fd, port.address(message.buffer), 56)).toBe(56);
  port.close(fd);
};

describe("namespaces", () => {
  wireTest("the thread is back after each step, also after an exception", async () => {
    const before = hereNow();
    const namespace = Namespace.create();
    expect(hereNow()).toBe(before);
    expect(namespace.run(hereNow)).not.toBe(before);
    expect(() =>
      namespace.run(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(hereNow()).toBe(before);
    expect(() => openTap({ namespace, mtu: 20 })).toThrow(/EINVAL/);
    expect(hereNow()).toBe(before);
    namespace.close();
    expect(() => namespace.run(hereNow)).toThrow(/EBADF/);
  });

  wireTest("a name is visible to ip netns, and gone after close", () => {
    const name = `onwire-test-${process.pid}`;
    const namespace = Namespace.create(name);
    try {
      expect(() => Namespace.create(name)).toThrow(/EEXIST/);
      const again = Namespace.open(name);
      expect(again.run(hereNow)).toBe(namespace.run(hereNow));
      again.close();
    } finally {
      namespace.close();
    }
    expect(() => Namespace.open(name)).toThrow(/ENOENT/);
  });
});

describe("nothing is left behind", () => {
  wireTest("descriptors after a thousand devices' worth of waiting", async () => {
    const before = openDescriptors();
    await withKernel(async (kernel) => {
      const link = kernel.tap();
      for (let i = 0; i < 5000; i++) {
        link.onReadable = () => {};
        link.onReadable = null;
      }
      for (let i = 0; i < 20; i++) {
        const other = kernel.tap({ address: { address: ip("10.9.1.1"), prefixLength: 24 } });
        other.onReadable = () => {};
        await new Promise((resolve) => setImmediate(resolve));
        other.close();
      }
    });
    expect(openDescriptors()).toBe(before);
  });

  wireTest("a watch started, stopped, referenced and closed thousands of times", async () => {
    await withKernel(async (kernel) => {
      kernel.tap();
      const port = nativePort();
      const fd = port.open("/dev/net/tun", 0o2004002);
      for (let i = 0; i < 5000; i++) {
        const watch = port.watch(fd, () => {});
        watch.want(Ready.Readable);
        watch.unref();
        watch.ref();
        watch.want(Ready.Nothing);
        watch.want(Ready.Readable | Ready.Writable);
        watch.close();
        watch.close();
        watch.want(Ready.Readable);
        watch.ref();
        if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      port.close(fd);
    });
  });
});
