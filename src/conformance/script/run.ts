/** Runs one script against our stack in virtual time, and says what became of it. */
import { Capture } from "../../inspect/capture.js";
import { ALL_KINDS } from "../../inspect/event.js";
import { fanOut } from "../../inspect/probes.js";
import { Recorder } from "../../inspect/recorder.js";
import { traceProbe } from "../../inspect/trace.js";
import type { Probe } from "../../stack/probe.js";
import { type Profile, profiles } from "../../stack/profile.js";
import type { Position, Script } from "./ast.js";
import type { Comparing, Difference } from "./compare.js";
import { type Dialect, dialects } from "./dialect.js";
import { ScriptError, Unsupported } from "./error.js";
import { Failure } from "./failure.js";
import { concat } from "./live-capture.js";
import { parseScript } from "./parser.js";
import { Player } from "./player.js";
import { printEvent } from "./print.js";
import { scan } from "./scan.js";
import { type Settings, settingsOf, type Wishes } from "./settings.js";
import type { Result, Verdict } from "./verdict.js";
import { VirtualHost } from "./virtual-host.js";

export interface RunOptions extends Wishes {
  /** By its name: linux, freebsd, rfc; a script can ask for one itself with `--profile`. Default: linux. */
  readonly profile?: string;
  /** Names that the script finds defined, beside those of the profile. */
  readonly defines?: ReadonlyMap<string, string>;
  /** Give a capture with the result, and the events before a failure. */
  readonly capture?: boolean;
  /** Takes every event of the stack as a line. */
  readonly trace?: (line: string) => void;
  readonly seed?: number;
}

/** Events that a report of a failure ends with. */
const LAST_EVENTS = 24;
export const DEFAULT_SEED = 20_261_121;

/** Runs a script. Whatever is in it, the result is a verdict: nothing is thrown. */
export function runScript(source: string, name: string, options: RunOptions = {}): Result {
  const profileName = profileNamed(source, options);
  const profile = profiles[profileName];
  const dialect = dialects[profileName];
  if (profile === undefined || dialect === undefined)
    return failed(
      name,
      "error",
      `there is no profile ${JSON.stringify(profileName)}: use one of ${Object.keys(profiles).join(", ")}`,
      null,
    );
  let prepared: Prepared;
  try {
    prepared = prepare(source, name, dialect, options);
  } catch (error) {
    return resultOf(name, null, error, source);
  }
  return runPrepared(prepared, profile, dialect, options);
}

/** The profile that a script asks for, or that is asked for it. */
export const profileNamed = (source: string, options: RunOptions): string =>
  /^[ \t]*--profile=(\w+)/m.exec(source)?.[1] ?? options.profile ?? "linux";

export interface Prepared {
  readonly source: string;
  readonly script: Script;
  readonly settings: Settings;
}

/** What goes with the scripts of a family. */
export const dialectOf = (profile: string): Dialect => dialects[profile]!;

/** What is compared, and how closely. */
export const comparingOf = (settings: Settings, { ignore = [], strict = false }: RunOptions): Comparing => ({
  ignoreWindow: ignore.includes("window"),
  ignoreOptions: ignore.includes("options"),
  strict,
  timestampTick: settings.timestampTick,
  tolerance: settings.tolerance,
});

export function prepare(source: string, name: string, dialect: Dialect, options: RunOptions): Prepared {
  const defines = new Map([...Object.entries(dialect.defines), ...(options.defines ?? [])]);
  const script = parseScript(source, name, defines);
  const settings = settingsOf(script, dialect, options);
  scan(script, dialect.personality);
  return { source, script, settings };
}

function runPrepared(prepared: Prepared, profile: Profile, dialect: Dialect, options: RunOptions): Result {
  // Looking costs more than playing: a script is played unobserved first, and again if there is something to explain.
  const observed = options.capture === true || options.trace !== undefined;
  if (observed) return playObserved(prepared, profile, dialect, options);
  const result = play(prepared, profile, dialect, options, null);
  return result.verdict === "fail" || result.verdict === "error" ? playObserved(prepared, profile, dialect, options) : result;
}

function playObserved(prepared: Prepared, profile: Profile, dialect: Dialect, options: RunOptions): Result {
  const recorder = new Recorder(LAST_EVENTS, { kinds: ALL_KINDS, timers: "all" });
  const probes: Probe[] = [recorder.probe];
  const pieces: Uint8Array[] = [];
  const capture = options.capture === true ? new Capture((octets) => pieces.push(octets.slice()), { comment: prepared.script.name }) : null;
  if (capture !== null) probes.push(capture.probe);
  if (options.trace !== undefined) probes.push(traceProbe(options.trace));
  const result = play(prepared, profile, dialect, options, fanOut(probes));
  capture?.close();
  return { ...result, events: result.verdict === "pass" ? [] : recorder.dump(), capture: capture === null ? null : concat(pieces) };
}

function play(
  { source, script, settings }: Prepared,
  profile: Profile,
  dialect: Dialect,
  options: RunOptions,
  probe: Probe | null,
): Result {
  const { personality } = dialect;
  const printed: string[] = [];
  let host: VirtualHost | null = null;
  let player: Player | null = null;
  let error: unknown = null;
  try {
    const made = new VirtualHost({ profile, personality, policy: dialect.policy, settings, seed: options.seed ?? DEFAULT_SEED, probe });
    host = made;
    player = new Player(script, {
      settings,
      comparing: comparingOf(settings, options),
      personality,
      now: () => made.now,
      print: (line) => printed.push(line),
    });
    const playing = player.play();
    for (let step = playing.next(null); step.done !== true; step = playing.next(made.reply(step.value))) {}
  } catch (caught) {
    error = caught;
  }
  const seconds = (host?.now ?? 0) / 1e6;
  try {
    host?.close();
  } catch (caught) {
    error ??= caught;
  }
  const result = error === null ? passed(script.name) : resultOf(script.name, player, error, source);
  return { ...result, printed, seconds };
}

const blank = {
  reason: "",
  at: null,
  line: "",
  expected: "",
  actual: "",
  differences: [],
  events: [],
  printed: [],
  seconds: 0,
  capture: null,
};
export const passed = (name: string): Result => ({ ...blank, name, verdict: "pass" });

function failed(
  name: string,
  verdict: Verdict,
  reason: string,
  at: Position | null,
  line = "",
  expected = "",
  actual = "",
  differences: readonly Difference[] = [],
): Result {
  return { ...blank, name, verdict, reason, at, line, expected, actual, differences };
}

export function resultOf(name: string, player: Player | null, error: unknown, source: string): Result {
  if (error instanceof Failure)
    return failed(name, "fail", error.message, error.at, lineOf(source, error.at), error.expected, error.actual, error.differences);
  if (error instanceof Unsupported) return failed(name, "unsupported", error.what, error.at, lineOf(source, error.at));
  if (error instanceof ScriptError) return failed(name, "error", error.message, error.at, lineOf(source, error.at));
  const event = player?.event ?? null;
  const playing = event === null ? "" : ` while playing ${printEvent(event)}`;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return failed(name, "error", `the runner broke${playing}: ${message}`, event?.at ?? null, event === null ? "" : lineOf(source, event.at));
}

const lineOf = (source: string, at: Position): string => (source.split("\n")[at.line - 1] ?? "").trim();
