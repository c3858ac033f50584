/** Two hosts for the demonstration, and the wire between them: our stack and the kernel over a TAP device, or two stacks in memory. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer as createHttpServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createMemory } from "../base/memory.js";
import { SeededRandom } from "../base/prng.js";
import { Rtx, Wire } from "../base/why.js";
import { cryptoRandom, monotonicMicros } from "../drive/clock.js";
import { NodeDrive } from "../drive/node.js";
import { Capture } from "../inspect/capture.js";
import { CaptureFile } from "../inspect/capture-file.js";
import { Ladder } from "../inspect/ladder.js";
import { attachProbe } from "../inspect/probes.js";
import { formatIp, ip } from "../ip/address.js";
import { createServer } from "../net/server.js";
import { connect, type Socket } from "../net/socket.js";
import { WireBox } from "../sim/wire-box.js";
import type { WireOptions } from "../sim/wire-options.js";
import { Stack } from "../stack/stack.js";
import type { Link } from "../transport/link.js";
import type { Namespace } from "../transport/namespace.js";
import { createPair } from "../transport/pair.js";
import { openTap } from "../transport/tap.js";
import { settle } from "./attach.js";
import type { Undo } from "./exit.js";
import { folderListener } from "./folder-server.js";
import type { KernelJob, KernelReport } from "./kernel-peer.js";
import { type Transfer, transfer } from "./transfer.js";
import { runWireBox } from "./wire-runner.js";

export const OURS = ip("10.82.0.2");
export const THEIRS = ip("10.82.0.1");
const PREFIX = 24;
/** Octets of each frame in a capture: all headers with their options. */
const SNAP_LENGTH = 128;
const CAPTURE_LIMIT = 8 * 1024 * 1024;

export type Moved = (octets: number) => void;

/** The host on the other side. Each call resolves with milliseconds. */
export interface Peer {
  readonly name: string;
  /** Moves a file from or to our server. */
  move(job: Transfer, moved: Moved): Promise<number>;
  /** Serves a folder; resolves with the port. */
  serve(root: string): Promise<number>;
}

export interface Lab {
  readonly drive: NodeDrive;
  readonly peer: Peer;
  readonly ladder: Ladder;
  /** The capture, and whether it was cut at its limit. */
  readonly capture: { readonly path: string; readonly cut: boolean };
  /** Segments sent again by our side so far. */
  sentAgain(): number;
  /** Frames that the wire has lost so far, in both directions. */
  lost(): number;
}

export interface LabOptions {
  /** null: two stacks in memory. */
  readonly namespace: Namespace | null;
  /** null: a wire that does nothing. */
  readonly wire: Partial<WireOptions> | null;
  readonly seed: number;
  readonly capture: string;
}

/** Opens a lab; `undo` closes it. */
export const openLab = (options: LabOptions, undo: Undo): Lab => {
  const { namespace } = options;
  let far: Link;
  let near: Link;
  if (namespace !== null) {
    far = near = openTap({ name: "onwire0", namespace, address: { address: THEIRS, prefixLength: PREFIX }, queueLength: 2_000 });
  } else [near, far] = createPair({ name: "cable" });
  undo.add(() => near.close());
  let box: WireBox | null = null;
  if (options.wire !== null) [near, box] = impair(near, options.wire, options.seed, undo);

  const drive = host(near, OURS, undo);
  const { stack } = drive;
  const ladder = new Ladder();
  attachProbe(stack, ladder.probe);
  const capture = { path: options.capture, cut: false };
  const stopCapture = startCapture(stack, options.capture, () => {
    capture.cut = true;
  });
  undo.add(stopCapture);
  const peer = namespace === null ? stackPeer(far, undo) : kernelPeer(namespace, undo);
  return {
    drive,
    peer,
    ladder,
    capture,
    sentAgain: () => {
      let count = 0;
      for (let why: number = Rtx.Fast; why <= Rtx.Reopened; why++) count += stack.tally.counts[why]!;
      return count;
    },
    lost: () => (box === null ? 0 : box.forward.tally.counts[Wire.Loss]! + box.backward.tally.counts[Wire.Loss]!),
  };
};

/** A wire in front of a link; the other end of it is returned. */
const impair = (link: Link, wire: Partial<WireOptions>, seed: number, undo: Undo): [Link, WireBox] => {
  const [near, far] = createPair({ name: "wire", mtu: link.capabilities.mtu, queue: 2_000 });
  const packets = createMemory({ packets: 4_096, chunks: 1 }).packets;
  const box = new WireBox(far, link, packets, new SeededRandom(seed), { forward: wire, backward: wire });
  undo.add(runWireBox(box, (broken, error) => undo.fail(new Error(`${broken.name}: ${error.message}`))));
  return [near, box];
};

