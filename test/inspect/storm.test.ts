import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { Capture } from "../../src/inspect/capture.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { fanOut } from "../../src/inspect/probes.js";
import { Recorder } from "../../src/inspect/recorder.js";
import { traceProbe } from "../../src/inspect/trace.js";
import { WhyCheck } from "../../src/inspect/why-check.js";
import { ip } from "../../src/ip/address.js";
import { SimLink } from "../../src/sim/sim-link.js";
import { World } from "../../src/sim/world.js";
import { Stack } from "../../src/stack/stack.js";
import { collector } from "./collector.js";
import { arpFrame, ipFrame, tcpFrame } from "./frames.js";

const US = ip("10.0.0.2");
const THEM = ip("10.0.0.1");

/** Frames of all kinds, most of them nearly right. */
function frame(random: SeededRandom): Uint8Array {
  const below = (n: number): number => random.below(n);
  const octets = (n: number): Uint8Array => new Uint8Array(n).map(() => below(256));
  const source = below(8) === 0 ? random.int32() : THEM + below(3);
  const target = below(8) === 0 ? random.int32() : US;
  const kinds = [
    () => arpFrame(1 + below(2), source, target),
    () => ipFrame(source, target, 1, octets(8 + below(60))),
    () => ipFrame(source, target, 17, octets(4 + below(60))),
    () => ipFrame(source, target, below(256), octets(below(60))),
    () =>
      tcpFrame({
        source: [source, below(4)],
        destination: [target, below(2) === 0 ? 80 : below(4)],
        seq: below(3) === 0 ? random.int32() : below(3),
        ack: below(2) === 0 ? random.int32() : 0,
        flags: below(2) === 0 ? 2 : below(64),
        window: below(65_536),
        text: "x".repeat(below(30)),
        options: [...octets(4 * below(10))],
      }),
  ];
  const made = kinds[below(kinds.length)]!();
  for (let i = below(4); i > 1; i--) made[below(made.length)] = below(256);
  return below(20) === 0 ? made.slice(0, below(made.length)) : made;
}

describe("a stack in a storm", () => {
  test.each([1, 2, 3])("every frame has a fate, every drop is told and counted once, every answer has a reason (seed %d)", (seed) => {
    const random = new SeededRandom(seed);
    const world = new World(seed);
    const memory = createMemory({ packets: 256, packetSize: 2_048, chunks: 64 });
    const stack = new Stack({ random: random.fork(), memory }, 0);
    const host = world.addHost("b", stack);
    const link = new SimLink("b0", world, world.frames);
    host.links.push(link);
    const check = new WhyCheck();
    const recorder = new Recorder(100);
    const file = collector();
    const capture = new Capture(file.sink);
    const lines: string[] = [];
    stack.probe = fanOut([check.probe, recorder.probe, capture.probe, traceProbe((line) => lines.push(line), { text: 40 })]);
    const device = stack.addDevice(
      link,
      { addresses: [{ address: US, prefixLength: 24 }], hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 2) },
      0,
    );
    stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    let now = 0;
    for (let i = 0; i < 3_000; i++) {
      const octets = frame(random);
      const packet = memory.packets.take()!;
      memory.arena.bytes.set(octets, packet.start);
      packet.end = packet.start + octets.length;
      now += random.below(3_000);
      stack.receive(device, packet, now);
      if (random.below(4) === 0) stack.turn(now);
    }
    stack.turn(now + 200_000_000);
    stack.close(now + 200_000_000);
    expect(stack.frames.in).toBe(3_000);
    expect(stack.frames.delivered + stack.frames.dropped).toBe(3_000);
    expect(check.disagreements(stack.tally)).toEqual([]);
    expect(check.untold(stack.tally)).toEqual([]);
    expect(check.seen.size).toBeGreaterThan(25);
    capture.close();
    const read = readCapture(file.octets());
    expect(read.problem).toBeNull();
    expect(read.frames.filter((frame) => frame.direction === 1)).toHaveLength(3_000);
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });
});
