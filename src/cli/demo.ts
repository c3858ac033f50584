/** `npm run demo`: files over HTTP between our stack and the kernel, both ways, over a clean wire and a bad one. */
import { createCipheriv, createHash } from "node:crypto";
import { mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { formatIp } from "../ip/address.js";
import { State } from "../tcp/state.js";
import { Namespace } from "../transport/namespace.js";
import { openTap } from "../transport/tap.js";
import { type Lab, type LabOptions, moveOnStack, OURS, openLab, serveOnStack, THEIRS } from "./demo-lab.js";
import { messageOf, runCommand, runProgram, Undo, UsageError } from "./exit.js";
import { formatRate, formatSize, parseChance, parseDuration, parseInteger, parseSize } from "./parse.js";
import { digestOf, partName, type Transfer } from "./transfer.js";

interface DemoOptions {
  readonly size: number;
  readonly seed: number;
  readonly delay: number;
  readonly loss: number;
  readonly connections: number;
  readonly root: boolean;
}

/** Gives `command` the demonstration's options and its action. */
export const asDemo = (command: Command): Command =>
  command
    .description("watch it: files between our stack and the kernel, over a clean wire and a bad one, compared by SHA-256")
    .addOption(new Option("--size <octets>", "of the file").argParser(parseSize).default(256 * 1024 * 1024, "256M"))
    .addOption(new Option("--delay <time>", "of the bad wire, one way").argParser(parseDuration).default(20_000, "20ms"))
    .addOption(new Option("--loss <chance>", "of each frame on the bad wire").argParser(parseChance).default(0.01, "1%"))
    .option("--seed <n>", "of the file's octets and the wire's chances", parseInteger("seed", 0, Number.MAX_SAFE_INTEGER), 7)
    .option("--connections <n>", "parts that go at once over the bad wire", parseInteger("connections", 1, 99), 32)
    .option("--no-root", "two stacks in memory, even where there could be a TAP device")
    .addHelpText("after", "\nWith root on Linux the other side is the kernel, behind a TAP device in a namespace of its own.")
    .action((options: DemoOptions) => {
      if (options.size < 1) throw new UsageError("--size 0 leaves nothing to move: use 1 or more");
      return runCommand(async (undo) => {
        endWithNpm(undo);
        for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => print("demo: interrupted"));
        try {
          await demo(options, undo);
        } catch (error) {
          await undo.all();
          print(`demo: failed: ${messageOf(error)}`);
          process.exit(1);
        }
        await undo.all();
        print("demo: ok");
      });
    });

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** npm ends its shell, and the shell not what it runs: when either has gone, nobody waits for us any more. */
const endWithNpm = (undo: Undo): void => {
  if (process.env["npm_lifecycle_event"] !== "demo") return;
  const shell = process.ppid;
  const npm = parentOf(shell);
  const timer = setInterval(() => {
    if (process.ppid !== shell || parentOf(shell) !== npm) undo.fail(new Error("npm has gone, so the demonstration ends"));
  }, 250);
  undo.add(() => clearInterval(timer));
};

/** The parent of a process; null where the kernel has no /proc to say it. */
const parentOf = (pid: number): string | null => {
  try {
    // "pid (name) state ppid ...": names may hold anything.
    return (
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[1] ?? null
    );
  } catch {
    return null;
  }
};

