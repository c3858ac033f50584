/** Express: routes, JSON, a file, a streamed answer, an error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import express from "express";
import { listen } from "./servers.mjs";

const here = new URL(import.meta.url).pathname;

export const serve = (host) => {
  const app = express();
  app.get("/hello/:name", (request, response) => response.json({ hello: request.params.name, from: typeof request.ip }));
  app.post("/sum", express.json(), (request, response) => response.json(request.body.reduce((a, b) => a + b, 0)));
  app.get("/source", (_, response) => response.sendFile(here));
  app.get("/broken", () => {
    throw new Error("broken");
  });
  app.use((_error, _request, response, _next) => response.status(500).send("it broke"));
  return listen(http.createServer(app), host);
};

export const use = async (host, port) => {
  const base = `http://${host}:${port}`;
  const options = { headers: { connection: "close" } };
  assert.deepEqual(await (await fetch(`${base}/hello/you`, options)).json(), { hello: "you", from: "string" });
  const headers = { "content-type": "application/json", connection: "close" };
  const numbers = Array.from({ length: 1000 }, (_, i) => i);
  assert.equal(await (await fetch(`${base}/sum`, { method: "POST", body: JSON.stringify(numbers), headers })).json(), 499_500);
  assert.equal(await (await fetch(`${base}/source`, options)).text(), readFileSync(here, "utf8"));
  const broken = await fetch(`${base}/broken`, options);
  assert.deepEqual([broken.status, await broken.text()], [500, "it broke"]);
  assert.equal((await fetch(`${base}/nowhere`, options)).status, 404);
};
