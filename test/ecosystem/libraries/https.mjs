/** HTTPS: TLS with a certificate that is checked, keep-alive, a large body; a client that does not know the certificate. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import https from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { cert, key, LARGE, listen, pattern, trust } from "./servers.mjs";

const SIZE = Math.min(LARGE, 16 * 1024 * 1024);

export const serve = (host) => {
  const server = https.createServer({ key, cert }, (request, response) => {
    if (request.url === "/large") pipeline(Readable.from(pattern(SIZE)), response).catch(() => {});
    else response.end(`${request.socket.getProtocol()} ${request.socket.authorized}`);
  });
  return listen(server, host, async () => {
    server.close();
    server.closeAllConnections();
  });
};

export const use = async (host, port) => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ...trust });
  for (let i = 0; i < 20; i++) {
    const [response] = await once(https.get({ host, port, agent }), "response");
    assert.match((await response.toArray()).join(""), /^TLSv1\.3 /);
  }
  const [response] = await once(https.get({ host, port, agent, path: "/large" }), "response");
  const [got, sent] = [createHash("sha256"), createHash("sha256")];
  for await (const data of response) got.update(data);
  for (const data of pattern(SIZE)) sent.update(data);
  assert.equal(got.digest("hex"), sent.digest("hex"));
  agent.destroy();
  await assert.rejects(once(https.get({ host, port, agent: false, servername: "onwire.test" }), "response"), {
    code: "DEPTH_ZERO_SELF_SIGNED_CERT",
  });
};
