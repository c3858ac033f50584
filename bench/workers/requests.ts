/** A worker of `bench/workers.ts`: its stack serves, and a second one beside it asks over 64 connections, as fast as answers come. */
import { createMemory } from "../../src/base/memory.js";
import { cryptoRandom } from "../../src/drive/clock.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair } from "../../src/transport/pair.js";
import type { WorkerContext } from "../../src/workers/program.js";

const CONNECTIONS = 64;
const REQUEST = new Uint8Array(64);
const [SERVER, CLIENT] = [ip("10.9.0.2"), ip("10.9.0.1")];
/** Turns of both stacks between two looks at the event loop. */
const TURNS = 16;

export const run = ({ index, stack, drive, data, signal }: WorkerContext<Float64Array>): void => {
  const [near, far] = createPair({ queue: 4_096 });
  stack.addDevice(near, { addresses: [{ address: SERVER, prefixLength: 24 }] }, drive.now());
  const client = new Stack({ random: cryptoRandom, memory: createMemory({ packets: 2_048 }) }, drive.now());
  client.addDevice(far, { addresses: [{ address: CLIENT, prefixLength: 24 }] }, drive.now());
  // Two stacks that only wait for each other need no event loop between them.
  drive.stop();

  const buffer = new Uint8Array(4_096);
  let now = drive.now();
  const echo = {
    onEvents(handle: number, events: number): void {
      const octets = events & TcpEvent.Readable ? stack.tcp.receive(handle, buffer, 0, buffer.length, now) : 0;
      if (octets > 0) stack.tcp.send(handle, buffer, 0, octets, now);
    },
  };
  stack.tcp.listen(
    { port: 80, noDelay: true },
    {
      onEvents(listener) {
        for (let handle = stack.tcp.accept(listener); handle !== 0; handle = stack.tcp.accept(listener)) stack.tcp.attach(handle, echo);
      },
    },
  );
  let done = 0;
  const ask = {
    onEvents(handle: number, events: number): void {
      const octets = events & TcpEvent.Readable ? client.tcp.receive(handle, buffer, 0, buffer.length, now) : 0;
      if (octets > 0) done += 1;
      if (octets > 0 || events & TcpEvent.Established) client.tcp.send(handle, REQUEST, 0, REQUEST.length, now);
    },
  };
  for (let i = 0; i < CONNECTIONS; i++) client.tcp.connect({ remote: SERVER, remotePort: 80, noDelay: true }, ask, now);
  const turn = (one: Stack): void => {
    one.pull(now, 512);
    one.expire(now);
    one.flush(now);
    one.deliver();
    if (one.tcp.busy) one.flush(now);
  };
  const go = (): void => {
    for (let i = 0; i < TURNS; i++) {
      now = drive.now();
      turn(client);
      turn(stack);
    }
    data[16 * index] = done;
    if (!signal.aborted) setImmediate(go);
  };
  go();
};
