/** Connections that the server has closed, with the clients of the bench, in virtual time: what happens when many leave TIME-WAIT at once. */
import { expect, test } from "vitest";
import { RawClients } from "../../bench/scale/raw-clients.js";
import { SECOND } from "../../src/base/environment.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { St } from "../../src/base/why.js";
import { ip } from "../../src/ip/address.js";
import type { Probe } from "../../src/stack/probe.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";

const SERVER = ip("10.0.0.1");
const COUNT = 3_000;
/** Connections whose timers a turn looks at. */
const MOST = 1_024;

/** A server with COUNT connections in TIME-WAIT, and a turn of it. */
function closed(probe: Probe | null) {
  const clients = new RawClients(SERVER, 80, COUNT + 100);
  clients.answersFin = true;
  const { tallies } = clients;
  const stack = new Stack({ random: new SeededRandom(1), memory: createMemory({ packets: 2_048, chunks: 1_024 }), probe }, 0);
  stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, 0);
  const buffer = new Uint8Array(64);
  const answer = {
    onEvents(handle: number, events: number): void {
      if ((events & TcpEvent.Readable) === 0) return;
      stack.tcp.receive(handle, buffer, 0, 64, stack.now);
      stack.tcp.send(handle, buffer, 0, 64, stack.now);
      stack.tcp.close(handle, stack.now);
    },
  };
  stack.tcp.listen(
    { port: 80 },
    {
      onEvents(listener) {
        for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) stack.tcp.attach(handle, answer);
      },
    },
  );
  let asked = 0;
  const turn = (now: number): void => {
    clients.clock = 1 + Math.floor(now / 1_000);
    stack.turn(now);
    for (; asked < tallies.established; asked++) clients.ask(asked);
  };
  let now = 0;
  for (let opened = 0; tallies.closed < COUNT || clients.waiting > 0; turn((now += 10)))
    for (; opened < COUNT && opened - tallies.closed < 64; opened++) clients.open(opened);
  expect(stack.tcp.summary()).toMatchObject({ slots: COUNT + 1, live: 0, timeWait: COUNT });
  return { clients, stack, turn, now };
}

test("s3.6.1: those who leave at one time leave so many a turn, and whoever comes meanwhile is answered in his turn", () => {
  const { clients, stack, turn, now } = closed(null);
  const late = now + 61 * SECOND;
  expect(stack.nextTimeout()).toBeLessThanOrEqual(now + 60 * SECOND);
  const left = () => COUNT - stack.tally.counts[St.TimeWaitOver]!;
  for (let client = COUNT; left() > 0; client++) {
    const { framesOut } = clients.tallies;
    const before = left();
    clients.open(client);
    turn(late);
    expect(left()).toBe(Math.max(0, before - MOST));
    expect(clients.tallies.framesOut).toBeGreaterThan(framesOut);
    // What is left is overdue: nobody sleeps until then.
    if (left() > 0) expect(stack.nextTimeout()).toBeLessThan(late);
  }
  expect(clients.tallies).toMatchObject({ wrong: 0, resets: 0 });
  stack.close(late);
});

test("s3.6.1: an observer is told of each that leaves; nothing else is different", () => {
  const told = { states: 0, timers: 0, expired: 0 };
  const probe: Probe = {
    stateChanged: () => (told.states += 1),
    timerUpdated: () => (told.timers += 1),
    timerExpired: () => (told.expired += 1),
  };
  const [seen, unseen] = [closed(probe), closed(null)];
  const before = { ...told };
  const ends = [seen, unseen].map(({ stack, turn, now }) => {
    for (let i = 0; i < 6; i++) turn(now + 61 * SECOND);
    return { summary: stack.tcp.summary(), counters: stack.tally.show(), events: stack.cause.id, next: stack.tcp.nextTimeout() };
  });
  expect(ends[0]).toEqual(ends[1]);
  expect(ends[0]!.summary).toMatchObject({ slots: 1, live: 0, frozen: 0, timeWait: 0 });
  expect([told.states - before.states, told.timers - before.timers, told.expired]).toEqual([COUNT, COUNT, COUNT]);
  for (const { stack, now } of [seen, unseen]) stack.close(now + 61 * SECOND);
});
