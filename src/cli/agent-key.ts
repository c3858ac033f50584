/** The secret that a runner and an agent share, and the connection that it protects: TLS 1.3 with a pre-shared key (RFC 8446 s2.2), by which
 *  both ends show that they know the secret, and nobody else hears or changes what is said. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsOptions } from "node:tls";
import { UsageError } from "./exit.js";

/** Where a secret can be told without being seen by who lists processes. */
export const TOKEN_VARIABLE = "ONWIRE_AGENT_TOKEN";
/** RFC 8446 s2.2: a key that is not random enough can be found by trying. */
const SHORTEST = 16;

export const IDENTITY = "onwire-agent";

export const protection = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: "TLS_CHACHA20_POLY1305_SHA256",
} as const satisfies TlsOptions;

/** Of any length, made one of the cipher's. */
export const keyOf = (token: string): Buffer => createHash("sha256").update(`onwire agent\n${token}`).digest();

/** The secret in the file, else in the environment; null: there is none. */
export function readToken(file: string | undefined): string | null {
  const token = (file === undefined ? process.env[TOKEN_VARIABLE] : readFileSync(file, "utf8"))?.trim();
  if (token === undefined) return null;
  if (token.length < SHORTEST)
    throw new UsageError(
      `the token ${file === undefined ? `in ${TOKEN_VARIABLE}` : `in ${file}`} has ${token.length} characters: use ${SHORTEST} or more, for example of: openssl rand -hex 16`,
    );
  return token;
}
