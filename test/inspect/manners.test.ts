import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { Capture } from "../../src/inspect/capture.js";
import { attachProbe } from "../../src/inspect/probes.js";
import { traceProbe } from "../../src/inspect/trace.js";
import { WhyCheck } from "../../src/inspect/why-check.js";
import { ip } from "../../src/ip/address.js";
import { World } from "../../src/sim/world.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { collector } from "./collector.js";
import { tshark, tsharkMissing } from "./tshark.js";

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");

function pair(seed = 1) {
  const world = new World(seed);
  const sides = ([A, B] as const).map((address, i) => {
    const memory = createMemory({ packets: 256, packetSize: 2_048, chunks: 256 });
    const stack = new Stack({ name: "ab"[i]!, random: world.random.fork(), memory }, world.now);
    const link = world.addLink(world.addHost("ab"[i]!, stack));
    const check = new WhyCheck({ name: "ab"[i]! });
    const lines: string[] = [];
    const file = collector();
    const capture = new Capture(file.sink);
    for (const probe of [check.probe, capture.probe, traceProbe((line) => lines.push(line))]) attachProbe(stack, probe);
    stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }] }, world.now);
    return { stack, link, check, lines, file, capture };
  });
  const [a, b] = sides as [(typeof sides)[0], (typeof sides)[0]];
  world.connect(a.link, b.link, { delay: 1_000 });
  /** Runs until nothing happens any more; what each probe was told must be what was counted, and tshark must read it. */
  const settle = (): void => {
    world.settle(world.now + 1_000_000_000);
    for (const side of [a, b]) {
      expect(side.check.disagreements(side.stack.tally)).toEqual([]);
      side.capture.close();
      if (!tsharkMissing) expect(tshark(side.file.octets(), "-Y", "_ws.malformed")).toBe("");
    }
  };
  return { world, a, b, settle };
}

const said = (lines: readonly string[], what: string): number => lines.filter((line) => line.includes(what)).length;

describe("every event is explained", () => {
  test("a connection refused, one to nobody, one aborted", () => {
    const { world, a, b, settle } = pair();
    const errors: (string | null)[] = [];
    const application = {
      onEvents(handle: number, events: number): void {
        if (events & TcpEvent.Closed) errors.push(a.stack.tcp.errorOf(handle));
        if (events & TcpEvent.Established) a.stack.tcp.abort(handle, world.now);
      },
    };
    b.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    a.stack.tcp.connect({ remote: B, remotePort: 81 }, application, world.now);
    a.stack.tcp.connect({ remote: ip("10.0.0.9"), remotePort: 80 }, application, world.now);
    a.stack.tcp.connect({ remote: B, remotePort: 80 }, application, world.now);
    settle();
    expect(errors).toContain("ECONNREFUSED");
    expect(errors).toContain("EHOSTUNREACH");
    expect(said(a.lines, "tx.rst_abort")).toBe(1);
    expect(said(b.lines, "tx.rst_no_conn")).toBe(1);
  });

  test("the loopback: told like any device, captured once", () => {
    const { world, a, settle } = pair();
    a.stack.tcp.listen({ port: 80 }, { onEvents: () => {} });
    const handle = a.stack.tcp.connect({ remote: A, remotePort: 80 }, { onEvents: () => {} }, world.now);
    world.run(100_000);
    a.stack.tcp.abort(handle, world.now);
    settle();
    expect(said(a.lines, " SYN ")).toBe(2); // sent, and received
    if (!tsharkMissing)
      expect(tshark(a.file.octets(), "-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0").trim().split("\n")).toHaveLength(1);
  });

  test("a reader that does not read: the window closes, probes go, and it opens again", () => {
    const { world, a, b, settle } = pair();
    const octets = new Uint8Array(100_000);
    let accepted = 0;
    const listener = b.stack.tcp.listen(
      { port: 80, receiveBuffer: 8_192 },
      {
        onEvents(): void {
          accepted = b.stack.tcp.accept(listener);
          if (accepted !== 0) b.stack.tcp.attach(accepted, { onEvents: () => {} });
        },
      },
    );
    a.stack.tcp.connect(
      { remote: B, remotePort: 80 },
      {
        onEvents(handle: number, events: number): void {
          if (events & TcpEvent.Established) a.stack.tcp.send(handle, octets, 0, octets.length, world.now);
        },
      },
      world.now,
    );
    world.run(10_000_000);
    const into = new Uint8Array(65_536);
    for (let i = 0; i < 1_000; i++) {
      b.stack.tcp.receive(accepted, into, 0, into.length, world.now);
      world.run(10_000);
    }
    b.stack.tcp.abort(accepted, world.now);
    settle();
    expect(said(a.lines, "hold.rwnd")).toBeGreaterThan(0);
    expect(said(a.lines, "tx.zero_probe")).toBeGreaterThan(0);
    expect(said(b.lines, "tx.window_update")).toBeGreaterThan(0);
  });

  test("datagrams to a closed port, and echoes", () => {
    const { world, a, b, settle } = pair();
    const socket = a.stack.udp.bind({}, { onEvents: () => {} });
    a.stack.udp.send(socket, new Uint8Array(10), 0, 10, B, 9, world.now);
    world.run(100_000);
    settle();
    expect(said(a.lines, "udp.datagram")).toBe(1);
    expect(said(b.lines, "udp.no_port")).toBe(1);
    expect(said(b.lines, "icmp.port_unreachable")).toBe(1);
  });
});
