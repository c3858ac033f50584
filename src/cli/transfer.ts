/** A file moved over HTTP, whole or as parts over several connections at once: the demonstration's client, on whatever stack. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface Transfer {
  readonly direction: "download" | "upload";
  readonly host: string;
  readonly port: number;
  /** On the server; uploads append ".00" and so on. */
  readonly path: string;
  /** Here: what is downloaded goes there, what is uploaded comes from there. */
  readonly file: string;
  readonly size: number;
  readonly parts: number;
}

/** Opens connections; null: the kernel's. */
export type Dial = ((host: string, port: number) => Duplex) | null;

const CHUNK = 1024 * 1024;

/** The path of an uploaded part. */
export const partName = (path: string, part: number): string => `${path}.${String(part).padStart(2, "0")}`;

/** [start, end) of a part. */
export const partRange = ({ size, parts }: Pick<Transfer, "size" | "parts">, part: number): [number, number] => [
  Math.floor((size * part) / parts),
  Math.floor((size * (part + 1)) / parts),
];

/** Moves all parts at once; `moved` is told octets as they go. */
export const transfer = async (job: Transfer, dial: Dial, moved: (octets: number) => void): Promise<void> => {
  const parts = Array.from({ length: job.parts }, (_, part) => part);
  if (job.direction === "upload") {
    await Promise.all(parts.map((part) => upload(job, part, dial, moved)));
    return;
  }
  const file = await open(job.file, "w");
  await file.truncate(job.size);
  await file.close();
  await Promise.all(parts.map((part) => download(job, part, dial, moved)));
};

const download = async (job: Transfer, part: number, dial: Dial, moved: (octets: number) => void): Promise<void> => {
  const [start, end] = partRange(job, part);
  const headers: Record<string, string> = job.parts === 1 ? {} : { range: `bytes=${start}-${end - 1}` };
  const response = await ask(job, "GET", job.path, headers, dial, null);
  const wanted = job.parts === 1 ? 200 : 206;
  if (response.statusCode !== wanted) throw new Error(`GET ${job.path}: ${response.statusCode}, not ${wanted}`);
  response.on("data", (data: Buffer) => moved(data.length));
  await pipeline(response, createWriteStream(job.file, { flags: "r+", start, highWaterMark: CHUNK }));
};

const upload = async (job: Transfer, part: number, dial: Dial, moved: (octets: number) => void): Promise<void> => {
  const [start, end] = partRange(job, part);
  const path = partName(job.path, part);
  const body = createReadStream(job.file, { start, end: end - 1, highWaterMark: CHUNK / 4 });
  body.on("data", (data) => moved(data.length));
  const response = await ask(job, "PUT", path, { "content-length": String(end - start) }, dial, body);
  response.resume();
  if (response.statusCode !== 201 && response.statusCode !== 204) throw new Error(`PUT ${path}: ${response.statusCode}`);
};

const ask = (
  { host, port }: Transfer,
  method: string,
  path: string,
  headers: Record<string, string>,
  dial: Dial,
  body: NodeJS.ReadableStream | null,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const connection = dial === null ? { agent: false as const } : { createConnection: () => dial(host, port) as never };
    const asked = request({ host, port, method, path, headers: { ...headers, connection: "close" }, ...connection });
    // Straight from the event: what follows may come in the same turn.
    asked.on("response", resolve);
    asked.on("error", reject);
    if (body === null) asked.end();
    else pipeline(body, asked).catch(reject);
  });

/** The SHA-256 of files, one after the other. */
export const digestOf = async (...files: string[]): Promise<string> => {
  const hash = createHash("sha256");
  for (const file of files) for await (const data of createReadStream(file, { highWaterMark: CHUNK })) hash.update(data as Buffer);
  return hash.digest("hex");
};
