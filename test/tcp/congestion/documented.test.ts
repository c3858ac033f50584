/** What docs/congestion.md says is so: its example is the file that it names, does what all controllers do, and carries a stream. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Gentle } from "../../../examples/gentle-controller.js";
import { createMemory } from "../../../src/base/memory.js";
import { controllerSuite } from "../../../src/conformance/congestion-suite.js";
import { ip } from "../../../src/ip/address.js";
import { World } from "../../../src/sim/world.js";
import { linux } from "../../../src/stack/profile.js";
import { Stack } from "../../../src/stack/stack.js";
import { controllers } from "../../../src/tcp/congestion/index.js";
import { TcpEvent } from "../../../src/tcp/events.js";

const page = readFileSync("docs/congestion.md", "utf8");

test("the example is the file that the page names", () => {
  const [, file, code] = /<!-- (examples\/\S+\.ts) -->\n```ts\n([\s\S]*?)```/.exec(page)!;
  expect(code).toBe(readFileSync(file!, "utf8"));
});

test("the page lists every controller and every choice", () => {
  for (const name of Object.keys(controllers)) expect(page).toContain(`| \`${name}\` |`);
  for (const field of ["ecn", "alternativeBackoff", "idleRestart", "windowValidation", "pacing", "congestionControl"]) {
    expect(page).toContain(field);
    expect(linux.tcp).toHaveProperty(field);
  }
});

controllerSuite({ describe, test, expect, fc }, "gentle", () => new Gentle());

test("a stack that is given it carries a stream by it", () => {
  const world = new World(1);
  const memory = createMemory({ packets: 1_024, chunks: 2_048 });
  const stacks = ["10.0.0.1", "10.0.0.2"].map((address, i) => {
    const options = { congestionControllers: { gentle: () => new Gentle() }, congestionControl: "gentle" };
    const stack = new Stack({ name: address, random: world.random.fork(), memory, ...options }, world.now);
    const link = world.addLink(world.addHost(address, stack));
    stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, world.now);
    return { stack, link, i };
  });
  const [a, b] = stacks as [(typeof stacks)[0], (typeof stacks)[0]];
  world.connect(a.link, b.link, { rate: 10_000_000, delay: 10_000, queueFrames: 1_000 });
  let received = 0;
  const buffer = new Uint8Array(65_536);
  const sink = {
    onEvents(handle: number): void {
      for (let n = b.stack.tcp.receive(handle, buffer, 0, buffer.length, world.now); n > 0; ) {
        received += n;
        n = b.stack.tcp.receive(handle, buffer, 0, buffer.length, world.now);
      }
    },
  };
  b.stack.tcp.listen({ port: 80 }, { onEvents: (listener) => b.stack.tcp.attach(b.stack.tcp.accept(listener), sink) });
  let left = 2_000_000;
  const handle = a.stack.tcp.connect(
    { remote: ip("10.0.0.2"), remotePort: 80 },
    {
      onEvents(h, events) {
        if (!(events & TcpEvent.Writable)) return;
        for (let n = 1; n > 0 && left > 0; left -= n)
          n = Math.max(0, a.stack.tcp.send(h, buffer, 0, Math.min(buffer.length, left), world.now));
      },
    },
    world.now,
  );
  world.run(5_000_000);
  expect(received).toBe(2_000_000);
  const shown = a.stack.tcp.show(handle, world.now) as { congestion: { controller: string }; rtt: { srtt: number } };
  expect(shown.congestion.controller).toBe("gentle");
  expect(shown.rtt.srtt).toBeLessThan(150_000); // 20 ms of it are the wire's; Reno would go on filling a queue of a second
});
