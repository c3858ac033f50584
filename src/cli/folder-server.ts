/** A folder over HTTP: RFC 9110's GET, HEAD, conditions and ranges, and uploads where they are wanted. Runs on any stream that Node's
 *  http server takes. */
import { randomBytes } from "node:crypto";
import { constants, createReadStream, createWriteStream, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { basename, dirname, extname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { plain } from "../inspect/plain.js";

export interface FolderOptions {
  readonly root: string;
  /** Take PUT and POST: a file by the name in the path, replaced whole when all of it has arrived. */
  readonly upload?: boolean;
  /** Called when a response is over. */
  readonly log?: (line: string) => void;
}

const READ_AHEAD = 256 * 1024;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".htm": "text/html; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".md": "text/plain; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".xml": "application/xml",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".pdf": "application/pdf",
  ".wasm": "application/wasm",
};

/** An answer that is no file. */
class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** A listener for `http.createServer`. Throws nothing: what goes wrong is the response's status. */
export const folderListener = (options: FolderOptions): RequestListener => {
  const allow = options.upload ? "GET, HEAD, OPTIONS, PUT, POST" : "GET, HEAD, OPTIONS";
  return (request, response) => {
    const began = performance.now();
    if (options.log !== undefined) {
      const log = options.log;
      response.on("close", () => {
        const cut = response.writableFinished ? "" : " (cut short)";
        const from = request.socket.remoteAddress ?? "?";
        log(
          `${from} ${request.method} ${plain(request.url ?? "")} ${response.statusCode} ${Math.round(performance.now() - began)} ms${cut}`,
        );
      });
    }
    answer(options, allow, request, response).catch((error: unknown) => refuse(request, response, error));
  };
};

const answer = async (options: FolderOptions, allow: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  switch (request.method) {
    case "GET":
    case "HEAD":
      return await give(options, request, response);
    case "OPTIONS":
      response.writeHead(204, { allow }).end();
      return;
    case "PUT":
    case "POST":
      if (options.upload) return await take(options, request, response);
  }
  throw new Refusal(405, "this method is not allowed here", { allow });
};

/** The path within the folder that a request names, decoded once. */
const pathOf = (request: IncomingMessage): string => {
  let path: string;
  try {
    path = decodeURIComponent((request.url ?? "/").replace(/[?#].*$/s, "").replace(/^https?:\/\/[^/]*/i, ""));
  } catch {
    throw new Refusal(400, "the path is not well encoded");
  }
  if (!path.startsWith("/") || path.includes("\0")) throw new Refusal(400, "the path is not well formed");
  if (path.split(/[/\\]/).includes("..")) throw new Refusal(403, "the path leads out of the folder");
  return path;
};

/** Links are followed, but not out of the folder. */
const within = (root: string, path: string): boolean => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);

const give = async (options: FolderOptions, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const path = pathOf(request);
  const root = await realpath(options.root);
  let file = await realpath(join(root, path));
  if (!within(root, file)) throw new Refusal(403, "the path leads out of the folder");
  if ((await stat(file)).isDirectory()) {
    if (!path.endsWith("/")) {
      // Never "//host": that would send the client elsewhere.
      response.writeHead(301, { location: `${encodeURI(path.replace(/^\/+/, "/"))}/`, "content-length": 0 }).end();
      return;
    }
    const index = await realpath(join(file, "index.html")).catch(() => null);
    if (index === null || !within(root, index)) return await list(file, path, request, response);
    file = index;
  } else if (path.endsWith("/")) throw new Refusal(404, "there is no such folder");

  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    await giveFile(handle, await handle.stat(), file, request, response);
  } finally {
    await handle.close();
  }
};

const giveFile = async (
  handle: FileHandle,
  info: Stats,
  file: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  if (!info.isFile()) throw new Refusal(403, "it is no plain file");
  const etag = `"${info.size.toString(16)}-${Math.round(info.mtimeMs * 1000).toString(16)}"`;
  const modified = new Date(Math.floor(info.mtimeMs / 1000) * 1000);
  response.setHeader("etag", etag);
  response.setHeader("last-modified", modified.toUTCString());
  response.setHeader("accept-ranges", "bytes");
  if (isUnchanged(request, etag, modified)) {
    response.writeHead(304).end();
    return;
  }
  const range = isRangeWanted(request, etag, modified) ? rangeOf(request.headers.range!, info.size) : null;
  const [start, end] = range ?? [0, info.size];
  if (range !== null) response.setHeader("content-range", `bytes ${start}-${end - 1}/${info.size}`);
  response.setHeader("content-type", types[extname(file).toLowerCase()] ?? "application/octet-stream");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("content-length", end - start);
  response.writeHead(range === null ? 200 : 206);
  if (request.method === "HEAD" || end === start) {
    response.end();
    return;
  }
  const stream = createReadStream(file, { fd: handle.fd, autoClose: false, start, end: end - 1, highWaterMark: READ_AHEAD });
  await pipeline(stream, response).catch(() => response.destroy());
};

/** RFC 9110 s13.2.2, steps 3 and 4. */
const isUnchanged = (request: IncomingMessage, etag: string, modified: Date): boolean => {
  const match = request.headers["if-none-match"];
  if (match !== undefined) return match.trim() === "*" || match.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
  const since = Date.parse(request.headers["if-modified-since"] ?? "");
  return !Number.isNaN(since) && modified.getTime() <= since;
};

/** RFC 9110 s14.2: ranges are for GET; s13.1.5: If-Range must match exactly. */
const isRangeWanted = (request: IncomingMessage, etag: string, modified: Date): boolean => {
  if (request.method !== "GET" || request.headers.range === undefined) return false;
  const condition = request.headers["if-range"]?.toString();
  if (condition === undefined) return true;
  return condition.startsWith('"') ? condition === etag : Date.parse(condition) === modified.getTime();
};

/** [start, end) of a single range, or null to ignore the field, as a server may (RFC 9110 s14.2). Throws 416 where nothing is in range. */
const rangeOf = (field: string, size: number): [number, number] | null => {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(field);
  if (match === null || (match[1] === "" && match[2] === "")) return null;
  const first = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[1] !== "" && match[2] !== "" && Number(match[2]) < Number(match[1])) return null;
  if (first > last) throw new Refusal(416, "nothing of the file is in this range", { "content-range": `bytes */${size}` });
  return [first, last + 1];
};

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => escapes[c]!);

