/** ssh2, client and server: a password, a command, megabytes both ways, a forwarded connection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import ssh2 from "ssh2";
import { listen, pattern } from "./servers.mjs";

const { private: hostKey } = ssh2.utils.generateKeyPairSync("ed25519");

export const serve = (host) => {
  const clients = new Set();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    clients.add(client);
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    client.on("authentication", (context) =>
      context.method === "password" && context.password === "secret" ? context.accept() : context.reject(["password"]),
    );
    client.on("ready", () => {
      client.on("tcpip", (accept) => {
        const stream = accept();
        stream.pipe(stream);
      });
      client.on("session", (accept) =>
        accept().on("exec", (acceptCommand, _, { command }) => {
          const stream = acceptCommand();
          if (command === "cat") {
            stream.pipe(stream, { end: false });
            stream.on("end", () => {
              stream.exit(0);
              stream.end();
            });
          } else {
            stream.stderr.write("no such command");
            stream.exit(127);
            stream.end();
          }
        }),
      );
    });
  });
  return listen(server, host, async () => {
    for (const client of clients) client.end();
    server.close();
  });
};

export const use = async (host, port) => {
  const client = new ssh2.Client();
  client.connect({ host, port, username: "u", password: "secret" });
  await once(client, "ready");
  const execute = (command) =>
    new Promise((resolve, reject) => client.exec(command, (error, stream) => (error ? reject(error) : resolve(stream))));
  const stream = await execute("cat");
  const octets = Buffer.concat([...pattern(8 * 1024 * 1024)]);
  stream.end(octets);
  assert.ok(Buffer.concat(await stream.toArray()).equals(octets));
  const failed = await execute("fly");
  const status = once(failed, "close");
  failed.resume();
  failed.stderr.resume();
  assert.equal((await status)[0], 127);
  const forwarded = await new Promise((resolve, reject) =>
    client.forwardOut("a", 1, "b", 2, (error, found) => (error ? reject(error) : resolve(found))),
  );
  forwarded.end("there and back");
  assert.equal(String(Buffer.concat(await forwarded.toArray())), "there and back");
  client.end();
  await once(client, "close");
};
