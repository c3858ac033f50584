/** `onwire fetch URL`: an HTTP GET over our stack. */
import { createWriteStream } from "node:fs";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect as tlsConnect } from "node:tls";
import type { Command } from "commander";
import type { Drive } from "../drive/drive.js";
import { connect, type Lookup } from "../net/socket.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, say, UsageError } from "./exit.js";
import { formatRate, formatSize } from "./parse.js";
import { flushed, standardOutput } from "./pipe.js";

interface FetchOptions extends AttachOptions {
  readonly output?: string;
  readonly include?: boolean;
}

const REDIRECTS = 10;

export const addFetch = (program: Command): void => {
  withCommonOptions(program.command("fetch").argument("<url>", "http or https"))
    .description("fetch a URL, to standard output or a file")
    .option("-o, --output <file>", "where it goes; default: standard output")
    .option("-i, --include", "say the response's status and fields")
    .addHelpText("after", EXAMPLES)
    .action((text: string, options: FetchOptions) =>
      runCommand(async (undo) => {
        const url = urlOf(text, undefined);
        const { drive, lookup } = await attach(options, undo);
        const began = performance.now();
        const response = await get(drive, lookup, url, options.include === true, REDIRECTS);
        if (response.statusCode! >= 400) {
          response.resume();
          throw new Error(`${url.href}: ${response.statusCode} ${response.statusMessage}`);
        }
        let size = 0;
        response.on("data", (data: Buffer) => {
          size += data.length;
        });
        if (options.output === undefined) {
          const output = standardOutput();
          await pipeline(response, output, { end: false });
          return await flushed(output);
        }
        await pipeline(response, createWriteStream(options.output));
        const took = performance.now() - began;
        say(`${formatSize(size)} in ${(took / 1000).toFixed(2)} s (${formatRate(size, took)}) into ${options.output}`);
      }),
    );
};

const urlOf = (text: string, base: URL | undefined): URL => {
  let url: URL;
  try {
    url = new URL(base === undefined && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? `http://${text}` : text, base);
  } catch {
    throw new UsageError(`${JSON.stringify(text)} is no URL: use http://HOST/PATH`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new UsageError(`${url.protocol} is not spoken: use http or https`);
  return url;
};

const get = async (drive: Drive, lookup: Lookup, url: URL, include: boolean, redirects: number): Promise<IncomingMessage> => {
  const response = await ask(drive, lookup, url);
  if (include) {
    say(`HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}`);
    for (let i = 0; i < response.rawHeaders.length; i += 2) say(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}`);
  }
  const { location } = response.headers;
  if (![301, 302, 303, 307, 308].includes(response.statusCode!) || location === undefined) return response;
  if (redirects === 0) throw new Error(`${url.href}: more than ${REDIRECTS} redirections`);
  response.destroy();
  return get(drive, lookup, urlOf(location, url), include, redirects - 1);
};

const ask = (drive: Drive, lookup: Lookup, url: URL): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const secure = url.protocol === "https:";
    const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
    const dial = (): Duplex => {
      const socket = connect(drive, { host: url.hostname, port, noDelay: true, lookup });
      return secure ? tlsConnect({ socket, servername: url.hostname }) : socket;
    };
    // http says of a connection that it wants a net.Socket, and uses what a Duplex has.
    const options = { createConnection: dial as never, headers: { "user-agent": "onwire", accept: "*/*", connection: "close" } };
    const request: ClientRequest = (secure ? httpsRequest : httpRequest)(url, options);
    request.on("response", resolve);
    request.on("error", reject);
    request.end();
  });

const EXAMPLES = `
A response of 400 or more is a failure: exit status 1. Names are resolved by --dns, by the servers of the lease, or by the host.

Example:
  sudo onwire fetch http://10.9.0.1:8000/file -o file --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24`;
