/** Scripts on a host whose time is its own: here one that is our stack all the same, so that nothing has to be waited for. */
import { describe, expect, test } from "vitest";
import { judge } from "../../../src/conformance/model/judge.js";
import { Unsupported } from "../../../src/conformance/script/error.js";
import { DEFAULT_SEED, dialectOf } from "../../../src/conformance/script/run.js";
import { type LiveHost, runScriptOn } from "../../../src/conformance/script/run-live.js";
import { recordScriptOn } from "../../../src/conformance/script/run-record.js";
import type { Settings } from "../../../src/conformance/script/settings.js";
import { VirtualHost } from "../../../src/conformance/script/virtual-host.js";
import { readCapture } from "../../../src/inspect/capture-reader.js";
import { linux } from "../../../src/stack/profile.js";

const open = async (settings: Settings): Promise<LiveHost> => {
  const { personality, policy } = dialectOf("linux");
  const host = new VirtualHost({ profile: linux, personality, policy, settings, seed: DEFAULT_SEED, probe: null });
  return {
    get now() {
      return host.now;
    },
    reply: async (request) => host.reply(request),
    close: async () => host.close(),
  };
};

const refuse = (): Promise<LiveHost> => Promise.reject(new Unsupported("an MTU of 9", { line: 1, column: 1 }));

const script = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 2000) = 2000
+0 > P. 1:2001(2000) ack 1
`;

describe("a script on a host in real time", () => {
  test("passes, and leaves a capture of what went to and fro, with times from its begin", async () => {
    const result = await runScriptOn(open, script, "a.pkt", { capture: true });
    expect(result).toMatchObject({ verdict: "pass", reason: "" });
    const { frames, interfaces } = readCapture(result.capture!);
    expect(frames[0]!.at).toBe(0n);
    expect(frames[2]!.at).toBe(100_000_000n);
    const { segments } = judge(frames, interfaces).connections[0]!;
    expect(segments.map(({ from, text }) => `${from} ${text.split(" ")[0]}`)).toEqual(["0 S", "1 S.", "0 .", "1 .", "1 P."]);
  });

  test("that fails keeps what the script did not come to", async () => {
    const result = await runScriptOn(open, script.replace("ack 1 <mss", "ack 2 <mss"), "a.pkt", { capture: true });
    expect(result).toMatchObject({ verdict: "fail", differences: [{ field: "acknowledgment number" }] });
    expect(readCapture(result.capture!).frames).toHaveLength(2);
    expect((await runScriptOn(open, script, "a.pkt")).capture).toBeNull();
  });

  test("is unsupported where the host does not have what it wants", async () => {
    expect(await runScriptOn(refuse, script, "a.pkt")).toMatchObject({ verdict: "unsupported", reason: "an MTU of 9" });
    expect((await recordScriptOn(refuse, script, "a.pkt")).result).toMatchObject({ verdict: "unsupported", reason: "an MTU of 9" });
  });

  test("has its remote ends at other ports where that is asked for", async () => {
    const options = new Map([["remote_port", "60000"]]);
    const { capture } = await runScriptOn(open, script, "a.pkt", { capture: true, options });
    const { frames, interfaces } = readCapture(capture!);
    expect(judge(frames, interfaces).connections[0]!.ends).toEqual(["192.0.2.1:60000", "192.168.0.1:8080"]);
    const wrong = await runScriptOn(open, script, "a.pkt", { options: new Map([["remote_port", "80"]]) });
    expect(wrong).toMatchObject({ verdict: "error", reason: expect.stringContaining("expected a number from 49152 to 65535") });
  });
});
