import { afterAll, beforeAll, expect, test } from "vitest";
import { Preload } from "./preload.js";

const preload = new Preload();
beforeAll(() => preload.prepare());
afterAll(() => preload.remove());

test("http and fetch run unchanged, and the process ends when nothing keeps it", async () => {
  const ended = await preload.run(`
    import http from "node:http";
    const server = http.createServer((request, response) => {
      request.setEncoding("utf8");
      let text = "";
      request.on("data", (chunk) => { text += chunk; });
      request.on("end", () => response.end(request.method + " " + request.url + " " + text));
    });
    server.listen(0, "127.0.0.1", async () => {
      const { port } = server.address();
      const response = await fetch("http://127.0.0.1:" + port + "/path", { method: "POST", body: "octets" });
      console.log(response.status, await response.text());
      server.close();
      server.closeIdleConnections();
    });
  `);
  expect(ended).toEqual({ status: 0, stdout: "200 POST /path octets\n", stderr: "" });
});
