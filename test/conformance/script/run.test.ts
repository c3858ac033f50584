import { describe, expect, test } from "vitest";
import { type RunOptions, runScript } from "../../../src/conformance/script/run.js";
import { readPacket } from "../../../src/conformance/script/wire-packet.js";
import { readCapture } from "../../../src/inspect/capture-reader.js";

/** A connection that a peer without options has opened: descriptor 4. */
const accepted = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
`;
const run = (body: string, options: RunOptions = {}) => runScript(accepted + body, "a.pkt", options);
const told = (body: string, options: RunOptions = {}): string => {
  const { verdict, reason, differences } = run(body, options);
  return [verdict, reason, ...differences.map(({ field, expected, actual }) => `${field}: ${expected} / ${actual}`)]
    .filter((part) => part !== "")
    .join("; ");
};

describe("a script that the stack follows passes", () => {
  test.each([
    [
      "text in both directions",
      "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n+.1 < P. 1:51(50) ack 101 win 32792\n+0 > . 101:101(0) ack 51\n+0 read(4, ..., 1000) = 50",
    ],
    [
      "a retransmission at its time",
      "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n+.3 > P. 1:101(100) ack 1\n+.6 > P. 1:101(100) ack 1",
    ],
    ["a range of times", "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n+.25~+.35 > P. 1:101(100) ack 1"],
    ["any time", "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n* > P. 1:101(100) ack 1"],
    ["a segment of several MSS in pieces", "+0 write(4, ..., 2500) = 2500\n+0 > P. 1:2501(2500) ack 1"],
    ["the close of both sides", "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n+.1 < F. 1:1(0) ack 2 win 32792\n+0 > . 2:2(0) ack 2"],
    ["a call that blocks until text comes", "+0...0.2 read(4, ..., 1000) = 10\n+.2 < P. 1:11(10) ack 1 win 32792\n+0 > . 1:1(0) ack 11"],
    [
      "a call that need not wait, written as one that blocks",
      "+0 < P. 1:11(10) ack 1 win 32792\n+0 > . 1:1(0) ack 11\n+0...0 read(4, ..., 1000) = 10",
    ],
    ["an error by its name", "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 read(4, ..., 10) = -1 EWOULDBLOCK (nothing there)"],
    ["poll", "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1"],
    [
      "epoll",
      "+0 epoll_create(1) = 5\n+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT, fd=4}) = 0\n+0 epoll_wait(5, {events=EPOLLOUT, fd=4}, 1, 0) = 1",
    ],
    ["an option", "+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0\n+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0"],
    ["a reset", "+0 < R 1:1(0) win 0\n+0 read(4, ..., 10) = -1 ECONNRESET"],
    [
      "code over what is true at its time",
      "+0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%\n+0 %{ n = tcpi_unacked }%\n+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n+0 %{ assert tcpi_unacked == n + 1 }%",
    ],
    ["policy by shell lines", "+0 `sysctl -q net.ipv4.tcp_timestamps=0 && sleep .5`\n+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1"],
  ])("%s", (_, body) => {
    expect(told(body)).toBe("pass");
  });

  test("an active open, whose ports and numbers are learned", () => {
    const source = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 100:100(0) <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7>
+.1 < S. 500:500(0) ack 101 win 32792 <mss 1460,sackOK,TS val 900 ecr 7,nop,wscale 7>
+0 > . 1:1(0) ack 1 <nop,nop,TS val 107 ecr 900>
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
+0 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 901 ecr 107>
+0 write(3, ..., 10) = 10
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 107 ecr 901>
`;
    expect(runScript(source, "a.pkt", { ignore: ["options"] })).toMatchObject({ verdict: "pass", reason: "" });
  });

  test("UDP and ICMP", () => {
    const source = `0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0 bind(3, ..., ...) = 0
+0 < udp (100)
+0 recv(3, ..., 1000, 0) = 100
+0 connect(3, ..., ...) = 0
+0 write(3, ..., 20) = 20
+0 > udp (20)
+0 < icmp echo_request id 7
+0 > icmp echo_reply id 7
`;
    expect(runScript(source, "a.pkt")).toMatchObject({ verdict: "pass", reason: "" });
  });
});

