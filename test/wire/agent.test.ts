/** `onwire test --wire --agent`: packet scripts on another host, whose calls an agent makes. Two namespaces: one tests the other. */
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { keyOf, protection } from "../../src/cli/agent-key.js";
import { AgentServer } from "../../src/cli/agent-server.js";
import { RemoteAgent } from "../../src/cli/remote-agent.js";
import { illegalOnes, judge } from "../../src/conformance/model/judge.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { KERNEL, Kernel, wireTest } from "./kernel.js";

const PORT = 7_474;
const TOKEN = "a token of the tests";
const TESTER = "10.9.0.3";
const PRETENDED = "10.9.0.99";

const folder = mkdtempSync(join(tmpdir(), "onwire-agent-test-"));
const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  write("token", `${TOKEN}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const onwire = (kernel: Kernel, args: readonly string[]): ChildProcess =>
  kernel.spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], "pipe");

/** Runs to its end. */
const run = async (kernel: Kernel, args: readonly string[]): Promise<{ status: number; out: string; err: string }> => {
  const child = onwire(kernel, args);
  let out = "";
  let err = "";
  child.stdout!.on("data", (text) => (out += text));
  child.stderr!.on("data", (text) => (err += text));
  const [status] = (await once(child, "close")) as [number];
  return { status, out, err };
};

/** A tester and the host that it tests, on one wire; the agent is up. */
const withTwo = async (agentOptions: readonly string[], body: (tester: Kernel, tested: Kernel) => Promise<void>): Promise<void> => {
  const tested = new Kernel();
  const tester = new Kernel();
  try {
    tested.veth();
    const inside = tester.spawn("cat");
    tested.namespace.run(() => execFileSync("ip", ["link", "set", "ours0", "netns", String(inside.pid)]));
    tester.namespace.run(() => {
      execFileSync("ip", ["addr", "add", `${TESTER}/24`, "dev", "ours0"]);
      execFileSync("ip", ["link", "set", "ours0", "up"]);
    });
    const agent = onwire(tested, ["agent", "--listen", `${KERNEL}:${PORT}`, "--token-file", join(folder, "token"), ...agentOptions]);
    for await (const line of createInterface({ input: agent.stderr! })) if (line.includes("an agent waits")) break;
    await body(tester, tested);
  } finally {
    await tester.close();
    await tested.close();
  }
};

const wire = [
  "--agent",
  `${KERNEL}:${PORT}`,
  "--token-file",
  join(folder, "token"),
  "--link",
  "packet:ours0",
  "--address",
  `${PRETENDED}/24`,
];

const bulk = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 4000) = 4000
+0 > P. 1:2001(2000) ack 1
+0 > P. 2001:4001(2000) ack 1
+.1 < P. 1:11(10) ack 4001 win 65535
+0~+.05 > . 4001:4001(0) ack 11
+0 read(4, ..., 100) = 10
`;

describe("onwire test --wire --agent", () => {
  wireTest("scripts of either side of a connection, one after the other, on a host behind a wire", async () => {
    const scripts = ["rfc9293/3.10.7.2-listen-syn", "rfc9293/3.10.1-open-refused", "rfc768/1-datagram"].map(
      (name) => `conformance/${name}.pkt`,
    );
    await withTwo([], async (tester) => {
      const good = await run(tester, ["test", ...scripts, write("bulk.pkt", bulk), write("again.pkt", bulk), "--wire", ...wire]);
      expect(good.out).toContain("5 scripts: 5 pass");
      expect(good.status).toBe(0);
      const both = await run(tester, ["test", write("bulk.pkt", bulk), "--versus", "agent", ...wire]);
      expect(both.out).toMatch(/^pass {8}pass {8}.*bulk\.pkt$/m);
      const recorded = await run(tester, ["test", write("bulk.pkt", bulk), "--record", "agent", ...wire]);
      expect(recorded.out).toContain("> P. 3001:4001(1000) ack 1");
    });
  });

  wireTest("a failure is told field by field, with a capture that is legal TCP", async () => {
    const wrong = write("wrong.pkt", bulk.replace("(2000) ack 1\n+.1", "(2000) ack 2\n+.1"));
    await withTwo([], async (tester) => {
      const bad = await run(tester, [
        "test",
        wrong,
        "--wire",
        ...wire,
        "--pcapng",
        join(folder, "captures"),
        "--junit",
        join(folder, "results.xml"),
      ]);
      expect(bad.out).toMatch(/^ {4}acknowledgment number {2}expected 2, came 1$/m);
      expect(bad.status).toBe(1);
      const { frames, interfaces } = readCapture(readFileSync(join(folder, "captures", "0001-wrong.pcapng")));
      const { segments } = judge(frames, interfaces).connections[0]!;
      expect(segments.map(({ from }) => from).slice(0, 4)).toEqual([0, 1, 0, 1]);
      expect(segments.flatMap((segment) => illegalOnes(segment))).toEqual([]);
      expect(readFileSync(join(folder, "results.xml"), "utf8")).toContain('failures="1"');
    });
  });

  wireTest("the policy of the host is changed where the agent may, and put back", async () => {
    const script = write(
      "policy.pkt",
      `\`sysctl -q net.ipv4.tcp_timestamps=0\`\n${bulk.replaceAll("mss 1000>", "mss 1000,nop,nop,TS val 1 ecr 0>")}`,
    );
    const reads = (tested: Kernel): string => tested.namespace.run(() => readFileSync("/proc/sys/net/ipv4/tcp_timestamps", "utf8").trim());
    await withTwo([], async (tester) => {
      const refused = await run(tester, ["test", script, "--wire", ...wire]);
      expect(refused.out).toContain("the agent may not set net.ipv4.tcp_timestamps: start it with --sysctls");
      expect(refused.status).toBe(1);
    });
    await withTwo(["--sysctls"], async (tester, tested) => {
      expect(await run(tester, ["test", script, "--wire", ...wire])).toMatchObject({ status: 0 });
      expect(reads(tested)).toBe("1");
    });
  });

  wireTest("what is wrong is told with its remedy", async () => {
    await withTwo([], async (tester) => {
      const script = write("bulk.pkt", bulk);
      const other = write("other", "another token, as long");
      const told = async (change: Readonly<Record<string, string>>): Promise<string> => {
        const { status, err } = await run(tester, ["test", script, "--wire", ...wire.map((word) => change[word] ?? word)]);
        expect(status).toBeGreaterThan(0);
        return err;
      };
      expect(await told({ [join(folder, "token")]: other })).toContain(
        "does not accept the token: give the one that the agent was started with",
      );
      expect(await told({ [`${KERNEL}:${PORT}`]: `${KERNEL}:7475` })).toContain(
        "nobody listens there: start one on that host with onwire agent",
      );
      expect(await told({ [`${KERNEL}:${PORT}`]: `10.9.0.77:${PORT}` })).toContain("nobody on ours0 answers for 10.9.0.77");
      expect(await told({ [`${PRETENDED}/24`]: `${TESTER}/24` })).toContain("10.9.0.3: the kernel has this address on ours0");
      const large = await run(tester, ["test", write("large.pkt", `--mtu=1200\n${bulk}`), "--wire", ...wire]);
      expect(large.out).toMatch(/^UNSUPPORTED .*an MTU of 1200: that of packet:ours0 is 1500/m);
    });
  });
});

describe("an agent", () => {
  const withServer = async (body: (server: AgentServer, said: string[]) => Promise<void>): Promise<void> => {
    const said: string[] = [];
    const server = await AgentServer.listen({ host: "127.0.0.1", port: 0, token: TOKEN, sysctls: false, say: (line) => said.push(line) });
    try {
      await body(server, said);
    } finally {
      await server.close();
    }
  };

  wireTest("serves one runner at a time, and the next when that has gone", async () => {
    await withServer(async ({ port }) => {
      const address = { host: "127.0.0.1", port, token: TOKEN };
      const first = await RemoteAgent.open(address);
      await expect(RemoteAgent.open(address)).rejects.toThrow("busy with another runner");
      await first.close();
      const next = await RemoteAgent.open(address);
      expect(await next.lines.tell({ kind: "call", call: { name: "close", fd: 999 } })).toMatchObject({ value: -1, errno: "EBADF" });
      await next.close();
    });
  });

  wireTest("keeps files in a folder of its own, and survives what is no order", async () => {
    await withServer(async ({ port }) => {
      const agent = await RemoteAgent.open({ host: "127.0.0.1", port, token: TOKEN });
      const path = join(folder, "not-here");
      expect(await agent.lines.tell({ kind: "file", path, zeros: 10 })).toBe(true);
      expect(() => readFileSync(path)).toThrow("ENOENT");
      await expect(agent.lines.tell({ kind: "nothing" } as never)).rejects.toThrow('no order: "nothing"');
      await expect(agent.lines.tell({ kind: "sysctl", key: "kernel.hostname", value: "x" })).rejects.toThrow("no policy of TCP or IP");
      expect(await agent.lines.tell({ kind: "sysctl", key: "net.ipv4.tcp_sack", value: "0" })).toMatch(/may not set net\.ipv4\.tcp_sack/);
      await agent.close();
    });
  });

  wireTest("does not listen to who does not know the token, nor to endless orders", async () => {
    await withServer(async ({ port }, said) => {
      const stranger = connect({ ...protection, host: "127.0.0.1", port, checkServerIdentity: () => undefined });
      await once(stranger, "error");
      const pskCallback = () => ({ psk: keyOf(TOKEN), identity: "onwire-agent" });
      const noisy = connect({ ...protection, host: "127.0.0.1", port, checkServerIdentity: () => undefined, pskCallback });
      noisy.on("error", () => {});
      const closed = once(noisy, "close");
      noisy.resume().write("x".repeat(200_000));
      await closed;
      expect(said.join("\n")).toMatch(/does not know the token, or is no onwire[\s\S]*an order of more than 65536 octets/);
      await (await RemoteAgent.open({ host: "127.0.0.1", port, token: TOKEN })).close();
    });
  });
});
