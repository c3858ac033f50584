/** The command line against the kernel: the other end is a program of the system in the kernel's namespace. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, describe, expect } from "vitest";
import { ip } from "../../src/ip/address.js";
import { NetworkInterfaces } from "../../src/transport/network-interface.js";
import { KERNEL, type Kernel, OURS, wireTest, withKernel } from "./kernel.js";

const folder = mkdtempSync(join(tmpdir(), "onwire-wire-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SIZE = 32 * 1024 * 1024;
/** Octets that no shift, repetition or loss leaves equal. */
const octets = (size: number): Buffer => {
  const buffer = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) buffer.writeUInt32LE(Math.imul(i, 0x9e3779b1) >>> 0, i);
  return buffer;
};
const digest = async (stream: Readable): Promise<string> => {
  const hash = createHash("sha256");
  for await (const data of stream) hash.update(data as Buffer);
  return hash.digest("hex");
};
const sha256 = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

/** The kernel with a process in its namespace, by which another process finds it. */
const withNamespace = <T>(body: (kernel: Kernel, path: string) => Promise<T>): Promise<T> =>
  withKernel((kernel) => body(kernel, `/proc/${kernel.spawn("cat").pid}/ns/net`));

interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Resolves when standard error has said so. */
  said(text: string): Promise<void>;
  errors(): string;
}

const started = (args: readonly string[], stdin: "pipe" | "ignore"): Command => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], { stdio: [stdin, "pipe", "pipe"] });
  let errors = "";
  const waiting = new Set<() => void>();
  child.stderr!.on("data", (data) => {
    errors += data;
    for (const look of waiting) look();
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return {
    child,
    ended,
    errors: () => errors,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (errors.includes(text)) resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`ended without "${text}": ${errors}`)));
      }),
  };
};

const onwire = (namespace: string, args: readonly string[], stdin: "pipe" | "ignore" = "ignore"): Command =>
  started([...args, "--tap", "cli0", "--address", `${OURS}/24`, "--kernel", `${KERNEL}/24`, "--netns", namespace], stdin);

/** What a program of the kernel's side says, and its status. */
const result = async (program: ChildProcess): Promise<{ status: number; out: string }> => {
  let out = "";
  program.stdout!.on("data", (data) => {
    out += data;
  });
  const [status] = (await once(program, "close")) as [number];
  return { status, out };
};

/** Gives a device that somebody else made its address. */
const configure = (kernel: Kernel, name: string, address: string): void =>
  kernel.namespace.run(() => {
    const interfaces = new NetworkInterfaces();
    interfaces.setAddress(name, ip(address), 24);
    interfaces.close();
  });

/** A TCP client or server of Node on the kernel's side, as `nc` would be. */
const netcat = (kernel: Kernel, source: string): ChildProcess => kernel.spawn(process.execPath, ["-e", source]);

describe("listen and connect", () => {
  wireTest("listen: what the kernel sends arrives unchanged, and its end is ours", async () => {
    await withNamespace(async (kernel, namespace) => {
      const data = octets(SIZE);
      await writeFile(join(folder, "sent"), data);
      const listen = onwire(namespace, ["listen", "9000", "-v"]);
      const received = digest(listen.child.stdout!);
      await listen.said("listening");
      // Our standard input is at its end at once: a client that did not allow half-open would stop in the midst.
      const source = `require("fs").createReadStream(${JSON.stringify(join(folder, "sent"))}).pipe(require("net").connect({ port: 9000, host: "${OURS}", allowHalfOpen: true }))`;
      netcat(kernel, source);
      expect(await received).toBe(sha256(data));
      expect(await listen.ended).toBe(0);
      expect(listen.errors()).toContain(`${SIZE} octets received`);
    });
  });

  wireTest("connect: standard input reaches the kernel, then its end; the answer comes back", async () => {
    await withNamespace(async (kernel, namespace) => {
      const data = octets(8 * 1024 * 1024);
      const source = `require("net").createServer({ allowHalfOpen: true }, (s) => {
        const h = require("crypto").createHash("sha256");
        s.on("data", (d) => h.update(d)).on("end", () => s.end(h.digest("hex"), () => process.exit()));
      }).listen(9001, "0.0.0.0", () => console.log("ready"))`;
      // The kernel's address comes with the device: listen on all.
      const server = netcat(kernel, source);
      await once(server.stdout!, "data");
      const connect = onwire(namespace, ["connect", KERNEL, "9001"], "pipe");
      const answer = (async () => {
        let text = "";
        for await (const part of connect.child.stdout!) text += part;
        return text;
      })();
      connect.child.stdin!.end(data);
      expect(await answer).toBe(sha256(data));
      expect(await connect.ended).toBe(0);
    });
  });

  wireTest("connect: refused is status 1 with what it means", async () => {
    await withNamespace(async (_kernel, namespace) => {
      const connect = onwire(namespace, ["connect", KERNEL, "9"]);
      expect(await connect.ended).toBe(1);
      expect(connect.errors()).toContain(`connect ECONNREFUSED ${KERNEL}:9: nobody listens there`);
    });
  });
});

