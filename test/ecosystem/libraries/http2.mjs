/** HTTP/2, in clear and by TLS: many streams at once, a large body, a reset stream. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { cert, key, listen, pattern, trust } from "./servers.mjs";

const SIZE = 8 * 1024 * 1024;

export const serve = async (host) => {
  const sessions = new Set();
  const serving = [http2.createServer(), http2.createSecureServer({ key, cert })].map((server) => {
    server.on("session", (session) => sessions.add(session.on("close", () => sessions.delete(session)).on("error", () => {})));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200, asked: headers[":path"] });
      if (headers[":path"] === "/large") {
        for (const data of pattern(SIZE)) stream.write(data);
        stream.end();
      } else if (headers[":path"] === "/port") stream.end(String(secure.port));
      else if (headers[":path"] !== "/silent") stream.pipe(stream);
    });
    return server;
  });
  const [clear, secure] = await Promise.all(serving.map((server) => listen(server, host)));
  return {
    port: clear.port,
    close: async () => {
      for (const session of sessions) session.destroy();
      await Promise.all([clear.close(), secure.close()]);
    },
  };
};

const ask = async (session, path, text) => {
  const stream = session.request({ ":path": path, ":method": "POST" });
  stream.end(text);
  const [headers] = await once(stream, "response");
  assert.equal(headers.asked, path);
  return Buffer.concat(await stream.toArray());
};

const converse = async (session) => {
  const texts = Array.from({ length: 50 }, (_, i) => `text ${i}`.repeat(1000));
  const answers = await Promise.all(texts.map((text, i) => ask(session, `/${i}`, text)));
  assert.deepEqual(answers.map(String), texts);
  assert.ok((await ask(session, "/large", "")).equals(Buffer.concat([...pattern(SIZE)])));
  const silent = session.request({ ":path": "/silent", ":method": "POST" });
  silent.on("error", () => {});
  await once(silent, "response");
  silent.close(http2.constants.NGHTTP2_CANCEL);
  await once(silent, "close");
  session.close();
  await once(session, "close");
};

export const use = async (host, port) => {
  const first = http2.connect(`http://${host}:${port}`);
  // The client is told one port; it asks there for the other.
  const secure = String(await ask(first, "/port", ""));
  await converse(first);
  await converse(http2.connect(`https://${host}:${secure}`, trust));
};
