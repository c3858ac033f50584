/** The kernel side's program: TCP by node:net, and so by the kernel. It reads one JSON command a line on standard input and answers each
 *  with one line when it is done. It ends when its standard input does.
 *
 *  Streams are told apart by number. The text of stream n is `pattern(n)`, so each end knows what the other must have sent. */
import { createHash } from "node:crypto";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

const BLOCK = 1 << 16;

/** Octets of stream `seed` from `start`: a block that repeats with a period no power of two divides, so that a shifted or swapped piece shows. */
const patternBlock = (seed) => {
  const block = Buffer.allocUnsafe(65_521);
  let x = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let i = 0; i < block.length; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    block[i] = x >>> 24;
  }
  return block;
};

/** Room to write again; rejects when there will be none. */
const drained = (socket) =>
  new Promise((resolve, reject) => {
    const closed = () => reject(socket.errored ?? new Error("closed while writing"));
    if (socket.closed) return closed();
    socket.once("close", closed).once("drain", () => {
      socket.off("close", closed);
      resolve();
    });
  });

/** Writes the pattern, `chunk` octets a write, `pause` ms between writes; ends the stream. */
const source = async (socket, { seed, octets, chunk = BLOCK, pause = 0 }) => {
  const block = patternBlock(seed);
  let at = 0;
  while (at < octets) {
    const from = at % block.length;
    const length = Math.min(chunk, octets - at, block.length - from);
    const more = socket.write(block.subarray(from, from + length));
    at += length;
    if (!more) await drained(socket);
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
  }
};

/** Reads to the end: how much, its hash, and how it ended. `slow`: takes `slow` octets and then rests for `pause` ms. */
const sink = (socket, { slow = 0, pause = 0 } = {}) =>
  new Promise((resolve) => {
    const hash = createHash("sha256");
    let octets = 0;
    let since = 0;
    socket.on("data", (chunk) => {
      hash.update(chunk);
      octets += chunk.length;
      since += chunk.length;
      if (slow === 0 || since < slow) return;
      since = 0;
      socket.pause();
      setTimeout(() => socket.resume(), pause);
    });
    let error = null;
    let ended = false;
    socket.once("end", () => {
      ended = true;
    });
    socket.once("error", (e) => {
      error = e.code ?? e.message;
    });
    const done = () => resolve({ octets, hash: hash.digest("hex"), ended, error });
    socket.once("end", done);
    socket.once("close", () => !ended && done());
  });

const closed = (socket) => (socket.closed ? undefined : new Promise((resolve) => socket.once("close", resolve)));

/** What one connection does, whoever opened it: sends, receives, or both at once; half-closes or resets. */
const converse = async (socket, { send = null, receive = null, end = true, reset = false, noDelay = false }) => {
  if (noDelay) socket.setNoDelay(true);
  const received = receive === null ? Promise.resolve(null) : sink(socket, receive);
  if (receive === null) socket.resume();
  let sent = 0;
  let error = null;
  socket.on("error", (e) => {
    error = e.code ?? e.message;
  });
  if (send !== null) {
    try {
      await source(socket, send);
      sent = send.octets;
    } catch (e) {
      error ??= e.code ?? e.message;
    }
  }
  if (reset) socket.resetAndDestroy();
  else if (end) socket.end();
  const got = await received;
  await closed(socket);
  return { sent, received: got, error };
};

const servers = new Map();

const commands = {
  /** Listens; each connection does `each`, with its own number added to the seeds. Answers with the port. */
  async listen({ host, port = 0, backlog, each = {} }) {
    const results = [];
    let number = 0;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
      const mine = number++;
      const options = { ...each, ...(each.send ? { send: { ...each.send, seed: each.send.seed + mine } } : {}) };
      results.push(converse(socket, options));
    });
    await new Promise((resolve, reject) => server.once("error", reject).listen({ host, port, backlog }, resolve));
    servers.set(server.address().port, { server, results });
    return { port: server.address().port };
  },
  /** Echoes on each connection until the other end is done. */
  async echo({ host, port = 0 }) {
    const results = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    await new Promise((resolve, reject) => server.once("error", reject).listen({ host, port }, resolve));
    servers.set(server.address().port, { server, results });
    return { port: server.address().port };
  },
  /** Waits for what `count` connections of a listener came to, and closes it. */
  async results({ port, count = 1 }) {
    const { server, results } = servers.get(port);
    while (results.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    const all = await Promise.all(results);
    server.close();
    servers.delete(port);
    return { results: all };
  },
  /** Opens `count` connections at once and does the same on each, with its number added to the seeds. */
  async connect({ host, port, localAddress, count = 1, ...each }) {
    const one = async (i) => {
      const socket = connect({ host, port, localAddress, allowHalfOpen: true });
      try {
        await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
      } catch (e) {
        return { sent: 0, received: null, error: e.code ?? e.message };
      }
      return converse(socket, { ...each, ...(each.send ? { send: { ...each.send, seed: each.send.seed + i } } : {}) });
    };
    return { results: await Promise.all(Array.from({ length: count }, (_, i) => one(i))) };
  },
};

const main = () => {
  const answer = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const input = createInterface({ input: process.stdin });
  input.on("line", async (line) => {
    const { id, command, ...options } = JSON.parse(line);
    try {
      answer({ id, ...(await commands[command](options)) });
    } catch (error) {
      answer({ id, error: { message: String(error?.message ?? error), code: error?.code } });
    }
  });
  input.once("close", () => process.exit(0));
  answer({ id: 0 });
};

main();
