/** What the servers have in common. */
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** A key that guards nothing: it is here for everybody to read. */
export const key = readFileSync(new URL("../key.pem", import.meta.url));
export const cert = readFileSync(new URL("../certificate.pem", import.meta.url));
/** Of a client that knows the certificate. */
export const trust = { ca: cert, servername: "onwire.test" };

/** Octets of a large body: 100 MiB, unless a person is in a hurry. */
export const LARGE = Number(process.env.ONWIRE_ECOSYSTEM_SIZE ?? 100 * 1024 * 1024);

/** Octets that no shift, repetition or loss leaves equal, in pieces. */
export function* pattern(size, piece = 65_536) {
  const block = Buffer.alloc(piece);
  for (let at = 0; at < size; at += piece) {
    for (let i = 0; i + 4 <= piece; i += 4) block.writeUInt32LE(Math.imul(at + i, 0x9e3779b1) >>> 0, i);
    yield Buffer.from(block.subarray(0, Math.min(piece, size - at)));
  }
}

/** A `net.Server` or one that is shaped like it, listening on a free port. */
export const listen = async (server, host, close = () => new Promise((resolve) => server.close(resolve))) => {
  server.listen(0, host);
  await once(server, "listening");
  return { port: server.address().port, close };
};
