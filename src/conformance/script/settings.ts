/** How a script is played: what its options, the command line and the family of the profile say, the first of them last. */
import type { Micros } from "../../base/environment.js";
import { parseIp } from "../../ip/address.js";
import { LEAST_MTU } from "../../ip/path-mtu.js";
import type { Option, Script } from "./ast.js";
import type { Dialect } from "./dialect.js";
import { ScriptError, Unsupported } from "./error.js";

export interface Settings {
  readonly tolerance: Micros;
  /** Of the time since the last event. */
  readonly tolerancePercent: number;
  readonly mtu: number;
  /** Octets of text per segment in what is injected; longer ones count as merged by the link. 0: as they are. */
  readonly mss: number;
  readonly local: number;
  readonly remote: number;
  readonly gateway: number;
  readonly prefixLength: number;
  readonly bindPort: number;
  readonly connectPort: number;
  /** The first port of remote ends that scripts leave open. */
  readonly remotePort: number;
  /** Length of the tick by which outbound timestamps are checked; 0: they are not. */
  readonly timestampTick: Micros;
  /** Echoes that no packet has had are counted on from the first. */
  readonly echoScaled: boolean;
  /** Expected segments of several MSS may come in pieces. */
  readonly merge: boolean;
}

/** What is asked for beside the script. */
export interface Wishes {
  /** Options as in a script, which they overrule. */
  readonly options?: ReadonlyMap<string, string>;
  /** Not compared. */
  readonly ignore?: readonly ("window" | "options")[];
  /** Nothing may be left over; echoed timestamps, TCP checksums, DF and IP identification are checked; times are exact. */
  readonly strict?: boolean;
}

/** A tolerance in virtual time, where nothing rounds. */
const STRICT_TOLERANCE: Micros = 1;

/** RFC 6335 s6: the dynamic ports begin here. */
export const FIRST_EPHEMERAL = 49_152;

const defaults = {
  local: "192.168.0.1",
  remote: "192.0.2.1",
  gateway: "192.168.0.2",
  netmask: "255.255.0.0",
};

/** Options that only other tools need: what they ask for is so here anyway, or means nothing. */
const harmless = new Set([
  "non_fatal",
  "debug",
  "no_cleanup",
  "tun_dev",
  "is_anyip",
  "wire_client_dev",
  "wire_server_dev",
  "verbose",
  "dry_run",
  "send_omit_free",
  "speed",
  "persistent_tun_dev",
  "code_command",
  "code_format",
  "code_sockopt",
  "timeout",
  "profile",
  "define",
]);

export function settingsOf(script: Script, dialect: Dialect, wishes: Wishes): Settings {
  const given = new Map<string, Option>();
  for (const option of script.options) given.set(option.name, option);
  for (const [name, value] of wishes.options ?? []) given.set(name, { name, value, at: { line: 1, column: 1 } });
  const reader = new OptionReader(script.name, given);

  const version = reader.text("ip_version", "ipv4");
  if (version !== "ipv4") throw new Unsupported(`IPv6 (--ip_version=${version})`, given.get("ip_version")!.at);
  const strict = wishes.strict ?? false;
  const settings: Settings = {
    tolerance: reader.number("tolerance_usecs", 0, 60_000_000, dialect.tolerance),
    tolerancePercent: reader.number("tolerance_percent", 0, 100, dialect.tolerancePercent),
    mtu: reader.number("mtu", LEAST_MTU, 65_535, 1_500),
    mss: reader.number("mss", 0, 65_535, 0),
    local: reader.address("local_ip", defaults.local),
    remote: reader.address("remote_ip", defaults.remote),
    gateway: reader.address("gateway_ip", defaults.gateway),
    prefixLength: prefixOf(reader.address("netmask_ip", defaults.netmask)),
    bindPort: reader.number("bind_port", 1, 65_535, 8_080),
    connectPort: reader.number("connect_port", 1, 65_535, 8_080),
    remotePort: reader.number("remote_port", FIRST_EPHEMERAL, 65_535, FIRST_EPHEMERAL),
    timestampTick: reader.number("tcp_ts_tick_usecs", 0, 1_000_000, 0),
    echoScaled: reader.flag("tcp_ts_ecr_scaled"),
    merge: dialect.mergesSegments && !reader.flag("strict_segments"),
  };
  reader.checkRest();
  return strict ? { ...settings, tolerance: STRICT_TOLERANCE, tolerancePercent: 0 } : settings;
}

const prefixOf = (mask: number): number => Math.clz32(~mask);

class OptionReader {
  readonly #file: string;
  readonly #given: ReadonlyMap<string, Option>;
  readonly #known = new Set<string>();

  constructor(file: string, given: ReadonlyMap<string, Option>) {
    this.#file = file;
    this.#given = given;
  }

  text(name: string, absent: string): string {
    this.#known.add(name);
    return this.#given.get(name)?.value ?? absent;
  }

  flag(name: string): boolean {
    this.#known.add(name);
    const option = this.#given.get(name);
    return option !== undefined && option.value !== "0" && option.value !== "false";
  }

  number(name: string, least: number, most: number, absent: number): number {
    this.#known.add(name);
    const option = this.#given.get(name);
    if (option === undefined) return absent;
    const value = Number(option.value ?? "");
    if (option.value === null || option.value === "" || !(value >= least && value <= most))
      throw new ScriptError(this.#file, option.at, `found --${name}=${option.value ?? ""}, expected a number from ${least} to ${most}`);
    return value;
  }

  address(name: string, absent: string): number {
    this.#known.add(name);
    const option = this.#given.get(name);
    const address = parseIp(option?.value ?? absent);
    if (address === null) throw new ScriptError(this.#file, option!.at, `found --${name}=${option!.value ?? ""}, expected an IPv4 address`);
    return address >>> 0;
  }

  /** What nobody has asked for is either harmless or beyond us. */
  checkRest(): void {
    for (const { name, at } of this.#given.values())
      if (!this.#known.has(name) && !harmless.has(name)) throw new Unsupported(`the option --${name}`, at);
  }
}