const list = async (folder: string, path: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  if (path !== "/") names.unshift("../");
  const title = escapeHtml(path);
  const lines = names.map((name) => `<li><a href="./${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}">${escapeHtml(name)}</a></li>`);
  const page = `<!doctype html>\n<meta charset="utf-8">\n<title>${title}</title>\n<h1>${title}</h1>\n<ul>\n${lines.join("\n")}\n</ul>\n`;
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-length": Buffer.byteLength(page),
    "content-security-policy": "default-src 'none'",
  });
  response.end(request.method === "HEAD" ? undefined : page);
};

/** The file appears, or is replaced, whole: what arrives is gathered beside it first. */
const take = async (options: FolderOptions, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const path = pathOf(request);
  if (path.endsWith("/")) throw new Refusal(400, "name a file: PUT /name");
  if (request.headers["content-range"] !== undefined) throw new Refusal(400, "parts of files are not taken"); // RFC 9110 s14.5
  const root = await realpath(options.root);
  const wanted = resolve(join(root, path));
  const folder = await realpath(dirname(wanted));
  if (!within(root, folder)) throw new Refusal(403, "the path leads out of the folder");
  const target = join(folder, basename(wanted));
  const before = await lstat(target).catch(() => null);
  if (before !== null && !before.isFile()) throw new Refusal(409, "something else has this name");

  const part = join(folder, `.onwire-${randomBytes(6).toString("hex")}.part`);
  try {
    await pipeline(request, createWriteStream(part, { flags: "wx", highWaterMark: READ_AHEAD }));
    await rename(part, target);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  response.writeHead(before === null ? 201 : 204, before === null ? { location: encodeURI(path), "content-length": 0 } : {}).end();
};

const statuses: Readonly<Record<string, [number, string]>> = {
  ENOENT: [404, "there is no such file"],
  ENOTDIR: [404, "there is no such file"],
  ENAMETOOLONG: [404, "there is no such file"],
  ELOOP: [404, "there is no such file"],
  EACCES: [403, "the file may not be read"],
  EPERM: [403, "the file may not be read"],
  ENXIO: [403, "it is no plain file"],
  ENOSPC: [507, "the disk is full"],
};

const refuse = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
  if (response.headersSent || response.destroyed || request.destroyed) {
    response.destroy();
    return;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const [status, message] =
    error instanceof Refusal ? [error.status, error.message] : (statuses[code] ?? [500, "the file could not be handled"]);
  const text = `${status}: ${message}\n`;
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  if (error instanceof Refusal) for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
  // A body that nobody reads must not stand in the way of the next request.
  if (!request.complete) response.setHeader("connection", "close");
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "content-length": Buffer.byteLength(text) });
  response.end(request.method === "HEAD" ? undefined : text);
};
