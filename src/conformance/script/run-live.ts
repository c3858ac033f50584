/** Runs a script against a host in real time: a kernel behind a wire. The player is the same; only the one who answers it is not. */
import type { Micros } from "../../base/environment.js";
import { Unsupported } from "./error.js";
import type { Reply, Request } from "./host.js";
import { LiveCapture } from "./live-capture.js";
import { Player } from "./player.js";
import { comparingOf, dialectOf, type Prepared, passed, prepare, type RunOptions, resultOf } from "./run.js";
import type { Settings } from "./settings.js";
import type { Result } from "./verdict.js";

/** A host under test whose time passes by itself. */
export interface LiveHost {
  /** Microseconds since the script began. */
  readonly now: Micros;
  reply(request: Request): Promise<Reply>;
  close(): Promise<void>;
}

/** What a machine that does other things, too, may be late. */
export const LEAST_TOLERANCE: Micros = 40_000;
/** How often a script is tried whose only fault is the time: in real time that may be the machine's. */
const TRIES = 4;
/** Packets that nobody has looked at, in a capture. */
const UNREAD = 256;

const isLate = ({ verdict, reason, differences }: Result): boolean =>
  verdict === "fail" &&
  (reason.startsWith("the event comes") ||
    (differences.length > 0 && differences.every(({ field }) => field === "time" || field === "end of the call")));

/** Runs a script on the host that `open` gives. Whatever is in the script, the result is a verdict; what `open` throws is thrown, but for what the
 *  script wants and the host does not have. */
export async function runScriptOn(
  open: (settings: Settings) => Promise<LiveHost>,
  source: string,
  name: string,
  options: RunOptions = {},
): Promise<Result> {
  const dialect = dialectOf("linux");
  let prepared: Prepared;
  try {
    prepared = prepare(source, name, dialect, { ...options, strict: false });
  } catch (error) {
    return resultOf(name, null, error, source);
  }
  const settings: Settings = { ...prepared.settings, tolerance: Math.max(LEAST_TOLERANCE, prepared.settings.tolerance) };
  for (let tried = 1; ; tried++) {
    let host: LiveHost;
    try {
      host = await open(settings);
    } catch (error) {
      if (error instanceof Unsupported) return resultOf(name, null, error, source);
      throw error;
    }
    const result = await playLive(host, prepared, settings, options);
    if (!isLate(result) || tried === TRIES) return result;
  }
}

async function playLive(host: LiveHost, { script, source }: Prepared, settings: Settings, options: RunOptions): Promise<Result> {
  const printed: string[] = [];
  const player = new Player(script, {
    settings,
    comparing: comparingOf(settings, { ...options, strict: false }),
    personality: dialectOf("linux").personality,
    now: () => host.now,
    print: (line) => printed.push(line),
  });
  const capture = new LiveCapture();
  const ask = async (request: Request): Promise<Reply> => {
    const reply = await host.reply(request);
    capture.note(request, reply, host.now);
    return reply;
  };
  let result: Result;
  try {
    const playing = player.play();
    for (let step = playing.next(null); step.done !== true; step = playing.next(await ask(step.value))) {}
    result = passed(script.name);
  } catch (error) {
    result = resultOf(script.name, player, error, source);
  }
  const seconds = host.now / 1e6;
  // What the script did not come to belongs to the picture.
  if (options.capture === true) for (let i = 0; i < UNREAD && (await ask({ type: "packet", until: host.now })) !== null; i++) {}
  await host.close();
  return { ...result, printed, seconds, capture: options.capture === true ? capture.octets(script.name) : null };
}