const host = (link: Link, address: typeof OURS, undo: Undo): NodeDrive => {
  const memory = createMemory({ packets: 4_096, chunks: 32_768 });
  const drive = new NodeDrive(new Stack({ random: cryptoRandom, memory }, monotonicMicros()), {
    onLinkError: (_link, error) => undo.fail(error),
  });
  drive.stack.addDevice(link, { addresses: [{ address, prefixLength: PREFIX }] }, drive.now());
  drive.start();
  undo.add(async () => {
    await settle(drive);
    drive.stack.close(drive.now());
    drive.stop();
  });
  return drive;
};

const startCapture = (stack: Stack, path: string, onCut: () => void): (() => void) => {
  const file = new CaptureFile(path, {
    limit: CAPTURE_LIMIT,
    onError: () => {
      onCut();
      // Not from within the probe's own call.
      setImmediate(detach);
    },
  });
  const capture = new Capture(file.sink, {
    snapLength: SNAP_LENGTH,
    epoch: Date.now() * 1000 - monotonicMicros(),
    names: [
      { address: OURS, name: "onwire" },
      { address: THEIRS, name: "peer" },
    ],
  });
  const detach = attachProbe(stack, capture.probe);
  return () => {
    detach();
    capture.close();
    file.close();
  };
};

/** Our server: a folder, on our stack. */
export const serveOnStack = (
  drive: NodeDrive,
  root: string,
  upload: boolean,
  undo: Undo,
): { readonly port: number; readonly received: () => number } => {
  const http = createHttpServer(folderListener({ root, upload }));
  const sockets: Socket[] = [];
  const server = createServer(drive, { noDelay: true }, (socket) => {
    sockets.push(socket);
    http.emit("connection", socket);
  });
  server.listen({ port: 80 });
  undo.add(() => {
    server.close();
    http.closeAllConnections();
  });
  return { port: 80, received: () => sockets.reduce((sum, socket) => sum + socket.bytesRead, 0) };
};

const stackPeer = (link: Link, undo: Undo): Peer => {
  const drive = host(link, THEIRS, undo);
  return {
    name: "a second stack",
    move: (job, moved) => moveOnStack(drive, job, moved),
    serve: async (root) => serveOnStack(drive, root, false, undo).port,
  };
};

/** A transfer by our stack as client. */
export const moveOnStack = async (drive: NodeDrive, job: Transfer, moved: Moved): Promise<number> => {
  const began = performance.now();
  await transfer(job, (hostName, port) => connect(drive, { host: hostName, port, noDelay: true }), moved);
  return performance.now() - began;
};

const kernelPeer = (namespace: Namespace, undo: Undo): Peer => ({
  name: "the kernel",
  move: async (job, moved) => {
    let before = 0;
    let milliseconds = 0;
    const child = spawnInside(namespace, { kind: "transfer", transfer: job }, undo);
    for await (const report of reportsOf(child)) {
      if (report.kind === "moved") {
        moved(report.octets - before);
        before = report.octets;
      } else if (report.kind === "done") milliseconds = report.milliseconds;
    }
    return milliseconds;
  },
  serve: async (root) => {
    const child = spawnInside(namespace, { kind: "serve", host: formatIp(THEIRS), root }, undo);
    for await (const report of reportsOf(child)) if (report.kind === "serving") return report.port;
    throw new Error("the kernel's server ended before it served");
  },
});

const spawnInside = (namespace: Namespace, job: KernelJob, undo: Undo): ChildProcess => {
  const script = fileURLToPath(import.meta.url).replace(/demo-lab(\.[jt]s)$/, "kernel-peer$1");
  const child = namespace.run(() =>
    spawn(process.execPath, [...process.execArgv, script, JSON.stringify(job)], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  undo.add(() => child.kill("SIGKILL"));
  return child;
};

/** What a child says, until it ends. Throws what it failed of. */
async function* reportsOf(child: ChildProcess): AsyncGenerator<KernelReport> {
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  for await (const line of createInterface({ input: child.stdout! })) {
    const report = JSON.parse(line) as KernelReport;
    if (report.kind === "failed") throw new Error(`the kernel's side: ${report.message}`);
    yield report;
  }
  const status = await ended;
  if (status !== 0) throw new Error(`the kernel's side ended with status ${status}`);
}
