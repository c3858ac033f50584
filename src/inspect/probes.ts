/** Several probes in the one slot that a stack has. */
import type { Probe } from "../stack/probe.js";

/** One probe that tells them all, in order: null for none, the probe itself for one, so that one costs what one costs. A hook that no
 *  probe has stays absent. */
export function fanOut(probes: readonly Probe[]): Probe | null {
  if (probes.length <= 1) return probes[0] ?? null;
  const names = new Set<string>();
  for (const probe of probes) for (const name of hookNames(probe)) names.add(name);
  const all: Record<string, Hook> = {};
  for (const name of names) {
    const those = probes.filter((probe) => typeof (probe as Hooks)[name] === "function") as unknown as readonly Required<Hooks>[];
    // No hook has more arguments than seven; rest parameters would make an array for each call.
    all[name] = (a, b, c, d, e, f, g) => {
      for (let i = 0; i < those.length; i++) those[i]![name]!(a, b, c, d, e, f, g);
    };
  }
  return all as Probe;
}

type Hook = (a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown, f?: unknown, g?: unknown) => void;
type Hooks = Record<string, Hook | undefined>;

/** Hooks may be an object's own or its class's. */
function hookNames(probe: Probe): string[] {
  const names: string[] = [];
  for (let object: object | null = probe; object !== null && object !== Object.prototype; object = Object.getPrototypeOf(object))
    for (const name of Object.getOwnPropertyNames(object)) {
      if (name !== "constructor" && typeof (probe as Hooks)[name] === "function") names.push(name);
    }
  return names;
}

/** Whatever has a probe slot: a stack. */
export interface Probed {
  probe: Probe | null;
}

const attached = new WeakMap<Probed, { probes: readonly Probe[]; whole: Probe | null }>();

/** Adds `probe` to those that observe `stack`; the returned function takes it out again. */
export function attachProbe(stack: Probed, probe: Probe): () => void {
  const before = attached.get(stack);
  // A slot that was filled by hand keeps what it was filled with.
  const present = before !== undefined && before.whole === stack.probe ? before.probes : stack.probe === null ? [] : [stack.probe];
  place(stack, [...present, probe]);
  return () => {
    const now = attached.get(stack);
    if (now?.whole === stack.probe && now.probes.includes(probe))
      place(
        stack,
        now.probes.filter((other) => other !== probe),
      );
  };
}

function place(stack: Probed, probes: readonly Probe[]): void {
  const whole = fanOut(probes);
  attached.set(stack, { probes, whole });
  stack.probe = whole;
}
