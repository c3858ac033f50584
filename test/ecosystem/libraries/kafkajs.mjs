/** kafkajs against a server that answers ApiVersions and Metadata: what a client does first, and again for each list of topics. */
import assert from "node:assert/strict";
import net from "node:net";
import kafkajs from "kafkajs";
import { listen } from "./servers.mjs";

const int16 = (n) => Buffer.from([(n >> 8) & 255, n & 255]);
const int32 = (n) => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n]);
const string = (text) => Buffer.concat([int16(text.length), Buffer.from(text)]);
const METADATA = 3;
const API_VERSIONS = 18;

export const serve = async (host) => {
  const sockets = new Set();
  const respond = (key, port) => {
    if (key === API_VERSIONS)
      return [
        int16(0),
        int32(2),
        ...[
          [METADATA, 1],
          [API_VERSIONS, 0],
        ].flatMap(([api, most]) => [int16(api), int16(0), int16(most)]),
      ];
    const broker = [int32(7), string(host === "0.0.0.0" ? "10.9.0.1" : host), int32(port), int16(-1)];
    const topic = [
      int16(0),
      string("news"),
      Buffer.from([0]),
      int32(1),
      int16(0),
      int32(0),
      int32(7),
      int32(1),
      int32(7),
      int32(1),
      int32(7),
    ];
    return [int32(1), ...broker, int32(7), int32(1), ...topic];
  };
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let octets = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      octets = Buffer.concat([octets, data]);
      while (octets.length >= 4 && octets.length >= 4 + octets.readInt32BE(0)) {
        const length = octets.readInt32BE(0);
        const body = Buffer.concat([octets.subarray(8, 12), ...respond(octets.readInt16BE(4), socket.localPort)]);
        octets = octets.subarray(4 + length);
        socket.write(Buffer.concat([int32(body.length), body]));
      }
    });
  });
  return listen(server, host, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
};

export const use = async (host, port) => {
  const kafka = new kafkajs.Kafka({ brokers: [`${host}:${port}`], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 0 } });
  const admin = kafka.admin();
  await admin.connect();
  assert.deepEqual(await admin.listTopics(), ["news"]);
  const { topics } = await admin.fetchTopicMetadata({ topics: ["news"] });
  assert.equal(topics[0].partitions[0].leader, 7);
  await admin.disconnect();
};
