/** Shell lines of scripts, understood by what they are: nothing is ever run. */
import { type Micros, SECOND } from "../../base/environment.js";
import type { TcpPolicy } from "../../tcp/policy.js";
import { defaultsOfLinux, sysctl } from "./sysctls.js";

/** What one command of a line asks for. */
export type Step =
  /** What `sysctl key=value` says, and what it is in a profile; null: nothing. */
  | { readonly type: "policy"; readonly changes: Partial<TcpPolicy> | null; readonly key: string; readonly value: string }
  | { readonly type: "sleep"; readonly micros: Micros }
  /** Fails unless the count of connections in a state, written out, has `wanted` in it. */
  | { readonly type: "count"; readonly state: string; readonly port: number; readonly wanted: string }
  | { readonly type: "drop"; readonly state: string }
  /** A file of so many zeros. */
  | { readonly type: "file"; readonly path: string; readonly zeros: number }
  | { readonly type: "nothing" };

/** The steps of a shell line; a string: what of it is not known. */
export function stepsOf(text: string): Step[] | string {
  const steps: Step[] = [];
  for (const part of split(text)) {
    const step = stepOf(part);
    if (typeof step === "string") return step;
    steps.push(...step);
  }
  return steps;
}

/** Commands of a line: by line ends, `;` and `&&`, not within quotes. */
function split(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    if (quote !== "") {
      if (letter === quote) quote = "";
      part += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      part += letter;
    } else if (letter === "\\" && text[i + 1] === "\n") i += 1;
    else if (letter === "\n" || letter === ";" || (letter === "&" && text[i + 1] === "&")) {
      parts.push(part);
      part = "";
      if (letter === "&") i += 1;
    } else part += letter;
  }
  parts.push(part);
  return parts.map((one) => one.trim()).filter((one) => one !== "" && !one.startsWith("#"));
}

