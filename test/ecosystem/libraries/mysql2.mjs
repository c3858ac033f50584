/** mysql2, client and server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import mysql from "mysql2";
import promised from "mysql2/promise";

export const serve = async (host) => {
  const server = mysql.createServer();
  server.on("connection", (connection) => {
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: "onwire",
      connectionId: 1,
      statusFlags: 2,
      characterSet: 8,
      capabilityFlags: 0xffffff,
    });
    connection.on("error", () => {});
    connection.on("query", (sql) => {
      // Packets are counted anew with each question.
      connection.sequenceId = 1;
      const rows = Number(/\d+/.exec(sql)?.[0] ?? 1);
      const column = {
        catalog: "def",
        schema: "x",
        table: "t",
        orgTable: "t",
        name: "n",
        orgName: "n",
        characterSet: 63,
        columnLength: 11,
        columnType: 3,
        type: 3,
        flags: 129,
        decimals: 0,
      };
      connection.writeTextResult(
        Array.from({ length: rows }, (_, n) => ({ n })),
        [column],
      );
      connection.sequenceId = 0;
    });
  });
  server.listen(0, host);
  await once(server._server, "listening");
  return { port: server._server.address().port, close: () => new Promise((resolve) => server._server.close(resolve)) };
};

export const use = async (host, port) => {
  const connection = await promised.createConnection({ host, port, user: "u", password: "" });
  const [rows] = await connection.query("SELECT 1000");
  assert.deepEqual(
    rows.map(({ n }) => n),
    Array.from({ length: 1000 }, (_, n) => n),
  );
  const all = await Promise.all([10, 20, 30].map((n) => connection.query(`SELECT ${n}`)));
  assert.deepEqual(
    all.map(([found]) => found.length),
    [10, 20, 30],
  );
  connection.destroy();
};
