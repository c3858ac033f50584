/** A SOCKS server's conversation over a stream, whosever stream it is: the handshake, a connection, and the two joined. */
import type { Duplex } from "node:stream";
import { type Credentials, SocksHandshake, type SocksRequest, Status, socksReply, statusOf } from "./socks.js";
import { splice } from "./splice.js";

/** A connection that is there, with the address it has here. */
export interface Dialled {
  readonly stream: Duplex;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Connects, or rejects with an error that has a code. */
export type Dial = (host: string, port: number) => Promise<Dialled>;

export interface SocksOptions {
  readonly dial: Dial;
  /** Null: whoever connects may use it. */
  readonly credentials: Credentials | null;
  /** Milliseconds for the handshake. */
  readonly patience: number;
}

/** Serves one client; resolves when all is over with what was asked for, rejects with what went wrong. */
export const serveSocks = async (client: Duplex, { dial, credentials, patience }: SocksOptions): Promise<SocksRequest> => {
  const request = await handshake(client, credentials, patience);
  let dialled: Dialled;
  try {
    dialled = await dial(request.host, request.port);
  } catch (error) {
    client.end(socksReply(statusOf((error as { code?: string }).code)));
    throw error;
  }
  if (client.destroyed) {
    dialled.stream.destroy();
    return request;
  }
  client.write(socksReply(Status.Succeeded, dialled.localAddress, dialled.localPort));
  await splice(client, dialled.stream);
  return request;
};

const handshake = (client: Duplex, credentials: Credentials | null, patience: number): Promise<SocksRequest> =>
  new Promise((resolve, reject) => {
    const state = new SocksHandshake(credentials);
    const timer = setTimeout(() => fail(new Error(`no request in ${patience} ms`)), patience);
    const end = (): void => {
      clearTimeout(timer);
      client.off("data", heard);
      client.off("end", ended);
      client.off("close", ended);
    };
    const fail = (error: Error, reply?: Uint8Array): void => {
      end();
      if (reply === undefined || reply.length === 0) client.destroy();
      else {
        // The client reads why, and goes; one that stays is not waited for.
        client.end(reply);
        client.resume();
        setTimeout(() => client.destroy(), patience).unref();
      }
      reject(error);
    };
    const ended = (): void => fail(new Error("the client left before it had asked"));
    const heard = (octets: Buffer): void => {
      const { reply, request, rest, failure } = state.push(octets);
      if (failure !== null) return fail(new Error(failure), reply);
      if (reply.length > 0) client.write(reply);
      if (request === null) return;
      end();
      client.pause();
      if (rest.length > 0) client.unshift(rest);
      resolve(request);
    };
    // An error is followed by `close`; without a listener it would end the process.
    client.on("error", () => {});
    client.on("data", heard);
    client.on("end", ended);
    client.on("close", ended);
  });
