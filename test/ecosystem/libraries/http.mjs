/** Node's HTTP: keep-alive, pipelining, large bodies both ways, aborts, timeouts, back-pressure. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LARGE, listen, pattern } from "./servers.mjs";

export const serve = (host) => {
  const aborted = [];
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    if (pathname === "/large") {
      response.on("close", () => response.writableFinished || aborted.push(pathname));
      await pipeline(Readable.from(pattern(LARGE)), response).catch(() => {});
    } else if (pathname === "/upload") {
      const hash = createHash("sha256");
      for await (const data of request) hash.update(data);
      response.end(hash.digest("hex"));
    } else if (pathname === "/aborted") {
      response.end(String(aborted.length));
    } else if (pathname !== "/silent") {
      response.end(`you asked for ${pathname}`);
    }
  });
  return listen(server, host, async () => {
    server.close();
    server.closeAllConnections();
  });
};

const text = async (stream) => (await stream.toArray()).join("");
const get = async (options) => {
  const [response] = await once(http.get(options), "response");
  return { response, body: await text(response) };
};
const digest = async (stream) => {
  const hash = createHash("sha256");
  for await (const data of stream) hash.update(data);
  return hash.digest("hex");
};

export const use = async (host, port) => {
  // Keep-alive: one connection for many requests.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set();
  for (let i = 0; i < 100; i++) {
    const { response, body } = await get({ host, port, agent, path: `/${i}` });
    assert.equal(body, `you asked for /${i}`);
    ports.add(response.socket?.localPort ?? [...ports][0]);
  }
  assert.equal(ports.size, 1);
  agent.destroy();

  // Pipelining: three requests in one segment, three answers in order.
  const socket = net.connect(port, host);
  socket.write(["/a", "/b", "/c"].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""));
  let answers = "";
  for await (const data of socket) {
    answers += data;
    if (answers.endsWith("for /c")) break;
  }
  assert.deepEqual(answers.match(/asked for \/./g), ["asked for /a", "asked for /b", "asked for /c"]);

  // Large bodies, down and up.
  const expected = await digest(Readable.from(pattern(LARGE)));
  const [large] = await once(http.get({ host, port, path: "/large", agent: false }), "response");
  assert.equal(await digest(large), expected);
  const upload = http.request({ host, port, path: "/upload", method: "PUT", agent: false });
  const answered = once(upload, "response");
  await pipeline(Readable.from(pattern(LARGE)), upload);
  assert.equal(await text((await answered)[0]), expected);

  // An abort in the midst of a body; the server notices. A reader that pauses holds the sender back.
  const request = http.get({ host, port, path: "/large", agent: false });
  const [partial] = await once(request, "response");
  await once(partial, "data");
  partial.pause();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(
    request.socket.bytesRead < LARGE / 2 || LARGE < 32 * 1024 * 1024,
    `${request.socket.bytesRead} octets came for a reader that sleeps`,
  );
  partial.destroy();
  for (let i = 0; i < 100 && (await get({ host, port, path: "/aborted", agent: false })).body === "0"; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await get({ host, port, path: "/aborted", agent: false })).body, "1");

  // A server that does not answer in time.
  const silent = http.get({ host, port, path: "/silent", agent: false, timeout: 100 });
  silent.on("timeout", () => silent.destroy(new Error("too late")));
  await assert.rejects(once(silent, "response"), /too late/);

  // Nobody there.
  await assert.rejects(get({ host, port: 1, agent: false }), { code: "ECONNREFUSED", syscall: "connect", port: 1 });
};