describe("a script that the stack does not follow fails, and says in what", () => {
  test.each([
    ["+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 1", "fail; another packet came: flags; flags: . / P."],
    ["+0 write(4, ..., 100) = 100\n+0 > P. 2:102(100) ack 1", "fail; another packet came: sequence number; sequence number: 2 / 1"],
    [
      "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 2",
      "fail; another packet came: acknowledgment number; acknowledgment number: 2 / 1",
    ],
    ["+0 write(4, ..., 100) = 100\n+0 > P. 1:100(99) ack 1", "fail; another packet came: octets of text; octets of text: 99 / 100"],
    ["+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 win 5", "fail; another packet came: window; window: 5 / 64240"],
    ["+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 urg 5", "fail; another packet came: urgent pointer; urgent pointer: 5 / 0"],
    [
      "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 <nop,nop,nop,nop>",
      "fail; another packet came: options; options: <nop,nop,nop,nop> / <>",
    ],
    [
      "+0 write(4, ..., 100) = 100\n+0 > [ce] P. 1:101(100) ack 1",
      "fail; another packet came: ECN of the IP header; ECN of the IP header: ce / noecn",
    ],
    ["+0 write(4, ..., 100) = 100\n+.1 > P. 1:101(100) ack 1", "fail; another packet came: time; time: 0.2 s / 0.1 s, 0.1 s too early"],
    ["+0 > . 1:1(0) ack 1", "fail; no packet came"],
    ["+0 write(4, ..., 100) = 99", "fail; write gave something else: result; result: 99 / 100"],
    ["+0 read(4, ..., 100) = 0", "fail; the call blocks, and is not written as one that does (t0...t1)"],
    [
      "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 read(4, ..., 10) = -1 ECONNRESET",
      "fail; read gave something else: errno; errno: ECONNRESET / EAGAIN",
    ],
    [
      "+0...0.2 read(4, ..., 1000) = 10\n+.1 < P. 1:11(10) ack 1 win 32792",
      "fail; read gave something else: end of the call; end of the call: 0.3 s / 0.2 s, 0.1 s too early",
    ],
    ["+0...0.2 read(4, ..., 1000) = 10", "fail; read has not ended"],
    ["+0 %{ assert tcpi_state == TCP_CLOSE }%", "fail; code: assert tcpi_state == TCP_CLOSE"],
    ["+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0", "fail; getsockopt gave something else: option value; option value: 1 / 0"],
    [
      "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1",
      "fail; poll gave something else: revents of number 1; revents of number 1: 0x1 / 0x4",
    ],
    ["+0 `sockstat -4 -P tcp -s | grep -c TIME_WAIT | grep 1`", "fail; the command failed"],
  ])("%j", (body, expected) => {
    expect(told(body)).toBe(expected);
  });

  test("it tells the line, the last events and their reasons", () => {
    const result = run("+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 1");
    expect(result).toMatchObject({ at: { line: 9, column: 1 }, line: "+0 > . 1:101(100) ack 1", expected: "> . 1:101(100) ack 1" });
    expect(result.actual).toBe("P. 1:101(100) ack 1 win 64240 at 0.1 s (tx.new_data)");
    expect(result.events.join("\n")).toContain("tx.new_data");
  });
});

describe("strict", () => {
  test("a packet that is left over is no error, unless it is asked for", () => {
    expect(told("+0 write(4, ..., 100) = 100")).toBe("pass");
    expect(run("+0 write(4, ..., 100) = 100", { strict: true })).toMatchObject({
      verdict: "fail",
      reason: "a packet is left over",
      actual: "P. 1:101(100) ack 1 win 64240 at 0.1 s",
    });
  });

  test("times are exact", () => {
    const body = "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n+.3 > P. 1:101(100) ack 1";
    expect(told(body, { strict: true })).toBe("pass");
    expect(told(body.replace("+.3", "+.302"))).toBe("pass");
    expect(told(body.replace("+.3", "+.302"), { strict: true })).toMatch("time: 0.402 s / 0.4 s");
  });

  test("echoed timestamps", () => {
    const source = (echo: number): string => `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,nop,TS val 77 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 5 ecr ${echo}>
`;
    expect(runScript(source(78), "a.pkt").verdict).toBe("pass");
    expect(runScript(source(77), "a.pkt", { strict: true }).verdict).toBe("pass");
    expect(runScript(source(78), "a.pkt", { strict: true }).verdict).toBe("fail");
  });
});

