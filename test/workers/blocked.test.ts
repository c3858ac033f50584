/** The application's thread blocks; the stack is in this one, on virtual time, with its peer. */
import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { MessageChannel, type Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair } from "../../src/transport/pair.js";
import { ApplicationHost } from "../../src/workers/application-host.js";
import { Area, makeArea } from "../../src/workers/area.js";
import { startProgram } from "./start-program.js";

const SERVER = ip("10.9.0.2");
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const world = () => {
  const clock = new VirtualClock(1_000_000);
  const [a, b] = createPair({ queue: 4_096 });
  const make = (seed: number, link: typeof a, address: typeof SERVER) => {
    const memory = createMemory({ packets: 2_048, chunks: 2_048 });
    const drive = new ManualDrive(new Stack({ random: new SeededRandom(seed), memory }, clock.now), clock);
    drive.stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }] }, clock.now);
    return drive;
  };
  return { clock, peer: make(1, a, ip("10.9.0.1")), drive: make(2, b, SERVER) };
};

/** An application in a thread of its own, on the stack of `drive`; `until` turns the crank until something is so. */
const attach = async (drive: ManualDrive, program: string) => {
  const memory = makeArea({ slots: 64, ring: 65_536 });
  const host = new ApplicationHost(new Area(memory), drive);
  const { port1: port, port2: far } = new MessageChannel();
  far.on("message", (message) => host.configure(message.slot, message.generation, message.changes));
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const attachment = { id: 1, area: memory, port, inherits: false };
  const thread: Worker = startProgram(program, { attachment, gate }, [port]);
  const died = new Promise<Error>((resolve) => thread.on("error", resolve));
  undo.push(() => {
    far.close();
    return thread.terminate();
  });
  const until = async (condition: () => boolean): Promise<void> => {
    let failure: Error | null = null;
    void died.then((error) => {
      failure = error;
    });
    while (!condition()) {
      if (failure !== null) throw failure;
      host.serve();
      drive.advance(1_000);
      await turn();
    }
  };
  return { host, gate, thread, until };
};

test("an application that blocks for a minute: its peers notice nothing but a closed window", async () => {
  const { clock, peer, drive } = world();
  const { host, gate, until } = await attach(drive, "blocked-server");
  await until(() => Atomics.load(gate, 0) === 1);

  const octets = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7) ^ (i >> 9));
  const buffer = new Uint8Array(1_024);
  const open = (port: number, text: Uint8Array) => {
    const state = { handle: 0, sent: 0, established: false, events: 0, answer: "", closed: false };
    const write = (): void => {
      if (state.sent === text.length) return;
      state.sent += peer.stack.tcp.send(state.handle, text, state.sent, text.length - state.sent, clock.now);
      if (state.sent === text.length && text.length > 0) peer.stack.tcp.shutdown(state.handle, clock.now);
    };
    const request = { remote: SERVER, remotePort: port, keepAlive: 2_000_000, keepAliveInterval: 2_000_000, keepAliveCount: 2 };
    state.handle = peer.stack.tcp.connect(
      request,
      {
        onEvents(_handle, events) {
          state.events |= events;
          if (events & TcpEvent.Established) state.established = true;
          if (events & (TcpEvent.Established | TcpEvent.Writable)) write();
          if (events & TcpEvent.Closed) state.closed = true;
          for (;;) {
            const length = peer.stack.tcp.receive(state.handle, buffer, 0, buffer.length, clock.now);
            if (length <= 0) break;
            state.answer += String.fromCharCode(...buffer.subarray(0, length));
          }
        },
      },
      clock.now,
    );
    return state;
  };
  const shown = (state: { handle: number }) =>
    peer.stack.tcp.show(state.handle, clock.now) as { state: string; snd: { wnd: number }; counters: Record<string, number> };

  const idle = open(80, new Uint8Array(0));
  await until(() => idle.established);
  const blocker = open(81, new Uint8Array(0));
  await until(() => Atomics.load(gate, 0) === 2);

  // From here to its release the application runs not one instruction: only the stack is there.
  const writer = open(80, octets);
  const late = open(80, new Uint8Array(0));
  for (let second = 0; second < 60; second++) {
    host.serve();
    drive.advance(1_000_000);
  }
  expect(writer.sent).toBeGreaterThan(65_536);
  expect(writer.sent).toBeLessThan(octets.length);
  expect(shown(writer)).toMatchObject({ state: "ESTABLISHED", snd: { wnd: 0 } });
  // Probed for a minute at intervals of two seconds, two unanswered ones would have ended it.
  for (const state of [idle, blocker, late]) {
    expect([state.established, state.closed, shown(state).state]).toEqual([true, false, "ESTABLISHED"]);
  }
  for (const state of [idle, blocker, late, writer])
    expect(state.events & (TcpEvent.Advice | TcpEvent.Closed | TcpEvent.SoftError)).toBe(0);

  Atomics.store(gate, 1, 1);
  Atomics.notify(gate, 1);
  await until(() => writer.answer.length === 64);
  expect(writer.answer).toBe(createHash("sha256").update(octets).digest("hex"));
});
