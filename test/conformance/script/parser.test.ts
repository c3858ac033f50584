import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScriptError, Unsupported } from "../../../src/conformance/script/error.js";
import { parseScript } from "../../../src/conformance/script/parser.js";
import { printScript } from "../../../src/conformance/script/print.js";
import { scriptSource } from "./arbitraries.js";

const parse = (source: string, defines: Record<string, string> = {}) => parseScript(source, "a.pkt", new Map(Object.entries(defines)));
const positionless = (source: string): string =>
  JSON.stringify(parse(source), (key, value: unknown) => (key === "at" ? undefined : typeof value === "bigint" ? String(value) : value));
const only = (line: string) => parse(`0 ${line}`).events[0]!.action;

describe("packets", () => {
  test("every part of a TCP line", () => {
    expect(only("> [ect0] 5000 > 80 SEW. 10:20(10) ack 7 win 100 urg 3 <mss 1460,nop,nop,sackOK>")).toEqual({
      kind: "packet",
      direction: "out",
      ip: { ecn: "ect0", tos: null, ttl: null },
      body: {
        protocol: "tcp",
        ports: { source: 5000, target: 80 },
        flags: (1 << 1) | (1 << 4) | (1 << 6) | (1 << 7),
        ace: null,
        seq: { start: 10, length: 10, as: "mapped" },
        ack: 7,
        ackAbsolute: false,
        window: 100,
        urgent: 3,
        options: [{ kind: "mss", value: 1460 }, { kind: "nop" }, { kind: "nop" }, { kind: "sackOK" }],
      },
    });
  });

  test.each([
    ["< .5 1:1(0) ack 1 win 9", { flags: 16, ace: 5 }],
    ["> S.0 0:0(0) ack 1", { flags: 18, ace: 0 }],
    ["> SA. 0:0(0) ack 1", { flags: 2 | 256 | 16, ace: null }],
    ["> - 1:1(0)", { flags: 0, ace: null }],
    ["> R 1:1(0) ack 0 win 0", { flags: 4, ack: 0, window: 0 }],
    ["> . ...(5) ack 9!", { seq: { start: 0, length: 5, as: "ignored" }, ack: 9, ackAbsolute: true }],
    ["> . 5:9(4)! ack 9", { seq: { start: 5, length: 4, as: "absolute" } }],
    ["> . 4294967290:4(10) ack 1", { seq: { start: 4294967290, length: 10, as: "mapped" } }],
    ["> . 1:1(0) ack 1 <...>", { options: "any" }],
    [
      "< . 1:1(0) ack 1 win 5 <nop,nop,sack 1:3 5:7>",
      {
        options: [
          { kind: "nop" },
          { kind: "nop" },
          {
            kind: "sack",
            blocks: [
              { left: 1, right: 3 },
              { left: 5, right: 7 },
            ],
          },
        ],
      },
    ],
    ["> S 0:0(0) <FO,nop,nop>", { options: [{ kind: "FO", cookie: "" }, { kind: "nop" }, { kind: "nop" }] }],
    [
      "> S 0:0(0) <FO 3021b9d889017eeb,nop,nop>",
      { options: [{ kind: "FO", cookie: "3021b9d889017eeb" }, { kind: "nop" }, { kind: "nop" }] },
    ],
    ["> S 0:0(0) <FO 12345678,nop,nop>", { options: [{ kind: "FO", cookie: "12345678" }, { kind: "nop" }, { kind: "nop" }] }],
    ["> S 0:0(0) <FOEXP>", { options: [{ kind: "FOEXP", cookie: "" }] }],
    ["> S 0:0(0) <EXP-FO>", { options: [{ kind: "FOEXP", cookie: "" }] }],
    [
      "> . 1:1(0) ack 1 <ECN e1b 1 ceb 0 e0b 2,nop>",
      {
        options: [
          {
            kind: "ECN",
            fields: [
              { name: "e1b", value: 1 },
              { name: "ceb", value: 0 },
              { name: "e0b", value: 2 },
            ],
          },
          { kind: "nop" },
        ],
      },
    ],
    [
      "> . 1:1(0) ack 1 <TS val ... ecr 5!,nop,nop>",
      { options: [{ kind: "TS", value: null, echo: 5, echoAbsolute: true }, { kind: "nop" }, { kind: "nop" }] },
    ],
  ])("%s", (line, expected) => {
    expect(only(line)).toMatchObject({ body: expected });
  });

  test.each([
    [
      "< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]",
      { type: "unreachable", code: "frag_needed", mtu: 1200, quoted: { protocol: "tcp" } },
    ],
    [
      "> icmp unreachable port_unreachable [udp (100)]",
      { type: "unreachable", code: "port_unreachable", quoted: { protocol: "udp", length: 100 } },
    ],
    ["< icmp echo_request id 7", { type: "echo_request", id: 7, quoted: null }],
    ["< icmp type_3 code_13 [5:5(0)]", { type: "type_3", code: "code_13" }],
    ["< udp (1000)", { protocol: "udp", length: 1000 }],
  ])("%s", (line, expected) => {
    expect(only(line)).toMatchObject({ body: expected });
  });
});

