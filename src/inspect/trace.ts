/** `--trace`: a line for every segment sent, received or dropped, every loss mark, state change, timer and window change, and for
 *  every frame that is not TCP's, with why and because of what. */
import type { Micros } from "../base/environment.js";
import type { Probe } from "../stack/probe.js";
import { State } from "../tcp/state.js";
import { ALL_KINDS, eventProbe, Kind, type TraceEvent } from "./event.js";
import { formatEndpoint, formatEvent, type LineOptions } from "./format.js";

export interface TraceOptions extends LineOptions {
  /** Which kinds, as bits `1 << Kind.X`; default: all but round-trip samples. */
  readonly kinds?: number;
  /** Only connections that use this port on either side; 0, the default: all. */
  readonly port?: number;
}

/** Connections whose names and times are remembered; the oldest is forgotten when there are more. */
const REMEMBERED = 4_096;

/** A probe that gives lines to `print`. */
export function traceProbe(print: (line: string) => void, options: TraceOptions = {}): Probe {
  const connections = new Connections();
  const port = options.port ?? 0;
  return eventProbe(
    (event) => {
      if (port !== 0 && event.localPort !== port && event.remotePort !== port) return;
      printEvent(event, connections, print, options);
    },
    { kinds: options.kinds ?? ALL_KINDS & ~(1 << Kind.Rtt) },
  );
}

/** Prints an event, and before a connection's first line who it is. */
export function printEvent(event: TraceEvent, connections: Connections, print: (line: string) => void, options: LineOptions): void {
  if (event.handle === 0) {
    print(formatEvent(event, "-", -1, options));
    return;
  }
  const known = connections.find(event.handle);
  const place = known ?? connections.add(event.handle, event.at);
  if (known === null)
    print(
      `${" ".repeat(23)}c${place.ordinal.toString().padEnd(3)} ${formatEndpoint(event.local, event.localPort)} ${formatEndpoint(event.remote, event.remotePort)}`,
    );
  print(formatEvent(event, `c${place.ordinal}`, place.last, options));
  place.last = event.at;
  if (event.kind === Kind.State && event.b === State.Closed) connections.forget(event.handle);
}

interface Place {
  readonly ordinal: number;
  last: Micros;
}

/** Short names for handles, in the order in which they were seen. */
export class Connections {
  readonly #places = new Map<number, Place>();
  #count = 0;

  find(handle: number): Place | null {
    return this.#places.get(handle) ?? null;
  }

  add(handle: number, at: Micros): Place {
    if (this.#places.size >= REMEMBERED) for (const oldest of this.#places.keys()) if (this.#places.delete(oldest)) break;
    this.#count += 1;
    const place = { ordinal: this.#count, last: at };
    this.#places.set(handle, place);
    return place;
  }

  forget(handle: number): void {
    this.#places.delete(handle);
  }
}