const demo = async (options: DemoOptions, undo: Undo): Promise<void> => {
  const began = performance.now();
  const namespace = kernelNamespace(options, undo);
  const captures = mkdtempSync(join(tmpdir(), "onwire-demo-"));
  const folder = join(captures, "files");
  await mkdir(folder);
  // Again, when a transfer that is cut short makes one more file meanwhile.
  undo.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  const size = formatSize(options.size);
  const digest = await makeFile(join(folder, "file"), options.size, options.seed);
  print(`A file of ${size} from seed ${options.seed}, SHA-256 ${digest.slice(0, 16)}...`);
  const base = { namespace, seed: options.seed };
  const wire = { delay: options.delay, loss: options.loss, queueFrames: 100_000, queueOctets: 256 * 1024 * 1024 };
  const parts = Math.min(options.connections, options.size);
  const bad = `${options.delay / 1000} ms each way, ${options.loss * 100} % loss, seed ${options.seed}`;

  print("\n1. A clean wire: we serve");
  const clean = { ...base, wire: null, capture: join(captures, "clean.pcapng") };
  await stage(clean, undo, async (lab, stageUndo) => {
    await bothWays(lab, folder, options, digest, 1, stageUndo);
  });

  print(`\n2. A bad wire (${bad}): we serve, in ${parts} parts at once`);
  const impaired = { ...base, wire, capture: join(captures, "impaired.pcapng") };
  await stage(impaired, undo, async (lab, stageUndo) => {
    await bothWays(lab, folder, options, digest, parts, stageUndo);
  });

  print("\n3. A clean wire: we fetch");
  const client = { ...base, wire: null, capture: join(captures, "client.pcapng") };
  await stage(client, undo, async (lab) => {
    const port = await lab.peer.serve(folder);
    const file = join(folder, "fetched");
    const job = { direction: "download", host: formatIp(THEIRS), port, path: "/file", file, size: options.size, parts: 1 } as const;
    await watch(lab, `our stack fetches from ${lab.peer.name}`, job, (moved) => moveOnStack(lab.drive, job, moved));
    await compare(digest, file);
  });
  print(`\nThe captures are in ${captures}: open them with Wireshark, or`);
  print(
    `  tshark --disable-protocol http -r ${join(captures, "clean.pcapng")} -T fields -e frame.number -e _ws.col.Info -e frame.comment -c 20`,
  );
  print(`All of it took ${((performance.now() - began) / 1000).toFixed(1)} s.`);
};

/** The kernel's side, or null with the reason said. */
const kernelNamespace = (options: DemoOptions, undo: Undo): Namespace | null => {
  const without = (reason: string): null => {
    print(`Two stacks in one process, joined in memory (${reason}).`);
    return null;
  };
  if (!options.root) return without("--no-root");
  if (process.platform !== "linux") return without(`${process.platform} has no TAP devices: they are Linux's`);
  if (process.getuid?.() !== 0) return without("without root there is no TAP device: sudo npm run demo has the kernel on the other side");
  try {
    const namespace = Namespace.create();
    undo.add(() => namespace.close());
    openTap({ name: "onwire0", namespace }).close();
    print(`Our stack is ${formatIp(OURS)}, the kernel ${formatIp(THEIRS)} behind TAP device onwire0, in a network namespace of its own.`);
    return namespace;
  } catch (error) {
    return without(messageOf(error));
  }
};

/** Opens a lab, runs `body`, and says what the stage leaves: the ladder of its first connection, and the capture. */
const stage = async (options: LabOptions, undo: Undo, body: (lab: Lab, undo: Undo) => Promise<void>): Promise<void> => {
  const stageUndo = new Undo();
  undo.add(() => stageUndo.all());
  const lab = openLab(options, stageUndo);
  try {
    await body(lab, stageUndo);
  } finally {
    await stageUndo.all();
  }
  print("  the first connection, our side left:");
  for (const line of lab.ladder.render()) print(`    ${line}`);
  const { path, cut } = lab.capture;
  print(`  captured ${cut ? "to its limit " : ""}in ${path}`);
};

const bothWays = async (lab: Lab, folder: string, options: DemoOptions, digest: string, parts: number, undo: Undo): Promise<void> => {
  const { port, received: arrived } = serveOnStack(lab.drive, folder, true, undo);
  const base = { host: formatIp(OURS), port, size: options.size, parts };
  const received = join(folder, "received");
  const down: Transfer = { ...base, direction: "download", path: "/file", file: received };
  await watch(lab, `${lab.peer.name} downloads`, down, (moved) => lab.peer.move(down, moved));
  await compare(digest, received);

  const up: Transfer = { ...base, direction: "upload", path: "/uploaded", file: join(folder, "file") };
  await watch(lab, `${lab.peer.name} uploads`, up, (moved) => lab.peer.move(up, moved), arrived);
  const uploaded = Array.from({ length: parts }, (_, part) => join(folder, partName("uploaded", part)));
  await compare(digest, ...uploaded);
  await Promise.all([received, ...uploaded].map((file) => rm(file, { force: true })));
};