describe("serve and fetch", () => {
  wireTest("serve: the kernel downloads, uploads, and asks for a range; SIGTERM ends it and the device", async () => {
    await withNamespace(async (kernel, namespace) => {
      const root = join(folder, "root");
      await mkdir(root);
      const data = octets(4_000_000);
      await writeFile(join(root, "file"), data);
      const serve = onwire(namespace, ["serve", root, "--upload"]);
      await serve.said("serving");
      const source = `(async () => {
        const base = "http://${OURS}/";
        const all = Buffer.from(await (await fetch(base + "file")).arrayBuffer());
        const part = Buffer.from(await (await fetch(base + "file", { headers: { range: "bytes=1000-1999" } })).arrayBuffer());
        const put = await fetch(base + "copy", { method: "PUT", body: all });
        console.log(JSON.stringify({ digest: require("crypto").createHash("sha256").update(all).digest("hex"), part: part.equals(all.subarray(1000, 2000)), put: put.status }));
      })()`;
      const { out, status } = await result(netcat(kernel, source));
      expect(status).toBe(0);
      expect(JSON.parse(out)).toEqual({ digest: sha256(data), part: true, put: 201 });
      expect(sha256(await readFile(join(root, "copy")))).toBe(sha256(data));
      expect(kernel.proc("dev")).toContain("cli0");
      serve.child.kill("SIGTERM");
      expect(await serve.ended).toBe(143);
      expect(kernel.proc("dev")).not.toContain("cli0");
    });
  });

  wireTest("fetch: a file of a kernel server, and its failures", async () => {
    await withNamespace(async (kernel, namespace) => {
      const source = `require("http").createServer((q, r) => {
        if (q.url === "/moved") r.writeHead(302, { location: "/file" }).end();
        else if (q.url === "/file") r.end(Buffer.alloc(3000000, "onwire"));
        else r.writeHead(404).end();
      }).listen(8000, "0.0.0.0", () => console.log("ready"))`;
      await once(netcat(kernel, source).stdout!, "data");
      const file = join(folder, "fetched");
      const fetch = onwire(namespace, ["fetch", `http://${KERNEL}:8000/moved`, "-o", file]);
      expect(await fetch.ended).toBe(0);
      expect(sha256(await readFile(file))).toBe(sha256(Buffer.alloc(3_000_000, "onwire")));
      const missing = onwire(namespace, ["fetch", `http://${KERNEL}:8000/none`]);
      expect(await missing.ended).toBe(1);
      expect(missing.errors()).toContain("404");
    });
  });
});

describe("--link", () => {
  for (const link of ["packet:ours0", "xdp:ours0", "auto:ours0", "tap:onwire7"])
    wireTest(`ping by ${link}`, async () => {
      await withNamespace(async (kernel, namespace) => {
        const more = link.startsWith("tap") ? ["--kernel", `${KERNEL}/24`, "--offload"] : [];
        if (more.length === 0) kernel.veth();
        const args = ["ping", KERNEL, "-c", "3", "-i", "10ms", "-s", "1400", "--address", `${OURS}/24`, "--link", link];
        const ping = started([...args, "--netns", namespace, ...more], "ignore");
        expect([await ping.ended, ping.errors()]).toEqual([0, expect.any(String)]);
      });
    });

  wireTest("what is for TAP devices alone is refused elsewhere, with the remedy", async () => {
    await withNamespace(async (kernel, namespace) => {
      kernel.veth();
      const ping = started(
        ["ping", KERNEL, "--address", `${OURS}/24`, "--link", "xdp:ours0", "--mtu", "900", "--netns", namespace],
        "ignore",
      );
      expect(await ping.ended).toBe(2);
      expect(ping.errors()).toContain("--mtu is for TAP devices: leave it out, or set it on ours0 itself");
    });
  });

  wireTest("links says what this host can make, and leaves nothing", async () => {
    const before = execFileSync("ip", ["-br", "link"], { encoding: "utf8" });
    const links = started(["links", "--json"], "ignore");
    const { out } = await result(links.child);
    const found = JSON.parse(out) as { link: string; possible: boolean }[];
    expect(found.map(({ link, possible }) => [link, possible])).toEqual([
      ["tap", true],
      ["packet", true],
      ["xdp", true],
      // Its package is installed by who wants it.
      ["rawip", expect.any(Boolean)],
      ["pair, messages, replay, bond, VLAN", true],
    ]);
    expect(execFileSync("ip", ["-br", "link"], { encoding: "utf8" })).toBe(before);
  });
});

