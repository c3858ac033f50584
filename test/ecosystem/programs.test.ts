/** Real programs: servers of others with our stack as their client, and clients of others with servers on our stack. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Preload } from "../node/preload.js";
import { KERNEL, OURS } from "../wire/kernel.js";
import { needProgram } from "../wire/programs.js";
import { type hear, missing, type Wire, withWire } from "./running.js";

const preload = new Preload();
const folder = mkdtempSync(join(tmpdir(), "onwire-programs-"));
/** Octets that do not repeat, and their sum. */
const large = Buffer.alloc(100 * 1024 * 1024);
let sum = "";
const sha256 = (octets: Buffer): string => createHash("sha256").update(octets).digest("hex");

beforeAll(async () => {
  if (missing !== null) return;
  await preload.prepare();
  for (let i = 0; i + 4 <= large.length; i += 4) large.writeUInt32LE(Math.imul(i, 0x9e37_79b1) >>> 0, i);
  sum = sha256(large);
  writeFileSync(join(folder, "large"), large);
  chmodSync(folder, 0o755);
});
afterAll(() => {
  preload.remove();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, text: string, mode = 0o644): string => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
};

/** A library's server on our stack; returns its port. */
const serveOnOurs = async (wire: Wire, name: string): Promise<string> => {
  const [, port] = await wire.library("tap", "serve", name, OURS).said(/^listening (\d+)/);
  return port!;
};

/** Runs a program of the kernel's side that has to succeed; returns what it prints. */
const run = async (wire: Wire, command: string, ...args: string[]): Promise<string> => {
  const { status, out, err } = await wire.program(command, ...args).ended;
  expect(status, err).toBe(0);
  return out;
};

/** Waits until somebody listens on a port of the kernel's. */
const listening = async (wire: Wire, port: number, server: { readonly ended: Promise<{ err: string }> }): Promise<void> => {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
  let failed: string | null = null;
  void server.ended.then(({ err }) => {
    failed = err;
  });
  while (!wire.kernel.proc("tcp").includes(wanted)) {
    if (failed !== null) throw new Error(`the server ended: ${String(failed)}`);
    await new Promise((rested) => setTimeout(rested, 20));
  }
};

/** A module of its own, run with all its TCP on our stack. */
const script = async (wire: Wire, text: string): Promise<string> => {
  const path = resolve("test/ecosystem", `.script-${process.pid}.mjs`);
  writeFileSync(path, text);
  try {
    const { status, out, err } = await wire.node("tap", path).ended;
    expect(status, err).toBe(0);
    return out;
  } finally {
    rmSync(path);
  }
};