describe("what is not compared", () => {
  test("windows and options, if that is asked for", () => {
    const body = "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 win 5 <nop,nop,nop,nop>";
    expect(run(body).verdict).toBe("fail");
    expect(run(body, { ignore: ["window"] }).verdict).toBe("fail");
    expect(run(body, { ignore: ["window", "options"] }).verdict).toBe("pass");
  });

  test("options where the line says <...>", () => {
    expect(told("+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 <...>")).toBe("pass");
  });
});

describe("pieces of a segment are put together only if they are pieces", () => {
  const write = "+0 write(4, ..., 2500) = 2500\n";
  test.each([
    ["--strict_segments\n", "+0 > P. 1:2501(2500) ack 1", "fail"],
    ["", "+0 > . 1:2501(2500) ack 1", "fail"],
    ["", "+0 > P. 1:2502(2501) ack 1", "fail"],
    ["", "+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:2501(1500) ack 1", "pass"],
    ["", "+0 > P. 1:2001(2000) ack 1\n+0 > P. 2001:2501(500) ack 1", "pass"],
  ])("%j %j: %s", (option, lines, verdict) => {
    expect(runScript(`${option}${accepted}${write}${lines}`, "a.pkt").verdict).toBe(verdict);
  });
});

describe("what the runner does not understand never passes", () => {
  test.each([
    ["+0 frobnicate(4) = 0", "the system call frobnicate"],
    ["+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [FROB], 4) = 0", "the name FROB in setsockopt"],
    ["+0 `rm -rf /`", 'the command "rm -rf /"'],
    ["+0 `sysctl -q net.ipv4.tcp_frobnicate=1`", 'the command "sysctl net.ipv4.tcp_frobnicate=1"'],
    ["+0 %{ import os }%", '"import" in code'],
    ["+0 %{ open('/etc/passwd') }%", "the function open in code"],
    ["+0 %{ assert tcpi_frob == 1 }%", "the name tcpi_frob in code"],
    ["+0 socket(..., SOCK_STREAM, IPPROTO_SCTP) = 5", "SCTP"],
  ])("%j", (body, reason) => {
    expect(run(body)).toMatchObject({ verdict: "unsupported", reason });
  });

  test("what is not supported is said before anything else can fail", () => {
    expect(run("+0 > . 5:5(0) ack 9\n+0 frobnicate(4) = 0").verdict).toBe("unsupported");
  });

  test("IPv6", () => {
    expect(runScript(`--ip_version=ipv6\n${accepted}`, "a.pkt")).toMatchObject({
      verdict: "unsupported",
      reason: "IPv6 (--ip_version=ipv6)",
    });
  });

  test("options that nobody knows", () => {
    expect(runScript(`--frobnicate=1\n${accepted}`, "a.pkt")).toMatchObject({ verdict: "unsupported", reason: "the option --frobnicate" });
  });
});

describe("what is wrong in a script is an error", () => {
  test.each([
    ["+0 < . 1:1(0) ack 1 win 5 <nop,nop,TS val 1 ecr 99>", "echoes a timestamp that no packet in the script has had"],
    ["+0 read(4, ...) = 0", "found 2 arguments of read, expected 3"],
    ["+0 close(4) = 0\n+0 close(3) = 0\n+0 %{ assert True }%", "found code where no socket is open"],
    ["+0 nonsense", 'expected "(" behind nonsense'],
  ])("%j", (body, reason) => {
    const result = run(body);
    expect(result.verdict).toBe("error");
    expect(result.reason).toContain(reason);
  });
});

test("a capture holds what was sent in both directions", () => {
  const { capture } = run("+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1", { capture: true });
  const { frames } = readCapture(capture!);
  expect(frames.map(({ octets }) => readPacket(octets)?.tcp?.text.length)).toEqual([0, 0, 0, 100]);
});