describe("ping, arp and what is refused", () => {
  wireTest("ping and arp: the kernel answers; a capture and a trace are made", async () => {
    await withNamespace(async (_kernel, namespace) => {
      const file = join(folder, "ping.pcapng");
      const ping = onwire(namespace, ["ping", KERNEL, "-c", "2", "-i", "10ms", "--pcapng", file, "--trace"]);
      const { out } = await result(ping.child);
      expect(out).toContain("2 sent, 2 answered");
      expect(ping.errors()).toContain("icmp.echo_request");
      expect((await readFile(file)).readUInt32LE(0)).toBe(0x0a0d0d0a);
      const arp = onwire(namespace, ["arp", KERNEL]);
      expect((await result(arp.child)).out).toMatch(new RegExp(`^${KERNEL.replaceAll(".", "\\.")} +([0-9a-f]{2}:){5}`, "m"));
      expect(await arp.ended).toBe(0);
    });
  });

  wireTest("an address that the kernel owns, and a name that is no TAP, are refused with a remedy", async () => {
    await withNamespace(async (_kernel, namespace) => {
      const owned = started(["ping", KERNEL, "--address", "127.0.0.1/8", "--netns", namespace], "ignore");
      expect(await owned.ended).toBe(1);
      expect(owned.errors()).toContain("the kernel has this address on lo: choose another");
      const taken = started(["ping", KERNEL, "--address", `${OURS}/24`, "--tap", "lo", "--netns", namespace], "ignore");
      expect(await taken.ended).toBe(1);
      expect(taken.errors()).toContain("is no TAP device");
    });
  });
});

describe("wire", () => {
  wireTest("two kernels talk through the box, and its loss is counted", async () => {
    await withNamespace(async (left, leftPath) => {
      await withNamespace(async (right, rightPath) => {
        const ends = ["--a", `tap:x@${leftPath}`, "--b", `tap:y@${rightPath}`];
        const wire = started(["wire", ...ends, "--delay", "2ms", "--loss", "5%", "--rate", "200mbit", "--seed", "7"], "ignore");
        await wire.said("wire between");
        for (const [kernel, name, host] of [
          [left, "x", KERNEL],
          [right, "y", OURS],
        ] as const)
          configure(kernel, name, host);
        const data = octets(1_000_000);
        await writeFile(join(folder, "box"), data);
        const server = netcat(
          right,
          `require("net").createServer((s) => { const h = require("crypto").createHash("sha256");
            s.on("data", (d) => h.update(d)).on("end", () => { console.log(h.digest("hex")); process.exit(); }); }).listen(9002, "${OURS}", () => console.error("ready"))`,
        );
        const answer = result(server);
        netcat(
          left,
          `const go = () => { const s = require("net").connect(9002, "${OURS}"); s.on("error", () => setTimeout(go, 50));
            s.on("connect", () => require("fs").createReadStream(${JSON.stringify(join(folder, "box"))}).pipe(s)); }; go();`,
        );
        expect((await answer).out.trim()).toBe(sha256(data));
        wire.child.kill("SIGINT");
        expect(await wire.ended).toBe(130);
        expect(wire.errors()).toMatch(/tap:x>tap:y: \d+ frames: .*loss \d+/);
      });
    });
  });
});

wireTest("the demonstration with the kernel ends with its verdict", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/demo.ts", "--size", "4M", "--delay", "2ms"], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { status, out } = await result(child);
  expect(out.trim().split("\n").at(-1)).toBe("demo: ok");
  expect(status).toBe(0);
  expect(out.match(/SHA-256 is equal/g)).toHaveLength(5);
  expect(out).toContain("the kernel downloads");
});
