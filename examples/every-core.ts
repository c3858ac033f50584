// A server on two cores, with one address: each worker has a stack of its own, and each connection its home at one of them.
import { isMainThread } from "node:worker_threads";
import { createPair, ip, Stack } from "onwire";
import { connect, createServer } from "onwire/net";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";
import { startWorkers, type WorkerContext } from "onwire/workers";

// What each worker runs.
export const run = ({ index, drive, signal }: WorkerContext) => {
  createServer(drive, (socket) => socket.end(String(index))).listen({ port: 80, signal });
};

if (isMainThread) {
  // A TAP device would be { kind: "tap", name: "onwire0" }; here it is a cable to a client in this thread.
  const [cable, end] = createPair();
  const client = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  client.stack.addDevice(end, { addresses: [{ address: ip("10.0.0.1"), prefixLength: 24 }] }, client.now());
  client.start();
  const addresses = [{ address: ip("10.0.0.2"), prefixLength: 24 }];
  const workers = await startWorkers({ module: new URL(import.meta.url), workers: 2, link: cable, addresses });

  const ask = async () => {
    let answer = "";
    for await (const text of connect(client, { host: "10.0.0.2", port: 80 })) answer += text;
    return answer;
  };
  const answers = await Promise.all(Array.from({ length: 50 }, ask));
  console.log(`${answers.length} answers, from the workers ${[...new Set(answers)].sort().join(" and ")}`);
  await workers.close();
  client.stop();
}
// prints: 50 answers, from the workers 0 and 1