describe("times", () => {
  test.each([
    ["0", "absolute", 0, 0],
    ["+.000001", "relative", 1, 1],
    ["*", "any", 0, 0],
    ["0~1.5", "absolute-range", 0, 1_500_000],
    ["+0~+.303", "relative-range", 0, 303_000],
  ])("%s", (time, kind, from, to) => {
    const source = `0 \`true\`\n${time} > . 1:1(0) ack 1`;
    expect(parse(source).events[1]!.time).toEqual({ kind, from, to });
  });

  test("a string that is cut short, and quotes within a command", () => {
    expect(only('setsockopt(3, SOL_TCP, TCP_CONGESTION, "reno"..., 5) = 0')).toMatchObject({
      args: [{}, {}, {}, { type: "string", value: "reno" }, {}],
    });
    expect(only("`echo \\`x\\` `")).toMatchObject({ kind: "command" });
  });

  test("a call that blocks has an end, counted from where the event counts", () => {
    expect(parse("+0...0.2 read(4, ..., 10) = 10").events[0]!.action).toMatchObject({ kind: "call", blocksFor: 200_000 });
    expect(parse("0 `true`\n1.0...6.0 connect(3, ..., ...) = -1 ETIMEDOUT (Operation timed out)").events[1]!.action).toMatchObject({
      blocksFor: 5_000_000,
    });
  });
});

describe("calls", () => {
  test("lists, records and what stands in them", () => {
    expect(
      only(
        "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=MSG_TRUNC|MSG_CTRUNC}, MSG_DONTWAIT) = -1 EAGAIN (none, yet)",
      ),
    ).toMatchObject({
      name: "recvmsg",
      errno: "EAGAIN",
      result: { type: "integer", value: -1 },
      args: [
        { value: 3 },
        {
          type: "record",
          fields: [
            { name: "msg_name", argument: { type: "ellipsis" }, value: { type: "ellipsis" } },
            { name: "msg_iov", argument: { value: 1 }, value: { type: "list" } },
            { name: "msg_flags", value: { type: "or" } },
          ],
        },
        { name: "MSG_DONTWAIT" },
      ],
    });
  });

  test("numbers of 64 bits stay whole", () => {
    expect(only("epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, u64=0x1234567812345678}) = 0")).toMatchObject({
      args: [{}, {}, {}, { fields: [{}, { value: { value: 0x1234567812345678n, hex: true } }] }],
    });
  });
});

describe("definitions, options, conditionals", () => {
  test("a defined word is what it stands for", () => {
    expect(parse("0 > S 0:0(0) <FO COOKIE,nop,nop>", { COOKIE: "0102030405060708" }).events[0]!.action).toMatchObject({
      body: { options: [{ cookie: "0102030405060708" }, {}, {}] },
    });
    expect(parse("0 COMMAND", { COMMAND: "`sleep 1`" }).events[0]!.action).toMatchObject({ kind: "command", text: "sleep 1" });
    expect(parse("--define=SIZE=7\n0 write(3, ..., SIZE) = 7").events[0]!.action).toMatchObject({
      args: [{}, {}, { type: "integer", value: 7 }],
    });
  });

  test("options come first, with or without a value", () => {
    expect(
      parse("--strict_segments --tolerance_usecs=10000 --local_ip=10.0.0.1\n0 `true`").options.map(({ name, value }) => [name, value]),
    ).toEqual([
      ["strict_segments", null],
      ["tolerance_usecs", "10000"],
      ["local_ip", "10.0.0.1"],
    ]);
  });

  test("what does not apply is left out, and lines keep their numbers", () => {
    const source = "0 `true`\n#ifdef FreeBSD\n+0 close(3) = 0\n#else\n+0 close(4) = 0\n#endif\n+0 close(5) = 0";
    expect(parse(source).events.map(({ at }) => at.line)).toEqual([1, 5, 7]);
    expect(parse(source, { FreeBSD: "1" }).events.map(({ at }) => at.line)).toEqual([1, 3, 7]);
  });

  test("the commands around the events", () => {
    const script = parse("`./defaults.sh`\n0 `true`\n`/tmp/restore.sh`");
    expect([script.init?.text, script.events.length, script.cleanup?.text]).toEqual(["./defaults.sh", 1, "/tmp/restore.sh"]);
  });
});

