/** What a recording says passes where it was recorded, and says all that was done. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parting } from "../../../src/conformance/script/agree.js";
import { printEvent, printScript } from "../../../src/conformance/script/print.js";
import { runScript } from "../../../src/conformance/script/run.js";
import { recordScript } from "../../../src/conformance/script/run-record.js";

const suite = join(import.meta.dirname, "../../../conformance");
const scripts = readdirSync(suite, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".pkt"))
  .sort();

const recorded = (source: string): string[] => recordScript(source, "stimulus.pkt").script!.events.map(printEvent);

const opening = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,sackOK,TS val 700 ecr 0,nop,wscale 7>
+.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 800 ecr 0>
+0 accept(3, ..., ...) = 4
`;

describe("recording on our stack", () => {
  test.each(scripts)("what is recorded of %s passes", (name) => {
    const source = readFileSync(join(suite, name), "utf8");
    const { script, result } = recordScript(source, name);
    expect(result.reason).toBe("");
    const played = runScript(printScript(script!), name, { strict: true });
    // Echoes of timestamps are checked strictly, IP identifications of what may be fragmented as well: both as recorded.
    expect([played.verdict, played.reason, played.line]).toEqual(["pass", "", ""]);
  });

  test("packets stand at their times, and calls with their results", () => {
    const lines = recorded(`${opening}+0 write(4, ..., 1500) = ...\n+.2 < . 1:1(0) ack 1501 win 65535 <nop,nop,TS val 900 ecr 0>\n`);
    expect(lines.slice(4)).toEqual([
      "+0.0 > S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 100 ecr 700,nop,wscale 7>",
      "+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 800 ecr 100>",
      "+0.0 accept(3, ..., ...) = 4",
      "+0.0 write(4, ..., 1500) = 1500",
      expect.stringMatching(/^\+0\.0 > \. 1:989\(988\) ack 1 win \d+ <nop,nop,TS val 200 ecr 800>$/),
      expect.stringMatching(/^\+0\.0 > P\. 989:1501\(512\) ack 1 win \d+ <nop,nop,TS val 200 ecr 800>$/),
      "+0.2 < . 1:1(0) ack 1501 win 65535 <nop,nop,TS val 900 ecr 200>",
    ]);
  });

  test("what the script expects is left out, what the host does is not", () => {
    const lines = recorded(`${opening}+0 > R 5:5(0)\n+0 \`sleep 3\`\n+0 close(4) = -1 EINVAL\n`);
    expect(lines.at(-2)).toBe("+3.0 close(4) = 0");
    expect(lines.at(-1)).toMatch(/^\+0\.0 > F\. 1:1\(0\) ack 1 /);
  });

  test("a call that blocks has its end, an error its name, an option its value", () => {
    const lines = recorded(
      `${opening}+0...1 read(4, ..., 100) = 100\n+.3 < P. 1:11(10) ack 1 win 100 <nop,nop,TS val 900 ecr 0>\n+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [9], [4]) = 7\n+0 listen(4, 1) = 0\n`,
    ).filter((line) => /read|getsockopt|listen\(4/.test(line));
    expect(lines).toEqual([
      "+0.0...0.3 read(4, ..., 100) = 10",
      "+0.0 getsockopt(4, SOL_TCP, TCP_NODELAY, [0], [4]) = 0",
      "+0.0 listen(4, 1) = -1 EINVAL",
    ]);
  });

  test("code becomes assertions of the words in it", () => {
    const lines = recorded(`${opening}+0 %{ print(tcpi_state, tcpi_snd_cwnd, tcpi_ca_state) }%\n`);
    expect(lines.at(-1)).toBe(
      "+0.0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state; assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd; assert tcpi_ca_state == TCP_CA_Open, tcpi_ca_state }%",
    );
  });

  test("windows and options are left out on request", () => {
    const { script } = recordScript(opening, "stimulus.pkt", { ignore: ["window", "options"] });
    expect(printEvent(script!.events[4]!)).toBe("+0.0 > S. 0:0(0) ack 1 <...>");
  });

  test("what cannot be played is a verdict", () => {
    expect(recordScript("0 tee(3, 4) = 0\n", "a.pkt").result.verdict).toBe("unsupported");
    expect(recordScript("0 socket(\n", "a.pkt").result.verdict).toBe("error");
    expect(
      recordScript("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 accept(3, ..., ...) = 4\n", "a.pkt", { profile: "no" }).result.verdict,
    ).toBe("error");
  });
});

describe("two recordings", () => {
  const agreement = { tolerance: 4_000, percent: 12.5 };
  const script = (tail: string) => recordScript(opening + tail, "stimulus.pkt").script!;

  test("agree with themselves", () => {
    expect(parting(script("+0 write(4, ..., 500) = ...\n"), script("+0 write(4, ..., 500) = ...\n"), agreement)).toBeNull();
  });

  test("part where an event is another, comes at another time, or is missing", () => {
    const one = script("+0 write(4, ..., 500) = ...\n+0 `sleep .1`\n");
    expect(parting(one, script("+0 write(4, ..., 600) = ...\n+0 `sleep .1`\n"), agreement)?.one).toContain("write(4, ..., 500)");
    expect(parting(one, script("+.01 write(4, ..., 500) = ...\n+0 `sleep .1`\n"), agreement)?.other).toContain("0.11 write(4, ..., 500)");
    expect(parting(script(""), one, agreement)).toEqual({ index: 7, one: null, other: "0.1 write(4, ..., 500) = 500" });
  });
});