describe("clients of others, servers on our stack", () => {
  test("curl: two requests on one connection, 100 MiB down and up, HTTPS", async (context) => {
    if (missing !== null) context.skip(missing);
    const curl = needProgram(context, "curl", "curl");
    await withWire(preload.register, async (wire) => {
      const port = await serveOnOurs(wire, "http");
      const base = `http://${OURS}:${port}`;
      const twice = await run(wire, curl, "-sS", "-w", "\n%{num_connects}\n", `${base}/a`, `${base}/b`);
      expect(twice.trim().split("\n")).toEqual(["you asked for /a", "1", "you asked for /b", "0"]);
      await run(wire, curl, "-sS", "-o", join(folder, "got"), `${base}/large`);
      expect(sha256(readFileSync(join(folder, "got")))).toBe(sum);
      expect(await run(wire, curl, "-sS", "-T", join(folder, "large"), `${base}/upload`)).toBe(sum);
    });
    await withWire(preload.register, async (wire) => {
      const port = await serveOnOurs(wire, "https");
      const trust = ["--cacert", resolve("test/ecosystem/certificate.pem"), "--resolve", `onwire.test:${port}:${OURS}`];
      expect(await run(wire, curl, "-sS", ...trust, `https://onwire.test:${port}/`)).toMatch(/^TLSv1\.3/);
    });
  });

  test("onwire run: examples/fastify-app.mjs, unchanged, asked by curl", async (context) => {
    if (missing !== null) context.skip(missing);
    const curl = needProgram(context, "curl", "curl");
    await withWire(preload.register, async (wire) => {
      // Where Fastify is installed.
      const app = resolve("test/ecosystem", `.example-${process.pid}.mjs`);
      copyFileSync("examples/fastify-app.mjs", app);
      try {
        const device = ["--link", "tap:eco0", "--address", `${OURS}/24`, "--kernel", `${KERNEL}/24`];
        const command = wire.node("kernel", join(preload.folder, "dist/cli/main.js"), "run", ...device, app, "80");
        await command.said(/^listening on port 80$/);
        expect(await run(wire, curl, "-sS", `http://${OURS}/hello/you`)).toBe(`{"hello":"you","from":"${KERNEL}"}`);
        // It passes the signal on, and ends as its program does.
        command.program.kill("SIGTERM");
        expect((await command.ended).status).toBe(128 + 15);
      } finally {
        rmSync(app);
      }
    });
  });

  test("wrk: a hundred connections at once, and no error on any", async (context) => {
    if (missing !== null) context.skip(missing);
    const wrk = needProgram(context, "wrk", "wrk");
    await withWire(preload.register, async (wire) => {
      const out = await run(wire, wrk, "-t", "1", "-c", "100", "-d", "3s", `http://${OURS}:${await serveOnOurs(wire, "http")}/x`);
      expect(Number(/(\d+) requests in/.exec(out)?.[1])).toBeGreaterThan(100);
      expect(out).not.toMatch(/Socket errors|Non-2xx/);
    });
  });

  test("redis-cli and redis-benchmark", async (context) => {
    if (missing !== null) context.skip(missing);
    const cli = needProgram(context, "redis-cli", "redis-tools");
    const benchmark = needProgram(context, "redis-benchmark", "redis-tools");
    await withWire(preload.register, async (wire) => {
      const where = ["-h", OURS, "-p", await serveOnOurs(wire, "redis")];
      expect(await run(wire, cli, ...where, "SET", "name", "onwire")).toBe("OK\n");
      expect(await run(wire, cli, ...where, "GET", "name")).toBe("onwire\n");
      const out = await run(wire, benchmark, ...where, "-q", "-n", "5000", "-c", "50", "-P", "4", "-t", "set,get");
      expect(out.match(/requests per second/g)?.length).toBeGreaterThanOrEqual(2);
    });
  });

  test("psql", async (context) => {
    if (missing !== null) context.skip(missing);
    const psql = needProgram(context, "psql", "postgresql-client");
    await withWire(preload.register, async (wire) => {
      const where = `host=${OURS} port=${await serveOnOurs(wire, "pg")} user=u dbname=d`;
      const out = await run(wire, psql, where, "-At", "-c", "SELECT 'row ' || n AS text FROM generate_series(1, 5000) AS n");
      expect(out.trim().split("\n")).toEqual(Array.from({ length: 5000 }, (_, i) => `row ${i + 1}`));
    });
  });

  test("ssh: a password, 20 MiB there and back through a command, its exit status", async (context) => {
    if (missing !== null) context.skip(missing);
    const ssh = needProgram(context, "ssh", "openssh-client");
    await withWire(preload.register, async (wire) => {
      const ask = file("askpass", "#!/bin/sh\necho secret\n", 0o755);
      const options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=password"];
      const where = [...options, "-o", "LogLevel=ERROR", "-F", "none", "-p", await serveOnOurs(wire, "ssh2"), `u@${OURS}`];
      const environment = `SSH_ASKPASS=${ask} SSH_ASKPASS_REQUIRE=force DISPLAY=none`;
      const through = (command: string): Promise<string> => run(wire, "/bin/sh", "-c", command);
      const copied = join(folder, "copied");
      await through(`head -c 20971520 ${join(folder, "large")} | ${environment} ${ssh} ${where.join(" ")} cat > ${copied}`);
      expect(sha256(readFileSync(copied))).toBe(sha256(large.subarray(0, 20_971_520)));
      expect(await through(`${environment} ${ssh} ${where.join(" ")} fly < /dev/null; echo $?`)).toBe("127\n");
    });
  });
});

