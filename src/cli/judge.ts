/** `onwire judge FILE`: is this capture legal TCP, and if not, what does it break? */
import { readFileSync, statSync } from "node:fs";
import type { Command } from "commander";
import { illegalOnes, type JudgedConnection, type JudgedSegment, judge } from "../conformance/model/judge.js";
import { rules } from "../conformance/model/rules.js";
import { readCapture } from "../inspect/capture-reader.js";
import { runCommand } from "./exit.js";

interface JudgeOptions {
  readonly brief?: boolean;
  readonly json?: boolean;
}

export const addJudge = (program: Command): void => {
  program
    .command("judge")
    .argument("<file>", "a capture, pcapng or pcap")
    .description(
      "judge every TCP segment of a capture: what it breaks, and in which states both ends must be; status 1 when one is illegal",
    )
    .option("--brief", "only segments that break something")
    .option("--json", "one JSON document")
    .addHelpText("after", EXAMPLES)
    .action((file: string, options: JudgeOptions) => runCommand(async () => judgeFile(file, options)));
};

/** A capture is judged as a whole, and takes several times its size. */
const MOST_OCTETS = 1 << 30;

const judgeFile = (file: string, options: JudgeOptions): void => {
  const entry = statSync(file);
  if (entry.isDirectory()) throw new Error(`${file} is a folder: name a capture in it`);
  const { size } = entry;
  if (size > MOST_OCTETS)
    throw new Error(
      `${file} has ${size} octets, and ${MOST_OCTETS} are the most: cut its frames (editcap -s 128), or split it (editcap -c 1000000)`,
    );
  const { frames, interfaces, problem } = readCapture(readFileSync(file));
  if (problem !== null && frames.length === 0)
    throw new Error(`${file}: ${problem}: give a capture as tcpdump, Wireshark or onwire write it`);
  const { connections, others, fragments, copies } = judge(frames, interfaces);
  const segments = connections.flatMap((connection) => connection.segments);
  const illegal = segments.filter((segment) => illegalOnes(segment).length > 0).length;
  const discouraged = segments.filter((segment) => segment.breaches.length > illegalOnes(segment).length).length;
  if (options.json) print(JSON.stringify({ connections, others, fragments, copies, problem, illegal, discouraged }));
  else {
    for (const connection of connections) show(connection, options.brief === true);
    if (problem !== null) print(`${file}: ${problem}; what came before it is judged`);
    if (fragments > 0) print(`${fragments} fragments of datagrams that did not become whole`);
    if (copies > 0) print(`${copies} segments seen once more on their way`);
    print(
      `${segments.length} segments of ${connections.length} connections: ${illegal} illegal, ${discouraged} discouraged; ${others} frames of other kinds`,
    );
  }
  if (illegal > 0) throw new Error(`${illegal} segments are illegal`);
};

const show = ({ ends, segments, joined }: JudgedConnection, brief: boolean): void => {
  print(`${ends[0]} > ${ends[1]}${joined ? " (no SYN, or options cut off: what the SYNs agreed is not judged)" : ""}`);
  let before = "";
  for (const segment of segments) {
    const now = segment.states.map((states) => states.join(" or ")).join(" | ");
    if (!brief || segment.breaches.length > 0) print(line(segment, now === before ? "" : now));
    before = now;
    for (const { rule, detail } of segment.breaches) {
      const { rfc, section, severity, text } = rules[rule];
      print(`      ${severity}: ${detail}; ${rfc} s${section}: ${text} [${rule}]`);
    }
  }
};

const line = ({ frame, at, from, text }: JudgedSegment, states: string): string =>
  `${String(frame).padStart(6)} ${(at / 1e6).toFixed(6).padStart(12)} ${from === 0 ? ">" : "<"} ${text}${states === "" ? "" : `   [${states}]`}`;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const EXAMPLES = `
Examples:
  onwire judge trace.pcapng
  onwire judge --brief trace.pcapng`;
