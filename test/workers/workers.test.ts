/** Workers as an application has them: real threads, behind a front in this one, and a client whose stack lives here. */
import { afterEach, describe, expect, test } from "vitest";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import { createServer } from "../../src/net/server.js";
import { connect, type Socket } from "../../src/net/socket.js";
import { Stack } from "../../src/stack/stack.js";
import { createPair } from "../../src/transport/pair.js";
import { startWorkers, type WorkerCrash, type Workers, type WorkersOptions } from "../../src/workers/workers.js";

const service = new URL("./programs/service.ts", import.meta.url);
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const start = async (options: Partial<WorkersOptions> = {}): Promise<{ drive: NodeDrive; workers: Workers; crashes: WorkerCrash[] }> => {
  const [far, near] = createPair({ queue: 4_096 });
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  drive.stack.addDevice(near, { addresses: [{ address: ip("10.9.0.1"), prefixLength: 24 }] }, drive.now());
  drive.start();
  undo.push(() => {
    drive.stack.close(drive.now());
    drive.stop();
  });
  const crashes: WorkerCrash[] = [];
  const workers = await startWorkers({
    module: service,
    workers: 2,
    link: far,
    addresses: [{ address: ip("10.9.0.2"), prefixLength: 24 }],
    data: { client: "10.9.0.1" },
    signals: false,
    onCrash: (crash) => crashes.push(crash),
    ...options,
  });
  undo.push(() => workers.close().catch(() => {}));
  return { drive, workers, crashes };
};

const dial = (drive: NodeDrive, port: number): Socket => connect(drive, { host: "10.9.0.2", port });
/** All that the peer says, until it ends or resets. */
const hear = async (socket: Socket): Promise<string> => {
  let text = "";
  socket.on("data", (data) => {
    text += String(data);
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
  return text;
};

describe("workers", () => {
  test("one address, several stacks: flows are shared out, stay at home, and are counted together", async () => {
    const { drive, workers } = await start();
    const answers = await Promise.all(Array.from({ length: 40 }, () => hear(dial(drive, 8))));
    expect(new Set(answers)).toEqual(new Set(["0", "1"]));

    createServer(drive, (socket) => void socket.end("you have come through")).listen(4_000);
    const dialled = await Promise.all(Array.from({ length: 12 }, () => hear(dial(drive, 9))));
    expect(new Set(dialled)).toEqual(new Set(["you have come through"]));

    const block = Buffer.alloc(300_000, "0123456789abcdef");
    const echoes = Array.from({ length: 4 }, () => {
      const socket = dial(drive, 7);
      socket.end(block);
      return hear(socket);
    });
    for (const echo of await Promise.all(echoes)) expect(echo === String(block)).toBe(true);

    const { workers: each, total } = await workers.inspect();
    expect(each.map(({ worker }) => worker)).toEqual([0, 1]);
    expect(total["frames"]).toMatchObject({ in: each[0]!.stack.frames.in + each[1]!.stack.frames.in });
    expect(each.every(({ stack }) => stack.frames.in > 0)).toBe(true);
    await workers.close();
    await workers.finished;
  });

  test("a crash takes the flows of one worker, is told with what happens next, and the worker is started again", async () => {
    const { drive, workers, crashes } = await start({ restart: { most: 2, within: 3_600_000 } });
    const crash = async (port: number): Promise<WorkerCrash> => {
      const before = crashes.length;
      while (crashes.length === before) {
        // A worker that is coming up again refuses, or does not hear.
        const socket = dial(drive, port).setTimeout(200, () => void socket.destroy());
        await hear(socket);
      }
      return crashes[before]!;
    };
    const first = await crash(10);
    expect(first).toMatchObject({ restarted: true, error: { message: "a bug of the module" } });
    expect(first.message).toBe(
      `worker ${first.worker} crashed: a bug of the module: its connections are gone, it is started again (1 of 2 within 3600 s)`,
    );
    // Those of the other go on meanwhile, and the crashed one is back when it answers again.
    const heard = new Set<string>();
    while (heard.size < 2) {
      const socket = dial(drive, 8);
      socket.setTimeout(200, () => socket.destroy());
      heard.add(await hear(socket));
      heard.delete("");
    }
    await crash(11);
    const last = await crash(11);
    expect(last.restarted).toBe(false);
    expect(last.message).toMatch(
      /it ended by itself, with status 3: all end, after 3 crashes within 3600 s: mend the module, or allow more/,
    );
    await expect(workers.finished).rejects.toThrow(last.message);
  });

  test("what cannot start says why, and leaves nothing running", async () => {
    const missing = new URL("./programs/nothing.ts", import.meta.url);
    await expect(start({ module: missing })).rejects.toThrow(/nothing\.ts/);
    await expect(start({ module: new URL("../../src/base/seq.ts", import.meta.url) })).rejects.toThrow(/exports no function "run"/);
    await expect(start({ workers: 0 })).rejects.toThrow(/startWorkers EINVAL 0 workers: use an integer from 1 to 64/);
    const twice = [{ address: ip("10.9.0.2"), prefixLength: 99 }];
    await expect(start({ addresses: twice })).rejects.toMatchObject({ code: "EINVAL" });
  });
});
