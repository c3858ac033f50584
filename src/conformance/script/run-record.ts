/** Records a script of stimuli on a host: our stack in virtual time, or one in real time. */
import { type Profile, profiles } from "../../stack/profile.js";
import type { Script } from "./ast.js";
import type { Dialect } from "./dialect.js";
import { Unsupported } from "./error.js";
import { Recorder, type RecorderOptions } from "./record.js";
import { DEFAULT_SEED, dialectOf, type Prepared, passed, prepare, profileNamed, type RunOptions, resultOf } from "./run.js";
import type { LiveHost } from "./run-live.js";
import type { Settings } from "./settings.js";
import type { Result } from "./verdict.js";
import { VirtualHost } from "./virtual-host.js";

export interface Recording {
  /** "pass" when there is a script. */
  readonly result: Result;
  readonly script: Script | null;
}

/** In real time, what is no further apart counts as at once. */
const LIVE_INSTANT = 3_000;
const LIVE_PATIENCE = 30_000;
const LIVE_GRAIN = 1_000;

const omittedOf = ({ ignore = [] }: RunOptions): RecorderOptions["omitted"] => ({
  window: ignore.includes("window"),
  options: ignore.includes("options"),
});

/** Records on our stack. Whatever is in the script, nothing is thrown. */
export function recordScript(source: string, name: string, options: RunOptions = {}): Recording {
  const profileName = profileNamed(source, options);
  let host: VirtualHost | null = null;
  let recording: Recording;
  try {
    const profile: Profile | undefined = profiles[profileName];
    if (profile === undefined)
      throw new Error(`there is no profile ${JSON.stringify(profileName)}: use one of ${Object.keys(profiles).join(", ")}`);
    const dialect: Dialect = dialectOf(profileName);
    const { script, settings } = prepare(source, name, dialect, options);
    const { personality, policy } = dialect;
    const made = new VirtualHost({ profile, personality, policy, settings, seed: options.seed ?? DEFAULT_SEED, probe: null });
    host = made;
    const recorder = new Recorder(script, {
      settings,
      personality,
      now: () => made.now,
      omitted: omittedOf(options),
      instant: 0,
      patience: 0,
      grain: 1,
    });
    const playing = recorder.record();
    let step = playing.next(null);
    while (step.done !== true) step = playing.next(made.reply(step.value));
    recording = { result: passed(name), script: step.value };
  } catch (error) {
    recording = { result: resultOf(name, null, error, source), script: null };
  }
  host?.close();
  return recording;
}

/** Records on the host that `open` gives. Whatever is in the script, nothing is thrown but what `open` throws, and not what the host does not have. */
export async function recordScriptOn(
  open: (settings: Settings) => Promise<LiveHost>,
  source: string,
  name: string,
  options: RunOptions = {},
): Promise<Recording> {
  const dialect = dialectOf("linux");
  let prepared: Prepared;
  try {
    prepared = prepare(source, name, dialect, options);
  } catch (error) {
    return { result: resultOf(name, null, error, source), script: null };
  }
  let host: LiveHost;
  try {
    host = await open(prepared.settings);
  } catch (error) {
    if (error instanceof Unsupported) return { result: resultOf(name, null, error, source), script: null };
    throw error;
  }
  try {
    const recorder = new Recorder(prepared.script, {
      settings: prepared.settings,
      personality: dialect.personality,
      now: () => host.now,
      omitted: omittedOf(options),
      instant: LIVE_INSTANT,
      patience: LIVE_PATIENCE,
      grain: LIVE_GRAIN,
    });
    const recording = recorder.record();
    let step = recording.next(null);
    while (step.done !== true) step = recording.next(await host.reply(step.value));
    return { result: passed(name), script: step.value };
  } catch (error) {
    return { result: resultOf(name, null, error, source), script: null };
  } finally {
    await host.close();
  }
}
