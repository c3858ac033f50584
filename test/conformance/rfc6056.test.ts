/** RFC 6056: ephemeral ports. */
import { expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip, ipFromInt } from "../../src/ip/address.js";
import { EphemeralPorts } from "../../src/tcp/ports.js";
import { Exchange, THEM, US } from "../tcp/exchange.js";

const any = (): boolean => true;

test("s3.1: ports on which somebody listens are not given away (6056-01)", () => {
  const x = new Exchange({ memory: createMemory({ packets: 64, chunks: 64 }) });
  const listening = new Set<number>();
  for (let port = 1_024; port < 65_536; port += 2) {
    listening.add(port);
    x.tcp.listen({ port }, x.application);
  }
  for (let i = 0; i < 500; i++) {
    const handle = x.tcp.connect({ remote: THEM, remotePort: 80 }, x.application, x.now);
    expect(listening.has(x.tcp.endpointsOf(handle).localPort)).toBe(false);
  }
});

test("s3.2: all of 1024 to 65535 is used (6056-02)", () => {
  const ports = new EphemeralPorts(new SeededRandom(1));
  const seen = new Set<number>();
  for (let i = 0; i < 64_512; i++) seen.add(ports.choose(US, THEM, 80, (port) => !seen.has(port)));
  expect(seen.size).toBe(64_512);
  expect(Math.min(...seen)).toBe(1_024);
  expect(Math.max(...seen)).toBe(65_535);
  expect(ports.choose(US, THEM, 80, (port) => !seen.has(port))).toBe(0);
});

test("s3.3.4: towards different peers ports spread evenly: chi-square over 64 classes (6056-03)", () => {
  const ports = new EphemeralPorts(new SeededRandom(2));
  const classes = new Array<number>(64).fill(0);
  const trials = 20_000;
  for (let i = 0; i < trials; i++) classes[(ports.choose(US, ipFromInt(0x0b00_0000 + i), 443, any) - 1_024) >> 10]! += 1;
  const counts = classes.slice(0, 63);
  const expected = counts.reduce((a, b) => a + b) / counts.length;
  const chi = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  expect(chi).toBeLessThan(112); // 62 degrees of freedom: exceeded once in 10^4
});

test("s3.3.4: what an attacker sees of its own ports does not tell the victim's (6056-03, S-095)", () => {
  // Algorithm 4: with 256 counters, one connection to the attacker tells the next of its own, hardly ever of another's.
  let followed = 0;
  const trials = 2_000;
  for (let i = 0; i < trials; i++) {
    const ports = new EphemeralPorts(new SeededRandom(100 + i));
    const attacker = ip("66.6.6.6");
    const a = ports.choose(US, attacker, 80, any);
    const victim = ports.choose(US, THEM, 80, any);
    if (Math.abs(victim - a) < 100) followed += 1;
  }
  expect(followed / trials).toBeLessThan(0.02);
});

test("s3.3: towards one peer a port comes again as late as can be (6056-03)", () => {
  const ports = new EphemeralPorts(new SeededRandom(3));
  const seen = new Set<number>();
  for (let i = 0; i < 64_512; i++) seen.add(ports.choose(US, THEM, 80, any));
  expect(seen.size).toBe(64_512);
});

test("s3.3: when every port towards a peer is in use the open fails with EADDRNOTAVAIL, and other peers do not notice (6056-04, 6056-05, S-094)", () => {
  const x = new Exchange({ memory: createMemory({ packets: 64, chunks: 64 }) });
  const connect = (remotePort: number): number => x.tcp.connect({ remote: THEM, remotePort }, x.application, x.now);
  for (let i = 0; i < 64_512; i++) connect(80);
  expect(() => connect(80)).toThrowError(expect.objectContaining({ code: "EADDRNOTAVAIL" }));
  const handle = connect(81);
  expect(x.tcp.endpointsOf(handle).localPort).toBeGreaterThanOrEqual(1_024);
  x.tcp.abort(handle, x.now);
});
