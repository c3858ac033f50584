/** Workers against the kernel, each with a queue of one device: whatever queue a frame takes, its flow is served by one of them. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { ip } from "../../src/ip/address.js";
import type { LinkPlan } from "../../src/workers/open-link.js";
import { startWorkers, type WorkerCrash } from "../../src/workers/workers.js";
import { KERNEL, type Kernel, OURS, PREFIX_LENGTH, wireTest, withKernel } from "./kernel.js";

/** On the kernel's side: asks port 8 who serves it, has port 9 dial back, sends datagrams to port 7, and gets a megabyte back from port 7. */
const CLIENT = `
const net = require("node:net"), dgram = require("node:dgram");
const hear = (port, text) => new Promise((resolve, reject) => {
  let said = "";
  const socket = net.connect(port, "${OURS}");
  socket.on("data", (data) => (said += data)).on("close", () => resolve(said)).on("error", reject);
  if (text !== undefined) socket.end(text);
});
const echo = (i) => new Promise((resolve, reject) => {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (message) => { socket.close(); resolve(Number(message)); }).on("error", reject);
  socket.send(String(i), 7, "${OURS}");
});
const times = (n, f) => Promise.all(Array.from({ length: n }, (_, i) => f(i)));
net.createServer((socket) => socket.end("dialled")).listen(4000, "${KERNEL}", async () => {
  const block = "0123456789abcdef".repeat(65536);
  const result = {
    who: await times(32, () => hear(8)),
    dialled: await times(16, () => hear(9)),
    echoes: (await times(4, () => hear(7, block))).map((text) => text === block),
    datagrams: await times(16, echo),
  };
  console.log(JSON.stringify(result));
});`;

interface Result {
  readonly who: string[];
  readonly dialled: string[];
  readonly echoes: boolean[];
  readonly datagrams: number[];
}

const service = new URL("../workers/programs/service.ts", import.meta.url);

const ask = async (kernel: Kernel): Promise<Result> => {
  const client = kernel.spawn(process.execPath, ["-e", CLIENT]);
  const [line] = (await once(createInterface({ input: client.stdout! }), "line")) as [string];
  return JSON.parse(line) as Result;
};

const kinds: { readonly name: string; readonly link: (kernel: Kernel) => LinkPlan; readonly front?: boolean }[] = [
  { name: "queues of a TAP device", link: (kernel) => tap(kernel) },
  { name: "queues of a TAP device, with offloads", link: (kernel) => ({ ...tap(kernel), offload: true }) },
  { name: "a TAP device behind a front", link: (kernel) => tap(kernel), front: true },
  {
    name: "packet sockets that share flows",
    link: (kernel) => ({ kind: "packet", interface: kernel.veth(), namespace: kernel.namespace.path }),
  },
  {
    name: "queues of an XDP interface",
    link: (kernel) => ({ kind: "xdp", interface: kernel.veth(), namespace: kernel.namespace.path, trustLink: true }),
  },
];
const tap = (kernel: Kernel) => ({
  kind: "tap" as const,
  namespace: kernel.namespace.path,
  address: { address: ip(KERNEL), prefixLength: PREFIX_LENGTH },
});

describe("workers on the wire", () => {
  for (const { name, link, front = false } of kinds) {
    wireTest(name, () =>
      withKernel(async (kernel) => {
        const workers = await startWorkers({
          module: service,
          workers: 2,
          link: link(kernel),
          front,
          addresses: [{ address: ip(OURS), prefixLength: PREFIX_LENGTH }],
          data: { client: KERNEL },
          signals: false,
        });
        try {
          const result = await ask(kernel);
          expect(new Set(result.who)).toEqual(new Set(["0", "1"]));
          expect(new Set(result.dialled)).toEqual(new Set(["dialled"]));
          expect(result.echoes).toEqual([true, true, true, true]);
          expect(result.datagrams).toEqual(Array.from({ length: 16 }, (_, i) => i));
          const { workers: each } = await workers.inspect();
          for (const { stack } of each) expect(stack.tally["arp.conflict"] ?? 0).toBe(0);
        } finally {
          await workers.close();
        }
      }),
    );
  }

  wireTest("a crash on a queue of the kernel's: the process lives on, and the queue is served again", () =>
    withKernel(async (kernel) => {
      const crashes: WorkerCrash[] = [];
      const workers = await startWorkers({
        module: service,
        workers: 2,
        link: tap(kernel),
        addresses: [{ address: ip(OURS), prefixLength: PREFIX_LENGTH }],
        data: { client: KERNEL },
        signals: false,
        onCrash: (crash) => crashes.push(crash),
      });
      try {
        kernel.spawn(process.execPath, ["-e", `require("node:net").connect(10, "${OURS}").on("error", () => {})`]);
        const serving = async (): Promise<boolean> => {
          const { workers: each } = await workers.inspect();
          const listeners = each.map(({ stack }) => stack.tcp.connections.filter(({ state }) => state === "LISTEN").length);
          return listeners.length === 2 && listeners.every((count) => count === 5);
        };
        while (crashes.length === 0 || !(await serving())) await new Promise((resolve) => setTimeout(resolve, 10));
        expect(crashes).toMatchObject([{ restarted: true, error: { message: "a bug of the module" } }]);
        const result = await ask(kernel);
        expect(new Set(result.who)).toEqual(new Set(["0", "1"]));
        expect(result.echoes).toEqual([true, true, true, true]);
      } finally {
        await workers.close();
      }
    }),
  );

  wireTest("a signal ends the process in order, and the device is gone", () =>
    withKernel(async (kernel) => {
      const file = fileURLToPath(new URL("../workers/programs/main.ts", import.meta.url));
      const program = kernel.spawn(process.execPath, ["--import", "tsx", file]);
      expect(await once(createInterface({ input: program.stdout! }), "line")).toEqual(["ready"]);
      expect(kernel.proc("dev")).toContain("owsignal0");
      const ended = once(program, "exit");
      program.kill("SIGTERM");
      expect(await ended).toEqual([143, null]);
      expect(kernel.proc("dev")).not.toContain("owsignal0");
    }),
  );
});
