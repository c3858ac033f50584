/** Conveniences for HTTP over a stack: agents, servers, and a connector for undici. */
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import type net from "node:net";
import tls from "node:tls";
import type { Host } from "../host.js";
import { adoptServer, type StackNet } from "./net.js";

/** What undici gives to its connector. */
export interface UndiciConnectOptions {
  readonly hostname: string;
  readonly host?: string | undefined;
  readonly protocol: string;
  readonly port: string;
  readonly servername?: string | undefined;
  readonly localAddress?: string | null | undefined;
}

export interface StackHttp {
  /** An agent, to be given to `http.request` and whatever takes one. */
  readonly agent: http.Agent;
  readonly httpsAgent: https.Agent;
  Agent: new (options?: http.AgentOptions) => http.Agent;
  HttpsAgent: new (options?: https.AgentOptions) => https.Agent;
  /** `http.createServer`, on the stack; and its like. */
  readonly createServer: typeof http.createServer;
  readonly createSecureServer: typeof https.createServer;
  readonly createHttp2Server: typeof http2.createServer;
  /** As `http2.connect`. */
  readonly http2: typeof http2.connect;
  /** For undici: `new Agent({ connect })`. */
  connect(options: UndiciConnectOptions, callback: (error: Error | null, socket: net.Socket | null) => void): void;
}

type Connect = (options: object, callback?: (error: Error | null, stream: net.Socket) => void) => net.Socket;

export function httpOver(host: Host, over: StackNet): StackHttp {
  class Agent extends http.Agent {
    override createConnection(options: net.NetConnectOpts): net.Socket {
      return over.connect(options);
    }
  }
  class HttpsAgent extends https.Agent {
    override createConnection(options: net.NetConnectOpts, callback?: (error: Error | null, stream: net.Socket) => void): net.Socket {
      const { createConnection } = https.Agent.prototype as unknown as { createConnection: Connect };
      return createConnection.call(this, { ...options, socket: over.connect(options) }, callback);
    }
  }
  const connect: StackHttp["connect"] = (options, callback) => {
    const { hostname, protocol, port, servername, localAddress } = options;
    const secure = protocol === "https:";
    const number = port === "" ? (secure ? 443 : 80) : Number(port);
    const raw = over.connect({ host: hostname, port: number, ...(localAddress == null ? {} : { localAddress }) });
    const socket = secure ? tls.connect({ socket: raw, servername: servername ?? hostname, ALPNProtocols: ["http/1.1"] }) : raw;
    const failed = (error: Error): void => callback(error, null);
    raw.once("error", failed);
    if (secure) socket.once("error", failed);
    socket.setNoDelay(true);
    socket.once(secure ? "secureConnect" : "connect", () => {
      raw.removeListener("error", failed);
      socket.removeListener("error", failed);
      callback(null, socket);
    });
  };
  return {
    agent: new Agent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true }),
    Agent,
    HttpsAgent,
    createServer: ((...rest: []) => adoptServer(host, http.createServer(...rest))) as typeof http.createServer,
    createSecureServer: ((...rest: []) => adoptServer(host, https.createServer(...rest))) as typeof https.createServer,
    createHttp2Server: ((...rest: []) =>
      adoptServer(host, http2.createServer(...rest) as unknown as net.Server)) as unknown as typeof http2.createServer,
    http2: ((authority: string | URL, ...rest: unknown[]) => {
      const listener = rest.find((value) => typeof value === "function") as (() => void) | undefined;
      const options = (typeof rest[0] === "object" ? rest[0] : {}) as http2.ClientSessionOptions;
      const createConnection = ({ protocol, hostname, port }: URL): net.Socket => {
        const raw = over.connect({ host: hostname, port: Number(port) || (protocol === "https:" ? 443 : 80) });
        return protocol === "https:" ? tls.connect({ ...options, socket: raw, servername: hostname, ALPNProtocols: ["h2"] }) : raw;
      };
      return http2.connect(authority, { ...options, createConnection } as http2.ClientSessionOptions, listener);
    }) as typeof http2.connect,
    connect,
  };
}
