/** `onwire wire`: an impairment box between two TAP devices, for any traffic. */
import type { Command } from "commander";
import { createMemory } from "../base/memory.js";
import { SeededRandom } from "../base/prng.js";
import { WireBox } from "../sim/wire-box.js";
import type { WireModel } from "../sim/wire-model.js";
import { perfectWire, type WireOptions, wireOptionsError } from "../sim/wire-options.js";
import type { Link } from "../transport/link.js";
import { openTap } from "../transport/tap.js";
import { runCommand, say, UsageError } from "./exit.js";
import { parseChance, parseDuration, parseInteger, parseRate, parseSize } from "./parse.js";
import { runWireBox } from "./wire-runner.js";

interface WireCommandOptions {
  readonly a: string;
  readonly b: string;
  readonly seed?: number;
  readonly linkMtu?: number;
  readonly delay?: number;
  readonly jitter?: number;
  readonly reordering?: boolean;
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  readonly corrupt?: number;
  readonly rate?: number;
  readonly queue?: number;
  readonly mtu?: number;
}

export const addWire = (program: Command): void => {
  program
    .command("wire")
    .description("a wire between two TAP devices that delays, loses, reorders, corrupts: in both directions alike")
    .requiredOption("--a <link>", "one end: tap:NAME, or tap:NAME@NETNS")
    .requiredOption("--b <link>", "the other end")
    .option("--delay <time>", "of each frame, one way", parseDuration)
    .option("--jitter <time>", "up to so much more, at random", parseDuration)
    .option("--reordering", "jitter may reorder")
    .option("--loss <chance>", "of each frame", parseChance)
    .option("--duplicate <chance>", "of each frame", parseChance)
    .option("--reorder <chance>", "of being overtaken by the next frame", parseChance)
    .option("--corrupt <chance>", "of one flipped bit", parseChance)
    .option("--rate <bits>", "bits a second, for example 100mbit; default: no limit", parseRate)
    .option("--queue <size>", "octets that may wait for the line, for example 256K", parseSize)
    .option("--mtu <octets>", "larger packets are dropped", parseInteger("MTU", 68, 65_535))
    .option("--link-mtu <octets>", "MTU of the two devices", parseInteger("MTU", 68, 65_521))
    .option("--seed <n>", "of all chances; default: at random, and said", parseInteger("seed", 0, Number.MAX_SAFE_INTEGER))
    .addHelpText("after", EXAMPLES)
    .action((options: WireCommandOptions) =>
      runCommand(async (undo) => {
        const wire = wireOptions(options);
        const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
        const a = openEnd(options.a, options.linkMtu);
        undo.add(() => a.close());
        const b = openEnd(options.b, options.linkMtu);
        undo.add(() => b.close());
        const packetSize = Math.max(a.capabilities.mtu, b.capabilities.mtu) + 18;
        const memory = createMemory({ packets: packetSize > 16_384 ? 256 : 2_048, packetSize, chunks: 1 });
        const box = new WireBox(a, b, memory.packets, new SeededRandom(seed), { forward: wire, backward: wire });
        await new Promise<void>((_, reject) => {
          const stop = runWireBox(box, (link, error) => reject(new Error(`${link.name}: ${error.message}`)));
          undo.add(() => {
            for (const direction of [box.forward, box.backward]) say(summary(direction));
            stop();
          });
          say(`wire between ${a.name} and ${b.name}, seed ${seed}; Ctrl-C ends it`);
        });
      }),
    );
};

const wireOptions = (options: WireCommandOptions): Partial<WireOptions> => {
  const wire: Record<string, unknown> = {};
  for (const name of ["delay", "jitter", "loss", "duplicate", "reorder", "corrupt", "rate", "mtu"] as const)
    if (options[name] !== undefined) wire[name] = options[name];
  if (options.reordering) wire["jitterReorders"] = true;
  if (options.queue !== undefined) wire["queueOctets"] = options.queue;
  // A line with a rate needs a queue that holds what a sender bursts; what waits because of the delay is on the line, not in the queue.
  const error = wireOptionsError({ ...perfectWire, ...wire });
  if (error !== null) throw new UsageError(error);
  return wire;
};

const openEnd = (text: string, mtu: number | undefined): Link => {
  const match = /^tap:([^@]+)(?:@(.+))?$/.exec(text);
  if (match === null) throw new UsageError(`${JSON.stringify(text)} is no end of a wire: use tap:NAME, or tap:NAME@NETNS`);
  return openTap({
    name: match[1]!,
    ...(match[2] === undefined ? {} : { namespace: match[2] }),
    ...(mtu === undefined ? {} : { mtu }),
    queueLength: 2_000,
  });
};

const summary = (wire: WireModel): string => {
  const fates = Object.entries(wire.tally.show()).map(([name, count]) => `${name.replace(/^wire\./, "")} ${count}`);
  return `${wire.name}: ${wire.offered} frames${fates.length === 0 ? "" : `: ${fates.join(", ")}`}`;
};

const EXAMPLES = `
Example: two namespaces, joined by a bad line
  sudo ip netns add left; sudo ip netns add right
  sudo onwire wire --a tap:x@left --b tap:y@right --delay 20ms --loss 1% --rate 100mbit --seed 7 &
  sudo ip -n left addr add 10.9.0.1/24 dev x; sudo ip -n right addr add 10.9.0.2/24 dev y
  sudo ip netns exec left ping 10.9.0.2`;
