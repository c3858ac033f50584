/** Fastify: routes with schemas, many at once, a refused body, a graceful end. */
import assert from "node:assert/strict";
import fastify from "fastify";

export const serve = async (host) => {
  const app = fastify({ forceCloseConnections: true });
  const schema = { body: { type: "object", required: ["n"], properties: { n: { type: "integer" } } } };
  app.get("/hello/:name", async ({ params }) => ({ hello: params.name }));
  app.post("/double", { schema }, async ({ body }) => ({ n: 2 * body.n }));
  await app.listen({ host, port: 0 });
  return { port: app.server.address().port, close: () => app.close() };
};

export const use = async (host, port) => {
  const base = `http://${host}:${port}`;
  const headers = { "content-type": "application/json" };
  const double = (body) => fetch(`${base}/double`, { method: "POST", headers, body: JSON.stringify(body) });
  const answers = await Promise.all(Array.from({ length: 100 }, async (_, n) => (await double({ n })).json()));
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, n) => ({ n: 2 * n })),
  );
  assert.equal((await double({ n: "many" })).status, 400);
  assert.deepEqual(await (await fetch(`${base}/hello/you`)).json(), { hello: "you" });
};
