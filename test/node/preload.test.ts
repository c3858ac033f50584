/** Programs that know nothing of us, under the preload. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

test("nothing of it is the kernel's: the kernel has no such socket", async () => {
  const ended = await preload.run(`
    import net from "node:net";
    import { readFileSync } from "node:fs";
    const server = net.createServer((socket) => socket.end("text")).listen(0, () => {
      const { port } = server.address();
      const known = ["tcp", "tcp6"].some((file) => readFileSync("/proc/net/" + file, "utf8").includes(":" + port.toString(16).toUpperCase().padStart(4, "0") + " "));
      net.connect(port, "localhost").on("data", (text) => console.log(String(text), known)).on("close", () => server.close());
    });
  `);
  expect(ended).toEqual({ status: 0, stdout: "text false\n", stderr: "" });
});

test("what is not ours stays with the kernel, with and without TLS on top", async () => {
  const ended = await preload.run(
    `
    import net from "node:net";
    import tls from "node:tls";
    import dgram from "node:dgram";
    import { once } from "node:events";
    const psk = Buffer.alloc(32, 7);
    const options = { ciphers: "PSK-AES128-GCM-SHA256", maxVersion: "TLSv1.2" };
    const handles = [];
    const server = net.createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = net.connect(server.address().port, "127.0.0.1");
    socket.end("plain");
    for await (const chunk of socket) console.log(String(chunk), server._handle.constructor.name + (server._handle.fd > 0));
    server.close();
    const secure = tls.createServer({ ...options, pskCallback: () => psk }, (socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
    await once(secure, "listening");
    const client = tls.connect({ ...options, port: secure.address().port, host: "127.0.0.1", checkServerIdentity: () => undefined, pskCallback: () => ({ psk, identity: "x" }) });
    client.end(Buffer.alloc(100_000, "s"));
    let octets = 0;
    for await (const chunk of client) octets += chunk.length;
    console.log(octets);
    secure.close();
    const receiver = dgram.createSocket("udp4").bind(0, "127.0.0.1");
    await once(receiver, "listening");
    const sender = dgram.createSocket("udp4");
    sender.send("datagram", receiver.address().port, "127.0.0.1");
    console.log(String((await once(receiver, "message"))[0]));
    sender.close();
    receiver.close();
  `,
    { env: { ONWIRE_DESTINATIONS: "10.0.0.0/8", ONWIRE_LISTEN: "10.0.0.1" } },
  );
  expect(ended).toEqual({ status: 0, stdout: "plain TCPtrue\n100000\ndatagram\n", stderr: "" });
});

test("a file says what is ours, and the environment goes before it", async () => {
  writeFileSync(join(preload.folder, "onwire.config.json"), JSON.stringify({ listen: "10.0.0.1" }));
  const program = `
    import net from "node:net";
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      console.log(server._handle.fd > 0);
      server.close();
    });
  `;
  const byFile = await preload.run(program);
  const byEnvironment = await preload.run(program, { env: { ONWIRE_LISTEN: "*" } });
  writeFileSync(join(preload.folder, "onwire.config.json"), "{}");
  expect([byFile.stdout, byEnvironment.stdout]).toEqual(["true\n", "false\n"]);
});

test.each([
  [{ ONWIRE_LINK: "wire" }, 'link "wire": use loopback, tap[:NAME], packet:INTERFACE'],
  [{ ONWIRE_LINK: "packet:eth0", ONWIRE_ADDRESS: "10.0.0.1/24", ONWIRE_MTU: "900" }, "that is for TAP devices"],
  [{ ONWIRE_LINK: "tap:x", ONWIRE_ADDRESS: "dhcp", ONWIRE_GATEWAY: "10.0.0.1" }, "that comes with the lease"],
  [{ ONWIRE_ADDRESS: "10.0.0.1/24" }, "an address wants a device"],
  [{ ONWIRE_LISTEN: "here" }, 'listen "here": use *, ADDRESS, ADDRESS:PORT or *:PORT'],
  [{ ONWIRE_DNS: "here" }, 'dns "here": use A.B.C.D or A.B.C.D:PORT'],
  [{ ONWIRE_DESTINATIONS: "10.0.0.0/40" }, 'destinations "10.0.0.0/40": use A.B.C.D/N'],
  [{ ONWIRE_CONFIG: "absent.json" }, "absent.json cannot be read"],
] as [Record<string, string>, string][])("a configuration that is wrong is named: %o", async (env, message) => {
  const ended = await preload.run("console.log('ran')", { env });
  expect(ended).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining(message) });
  expect(ended.stderr).toMatch(/^onwire: .*: .*\n$/);
});

test("what keeps the stack from being is said in one line", async () => {
  const device = { ONWIRE_LINK: "packet:absent0", ONWIRE_ADDRESS: "10.0.0.1/24" };
  const ended = await preload.run("console.log('ran')", { env: device });
  expect(ended).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^onwire: .*: .*\n$/) });
  const flag = process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission";
  const denied = await preload.run("console.log('ran')", {
    flags: [flag, "--allow-fs-read=*", "--no-warnings", "--import", preload.register],
  });
  expect(denied).toMatchObject({
    status: 1,
    stdout: "",
    stderr: expect.stringMatching(/^onwire: .*: use the sockets of onwire\/net.*\n$/),
  });
});

test("in a Worker its parent hears of it, as of any error", async () => {
  const ended = await preload.run(
    `
    import { once } from "node:events";
    import { isMainThread, Worker } from "node:worker_threads";
    if (isMainThread) {
      const env = { ...process.env, ONWIRE_LINK: "wire" };
      const [error] = await once(new Worker(new URL(import.meta.url), { env, execArgv: ["--import", ${JSON.stringify(preload.register)}] }), "error");
      console.log(error.message);
    } else console.log("ran");
  `,
    { flags: [] },
  );
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^onwire: configuration: link "wire"/), stderr: "" });
});

test("dns.resolve and its like ask servers that our stack reaches, by our stack", async () => {
  const ended = await preload.run(`
    import dgram from "node:dgram";
    import dns from "node:dns";
    import { once } from "node:events";
    import { decode, encode } from "dns-packet";
    const records = {
      A: { data: "10.0.0.7", ttl: 300 },
      MX: { data: { preference: 5, exchange: "mail.test" } },
      CAA: { data: { flags: 0, tag: "issue", value: "ca.test" } },
      TXT: { data: ["a", "b"] },
    };
    const server = dgram.createSocket("udp4").bind(0, "127.0.0.1");
    server.on("message", (octets, { port, address }) => {
      const { id, questions } = decode(octets);
      const [{ name, type }] = questions;
      if (name === "silent.test") return;
      const known = name === "host.test";
      const asked = type === "ANY" ? Object.entries(records) : Object.entries(records).filter(([kind]) => kind === type);
      const answers = known ? asked.map(([kind, record]) => ({ name, type: kind, ttl: 60, ...record })) : [];
      server.send(encode({ id, type: "response", flags: known ? 0 : 3, questions, answers }), port, address);
    });
    await once(server, "listening");
    const resolver = new dns.promises.Resolver();
    const address = "127.0.0.1:" + server.address().port;
    resolver.setServers([address]);
    const show = (value) => console.log(JSON.stringify(value));
    show(resolver.getServers()[0] === address);
    show(await resolver.resolve4("host.test", { ttl: true }));
    show(await resolver.resolveMx("host.test"));
    show(await resolver.resolveCaa("host.test"));
    show((await resolver.resolveAny("host.test")).map(({ type }) => type));
    const failed = (error) => show([error.code, error.syscall, error.hostname, error.message]);
    await resolver.resolve4("nobody.test").catch(failed);
    dns.setServers([address]);
    dns.resolveTxt("host.test", (error, texts) => {
      show(texts);
      const silent = resolver.resolve4("silent.test").catch(failed);
      server.once("message", () => resolver.cancel());
      silent.then(() => server.close());
    });
  `);
  const lines = [
    "true",
    '[{"address":"10.0.0.7","ttl":300}]',
    '[{"exchange":"mail.test","priority":5}]',
    '[{"critical":0,"issue":"ca.test"}]',
    '["A","MX","CAA","TXT"]',
    '["ENOTFOUND","queryA","nobody.test","queryA ENOTFOUND nobody.test"]',
    '[["a","b"]]',
    '["ECANCELLED","queryA","silent.test","queryA ECANCELLED silent.test"]',
    "",
  ];
  expect(ended).toEqual({ status: 0, stdout: lines.join("\n"), stderr: "" });
});

describe("other threads and processes", () => {
  test("a Worker has a stack of its own, and the loopback of all", async () => {
    const ended = await preload.run(`
      import { isMainThread, Worker, workerData } from "node:worker_threads";
      import net from "node:net";
      import { fileURLToPath } from "node:url";
      if (isMainThread) {
        const server = net.createServer((socket) => socket.end("main")).listen(0, () => {
          const workerData = server.address().port;
          new Worker(fileURLToPath(import.meta.url), { workerData }).on("exit", () => server.close());
        });
      } else {
        const taken = net.createServer().listen(workerData).on("error", (error) => {
          console.log(error.code);
          net.connect(workerData).on("data", (text) => console.log(String(text)));
        });
      }
    `);
    expect(ended).toEqual({ status: 0, stdout: "EADDRINUSE\nmain\n", stderr: "" });
  });

  test("the processes of a program meet on its loopback, by TCP and UDP, on either family, and the kernel sees nothing of it", async () => {
    const ended = await preload.run(`
      import net from "node:net";
      import dgram from "node:dgram";
      import { readFileSync } from "node:fs";
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      import { fileURLToPath } from "node:url";
      const [, , given] = process.argv;
      if (given === undefined) {
        const server = net.createServer((socket) => socket.pipe(socket)).listen(0);
        await once(server, "listening");
        const { port } = server.address();
        const datagrams = dgram.createSocket("udp4").bind(port);
        datagrams.on("message", (text, from) => datagrams.send("back: " + text, from.port, from.address));
        const child = spawn(process.execPath, [fileURLToPath(import.meta.url), port], { stdio: "inherit" });
        await once(child, "exit");
        console.log(["tcp", "udp"].some((file) => readFileSync("/proc/net/" + file, "utf8").includes(":" + port.toString(16).toUpperCase().padStart(4, "0") + " ")));
        server.close();
        datagrams.close();
      } else {
        const octets = Buffer.alloc(4_000_000, "0123456789");
        for (const host of ["127.0.0.1", "::1"]) {
          const socket = net.connect(given, host);
          const back = [];
          socket.on("data", (chunk) => back.push(chunk)).once("data", () => console.log(socket.remoteAddress));
          socket.end(octets);
          await once(socket, "end");
          console.log(Buffer.concat(back).equals(octets));
        }
        const datagrams = dgram.createSocket("udp4");
        datagrams.send("datagram", given, "127.0.0.1");
        console.log(String((await once(datagrams, "message"))[0]));
        datagrams.close();
        console.log((await once(net.createServer().listen(given), "error"))[0].code);
        console.log((await once(dgram.createSocket("udp4").bind(given), "error"))[0].code);
        for (const host of ["127.0.0.1", "::1"]) console.log((await once(net.connect(1, host), "error"))[0].code);
      }
    `);
    const refusals = ["EADDRINUSE", "EADDRINUSE", "ECONNREFUSED", "ECONNREFUSED"];
    const lines = ["127.0.0.1", "true", "::1", "true", "back: datagram", ...refusals, "false", ""];
    expect(ended).toEqual({ status: 0, stdout: lines.join("\n"), stderr: "" });
  });

  test("a process that ends says so on its connections; one that is killed is reset; what it had is free again", async () => {
    const ended = await preload.run(`
      import net from "node:net";
      import { fork } from "node:child_process";
      import { once } from "node:events";
      import { fileURLToPath } from "node:url";
      if (process.send === undefined) {
        for (const how of ["exit", "kill"]) {
          const child = fork(fileURLToPath(import.meta.url));
          const [port] = await once(child, "message");
          const socket = net.connect(port);
          socket.on("error", (error) => console.log(error.code)).on("end", () => console.log("end"));
          await once(socket, "connect");
          const exited = once(child, "exit");
          if (how === "exit") child.send("exit");
          else child.kill("SIGKILL");
          await new Promise((closed) => socket.resume().on("close", closed));
          await exited;
          const server = net.createServer().listen(port);
          await once(server, "listening");
          console.log(server.address().port === port);
          server.close();
        }
      } else {
        process.once("message", () => process.exit());
        const server = net.createServer(() => {}).listen(0, () => process.send(server.address().port));
      }
    `);
    expect(ended).toEqual({ status: 0, stdout: "end\ntrue\nECONNRESET\ntrue\n", stderr: "" });
  });

  test("a child with a channel, which loads net before us, is ours all the same", async () => {
    const ended = await preload.run(`
      import { fork } from "node:child_process";
      import net from "node:net";
      import dgram from "node:dgram";
      import { once } from "node:events";
      import { fileURLToPath } from "node:url";
      if (process.send === undefined) fork(fileURLToPath(import.meta.url)).on("message", (text) => console.log(text));
      else {
        const server = net.createServer((socket) => socket.pipe(socket)).listen(0);
        await once(server, "listening");
        const socket = net.connect(server.address().port, "127.0.0.1");
        socket.end("stream");
        for await (const chunk of socket) process.send(String(chunk) + " " + server._handle.fd);
        server.close();
        const receiver = dgram.createSocket("udp4").bind(0);
        await once(receiver, "listening");
        const sender = dgram.createSocket("udp4");
        sender.send("datagram", receiver.address().port);
        process.send(String((await once(receiver, "message"))[0]));
        sender.close();
        receiver.close();
        process.disconnect();
      }
    `);
    expect(ended).toEqual({ status: 0, stdout: "stream -1\ndatagram\n", stderr: "" });
  });

  test("a socket that is sent to a child is refused, not misunderstood", async () => {
    const ended = await preload.run(`
      import { fork } from "node:child_process";
      import net from "node:net";
      import { fileURLToPath } from "node:url";
      if (process.send !== undefined) process.on("message", () => {});
      else {
        const child = fork(fileURLToPath(import.meta.url));
        const server = net.createServer().listen(0, () => {
          try {
            child.send("take", server);
          } catch (error) {
            console.log(error.code);
          }
          server.close();
          child.kill();
        });
      }
    `);
    expect(ended).toMatchObject({ status: 0, stdout: "ERR_INVALID_HANDLE_TYPE\n" });
  });
});

test("a cluster whose primary accepts for its workers is refused with a word, and goes on; a worker that listens itself is asked", async () => {
  const ended = await preload.run(`
    import cluster from "node:cluster";
    import net from "node:net";
    import { once } from "node:events";
    if (cluster.isPrimary) {
      for (const exclusive of ["", "yes"]) {
        const worker = cluster.fork({ EXCLUSIVE: exclusive });
        const [port] = await once(worker, "message");
        const socket = net.connect(port, "127.0.0.1").on("error", (error) => console.log(error.code)).on("data", (text) => console.log(String(text)));
        await new Promise((closed) => socket.on("close", closed));
        worker.kill();
        await once(worker, "exit");
      }
    } else {
      const server = net.createServer((socket) => socket.end("a worker"));
      server.listen({ port: 0, exclusive: process.env.EXCLUSIVE !== "" }, () => process.send(server.address().port));
    }
  `);
  const warning = expect.stringMatching(
    /OnwireWarning: a cluster's primary cannot hand a connection of the onwire stack to another process: let its workers/,
  );
  expect(ended).toEqual({ status: 0, stdout: "ECONNRESET\na worker\n", stderr: warning });
});

test("onwire run: the program has its arguments, its status, and the stack", async () => {
  writeFileSync(
    join(preload.folder, "app.mjs"),
    `
    import net from "node:net";
    const server = net.createServer().listen(0, () => {
      console.log(process.argv.slice(2).join(" "), server._handle.fd);
      server.close();
      process.exitCode = 7;
    });
  `,
  );
  const ended = await preload.command(["run", "--listen", "*", "app.mjs", "--port", "80"]);
  expect(ended).toEqual({ status: 7, stdout: "--port 80 -1\n", stderr: "" });
  const wrong = await preload.command(["run", "--link", "wire", "app.mjs"]);
  expect(wrong).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining('--link "wire": use loopback, tap[:NAME]') });
  writeFileSync(join(preload.folder, "wrong.json"), JSON.stringify({ link: "wire" }));
  const file = await preload.command(["run", "--config", "wrong.json", "app.mjs"]);
  expect(file).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/^onwire: configuration: link "wire": use .*\n$/) });
});

test("a thousand connections leave no handle behind, and the process ends", async () => {
  const ended = await preload.run(
    `
    import http from "node:http";
    import { once } from "node:events";
    import { setImmediate } from "node:timers/promises";
    const server = http.createServer((request, response) => response.end("ok")).listen(0);
    await once(server, "listening");
    const { port } = server.address();
    const references = [];
    for (let i = 0; i < 1000; i++) {
      const request = http.get({ port, agent: false });
      const [response] = await once(request, "response");
      references.push(new WeakRef(request.socket._handle));
      response.resume();
      await once(response, "close");
    }
    for (let i = 0; i < 10; i++) {
      await setImmediate();
      gc();
    }
    console.log(references.filter((reference) => reference.deref() !== undefined).length < 5);
    server.close();
  `,
    { flags: ["--expose-gc", "--import", preload.register] },
  );
  expect(ended).toEqual({ status: 0, stdout: "true\n", stderr: "" });
});