describe("servers of others, our stack as their client", () => {
  test("nginx: 100 MiB by fetch, a range, many at once on kept connections", async (context) => {
    if (missing !== null) context.skip(missing);
    const nginx = needProgram(context, "nginx", "nginx-light");
    await withWire(preload.register, async (wire) => {
      const http = `http { access_log off; client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
        uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5; server { listen 8080; root ${folder}; } }`;
      const configuration = file(
        "nginx.conf",
        `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr; events {} ${http}\n`,
      );
      await listening(wire, 8080, wire.program(nginx, "-p", folder, "-c", configuration));
      file("small", "a small file");
      const out = await script(
        wire,
        `import { createHash } from "node:crypto";
        const base = "http://${KERNEL}:8080";
        const large = Buffer.from(await (await fetch(base + "/large")).arrayBuffer());
        console.log(createHash("sha256").update(large).digest("hex"));
        const range = await fetch(base + "/large", { headers: { range: "bytes=1000-1999" } });
        console.log(range.status, Buffer.from(await range.arrayBuffer()).equals(large.subarray(1000, 2000)));
        const texts = await Promise.all(Array.from({ length: 200 }, async () => (await fetch(base + "/small")).text()));
        console.log(texts.every((text) => text === "a small file"));`,
      );
      expect(out).toBe(`${sum}\n206 true\ntrue\n`);
    });
  });

  for (const name of ["redis", "ioredis"])
    test(`redis-server, by ${name}`, async (context) => {
      if (missing !== null) context.skip(missing);
      const redis = needProgram(context, "redis-server", "redis-server");
      await withWire(preload.register, async (wire) => {
        const server = wire.program(redis, "--port", "6379", "--save", "", "--protected-mode", "no", "--bind", "0.0.0.0");
        await listening(wire, 6379, server);
        const { status, out, err } = await wire.library("tap", "use", name, KERNEL, 6379).ended;
        expect([status, out], err).toEqual([0, "ok\n"]);
      });
    });

  test("PostgreSQL, by pg", async (context) => {
    if (missing !== null) context.skip(missing);
    const bin = newestPostgres();
    if (bin === null) return context.skip("initdb is not installed: apt-get install postgresql");
    const account = accountOf("postgres");
    if (account === null) return context.skip("there is no user postgres");
    await withWire(preload.register, async (wire) => {
      // The server refuses to run as root.
      const data = join(folder, "data");
      mkdirSync(data, { mode: 0o700 });
      chownSync(data, account.uid, account.gid);
      const as = (...command: string[]): ReturnType<typeof hear> =>
        wire.program("/usr/bin/setpriv", `--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups", ...command);
      const made = await as(`${bin}/initdb`, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync").ended;
      expect(made.status, made.err).toBe(0);
      writeFileSync(join(data, "pg_hba.conf"), "host all all 0.0.0.0/0 trust\n");
      const settings = ["listen_addresses=*", "unix_socket_directories=", "fsync=off"].flatMap((setting) => ["-c", setting]);
      await listening(wire, 5432, as(`${bin}/postgres`, "-D", data, "-p", "5432", ...settings));
      const { status, out, err } = await wire.library("tap", "use", "pg", KERNEL, 5432).ended;
      expect([status, out], err).toEqual([0, "ok\n"]);
    });
  });

  test("OpenSSH, by ssh2: a key, 8 MiB there and back, an exit status", async (context) => {
    if (missing !== null) context.skip(missing);
    const sshd = needProgram(context, "sshd", "openssh-server");
    const keygen = needProgram(context, "ssh-keygen", "openssh-client");
    await withWire(preload.register, async (wire) => {
      for (const name of ["hostkey", "userkey"]) await run(wire, keygen, "-q", "-t", "ed25519", "-N", "", "-f", join(folder, name));
      // Where sshd locks itself in: it insists.
      mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
      const lines = [
        "Port 2222",
        `HostKey ${folder}/hostkey`,
        `AuthorizedKeysFile ${folder}/userkey.pub`,
        "StrictModes no",
        "UsePAM no",
        "PidFile none",
      ];
      const configuration = file("sshd_config", [...lines, "PermitRootLogin yes", ""].join("\n"));
      await listening(wire, 2222, wire.program(sshd, "-D", "-e", "-f", configuration));
      const out = await script(
        wire,
        `import { readFileSync } from "node:fs";
        import { once } from "node:events";
        import ssh2 from "ssh2";
        const client = new ssh2.Client();
        client.connect({ host: "${KERNEL}", port: 2222, username: "root", privateKey: readFileSync("${folder}/userkey") });
        await once(client, "ready");
        const execute = (command) => new Promise((resolve, reject) => client.exec(command, (error, stream) => (error ? reject(error) : resolve(stream))));
        const octets = readFileSync("${folder}/large").subarray(0, 8 << 20);
        const stream = await execute("cat");
        stream.end(octets);
        console.log(Buffer.concat(await stream.toArray()).equals(octets));
        const failed = await execute("exit 42");
        failed.resume();
        failed.stderr.resume();
        console.log((await once(failed, "close"))[0]);
        client.end();`,
      );
      expect(out).toBe("true\n42\n");
    });
  });
});

/** Debian keeps the server's programs apart, by version. */
const newestPostgres = (): string | null => {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(root, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
  return found ?? null;
};

const accountOf = (user: string): { uid: number; gid: number } | null => {
  const [, uid, gid] = new RegExp(`^${user}:[^:]*:(\\d+):(\\d+):`, "m").exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
};
