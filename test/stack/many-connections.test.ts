/** More connections than stay objects: the clients of the bench, in virtual time. */
import { expect, test } from "vitest";
import { serveEcho } from "../../bench/scale/echo.js";
import { RawClients, REQUEST } from "../../bench/scale/raw-clients.js";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";

const SERVER = ip("10.0.0.1");
const COUNT = 32_000;

test("s3.3.2: thirty-two thousand connections at a time: sixteen thousand stay objects, the octets of all are exact, all close in order", () => {
  const clients = new RawClients(SERVER, 80, COUNT);
  const { tallies } = clients;
  const stack = new Stack({ random: new SeededRandom(1), memory: createMemory({ packets: 2_048, chunks: 1_024 }) }, 0);
  stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, 0);
  const buffer = new Uint8Array(1_024);
  const served = new Int32Array(COUNT + 2);
  const echo = {
    onEvents(handle: number, events: number): void {
      if (events & TcpEvent.Readable) {
        const octets = stack.tcp.receive(handle, buffer, 0, buffer.length, stack.now);
        if (octets > 0) served[stack.tcp.indexOf(handle)]! += stack.tcp.send(handle, buffer, 0, octets, stack.now);
      }
      if (events & TcpEvent.PeerClosed) stack.tcp.close(handle, stack.now);
    },
  };
  stack.tcp.listen(
    { port: 80 },
    {
      onEvents(listener) {
        for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) stack.tcp.attach(handle, echo);
      },
    },
  );
  let now = 0;
  const all = (begin: (client: number) => void, done: () => number): void => {
    let begun = 0;
    for (let turn = 0; turn < 10_000 && (done() < COUNT || clients.waiting > 0 || stack.tcp.busy); turn++) {
      for (; begun < COUNT && begun - done() < 256; begun++) begin(begun);
      now += 50;
      clients.clock = 1 + Math.floor(now / 1_000);
      stack.turn(now);
    }
    expect(done()).toBe(COUNT);
  };
  all(
    (client) => clients.open(client),
    () => tallies.established,
  );
  const { live, frozen } = stack.tcp.summary() as { live: number; frozen: number };
  expect(live + frozen).toBe(COUNT);
  expect(live).toBeLessThan(17_000);
  all(
    (client) => clients.ask(client),
    () => tallies.answered,
  );
  all(
    (client) => clients.end(client),
    () => tallies.closed,
  );
  expect(tallies).toMatchObject({ wrong: 0, resets: 0 });
  expect(served.reduce((sum, octets) => sum + octets, 0)).toBe(COUNT * REQUEST);
  expect(stack.tcp.summary()).toMatchObject({ slots: 1, live: 0, frozen: 0 });
  stack.close(now);
});

test("s3.3.2: who was a row for long and speaks is one again at once: he pushes nobody out of the objects", () => {
  const [count, live, together] = [2_000, 256, 16];
  const clients = new RawClients(SERVER, 80, count);
  const { tallies } = clients;
  const limits = { live, synQueue: count };
  const stack = new Stack({ random: new SeededRandom(1), memory: createMemory({ packets: 512, chunks: 256 }), limits }, 0);
  stack.addDevice(clients, { addresses: [{ address: SERVER, prefixLength: 8 }] }, 0);
  serveEcho(stack);
  let now = 0;
  const turn = (): void => {
    now += 40_000;
    clients.clock = 1 + now / 1_000;
    stack.turn(now);
  };
  for (let opened = 0; tallies.established < count || clients.waiting > 0; turn())
    for (; opened < count && opened - tallies.established < together; opened++) clients.open(opened);
  // As many speak all the time as may stay objects and leave some room.
  const lively = live - (live >> 3) - together;
  const rounds = 100;
  for (let i = 1; i <= rounds; i++) {
    for (let k = 0; k < together; k++) clients.ask(lively + ((i * together + k) % (count - lively)));
    for (let k = 0; k < lively; k++) clients.ask(k);
    while (tallies.answered < i * (lively + together) || clients.waiting > 0) turn();
    if (i > rounds / 2) expect(stack.tcp.summary()["live"]).toBeLessThan(live - (live >> 3) + 2 * together);
  }
  expect(tallies).toMatchObject({ wrong: 0, resets: 0 });
  stack.close(now);
});
