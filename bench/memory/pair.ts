/** Two stacks joined by a cable in memory, and what they can be made to do. */
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import type { Probe } from "../../src/stack/probe.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair } from "../../src/transport/pair.js";

const A = ip("10.9.0.1");
const B = ip("10.9.0.2");
/** Octets of text of a full segment: MTU 1500, timestamps. */
const FULL = 1_448;
/** Octets that a bulk transfer has in flight at most: with windows of megabytes it is the cache that is measured. */
const WINDOW = 262_144;
const clock = { now: 1_000_000 };

/** The quickest of the pieces that a measurement is made of: whatever else the machine does only adds, and leaves some of a millisecond alone. */
export class Quickest {
  /** Nanoseconds for each. */
  nanoseconds = Number.POSITIVE_INFINITY;
  readonly #piece: number;
  #from = 0n;
  #at = 0;

  constructor(piece: number) {
    this.#piece = piece;
  }

  begin(done: number): void {
    this.#at = done;
    this.#from = process.hrtime.bigint();
  }

  note(done: number): void {
    if (done - this.#at < this.#piece) return;
    const now = process.hrtime.bigint();
    this.nanoseconds = Math.min(this.nanoseconds, Number(now - this.#from) / (done - this.#at));
    this.begin(done);
  }
}

/** What observes both stacks: a probe for each. */
export type Observe = () => Probe | null;
const nobody: Observe = () => null;

function world(connections: number, observe: Observe): { a: Stack; b: Stack; run: (until: () => boolean) => void } {
  const [la, lb] = createPair({ queue: 4_096 });
  const sizes = { packets: 16_384, chunks: 4_096 + 2 * connections };
  const limits = { synQueue: 65_536 };
  const a = new Stack({ name: "a", random: new SeededRandom(1), memory: createMemory(sizes), limits }, clock.now);
  const b = new Stack({ name: "b", random: new SeededRandom(2), memory: createMemory(sizes), limits }, clock.now);
  a.probe = observe();
  b.probe = observe();
  a.addDevice(la, { addresses: [{ address: A, prefixLength: 24 }] }, clock.now);
  b.addDevice(lb, { addresses: [{ address: B, prefixLength: 24 }] }, clock.now);
  const run = (until: () => boolean): void => {
    while (!until()) {
      clock.now += 10;
      let busy = false;
      for (const stack of [a, b]) {
        const pulled = stack.pull(clock.now, 512);
        stack.expire(clock.now);
        stack.flush(clock.now);
        stack.deliver();
        if (stack.tcp.busy) stack.flush(clock.now);
        busy = busy || pulled > 0 || stack.tcp.busy;
      }
      if (!busy) clock.now = Math.max(clock.now, Math.min(a.nextTimeout(), b.nextTimeout(), clock.now + 1_000_000));
    }
  };
  return { a, b, run };
}

/** A bulk transfer of so many full segments: nanoseconds for each. `between` is called when the connection stands and has begun, before the clock
 *  starts. */
export function bulk(
  segments: number,
  between: () => void = () => {},
  observe = nobody,
  quickest = new Quickest(Number.POSITIVE_INFINITY),
): { readonly nanoseconds: number; readonly segments: number } {
  const octets = segments * FULL;
  const { a, b, run } = world(16, observe);
  const block = new Uint8Array(65_536);
  const sink = new Uint8Array(262_144);
  let received = 0;
  let sent = 0;
  const reader = {
    onEvents(handle: number, events: number): void {
      if (!(events & TcpEvent.Readable)) return;
      for (
        let n = b.tcp.receive(handle, sink, 0, sink.length, clock.now);
        n > 0;
        n = b.tcp.receive(handle, sink, 0, sink.length, clock.now)
      )
        received += n;
    },
  };
  const listener = b.tcp.listen({ port: 80, receiveBuffer: WINDOW }, { onEvents: (handle) => b.tcp.attach(b.tcp.accept(handle), reader) });
  const write = (handle: number): void => {
    while (sent < octets) {
      const n = a.tcp.send(handle, block, 0, Math.min(block.length, octets - sent), clock.now);
      if (n <= 0) return;
      sent += n;
    }
  };
  const handle = a.tcp.connect(
    { remote: B, remotePort: 80 },
    { onEvents: (h, events) => void (events & TcpEvent.Writable && write(h)) },
    clock.now,
  );
  run(() => received > 0);
  between();
  const from = process.hrtime.bigint();
  const base = received;
  quickest.begin(base / FULL);
  run(() => {
    quickest.note(received / FULL);
    return received >= octets;
  });
  const elapsed = Number(process.hrtime.bigint() - from);
  const moved = (received - base) / FULL;
  const shown = a.tcp.show(handle, clock.now) as { counters: { segmentsRetransmitted: number } };
  if (shown.counters.segmentsRetransmitted > 0) console.error(`retransmitted ${shown.counters.segmentsRetransmitted}`);
  a.tcp.abort(handle, clock.now);
  b.tcp.close(listener, clock.now);
  return { nanoseconds: elapsed / moved, segments: Math.round(moved) };
}

/** Nanoseconds for each 64-octet request and response, over so many open connections, chosen in turn. */
export function requests(connections: number, rounds: number, observe = nobody, quickest = new Quickest(Number.POSITIVE_INFINITY)): number {
  const { a, b, run } = world(connections, observe);
  const buffer = new Uint8Array(4_096);
  const request = new Uint8Array(64);
  b.tcp.listen(
    { port: 80, backlog: 65_536 },
    {
      onEvents(listener) {
        for (let handle = b.tcp.accept(listener); handle !== 0; handle = b.tcp.accept(listener))
          b.tcp.attach(handle, {
            onEvents(h, events) {
              if (!(events & TcpEvent.Readable)) return;
              const n = b.tcp.receive(h, buffer, 0, buffer.length, clock.now);
              if (n > 0) b.tcp.send(h, buffer, 0, n, clock.now);
            },
          });
      },
    },
  );
  const handles: number[] = [];
  let open = 0;
  let done = 0;
  let next = 0;
  const begin = (): void => {
    a.tcp.send(handles[next]!, request, 0, request.length, clock.now);
    next = (next + 1) % connections;
  };
  const application = {
    onEvents(h: number, events: number): void {
      if (events & TcpEvent.Established) open += 1;
      if (!(events & TcpEvent.Readable)) return;
      if (a.tcp.receive(h, buffer, 0, buffer.length, clock.now) === 64) {
        done += 1;
        begin();
      }
    },
  };
  for (let i = 0; i < connections; i += 500) {
    for (let k = i; k < Math.min(connections, i + 500); k++)
      handles.push(a.tcp.connect({ remote: B, remotePort: 80, noDelay: true }, application, clock.now));
    run(() => open === handles.length);
  }
  for (let i = 0; i < Math.min(10, connections); i++) begin();
  run(() => done > rounds / 10);
  const from = process.hrtime.bigint();
  const base = done;
  quickest.begin(base);
  run(() => {
    quickest.note(done);
    return done - base > rounds;
  });
  return Number(process.hrtime.bigint() - from) / (done - base);
}
