/** amqplib against a server that speaks enough of AMQP 0-9-1: a connection, a channel, a queue, messages confirmed. */
import assert from "node:assert/strict";
import net from "node:net";
import amqp from "amqplib";
import { listen } from "./servers.mjs";

const METHOD = 1;
const frame = (type, channel, payload) => {
  const head = Buffer.alloc(7);
  head[0] = type;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
};
const method = (channel, id, member, ...fields) => frame(METHOD, channel, Buffer.concat([Buffer.from([0, id, 0, member]), ...fields]));
const long = (n) => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n]);
const longString = (text) => Buffer.concat([long(text.length), Buffer.from(text)]);
const shortString = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);

/** By class and method: what is said in return. */
const answers = {
  10.11: () => method(0, 10, 30, Buffer.from([0, 16]), long(131_072), Buffer.from([0, 0])),
  10.31: () => null,
  "10.40": () => method(0, 10, 41, shortString("")),
  "10.50": () => method(0, 10, 51),
  "20.10": (channel) => method(channel, 20, 11, long(0)),
  "20.40": (channel) => method(channel, 20, 41),
  "50.10": (channel) => method(channel, 50, 11, shortString("jobs"), long(0), long(0)),
  "85.10": (channel) => method(channel, 85, 11),
};

export const serve = (host) => {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let octets = Buffer.alloc(0);
    let greeted = false;
    let tag = 0;
    let left = 0;
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      octets = Buffer.concat([octets, data]);
      if (!greeted && octets.length >= 8) {
        greeted = true;
        octets = octets.subarray(8);
        socket.write(method(0, 10, 10, Buffer.from([0, 9]), long(0), longString("PLAIN AMQPLAIN"), longString("en_US")));
      }
      while (octets.length >= 8 && octets.length >= octets.readUInt32BE(3) + 8) {
        const [type, channel, length] = [octets[0], octets.readUInt16BE(1), octets.readUInt32BE(3)];
        const payload = octets.subarray(7, 7 + length);
        octets = octets.subarray(8 + length);
        if (type === METHOD) {
          const reply = answers[`${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`]?.(channel);
          if (reply) socket.write(reply);
        } else if (type === 2) left = Number(payload.readBigUInt64BE(4));
        else if (type === 3) left -= length;
        // A message is whole: confirmed.
        if ((type === 2 || type === 3) && left === 0) socket.write(method(channel, 60, 80, long(0), long(++tag), Buffer.from([0])));
      }
    });
  });
  return listen(server, host, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
};

export const use = async (host, port) => {
  const connection = await amqp.connect(`amqp://${host}:${port}`);
  const channel = await connection.createConfirmChannel();
  assert.equal((await channel.assertQueue("jobs")).queue, "jobs");
  for (let i = 0; i < 200; i++) channel.sendToQueue("jobs", Buffer.alloc(10_000, i));
  await channel.waitForConfirms();
  await channel.close();
  await connection.close();
};
