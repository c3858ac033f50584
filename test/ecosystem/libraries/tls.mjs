/** TLS by itself: megabytes both ways at once, ends passed on one by one, a session resumed, STARTTLS on a stream that has spoken before. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { cert, key, listen, pattern, trust } from "./servers.mjs";

const SIZE = 8 * 1024 * 1024;

export const serve = (host) => {
  const secureContext = tls.createSecureContext({ key, cert });
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", (word) => {
      if (String(word) !== "STARTTLS\n") return socket.destroy();
      socket.write("GO\n");
      const secure = new tls.TLSSocket(socket, { isServer: true, secureContext });
      secure.on("error", () => {});
      secure.pipe(secure);
    });
  });
  return listen(server, host);
};

const dial = async (host, port, session) => {
  const plain = net.connect({ host, port });
  plain.write("STARTTLS\n");
  assert.equal(String((await once(plain, "data"))[0]), "GO\n");
  const secure = tls.connect({ socket: plain, session, maxVersion: "TLSv1.2", ...trust });
  await once(secure, "secureConnect");
  return secure;
};

export const use = async (host, port) => {
  const secure = await dial(host, port);
  const session = secure.getSession();
  const text = Buffer.concat([...pattern(SIZE)]);
  secure.end(text);
  assert.ok(Buffer.concat(await secure.toArray()).equals(text));
  const again = await dial(host, port, session);
  assert.equal(again.isSessionReused(), true);
  again.end("x");
  assert.equal(String(Buffer.concat(await again.toArray())), "x");
};
