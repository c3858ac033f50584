import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import { expect, test } from "vitest";
import { joinStreams } from "../../src/cli/pipe.js";
import { createServer } from "../../src/net/server.js";
import { connect, type Socket } from "../../src/net/socket.js";
import { FakeNetwork } from "../net/fake-tcp.js";
import { collect } from "../net/suite.js";

const pair = async (): Promise<[Socket, Socket]> => {
  const network = new FakeNetwork();
  const [a, b] = [network.host("10.0.0.1"), network.host("10.0.0.2")];
  const server = createServer(b, { allowHalfOpen: true }).listen({ port: 9 });
  const socket = connect(a, { host: "10.0.0.2", port: 9, allowHalfOpen: true });
  const [accepted] = (await once(server, "connection")) as [Socket];
  if (socket.connecting) await once(socket, "connect");
  return [socket, accepted];
};

/** An output that takes its time. */
const slow = (): { output: Writable; size: () => number; digest: () => string } => {
  const hash = createHash("sha256");
  let size = 0;
  const output = new Writable({
    highWaterMark: 1000,
    write(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      hash.update(chunk);
      setImmediate(done);
    },
  });
  return { output, size: () => size, digest: () => hash.digest("hex") };
};

test("octets pass unchanged both ways, at the pace of a slow output, and each end is passed on", async () => {
  const [socket, peer] = await pair();
  const [there, back] = [randomBytes(1_000_000), randomBytes(700_000)];
  const received = slow();
  const question = collect(peer);
  const joined = joinStreams(socket, Readable.from([there.subarray(0, 10), there.subarray(10)]), received.output, false);
  expect((await question).equals(there)).toBe(true);
  peer.end(back);
  await joined;
  expect(received.size()).toBe(back.length);
  expect(received.digest()).toBe(createHash("sha256").update(back).digest("hex"));
});

test("with an input that never ends, the end of the peer is the end", async () => {
  const [socket, peer] = await pair();
  const input = new PassThrough();
  const received = slow();
  const joined = joinStreams(socket, input, received.output, true);
  input.write("hello");
  expect(String((await once(peer, "data"))[0])).toBe("hello");
  peer.end("bye");
  await joined;
  expect(received.size()).toBe(3);
});

test("a reset is a failure, and so is an output that breaks", async () => {
  const [socket, peer] = await pair();
  const joined = joinStreams(socket, new PassThrough(), slow().output, true);
  peer.resetAndDestroy();
  await expect(joined).rejects.toMatchObject({ code: "ECONNRESET" });

  const [other, otherPeer] = await pair();
  otherPeer.on("error", () => {});
  const broken = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    },
  });
  const failing = joinStreams(other, new PassThrough(), broken, true);
  otherPeer.write("x");
  await expect(failing).rejects.toMatchObject({ code: "EPIPE" });
  expect(other.destroyed).toBe(true);
});
