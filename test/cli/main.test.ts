import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

/** The demonstration leaves its captures; here they go. */
const folder = mkdtempSync(join(tmpdir(), "onwire-main-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command as a user does: from the source, in a process of its own. */
const run = async (script: string, ...args: string[]): Promise<{ status: number | null; out: string; err: string }> => {
  const child = spawn(process.execPath, ["--import", "tsx", `src/cli/${script}.ts`, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, out, err };
};

describe("onwire", () => {
  test("help names every command, with status 0", async () => {
    const { status, out } = await run("main", "--help");
    expect(status).toBe(0);
    for (const name of [
      "serve",
      "fetch",
      "listen",
      "connect",
      "ping",
      "arp",
      "links",
      "resolve",
      "proxy",
      "forward",
      "wire",
      "test",
      "judge",
      "demo",
    ])
      expect(out).toContain(`  ${name}`);
    expect(out).toContain("Exit status");
  });

  const usage: readonly (readonly [string[], RegExp])[] = [
    [["frobnicate"], /unknown command/],
    [["ping", "10.9.0.1"], /required option '--address/],
    [["ping", "10.9.0.1", "--address", "10.9.0.2"], /A\.B\.C\.D\/N/],
    [["wire", "--a", "eth0", "--b", "tap:y"], /tap:NAME/],
    [["ping", "10.9.0.1", "--address", "10.9.0.2/24", "--gateway", "10.8.0.1"], /a gateway must be on the link/],
    [["ping", "10.9.0.1", "--address", "dhcp", "--gateway", "10.8.0.1"], /--gateway comes with the lease/],
    [["proxy", "--inside", "--address", "10.9.0.2/24"], /ask for a password with --user/],
    [["forward", "--address", "10.9.0.2/24"], /nothing to forward: give -L or -R/],
    [["resolve", "x.test", "--address", "dhcp", "--dns", "resolver"], /DNS server "resolver": use A\.B\.C\.D/],
  ];
  for (const [args, message] of usage)
    test(`wrong usage says what is wanted, with status 2: ${args.join(" ")}`, async () => {
      const { status, err } = await run("main", ...args);
      expect(err).toMatch(message);
      expect(status).toBe(2);
    });
});

test("the demonstration between two stacks in memory ends with its verdict", async () => {
  const { status, out } = await run("demo", "--no-root", "--size", "1M", "--delay", "2ms", "--connections", "4");
  const lines = out.trim().split("\n");
  expect(lines.at(-1)).toBe("demo: ok");
  expect(status).toBe(0);
  expect(out.match(/SHA-256 is equal/g)).toHaveLength(5);
  expect(out).toContain("SYN,ACK seq 0 ack 1");
  expect(out).toContain("--no-root");
});

for (const args of [["--size", "0"], ["--loss", "2"], ["--frobnicate"]])
  test(`the demonstration's own wrong usage has status 2, and no stack trace: ${args.join(" ")}`, async () => {
    const { status, err } = await run("demo", ...args);
    expect(status).toBe(2);
    expect(err).not.toContain("    at ");
  });

test("a file of one octet makes one part of many", async () => {
  const { status, out } = await run("demo", "--no-root", "--size", "1", "--delay", "2ms");
  expect(out).toContain("in 1 parts at once");
  expect(status).toBe(0);
});

for (const [name, end, status] of [
  ["a Ctrl-C that comes twice, by a wrapper,", (child: ChildProcess) => child.kill("SIGINT") && child.kill("SIGINT"), 130],
  ["a reader who has read enough", (child: ChildProcess) => child.stdout!.destroy(), 1],
] as const)
  test(`in the midst of a transfer, ${name} ends the demonstration, and its files are gone`, async () => {
    const own = mkdtempSync(join(folder, "midst-"));
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/demo.ts", "--no-root", "--size", "128M"], {
      env: { ...process.env, TMPDIR: own },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (data) => {
      err += data;
    });
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
      if (/^ +\d+ %/m.test(out)) end(child);
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(status);
    expect(err).not.toContain("    at ");
    const left = readdirSync(own).filter((file) => file.startsWith("onwire-demo-"));
    expect(left).toHaveLength(1);
    expect(existsSync(join(own, left[0]!, "files"))).toBe(false);
  });
