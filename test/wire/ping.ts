/** ping(8) of the kernel's side. */
import { expect } from "vitest";
import { nativePort } from "../../src/transport/native-load.js";
import type { Kernel } from "./kernel.js";

/** What `ping` does: a raw ICMP socket of the kernel, one request, and its reply's octets behind the ICMP header. */
export const kernelPing = async (kernel: Kernel, to: string, octets: number): Promise<number> => {
  const port = nativePort();
  const fd = kernel.namespace.run(() => port.socket(2, 3 | 0o2004000, 1));
  expect(fd).toBeGreaterThan(0);
  try {
    const address = new Uint8Array(16);
    address.set([2, 0, 0, 0, ...to.split(".").map(Number)]);
    expect(port.connect(fd, address)).toBe(0);
    const buffer = new Uint8Array(new ArrayBuffer(70_000));
    const view = new DataView(buffer.buffer);
    view.setUint8(0, 8);
    view.setUint32(4, 0x12340001);
    for (let i = 0; i < octets; i++) buffer[8 + i] = (i * 7 + 1) & 255;
    let sum = 0;
    for (let i = 0; i < 8 + octets; i += 2) sum += view.getUint16(i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(2, ~sum & 0xffff);
    const sent = buffer.slice(0, 8 + octets);
    expect(port.write(fd, port.address(buffer.buffer), 8 + octets)).toBe(8 + octets);
    return await new Promise<number>((resolve) => {
      const watch = port.watch(fd, () =>
        setImmediate(() => {
          const length = port.read(fd, port.address(buffer.buffer), buffer.length);
          if (length < 0) return;
          const header = (buffer[0]! & 15) * 4;
          const echoed = buffer.subarray(header + 8, length);
          expect(buffer[header]).toBe(0);
          expect(Buffer.compare(echoed, sent.subarray(8))).toBe(0);
          watch.close();
          resolve(echoed.length);
        }),
      );
      watch.want(1);
    });
  } finally {
    port.close(fd);
  }
};
