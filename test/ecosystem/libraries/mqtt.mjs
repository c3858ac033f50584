/** mqtt and aedes: QoS 0 to 2, a retained message, a will. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import { listen } from "./servers.mjs";

export const serve = async (host) => {
  const broker = await Aedes.createBroker();
  const server = net.createServer(broker.handle);
  return listen(server, host, async () => {
    await new Promise((resolve) => broker.close(resolve));
    server.close();
  });
};

export const use = async (host, port) => {
  const url = `mqtt://${host}:${port}`;
  const [a, b] = await Promise.all([mqtt.connectAsync(url), mqtt.connectAsync(url, { will: { topic: "gone", payload: "b" } })]);
  await a.subscribeAsync(["news/#", "gone"], { qos: 2 });
  const heard = [];
  a.on("message", (topic, payload) => heard.push(`${topic} ${payload.length}`));
  for (const qos of [0, 1, 2]) await b.publishAsync(`news/${qos}`, "x".repeat(100_000), { qos });
  await b.publishAsync("kept", "this", { retain: true, qos: 1 });
  while (heard.length < 3) await once(a, "message");
  assert.deepEqual(
    heard.sort(),
    [0, 1, 2].map((qos) => `news/${qos} 100000`),
  );
  const gone = once(a, "message");
  b.stream.destroy();
  assert.equal((await gone)[0], "gone");
  const c = await mqtt.connectAsync(url);
  const kept = once(c, "message");
  await c.subscribeAsync("kept");
  assert.equal(String((await kept)[1]), "this");
  await Promise.all([a, c].map((client) => client.endAsync()));
  await b.endAsync(true);
};
