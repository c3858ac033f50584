import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findScripts, runFile } from "../../src/cli/test.js";
import { junit } from "../../src/conformance/script/report.js";
import { runScript } from "../../src/conformance/script/run.js";

const folder = mkdtempSync(join(tmpdir(), "onwire-test-"));
const at = (name: string): string => join(folder, name);
/** For scripts of single tests: the others count those of `folder`. */
const beside = mkdtempSync(join(tmpdir(), "onwire-test-"));

const pass = "0 < S 0:0(0) win 5\n+0 > R. 0:0(0) ack 1 win 0\n";
const fail = "0 < S 0:0(0) win 5\n+0 > R. 0:0(0) ack 2 win 0\n";
const unsupported = "--ip_version=ipv6\n0 < S 0:0(0) win 5\n";
const wrong = "0 < S 0:0(0)\n";

beforeAll(() => {
  mkdirSync(at("deep/er"), { recursive: true });
  writeFileSync(at("a-pass.pkt"), pass);
  writeFileSync(at("b-fail.pkt"), fail);
  writeFileSync(at("c-unsupported.pkt"), unsupported);
  writeFileSync(at("deep/er/d-wrong.pkt"), wrong);
  writeFileSync(at("deep/readme.txt"), "no script");
});
afterAll(() => {
  for (const made of [folder, beside]) rmSync(made, { recursive: true, force: true });
});

const run = async (...args: string[]): Promise<{ status: number | null; out: string; err: string }> => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", "test", ...args], { stdio: ["ignore", "pipe", "pipe"] });
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

describe("onwire test", () => {
  test("finds scripts below folders, in order", () => {
    expect(findScripts([folder]).map((path) => path.slice(folder.length + 1))).toEqual([
      "a-pass.pkt",
      "b-fail.pkt",
      "c-unsupported.pkt",
      "deep/er/d-wrong.pkt",
    ]);
  });

  test("four verdicts are never mixed, and any but a pass makes the status 1", async () => {
    const junitFile = at("results.xml");
    const { status, out } = await run(folder, "--junit", junitFile, "--pcapng", at("captures"));
    expect(status).toBe(1);
    expect(out).toContain("4 scripts: 1 pass, 1 fail, 1 unsupported, 1 error");
    expect(out).toMatch(/^FAIL .*b-fail\.pkt:2: another packet came: acknowledgment number$/m);
    expect(out).toMatch(/^ {4}acknowledgment number {2}expected 2, came 1$/m);
    expect(out).toMatch(/^UNSUPPORTED .*c-unsupported\.pkt:1: IPv6/m);
    expect(out).toMatch(/^ERROR .*d-wrong\.pkt:2:1: found the end of the script, expected "win"/m);
    expect(out).not.toContain("a-pass.pkt");
    expect(readFileSync(junitFile, "utf8")).toContain('tests="4" failures="1" errors="1" skipped="1"');
    expect(readdirSync(at("captures"))).toEqual(["0002-b-fail.pcapng"]);
  });

  test("all that were asked for passed: status 0, also in threads", async () => {
    const { status, out } = await run(at("a-pass.pkt"), at("a-pass.pkt"), "--jobs", "2", "--verbose");
    expect(out).toContain("2 scripts: 2 pass, 0 fail, 0 unsupported, 0 error");
    expect(status).toBe(0);
  });

  test("--strict wants nothing left over, and exact times", async () => {
    const loose = join(beside, "loose.pkt");
    writeFileSync(loose, `${pass}+.1 < S 9:9(0) win 5\n`);
    expect(await run(loose)).toMatchObject({ status: 0 });
    const { status, out } = await run(loose, "--strict");
    expect(out).toMatch(/^FAIL .*loose\.pkt:3: a packet is left over$/m);
    expect(status).toBe(1);
  });

  test("--ignore, -D and -o change what is compared; --trace tells every event and why; --list plays nothing", async () => {
    const script = join(beside, "other-window.pkt");
    writeFileSync(script, `0 < S 0:0(0) win 5\n#ifdef SLOW\n+.01 > R. 0:0(0) ack 1 win 9\n#else\n+9 > R. 0:0(0) ack 1 win 9\n#endif\n`);
    const asked = ["--ignore", "window", "-D", "SLOW", "-o", "tolerance_usecs=20000"];
    const { status, out } = await run(script, ...asked, "--trace");
    expect(out).toContain("1 script: 1 pass");
    expect(out).toMatch(/^ 1000\.0.* send {2}RST,ACK .*tx\.rst_no_conn RFC 9293 s3\.10\.7\.1/m);
    expect(status).toBe(0);
    expect(await run(script, ...asked.slice(2))).toMatchObject({ status: 1 });
    expect(await run(script, "--list")).toEqual({ status: 0, out: `${script}\n`, err: expect.any(String) });
  });

  test("JSON, one result a line", async () => {
    const { out } = await run(folder, "--json");
    expect(
      out
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { verdict: string }).verdict),
    ).toEqual(["pass", "fail", "unsupported", "error"]);
  });

  test.each([
    [["--profile", "windows", "x.pkt"], /there is no profile "windows"/],
    [["--ignore", "colour", "x.pkt"], /cannot ignore "colour"/],
    [["no-such-file.pkt"], /there is no no-such-file\.pkt/],
    [["docs"], /no packet scripts \(\.pkt\) in docs/],
    [["-D", "=", "x.pkt"], /use NAME=VALUE/],
    [["--versus", "windows", "x.pkt"], /there is no host "windows"/],
    [["--record", "windows", "x.pkt"], /there is no host "windows" to record/],
    [["--wire", "--versus", "kernel", "conformance/rfc768"], /are three things to do: ask for one of them/],
    [["--wire", "--jobs", "2", "conformance/rfc768"], /one script at a time/],
    [["--wire", "--agent", "10.9.0.1:7", "conformance/rfc768"], /name the link on which the host under test is: --link/],
    [["--agent", "10.9.0.1", "conformance/rfc768"], /"10\.9\.0\.1" is no address with a port: use A\.B\.C\.D:PORT/],
  ])(
    "%j: wrong usage, status 2",
    async (args, message) => {
      const { status, err } = await run(...args);
      expect(err).toMatch(message);
      expect(status).toBe(2);
    },
    30_000,
  );

  test("a file that cannot be read is an error of its own", () => {
    expect(runFile(folder, {})).toMatchObject({ verdict: "error", reason: expect.stringContaining("EISDIR") });
  });
});

test("JUnit holds whatever a script holds", () => {
  const result = runScript('0 write(3, "<&\x01>", 3) = 3', "a&b.pkt");
  expect(junit([result])).toContain("a&amp;b.pkt");
  expect(junit([result])).not.toMatch(/[\x00-\x08]/);
});
