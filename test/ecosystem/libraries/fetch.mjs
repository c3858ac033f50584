/** The global fetch: JSON, streams, many at once, an abort, a refused connection. */
import assert from "node:assert/strict";
import http from "node:http";
import { listen, pattern } from "./servers.mjs";

const SIZE = 8 * 1024 * 1024;

export const serve = (host) => {
  const server = http.createServer(async (request, response) => {
    if (request.url === "/large") return response.end(Buffer.concat([...pattern(SIZE)]));
    if (request.url === "/silent") return;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ method: request.method, body: (await request.toArray()).join("") }));
  });
  return listen(server, host, async () => {
    server.close();
    server.closeAllConnections();
  });
};

export const use = async (host, port) => {
  const base = `http://${host}:${port}`;
  const all = Array.from({ length: 50 }, async (_, i) => {
    const response = await fetch(`${base}/`, { method: "POST", body: `number ${i}` });
    assert.deepEqual(await response.json(), { method: "POST", body: `number ${i}` });
  });
  await Promise.all(all);
  const large = await fetch(`${base}/large`);
  assert.ok(Buffer.from(await large.arrayBuffer()).equals(Buffer.concat([...pattern(SIZE)])));
  await assert.rejects(fetch(`${base}/silent`, { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
  const failure = await fetch(`http://${host}:4/`).catch((error) => error);
  assert.equal(failure.cause.code, "ECONNREFUSED");
};
