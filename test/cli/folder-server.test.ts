import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import http, { type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folderListener } from "../../src/cli/folder-server.js";
import { createServer, type Server } from "../../src/net/server.js";
import { connect } from "../../src/net/socket.js";
import { FakeNetwork } from "../net/fake-tcp.js";
import { collect } from "../net/suite.js";

const network = new FakeNetwork();
const client = network.host("10.0.0.1");
const host = network.host("10.0.0.2");
let top = "";
let root = "";
const servers: Server[] = [];
const log: string[] = [];

const serve = (port: number, upload: boolean): void => {
  const web = http.createServer(folderListener({ root, upload, log: (line) => log.push(line) }));
  servers.push(createServer(host, (socket) => web.emit("connection", socket)).listen({ port }));
};

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "onwire-test-"));
  root = join(top, "root");
  await mkdir(join(root, "sub", "deep"), { recursive: true });
  await mkdir(join(root, "indexed"));
  await writeFile(join(top, "secret"), "secret");
  await writeFile(join(root, "ten.txt"), "0123456789");
  await writeFile(join(root, "a b?<&.html"), "odd");
  await writeFile(join(root, "empty"), "");
  await writeFile(join(root, "indexed", "index.html"), "the index");
  await symlink(top, join(root, "out"));
  await symlink(join(root, "ten.txt"), join(root, "in"));
  serve(80, false);
  serve(81, true);
});
afterAll(async () => {
  for (const server of servers) server.close();
  await rm(top, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
const ask = async (path: string, options: http.RequestOptions = {}, body?: string | Buffer, port = 80): Promise<Answer> => {
  const request = http.request({ path, createConnection: () => connect(client, { host: "10.0.0.2", port }) as never, ...options });
  request.end(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => request.on("response", resolve).on("error", reject));
  return { status: response.statusCode!, headers: response.headers, body: String(await collect(response)) };
};

describe("GET and HEAD", () => {
  test("RFC 9110 s9.3.1: a file, its type, its length, its validators", async () => {
    const { status, headers, body } = await ask("/ten.txt");
    expect([status, body]).toEqual([200, "0123456789"]);
    expect(headers).toMatchObject({ "content-type": "text/plain; charset=utf-8", "content-length": "10", "accept-ranges": "bytes" });
    expect(headers.etag).toMatch(/^"/);
    expect(headers["last-modified"]).toMatch(/GMT$/);
    expect((await ask("/empty")).headers["content-length"]).toBe("0");
    expect((await ask("/in")).body).toBe("0123456789");
  });

  test("RFC 9110 s9.3.2: HEAD says the same without the file", async () => {
    const { status, headers, body } = await ask("/ten.txt", { method: "HEAD" });
    expect([status, headers["content-length"], body]).toEqual([200, "10", ""]);
  });

  const ranges: readonly (readonly [string, number, string, string | undefined])[] = [
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=8-", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-30", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=5-100", 206, "56789", "bytes 5-9/10"],
    ["bytes=10-", 416, "416: nothing of the file is in this range\n", "bytes */10"],
    ["bytes=-0", 416, "416: nothing of the file is in this range\n", "bytes */10"],
    ["bytes=5-2", 200, "0123456789", undefined],
    ["bytes=0-1,3-4", 200, "0123456789", undefined],
    ["lines=1-2", 200, "0123456789", undefined],
  ];
  for (const [range, status, body, contentRange] of ranges)
    test(`RFC 9110 s14: Range ${range}`, async () => {
      const answer = await ask("/ten.txt", { headers: { range } });
      expect([answer.status, answer.body, answer.headers["content-range"]]).toEqual([status, body, contentRange]);
    });

  test("RFC 9110 s13: conditions", async () => {
    const { headers } = await ask("/ten.txt");
    const etag = headers.etag!;
    const modified = headers["last-modified"]!;
    const statusOf = async (fields: Record<string, string>) => (await ask("/ten.txt", { headers: fields })).status;
    expect(await statusOf({ "if-none-match": etag })).toBe(304);
    expect(await statusOf({ "if-none-match": `"other", W/${etag}` })).toBe(304);
    expect(await statusOf({ "if-none-match": '"other"' })).toBe(200);
    expect(await statusOf({ "if-modified-since": modified })).toBe(304);
    expect(await statusOf({ "if-none-match": '"other"', "if-modified-since": modified })).toBe(200);
    expect(await statusOf({ range: "bytes=0-1", "if-range": etag })).toBe(206);
    expect(await statusOf({ range: "bytes=0-1", "if-range": '"other"' })).toBe(200);
    expect(await statusOf({ range: "bytes=0-1", "if-range": modified })).toBe(206);
  });

  test("a folder is listed with its names escaped, or is its index", async () => {
    const { body } = await ask("/");
    expect(body).toContain('<a href="./a%20b%3F%3C&.html">a b?&lt;&amp;.html</a>');
    expect(body).toContain('<a href="./sub/">sub/</a>');
    expect((await ask("/indexed/")).body).toBe("the index");
    const moved = await ask("/sub?x");
    expect([moved.status, moved.headers.location]).toEqual([301, "/sub/"]);
    expect((await ask("//sub")).headers.location).toBe("/sub/");
    expect((await ask("/a%20b%3F%3C&.html")).body).toBe("odd");
  });

  for (const path of [
    "/../secret",
    "/sub/../../secret",
    "/%2e%2e/secret",
    "/..%2fsecret",
    "/sub/..%5c..%5csecret",
    "/out/secret",
    "/out/",
    "/x/..",
  ])
    test(`${path} does not lead out of the folder`, async () => {
      const { status, body } = await ask(path);
      expect(status).toBe(403);
      expect(body).not.toContain("secret\n");
    });

  test("what is not there, not well formed, not allowed", async () => {
    expect((await ask("/none")).status).toBe(404);
    expect((await ask("/ten.txt/")).status).toBe(404);
    expect((await ask("/ten.txt/x")).status).toBe(404);
    expect((await ask("/%00")).status).toBe(400);
    expect((await ask("/%zz")).status).toBe(400);
    const put = await ask("/new", { method: "PUT" }, "x");
    expect([put.status, put.headers.allow]).toEqual([405, "GET, HEAD, OPTIONS"]);
    expect((await ask("/ten.txt", { method: "DELETE" }, undefined, 81)).headers.allow).toBe("GET, HEAD, OPTIONS, PUT, POST");
    expect((await ask("/", { method: "OPTIONS" })).status).toBe(204);
  });

  test("each response is one line of the log", async () => {
    log.length = 0;
    await ask("/ten.txt");
    expect(log).toEqual([expect.stringMatching(/^10\.0\.0\.1 GET \/ten\.txt 200 \d+ ms$/)]);
  });
});

describe("uploads", () => {
  test("RFC 9110 s9.3.4: PUT makes a file, then replaces it; POST does the same", async () => {
    expect((await ask("/sub/new", { method: "PUT" }, "one", 81)).status).toBe(201);
    expect((await ask("/sub/new", { method: "PUT" }, "two", 81)).status).toBe(204);
    expect(await readFile(join(root, "sub", "new"), "utf8")).toBe("two");
    const posted = await ask("/posted", { method: "POST" }, Buffer.alloc(300_000, 7), 81);
    expect([posted.status, posted.headers.location]).toEqual([201, "/posted"]);
    expect((await readFile(join(root, "posted"))).equals(Buffer.alloc(300_000, 7))).toBe(true);
  });

  test("an upload that is cut short leaves nothing", async () => {
    const request = http.request({
      path: "/sub/deep/half",
      method: "PUT",
      headers: { "content-length": 1_000_000 },
      createConnection: () => connect(client, { host: "10.0.0.2", port: 81 }) as never,
    });
    request.on("error", () => {});
    request.write(Buffer.alloc(1000), () => setImmediate(() => request.destroy()));
    await new Promise((resolve) => request.on("close", resolve));
    for (let names = ["?"]; names.length > 0; names = await readdir(join(root, "sub", "deep"))) await new Promise(setImmediate);
  });

  test("an upload stays in the folder, and replaces files only", async () => {
    const put = async (path: string, headers = {}) => (await ask(path, { method: "PUT", headers }, "x", 81)).status;
    expect(await put("/../evil")).toBe(403);
    expect(await put("/out/evil")).toBe(403);
    expect(await put("/in")).toBe(409);
    expect(await put("/sub")).toBe(409);
    expect(await put("/sub/")).toBe(400);
    expect(await put("/none/x")).toBe(404);
    expect(await put("/part", { "content-range": "bytes 0-0/1" })).toBe(400);
    expect(await readFile(join(root, "ten.txt"), "utf8")).toBe("0123456789");
    expect(await readdir(top)).toEqual(["root", "secret"]);
  });
});
