/** `onwire run` on every kind of link: Node programs that know nothing of it, with the kernel at the other end. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Preload } from "../node/preload.js";
import { KERNEL, type Kernel, OURS, wireTest, withKernel } from "./kernel.js";
import { needProgram } from "./programs.js";

const preload = new Preload();
beforeAll(() => preload.prepare());
afterAll(() => preload.remove());

interface Program {
  /** The next line of standard output; rejects at the end. */
  line(): Promise<string>;
  readonly ended: Promise<{ readonly status: number | null; readonly err: string }>;
}

const start = (kernel: Kernel, args: readonly string[]): Program => {
  const program = kernel.spawn(process.execPath, args, "pipe");
  let err = "";
  program.stderr!.on("data", (text) => void (err += text));
  const ended = new Promise<{ status: number | null; err: string }>((resolve) => program.on("close", (status) => resolve({ status, err })));
  const lines = createInterface({ input: program.stdout! })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the program ended: ${err}`);
    return value;
  };
  return { line, ended };
};

const write = (name: string, text: string): string => {
  const path = join(preload.folder, name);
  writeFileSync(path, text);
  return path;
};
const onwire = (): string => join(preload.folder, "dist", "cli", "main.js");

describe.each(["tap", "packet", "xdp", "auto"])("--link %s", (kind) => {
  wireTest("the program is asked by the kernel's programs, and asks theirs", async () => {
    const program = write(
      `meet-${kind}.mjs`,
      `
      import http from "node:http";
      import { buffer } from "node:stream/consumers";
      const server = http.createServer(async (request, response) => {
        const octets = await buffer(request);
        response.end(octets, () => server.close());
      });
      server.listen(80, "${OURS}", () => console.log("listening"));
      const url = process.argv[2];
      if (url !== undefined) {
        const octets = Buffer.alloc(1_000_000, "to and fro ");
        const back = await (await fetch(url, { method: "POST", body: octets })).arrayBuffer();
        console.log(octets.equals(Buffer.from(back)));
      }
      `,
    );
    const kernels = write(
      "kernels.mjs",
      `
      import http from "node:http";
      const server = http.createServer((request, response) => request.pipe(response).on("finish", () => server.close()));
      server.listen(8080, "0.0.0.0", () => console.log("listening"));
      `,
    );
    await withKernel(async (kernel) => {
      if (kind !== "tap") {
        kernel.veth();
        kernel.withoutOffloads("kernel0");
      }
      const link = kind === "tap" ? ["--link", "tap:run0", "--kernel", `${KERNEL}/24`] : ["--link", `${kind}:ours0`];
      const theirs = start(kernel, [kernels]);
      expect(await theirs.line()).toBe("listening");
      const ours = start(kernel, [onwire(), "run", ...link, "--address", `${OURS}/24`, program, `http://${KERNEL}:8080/`]);
      expect(await ours.line()).toBe("listening");
      expect(await ours.line()).toBe("true");
      expect(await start(kernel, ["-e", ask]).line()).toBe("true");
      const { status, err } = await ours.ended;
      expect([status, err.replace(/^onwire: a packet socket on .*\n/, "")]).toEqual([0, ""]);
    });
  });
});

const ask = `
  const octets = Buffer.alloc(1_000_000, "fro and to ");
  fetch("http://${OURS}/", { method: "POST", body: octets })
    .then((response) => response.arrayBuffer())
    .then((back) => console.log(octets.equals(Buffer.from(back))));
`;

wireTest("--address dhcp: an address, a router and names by dnsmasq, for as long as the program runs", async (context) => {
  const dnsmasq = needProgram(context, "dnsmasq", "dnsmasq-base");
  const program = write(
    "names.mjs",
    `
      import dns from "node:dns";
      import net from "node:net";
      console.log(JSON.stringify(await dns.promises.lookup("db")));
      console.log(JSON.stringify(await dns.promises.resolveMx("home.test")));
      console.log(JSON.stringify(dns.getServers()));
      const server = net.createServer((socket) => socket.end(socket.localAddress)).listen(7, () => {
        net.connect(7, "db").on("data", (text) => console.log(String(text))).on("close", () => server.close());
      });
      `,
  );
  await withKernel(async (kernel) => {
    const leases = write("run.leases", "");
    const fixed = ["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=", "--no-ping"];
    const names = [
      "--local=/home.test/",
      "--domain=home.test",
      "--address=/db.home.test/10.9.0.50",
      "--mx-host=home.test,mail.home.test,5",
    ];
    const range = ["--dhcp-range=10.9.0.50,10.9.0.50,255.255.255.0,2m", `--dhcp-leasefile=${leases}`, "--dhcp-authoritative"];
    const server = kernel.spawn(dnsmasq, [...fixed, ...names, ...range], "pipe");
    for await (const line of createInterface({ input: server.stderr! })) if (line.includes("started")) break;
    server.stderr!.resume();
    const link = ["--link", "tap:run0", "--kernel", `${KERNEL}/24`];
    const ours = start(kernel, [onwire(), "run", ...link, "--address", "dhcp", program]);
    expect(await ours.line()).toBe('{"address":"10.9.0.50","family":4}');
    expect(readFileSync(leases, "utf8")).toContain("10.9.0.50");
    expect(await ours.line()).toBe('[{"exchange":"mail.home.test","priority":5}]');
    expect(await ours.line()).toBe(`["${KERNEL}"]`);
    expect(await ours.line()).toBe("::ffff:10.9.0.50");
    expect(await ours.ended).toEqual({ status: 0, err: `onwire: 10.9.0.50/24 leased from ${KERNEL}\n` });
    for (let i = 0; readFileSync(leases, "utf8").includes("10.9.0.50") && i < 100; i++) await new Promise((r) => setTimeout(r, 20));
    expect(readFileSync(leases, "utf8")).not.toContain("10.9.0.50");
  });
});
