/** Packet scripts on the Linux kernel: the player in real time, the agent and its system calls. */
import { readFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { openKernel } from "../../src/cli/kernel-host.js";
import { printScript } from "../../src/conformance/script/print.js";
import { runScriptOn } from "../../src/conformance/script/run-live.js";
import { recordScriptOn } from "../../src/conformance/script/run-record.js";
import { wireTest } from "./kernel.js";

const onKernel = (source: string) => runScriptOn(openKernel, source, "a.pkt");

const accepted = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
`;

describe("onwire test --versus kernel", () => {
  const scripts = [
    "rfc9293/3.10.7.1-closed-ack",
    "rfc9293/3.10.7.2-listen-syn",
    "rfc9293/3.10.7.4-second-established-rst-at-rcv-nxt",
    "rfc5961/4.2-syn-established",
    "rfc2018/4-latest-first",
    "rfc768/1-datagram",
    "linux/splice-and-urgent",
    "linux/timestamps-of-sends",
    "linux/write-ends-with-a-burst",
  ];
  for (const name of scripts)
    wireTest(`the kernel passes ${name}`, async () => {
      const path = `conformance/${name}.pkt`;
      expect(await onKernel(readFileSync(path, "utf8"))).toMatchObject({ verdict: "pass", reason: "" });
    });

  wireTest("calls that block, poll, epoll, options and TCP_INFO", async () => {
    const source = `${accepted}+0...0.2 read(4, ..., 1000) = 10
+.2 < P. 1:11(10) ack 1 win 32792
+0~+.05 > . 1:1(0) ack 11
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
+0 epoll_create(1) = 5
+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT, fd=4}) = 0
+0 epoll_wait(5, {events=EPOLLOUT, fd=4}, 1, 0) = 1
+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0
+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0}, 0) = -1 EAGAIN
+0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 60}, {..., 40}], msg_flags=0}, 0) = 100
+0 > P. 1:101(100) ack 11
+0 ioctl(4, SIOCOUTQ, [100]) = 0
+0 %{ assert tcpi_state == TCP_ESTABLISHED and tcpi_unacked == 1, tcpi_unacked }%
`;
    expect(await onKernel(source)).toMatchObject({ verdict: "pass", reason: "" });
  });

  wireTest("what the kernel does otherwise is a failure", async () => {
    expect(await onKernel(`${accepted}+0 write(4, ..., 10) = 10\n+0 > P. 2:12(10) ack 1\n`)).toMatchObject({
      verdict: "fail",
      differences: [{ field: "sequence number", expected: "2", actual: "1" }],
    });
  });

  wireTest("what is recorded of the kernel passes on it", async () => {
    const stimulus = `${accepted}+0 write(4, ..., 1500) = ...
+.1 < P. 1:11(10) ack 1501 win 32792
+.2 read(4, ..., 100) = ...
+0 %{ print(tcpi_state) }%
`;
    const { script, result } = await recordScriptOn(openKernel, stimulus, "a.pkt", { ignore: ["window"] });
    expect(result.reason).toBe("");
    const text = printScript(script!);
    expect(text).toContain("> . 1:1001(1000) ack 1\n");
    expect(text).toContain("read(4, ..., 100) = 10\n");
    expect(text).toContain("assert tcpi_state == TCP_ESTABLISHED, tcpi_state");
    expect(await onKernel(text)).toMatchObject({ verdict: "pass", reason: "" });
  });
});
