/** What the Linux kernel sends is legal TCP to the model, and so is what we answer: captures of conversations between both. */
import { describe, expect } from "vitest";
import { illegalOnes, judge } from "../../src/conformance/model/judge.js";
import { Capture } from "../../src/inspect/capture.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { attachProbe } from "../../src/inspect/probes.js";
import { KERNEL, OURS, wireTest } from "./kernel.js";
import { connect, listen, type Ours, type OursOptions, withStack } from "./ours.js";

const MEGABYTE = 1 << 20;

/** Captures what `body` does, and returns what the judge finds. */
const judged = async (
  options: OursOptions,
  body: (ours: Ours) => Promise<unknown>,
): Promise<{ illegal: string[]; segments: number; closed: number }> => {
  const pieces: Uint8Array[] = [];
  await withStack(options, async (ours) => {
    const capture = new Capture((octets) => pieces.push(octets.slice()));
    attachProbe(ours.stack, capture.probe);
    await body(ours);
    // The last ACKs are still on their way when both applications have heard of the end.
    await new Promise((resolve) => setTimeout(resolve, 100));
    capture.close();
  });
  const { frames, interfaces } = readCapture(Buffer.concat(pieces));
  const { connections } = judge(frames, interfaces);
  return {
    illegal: connections.flatMap(({ ends, segments }) =>
      segments.flatMap((segment) =>
        illegalOnes(segment).map(({ rule, detail }) => `${segment.from === 0 ? ends[0] : ends[1]} ${segment.text}: ${rule}: ${detail}`),
      ),
    ),
    segments: connections.reduce((sum, { segments }) => sum + segments.length, 0),
    closed: connections.filter(({ segments }) =>
      segments
        .at(-1)!
        .states.flat()
        .some((state) => state === "TIME-WAIT" || state === "CLOSED"),
    ).length,
  };
};

describe("the judge finds nothing illegal", () => {
  const both = { send: { seed: 3, octets: 2 * MEGABYTE }, receive: {} };
  const cases: readonly (readonly [string, OursOptions, Record<string, unknown>, Record<string, unknown>])[] = [
    ["bulk both ways", {}, both, both],
    ["bulk both ways in super-segments", { tap: { offload: true }, memory: { packets: 256, packetSize: 65_600 } }, both, both],
    ["MTU 576", { tap: { mtu: 576 } }, both, both],
    [
      "a slow reader on the kernel's side",
      {},
      { send: { seed: 3, octets: MEGABYTE }, receive: {} },
      { receive: { slow: 65_536, pause: 20 } },
    ],
    [
      "single octets",
      {},
      { send: { seed: 3, octets: 300, chunk: 1 }, receive: {} },
      { send: { seed: 3, octets: 300, chunk: 1 }, receive: {} },
    ],
    ["a reset in the middle", {}, { send: { seed: 3, octets: MEGABYTE }, receive: {}, reset: true }, { receive: {} }],
  ];
  for (const [name, options, we, they] of cases) {
    wireTest(`we connect: ${name}`, async () => {
      const { illegal, segments, closed } = await judged(options, async (ours) => {
        const peer = await ours.kernel.peer();
        const { port } = await peer.tell<{ port: number }>("listen", { host: KERNEL, each: they });
        await connect(ours, KERNEL, port, we, 2);
        await peer.tell("results", { port, count: 2 });
      });
      expect(illegal.slice(0, 5)).toEqual([]);
      expect(segments).toBeGreaterThanOrEqual(8);
      expect(closed).toBe(2);
    });

    wireTest(`the kernel connects: ${name}`, async () => {
      const { illegal, closed } = await judged(options, async (ours) => {
        const peer = await ours.kernel.peer();
        const listener = listen(ours, we);
        const told = peer.tell("connect", { host: OURS, port: listener.port, count: 2, ...they });
        await listener.outcomes(2);
        await told;
      });
      expect(illegal.slice(0, 5)).toEqual([]);
      expect(closed).toBe(2);
    });
  }
});
