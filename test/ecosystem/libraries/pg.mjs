/** pg against a server that speaks enough of PostgreSQL's protocol: a large answer, many questions, an error. */
import assert from "node:assert/strict";
import net from "node:net";
import pg from "pg";
import { listen } from "./servers.mjs";

const message = (type, ...parts) => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const int16 = (n) => Buffer.from([n >> 8, n & 255]);
const int32 = (n) => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n]);
const string = (text) => Buffer.from(`${text}\0`);
const ready = message("Z", Buffer.from("I"));
const row = (text) => message("D", int16(1), int32(Buffer.byteLength(text)), Buffer.from(text));

const answer = (sql) => {
  if (sql.startsWith("BROKEN"))
    return Buffer.concat([message("E", string("SERROR"), string("C42601"), string("Mbroken"), Buffer.from([0])), ready]);
  const count = Number(/generate_series\(1, (\d+)\)/.exec(sql)?.[1] ?? 1);
  const description = message("T", int16(1), string("text"), int32(0), int16(0), int32(25), int16(-1 & 0xffff), int32(-1), int16(0));
  const rows = Array.from({ length: count }, (_, i) => row(`row ${i + 1}`));
  return Buffer.concat([description, ...rows, message("C", string(`SELECT ${count}`)), ready]);
};

export const serve = (host) => {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let octets = Buffer.alloc(0);
    let started = false;
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      octets = Buffer.concat([octets, data]);
      for (;;) {
        const head = started ? 1 : 0;
        if (octets.length < head + 4) return;
        const length = octets.readUInt32BE(head);
        if (octets.length < head + length) return;
        const body = octets.subarray(head + 4, head + length);
        const type = started ? String.fromCharCode(octets[0]) : "startup";
        octets = octets.subarray(head + length);
        if (type === "startup" && body.readUInt32BE(0) === 80_877_103) socket.write("N");
        else if (type === "startup") {
          started = true;
          socket.write(Buffer.concat([message("R", int32(0)), ready]));
        } else if (type === "Q") socket.write(answer(body.subarray(0, -1).toString()));
        else if (type === "X") socket.end();
      }
    });
  });
  return listen(server, host, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
};

const series = (count) => `SELECT 'row ' || n AS text FROM generate_series(1, ${count}) AS n`;

/** With the real server as well. */
export const use = async (host, port) => {
  const login = { host, port, user: "postgres", database: "postgres", password: "" };
  const client = new pg.Client(login);
  await client.connect();
  const { rows } = await client.query(series(20_000));
  assert.deepEqual(
    rows.map(({ text }) => text),
    Array.from({ length: 20_000 }, (_, i) => `row ${i + 1}`),
  );
  await assert.rejects(client.query("BROKEN"), { code: "42601" });
  await client.end();
  const pool = new pg.Pool({ ...login, max: 10 });
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => pool.query(series(i + 1))));
  assert.deepEqual(
    all.map((result) => result.rowCount),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  await pool.end();
};