/** Runs a transfer and prints how it goes. `arrived`: what our side has received, where the mover only knows what it has written. */
const watch = async (
  lab: Lab,
  what: string,
  job: Transfer,
  move: (moved: (octets: number) => void) => Promise<number>,
  arrived?: () => number,
): Promise<void> => {
  let octets = 0;
  const before = arrived?.() ?? 0;
  let best = { rtt: 0, cwnd: 0 };
  const again = lab.sentAgain();
  const lost = lab.lost();
  const sending = (job.direction === "download") === (job.host === formatIp(OURS));
  print(`  ${what} ${formatSize(job.size)}${job.parts > 1 ? ` over ${job.parts} connections` : ""}`);
  const began = performance.now();
  let lastAt = began;
  let lastOctets = 0;
  const look = (): void => {
    const now = windows(lab);
    if (now.cwnd > 0) best = now;
  };
  // What the receiver knows of the sender's windows is nothing.
  const numbers = (): string =>
    (sending && best.cwnd > 0
      ? `  rtt ${(best.rtt / 1000).toFixed(2)} ms  cwnd ${formatSize(best.cwnd)}  sent again ${lab.sentAgain() - again}`
      : "") + (lab.lost() > 0 ? `  lost by the wire ${lab.lost() - lost}` : "");
  const line = (): void => {
    look();
    // With a few octets of HTTP.
    if (arrived !== undefined) octets = Math.min(arrived() - before, job.size);
    const at = performance.now();
    const percent = String(Math.floor((octets / job.size) * 100)).padStart(3);
    const rate = formatRate(octets - lastOctets, at - lastAt).padStart(13);
    print(`    ${percent} %${rate}${numbers()}`);
    lastAt = at;
    lastOctets = octets;
  };
  const timer = setInterval(line, 2_000);
  const sampler = setInterval(look, 100);
  try {
    const milliseconds = await move((more) => {
      octets += more;
    });
    const rate = formatRate(job.size, milliseconds);
    print(`    100 % in ${(milliseconds / 1000).toFixed(2)} s: ${rate}${numbers()}`);
  } finally {
    clearInterval(timer);
    clearInterval(sampler);
  }
};

/** The mean smoothed round-trip time of our connections, and the sum of their congestion windows. */
const windows = (lab: Lab): { rtt: number; cwnd: number } => {
  let count = 0;
  let rtt = 0;
  let cwnd = 0;
  lab.drive.stack.tcp.each((tcb) => {
    if (tcb.state < State.Established || tcb.state === State.TimeWait) return;
    count += 1;
    rtt += tcb.srtt;
    cwnd += tcb.cc.window();
  });
  return { rtt: count === 0 ? 0 : rtt / count, cwnd };
};

const compare = async (digest: string, ...files: string[]): Promise<void> => {
  const found = await digestOf(...files);
  if (found !== digest) throw new Error(`SHA-256 is ${found}, not ${digest}: the octets have changed on their way`);
  print(`    SHA-256 is equal: ${found.slice(0, 16)}...`);
};

/** A file of octets that no compression and no repetition hides behind; returns its SHA-256. */
const makeFile = async (path: string, size: number, seed: number): Promise<string> => {
  const key = createHash("sha256").update(`onwire demo ${seed}`).digest();
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16));
  const hash = createHash("sha256");
  const file = await open(path, "w");
  try {
    for (let left = size; left > 0; ) {
      const octets = cipher.update(Buffer.alloc(Math.min(left, 4 * 1024 * 1024)));
      hash.update(octets);
      await file.writeFile(octets);
      left -= octets.length;
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
};

// As a program of its own: `npm run demo`.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await runProgram(asDemo(new Command("npm run demo --")));
