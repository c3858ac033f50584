/** ioredis: commands, a pipeline, a reconnection. */
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { serve as serveRedis } from "./resp-server.mjs";

export const serve = (host) => serveRedis(host);

export const use = async (host, port) => {
  const client = new Redis({ host, port });
  assert.equal(await client.set("name", "onwire"), "OK");
  assert.equal(await client.get("name"), "onwire");
  const pipeline = client.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.incr("ioredis");
  assert.deepEqual(
    (await pipeline.exec()).map(([error, value]) => error ?? value),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
  // The connection breaks, and is there again.
  client.stream.destroy();
  assert.equal(await client.get("name"), "onwire");
  await client.quit();
};
