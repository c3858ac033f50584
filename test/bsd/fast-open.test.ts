import { expect, test } from "vitest";
import { constantNamed, Msg, Poll } from "../../src/bsd/constants.js";
import { linux } from "../../src/stack/profile.js";
import { SERVER, Two } from "./two.js";

const NONBLOCK = constantNamed("SOCK_NONBLOCK", "linux")!;
const to = { address: SERVER, port: 80 };
const hello = new Uint8Array(100).fill(7);

/** Both ends do Fast Open, and the client has a cookie. */
function acquainted(): { two: Two; listener: number } {
  const two = new Two({ ...linux, tcp: { ...linux.tcp, fastOpenServer: true } });
  const listener = two.server.socket(2, 1 | NONBLOCK, 0).value;
  two.server.bind(listener, to);
  two.server.setsockopt(listener, "SOL_TCP", "TCP_FASTOPEN", 5);
  two.server.listen(listener, 5);
  const fd = two.client.socket(2, 1 | NONBLOCK, 0).value;
  expect(two.client.sendto(fd, hello, 100, Msg.FASTOPEN, to).errno).toBe("EINPROGRESS");
  two.settle();
  expect(two.client.sendto(fd, hello, 100, Msg.FASTOPEN, to).errno).toBe("EISCONN");
  two.client.close(fd);
  two.settle();
  expect(two.server.accept(listener).value).toBeGreaterThan(0);
  return { two, listener };
}

test("MSG_FASTOPEN: what goes with the SYN can be read before the handshake is over", () => {
  const { two, listener } = acquainted();
  const fd = two.client.socket(2, 1 | NONBLOCK, 0).value;
  expect(two.client.sendto(fd, new Uint8Array(5_000), 5_000, Msg.FASTOPEN, to).value).toBe(1_420);
  expect(two.client.sendto(fd, hello, 100, Msg.FASTOPEN, to).errno).toBe("EALREADY");
  two.settle();
  const accepted = two.server.accept(listener).value;
  expect(two.server.read(accepted, null, 9_999).value).toBe(1_420);
  const got = { value: null as never, length: 0 };
  two.client.getsockopt(fd, "SOL_TCP", "TCP_INFO", got);
  expect((got.value as { tcpi_options: number }).tcpi_options & 32).toBe(32);
});

test("a blocking call waits for the handshake, then sends the rest", () => {
  const { two, listener } = acquainted();
  const fd = two.client.socket(2, 1, 0).value;
  const call = two.client.sendto(fd, new Uint8Array(5_000), 5_000, Msg.FASTOPEN, to);
  expect(call.done).toBe(false);
  two.settle();
  expect(call.value).toBe(5_000);
  two.settle();
  expect(two.server.read(two.server.accept(listener).value, null, 9_999).value).toBe(5_000);
});

test("TCP_FASTOPEN_CONNECT: connect returns at once, the first write opens", () => {
  const { two, listener } = acquainted();
  const fd = two.client.socket(2, 1 | NONBLOCK, 0).value;
  two.client.setsockopt(fd, "SOL_TCP", "TCP_FASTOPEN_CONNECT", 1);
  expect(two.client.connect(fd, to).value).toBe(0);
  expect(two.client.connect(fd, to).errno).toBe("EISCONN");
  two.settle();
  expect(two.server.accept(listener).errno).toBe("EAGAIN");
  const fds = [{ fd, events: Poll.OUT, revents: 0 }];
  two.client.poll(fds, 0);
  expect(fds[0]!.revents).toBe(Poll.OUT);
  expect(two.client.write(fd, hello, 100).value).toBe(100);
  two.settle();
  expect(two.server.read(two.server.accept(listener).value, null, 200).value).toBe(100);
});
