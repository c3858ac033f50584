/** A request and its answer over `onwire/net`, 64 octets each way over 1 and 64 connections: the stack in the application's thread, and in one of
 *  its own. The client has a stack in a thread of its own in both cases. */
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import type { NetDrive } from "../../src/net/raw.js";
import { createServer } from "../../src/net/server.js";
import { connect } from "../../src/net/socket.js";
import { Stack } from "../../src/stack/stack.js";
import { connectStack } from "../../src/workers/remote-stack.js";
import { makeRingCable, RingLink } from "../../src/workers/ring-link.js";
import { startStack } from "../../src/workers/stack-worker.js";

const REQUEST = Buffer.alloc(64);
const addresses = (address: string) => [{ address: ip(address), prefixLength: 24 }];

/** Requests a second over so many connections. */
const rate = async (server: NetDrive, client: NetDrive, connections: number, milliseconds: number): Promise<number> => {
  const listener = createServer(
    server,
    { noDelay: true },
    (socket) => void socket.on("error", () => {}).on("data", (data) => socket.write(data)),
  );
  listener.listen(7);
  let done = 0;
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(client, { host: "10.9.0.2", port: 7, noDelay: true }, () => socket.write(REQUEST));
    return socket
      .on("error", () => {})
      .on("data", () => {
        done += 1;
        socket.write(REQUEST);
      });
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [from, at] = [done, performance.now()];
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const result = ((done - from) * 1_000) / (performance.now() - at);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => listener.close(resolve));
  return Math.round(result);
};

export const threads = async (milliseconds: number): Promise<Record<string, string | number>[]> => {
  const lines: Record<string, string | number>[] = [];
  for (const busy of [null, "no", "adaptive"] as const) {
    const [a, b] = makeRingCable();
    const peer = await startStack({ link: { kind: "ring", end: a }, addresses: addresses("10.9.0.1") });
    const client = connectStack(await peer.attachment());
    let server: NetDrive;
    let end: () => unknown;
    if (busy !== null) {
      const stack = await startStack({ link: { kind: "ring", end: b }, addresses: addresses("10.9.0.2"), busy });
      server = connectStack(await stack.attachment());
      end = () => stack.close(0);
    } else {
      const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
      const link = new RingLink(b);
      drive.stack.addDevice(link, { addresses: addresses("10.9.0.2") }, drive.now());
      drive.start();
      server = drive;
      end = () => {
        drive.stack.close(drive.now());
        drive.stop();
        link.close();
      };
    }
    lines.push({
      "server's stack": busy === null ? "in the application's thread" : busy === "no" ? "in a thread of its own" : "the same, adaptive",
      "requests/s, 1 connection": await rate(server, client, 1, milliseconds),
      "requests/s, 64 connections": await rate(server, client, 64, milliseconds),
    });
    await end();
    await peer.close(0);
  }
  return lines;
};
