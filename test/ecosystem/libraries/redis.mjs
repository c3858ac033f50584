/** node-redis: commands, many at once, a large value. */
import assert from "node:assert/strict";
import { createClient } from "redis";
import { serve as serveRedis } from "./resp-server.mjs";

export const serve = (host) => serveRedis(host);

export const use = async (host, port) => {
  const client = createClient({ socket: { host, port }, RESP: 2 });
  client.on("error", (error) => {
    throw error;
  });
  await client.connect();
  assert.equal(await client.ping(), "PONG");
  const large = "x".repeat(1 << 20);
  await client.set("large", large);
  assert.equal(await client.get("large"), large);
  const counted = await Promise.all(Array.from({ length: 1000 }, () => client.incr("redis")));
  assert.deepEqual(
    counted,
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
  await client.close();
};