describe("what is wrong says where, what was found and what was expected", () => {
  test.each([
    ["", "1:1: found the end of the script, expected an event"],
    ["1 `true`", "1:1: found a later time"],
    ["0 < . 1:1(0) ack 1", '1:19: found the end of the script, expected "win"'],
    ["0 < . 1:1(0) ack 1 win 5 <...>", "1:27: found"],
    ["0 > . 1:3(1)", "1:7: found 1:3(1), expected that start and length make the end"],
    ["0 > X 1:1(0)", '1:5: found "X", expected flags'],
    ["0 > SE.5 1:1(0)", "1:5: found E, W or A beside a number"],
    ["0 > S 0:0(0) <mss 1460,nop>", "1:14: found options of 5 octets, expected a multiple of 4"],
    ["0 > S 0:0(0) <mss>", '1:18: found ">", expected a segment size, 0 to 65535'],
    ["0 > S 0:0(0) <foo 5>", '1:15: found the option "foo", expected mss'],
    ["0 `true`\n* < . 1:1(0) win 5", '2:1: found a range or "*"'],
    ["0 `true`\n+.5~+.2 > . 1:1(0)", "2:4: found a range that ends before it begins"],
    ["0 read(3, ..., 5) 5", '1:19: found integer "5", expected "="'],
    ["0 `true", "1:3: found a command that has no end"],
    ['0 write(3, "abc, 3) = 3', "1:12: found a string that has no end"],
    ["0 %{ assert 1", "1:3: found a code that has no end"],
    ["0 /* nothing", "1:3: found a comment that has no end"],
    ["0 < icmp frobnicated", '1:10: found the ICMP type "frobnicated"'],
    ["0 > . 1:1(0) @", '1:14: found "@", which begins nothing'],
    ["#ifdef X\n0 `true`", "1:1: found #ifdef without #endif"],
  ])("%j", (source, message) => {
    expect(() => parse(source)).toThrow(ScriptError);
    expect(() => parse(source)).toThrow(`a.pkt:${message}`);
  });
});

test.each([
  ["0 > sctp: INIT[flgs=0]", "SCTP"],
  ["0 > ipv4 1.2.3.4 > 5.6.7.8: S 0:0(0)", "encapsulation (ipv4)"],
  ["0 > S 0:0(0) <mp_capable v1>", "the TCP option mp_capable"],
  ["0 < (flowlabel 0x1) S 0:0(0) win 5", "IPv6 (flow labels)"],
  ["0 < icmp packet_too_big mtu 1280 [1:1(0)]", "ICMPv6"],
])("unsupported, and says what: %s", (source, what) => {
  expect(() => parse(source)).toThrow(Unsupported);
  expect(() => parse(source)).toThrow(what);
});

describe("properties", () => {
  test("printing what was parsed and parsing it again gives the same", () => {
    fc.assert(
      fc.property(scriptSource, (source) => {
        const printed = printScript(parse(source));
        expect(positionless(printed)).toBe(positionless(source));
        expect(printScript(parse(printed))).toBe(printed);
      }),
      { numRuns: 500 },
    );
  });

  test("garbage is refused and neither crashes nor hangs", () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom(
        "0 ",
        "+0 ",
        "< ",
        "> ",
        "S. ",
        "1:1(0) ",
        "ack 1 ",
        "win 5 ",
        "<mss 1,",
        "...",
        "read(",
        "{",
        "[",
        "(",
        ")",
        "]",
        "}",
        "=",
        "`",
        '"',
        "%{",
        "}%",
        "/*",
        "*/",
        "//",
        "\n",
        "#ifdef A\n",
        "#endif\n",
        "::",
        "1.2.3.4",
        "0x",
        "--a=",
        "|",
        "~",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          parse(pieces.join(""));
        } catch (error) {
          if (!(error instanceof ScriptError) && !(error instanceof Unsupported)) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["brackets", "0 read(".concat("[".repeat(100_000))],
    ["alternatives", `0 read(${"A|".repeat(50_000)}A) = 0`],
    ["colons", `0 > ${"1:".repeat(200_000)}`],
    ["open comments", "/*/".repeat(100_000)],
    ["numbers", `0 > . ${"9".repeat(100_000)}:1(0)`],
    ["nesting", `0 read(${"a=".repeat(10_000)}1) = 0`],
  ])("a great many %s", (_, source) => {
    expect(() => {
      try {
        printScript(parse(source));
      } catch (error) {
        if (!(error instanceof ScriptError)) throw error;
      }
    }).not.toThrow();
  });
});