/** Words, with quotes taken off. */
const wordsOf = (command: string): string[] =>
  (command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []).map((word) => word.replace(/["']/g, ""));

function stepOf(whole: string): Step[] | string {
  // What a script does about a failure is of no interest: a failure ends it.
  const command = whole.replace(/\s*\|\|\s*(?:true|:|exit \d+|fail \w+)$/, "");
  const echoed = /^echo\s+(.+?)\s*>\s*(\/proc\/sys\/\S+)$/.exec(command);
  if (echoed !== null) return assignments([`${echoed[2]}=${wordsOf(echoed[1]!).join(" ")}`]);
  if (command.includes("|")) return pipeline(command);
  const [first = "", ...rest] = wordsOf(command.replace(/\s*[12]?>(?:>|&[12])?\s*\/dev\/null|\s*2>&1/g, ""));
  const name = first.replace(/^.*\//, "");
  const line = [name, ...rest].join(" ");
  if (name === "defaults.sh") return assignments(defaultsOfLinux.map(([key, value]) => `${key}=${value}`));
  if (name === "sysctl") return sysctlLine(rest);
  if (name === "set_sysctls.py") return assignments(rest);
  // What puts things back when the script is over: the next script has a stack of its own.
  if (/^sysctl_restore/.test(name)) return [{ type: "nothing" }];
  if (name === "sleep") {
    const seconds = Number(rest[0]);
    return rest.length === 1 && seconds >= 0 && seconds <= 1e6 ? [{ type: "sleep", micros: Math.round(seconds * SECOND) }] : line;
  }
  if (name === "true" || name === ":" || line === "nstat -n" || name === "sync" || name === "modprobe") return [{ type: "nothing" }];
  if (name === "tc" && /^tc qdisc (?:add|replace|del|change) dev tun0 root\b/.test(line) && !/netem|tbf|\brate\b/.test(line))
    return [{ type: "nothing" }];
  if (name === "ip" && /^ip (?:-6 )?(?:tcp_metrics|route) flush\b/.test(line) && !line.includes("route flush table"))
    return [{ type: "nothing" }];
  if (name === "dd") return fileOfZeros(rest) ?? line;
  if (name === "rm" && rest.every((word) => word === "-f" || isTemporary(word))) return [{ type: "nothing" }];
  if (name === "tcpdrop" && rest.length === 2 && rest[0] === "-s") return [{ type: "drop", state: rest[1]! }];
  return line;
}

/** Octets of a file that a script makes. */
const MOST_ZEROS = 64 << 20;
const units: Readonly<Record<string, number>> = { "": 1, c: 1, k: 1024, K: 1024, M: 1 << 20, kB: 1_000, MB: 1_000_000 };

/** `dd bs=N count=M if=/dev/zero of=FILE`. */
function fileOfZeros(words: readonly string[]): Step[] | null {
  const given = new Map(words.map((word) => word.split("=", 2) as [string, string]));
  const octets = (text: string): number => {
    const match = /^(\d+)([a-zA-Z]*)$/.exec(text);
    return match === null ? Number.NaN : Number(match[1]) * (units[match[2]!] ?? Number.NaN);
  };
  const zeros = octets(given.get("bs") ?? "512") * octets(given.get("count") ?? "");
  const path = given.get("of");
  const known = [...given.keys()].every((key) => ["bs", "count", "if", "of", "status"].includes(key));
  if (!known || given.get("if") !== "/dev/zero" || !isTemporary(path) || !(zeros <= MOST_ZEROS)) return null;
  return [{ type: "file", path, zeros }];
}

const isTemporary = (path: string | undefined): path is string => path !== undefined && /^\/tmp\/[\w.-]+$/.test(path);

function sysctlLine(words: readonly string[]): Step[] | string {
  const keys: string[] = [];
  for (const word of words) {
    if (/^-[a-zA-Z]+$/.test(word)) {
      if (!/^-[qwen]+$/.test(word)) return `sysctl ${word}`;
    } else keys.push(word);
  }
  return assignments(keys);
}

function assignments(words: readonly string[]): Step[] | string {
  const steps: Step[] = [];
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 0) return `sysctl ${word}`;
    const key = word.slice(0, equals);
    const value = word.slice(equals + 1);
    const changes = sysctl(key, value);
    if (changes === "unsupported") return `sysctl ${word}`;
    steps.push({ type: "policy", changes, key, value });
  }
  return steps;
}

/** `sockstat … | grep … | grep -c STATE | grep N`: as many sockets in that state. */
function pipeline(command: string): Step[] | string {
  const [source = "", ...filters] = command.split("|").map((part) => part.trim());
  if (!/^sockstat\b/.test(source) || filters.length < 2) return command;
  const port = /\s-p\s+(\d+)/.exec(source);
  const count = /^grep -c (\w+)$/.exec(filters.at(-2)!);
  const wanted = /^grep (\d+)$/.exec(filters.at(-1)!);
  const between = filters.slice(0, -2);
  if (count === null || wanted === null || !between.every((filter) => /^grep \w+$/.test(filter))) return command;
  return [{ type: "count", state: count[1]!, port: port === null ? 0 : Number(port[1]), wanted: wanted[1]! }];
}

/** The names that tools have for states, as RFC 9293 has them. */
const states: Readonly<Record<string, string>> = {
  CLOSED: "CLOSED",
  LISTEN: "LISTEN",
  SYN_SENT: "SYN-SENT",
  SYN_RCVD: "SYN-RECEIVED",
  SYN_RECEIVED: "SYN-RECEIVED",
  ESTABLISHED: "ESTABLISHED",
  CLOSE_WAIT: "CLOSE-WAIT",
  FIN_WAIT_1: "FIN-WAIT-1",
  FIN_WAIT_2: "FIN-WAIT-2",
  CLOSING: "CLOSING",
  LAST_ACK: "LAST-ACK",
  TIME_WAIT: "TIME-WAIT",
};

/** The state in the words of RFC 9293; null: there is none of that name. */
export const stateNamed = (name: string): string | null => (Object.hasOwn(states, name) ? states[name]! : null);
