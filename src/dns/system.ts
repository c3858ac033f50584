/** The files of the system: read when they are needed, and again when they have changed. */
import { readFileSync, statSync } from "node:fs";
import { parseResolvConf, type ResolverConfiguration } from "./configuration.js";
import { Hosts } from "./hosts.js";

/** A file is looked at no more often than this. */
const FRESH_MILLISECONDS = 5_000;

/** A value made from a file, or from nothing where there is no file. */
function fromFile<Value>(path: string, make: (text: string) => Value): () => Value {
  let value: Value | null = null;
  let modified = Number.NaN;
  let looked = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (value !== null && now - looked < FRESH_MILLISECONDS) return value;
    looked = now;
    const stamp = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (value !== null && stamp === modified) return value;
    modified = stamp;
    value = make(read(path));
    return value;
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

export const systemHosts = (path = "/etc/hosts"): (() => Hosts) => fromFile(path, (text) => new Hosts(text));
export const systemConfiguration = (path = "/etc/resolv.conf"): (() => ResolverConfiguration) => fromFile(path, parseResolvConf);
