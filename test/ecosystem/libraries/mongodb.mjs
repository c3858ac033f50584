/** mongodb against a server that speaks enough of OP_MSG: insert, find, many at once. */
import assert from "node:assert/strict";
import net from "node:net";
import { BSON, MongoClient } from "mongodb";
import { listen } from "./servers.mjs";

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const hello = {
  ismaster: true,
  isWritablePrimary: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
  ok: 1,
};

const header = (length, responseTo, code) => {
  const octets = Buffer.alloc(16);
  [length + 16, 1, responseTo, code].forEach((value, i) => octets.writeInt32LE(value, 4 * i));
  return octets;
};

/** The body of an OP_MSG: its document, and the sequences of others behind it. */
const commandIn = (body) => {
  let command = {};
  for (let at = 4; at < body.length; ) {
    const kind = body[at];
    const length = body.readInt32LE(at + 1);
    if (kind === 0) Object.assign(command, BSON.deserialize(body.subarray(at + 1, at + 1 + length)));
    else {
      const end = body.indexOf(0, at + 5);
      const name = body.toString("utf8", at + 5, end);
      const documents = [];
      for (let next = end + 1; next < at + 1 + length; next += body.readInt32LE(next))
        documents.push(BSON.deserialize(body.subarray(next, next + body.readInt32LE(next))));
      command = { ...command, [name]: documents };
    }
    at += 1 + length;
  }
  return command;
};

export const serve = (host) => {
  const stored = [];
  const sockets = new Set();
  const execute = (command) => {
    if (command.insert !== undefined) {
      stored.push(...command.documents);
      return { ok: 1, n: command.documents.length };
    }
    if (command.find !== undefined) return { ok: 1, cursor: { id: BSON.Long.fromNumber(0), ns: `d.${command.find}`, firstBatch: stored } };
    return command.hello !== undefined || command.ismaster !== undefined ? hello : { ok: 1 };
  };
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let octets = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      octets = Buffer.concat([octets, data]);
      while (octets.length >= 16 && octets.length >= octets.readInt32LE(0)) {
        const [length, id, , code] = [0, 4, 8, 12].map((at) => octets.readInt32LE(at));
        const body = octets.subarray(16, length);
        octets = octets.subarray(length);
        if (code === OP_MSG) {
          const document = BSON.serialize(execute(commandIn(body)));
          socket.write(Buffer.concat([header(document.length + 5, id, OP_MSG), Buffer.alloc(5), document]));
        } else if (code === OP_QUERY) {
          const document = BSON.serialize(hello);
          const fields = Buffer.alloc(20);
          fields.writeInt32LE(1, 16);
          socket.write(Buffer.concat([header(document.length + 20, id, OP_REPLY), fields, document]));
        }
      }
    });
  });
  return listen(server, host, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
};

export const use = async (host, port) => {
  const client = new MongoClient(`mongodb://${host}:${port}/?directConnection=true`, { serverSelectionTimeoutMS: 5000 });
  await client.connect();
  const collection = client.db("d").collection("c");
  await collection.insertMany(Array.from({ length: 1000 }, (_, n) => ({ _id: n, text: "x".repeat(1000) })));
  const found = await collection.find().toArray();
  assert.equal(found.length, 1000);
  assert.deepEqual(found.at(-1), { _id: 999, text: "x".repeat(1000) });
  await Promise.all(Array.from({ length: 50 }, () => client.db("d").command({ ping: 1 })));
  await client.close();
};
