/** undici: a pool, pipelining, a stream, an abort. */
import assert from "node:assert/strict";
import http from "node:http";
import { Client, Pool } from "undici";
import { listen, pattern } from "./servers.mjs";

const SIZE = 20 * 1024 * 1024;

export const serve = (host) => {
  const server = http.createServer((request, response) => {
    if (request.url === "/large") response.end(Buffer.concat([...pattern(SIZE)]));
    else if (request.url !== "/silent") response.end(`${request.url}`);
  });
  return listen(server, host, async () => {
    server.close();
    server.closeAllConnections();
  });
};

export const use = async (host, port) => {
  const origin = `http://${host}:${port}`;
  const pool = new Pool(origin, { connections: 20 });
  const asked = Array.from({ length: 200 }, async (_, i) => {
    const { statusCode, body } = await pool.request({ path: `/${i}`, method: "GET" });
    assert.deepEqual([statusCode, await body.text()], [200, `/${i}`]);
  });
  await Promise.all(asked);
  const { body } = await pool.request({ path: "/large", method: "GET" });
  assert.equal((await body.arrayBuffer()).byteLength, SIZE);
  await pool.close();

  const client = new Client(origin, { pipelining: 10 });
  const answers = await Promise.all(
    Array.from({ length: 30 }, async (_, i) => (await client.request({ path: `/p${i}`, method: "GET" })).body.text()),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 30 }, (_, i) => `/p${i}`),
  );
  await assert.rejects(client.request({ path: "/silent", method: "GET", signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
  await client.destroy();
};
