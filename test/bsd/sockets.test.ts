import { describe, expect, test } from "vitest";
import type { Call } from "../../src/bsd/call.js";
import { constantNamed, Msg, Poll } from "../../src/bsd/constants.js";
import type { EpollEvent } from "../../src/bsd/epoll.js";
import { freebsdPersonality } from "../../src/bsd/personality.js";
import { freebsd } from "../../src/stack/profile.js";
import { CLIENT, SERVER, Two } from "./two.js";

const outcome = (call: Call): number | string => (call.done ? (call.errno ?? call.value) : "pending");
const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (buffer: Uint8Array): string => String.fromCharCode(...buffer);

describe("a stream", () => {
  test("connects, carries octets both ways, and ends", () => {
    const two = new Two();
    const [client, server] = two.connected();
    expect(outcome(two.client.write(client, octets("hello"), 5))).toBe(5);
    two.settle();
    const buffer = new Uint8Array(10);
    expect(outcome(two.server.read(server, buffer, 10))).toBe(5);
    expect(text(buffer.subarray(0, 5))).toBe("hello");
    expect(outcome(two.client.shutdown(client, 1))).toBe(0);
    two.settle();
    expect(outcome(two.server.read(server, buffer, 10))).toBe(0);
    expect(outcome(two.client.write(client, buffer, 1))).toBe("EPIPE");
    expect(outcome(two.server.close(server))).toBe(0);
    two.settle();
    expect(outcome(two.client.read(client, buffer, 10))).toBe(0);
    expect(outcome(two.client.close(client))).toBe(0);
    expect(outcome(two.client.close(client))).toBe("EBADF");
  });

  test("a blocking read is done when text arrives, one that is not says EAGAIN at once", () => {
    const two = new Two();
    const [client, server] = two.connected();
    const buffer = new Uint8Array(4);
    const call = two.server.read(server, buffer, 4);
    expect(outcome(call)).toBe("pending");
    expect(outcome(two.server.recv(server, buffer, 4, Msg.DONTWAIT))).toBe("EAGAIN");
    two.client.write(client, octets("abcdef"), 6);
    two.settle();
    expect(outcome(call)).toBe(4);
    expect(text(buffer)).toBe("abcd");
    two.server.fcntl(server, constantNamed("F_SETFL", "linux")!, constantNamed("O_NONBLOCK", "linux")!);
    expect(outcome(two.server.read(server, buffer, 4))).toBe(2);
    expect(outcome(two.server.read(server, buffer, 4))).toBe("EAGAIN");
  });

  test("MSG_PEEK leaves what it shows, MSG_WAITALL waits for all of it", () => {
    const two = new Two();
    const [client, server] = two.connected();
    const buffer = new Uint8Array(8);
    const all = two.server.recv(server, buffer, 8, Msg.WAITALL);
    two.client.write(client, octets("1234"), 4);
    two.settle();
    expect(outcome(all)).toBe("pending");
    two.client.write(client, octets("56789"), 5);
    two.settle();
    expect(outcome(all)).toBe(8);
    expect(text(buffer)).toBe("12345678");
    expect(outcome(two.server.recv(server, buffer, 8, Msg.PEEK))).toBe(1);
    expect(outcome(two.server.recv(server, buffer, 8, Msg.PEEK))).toBe(1);
    expect(outcome(two.server.read(server, buffer, 8))).toBe(1);
  });

  test("a non-blocking connect says EINPROGRESS, then EISCONN; refused ones give the error once", () => {
    const two = new Two();
    const flags = constantNamed("SOCK_NONBLOCK", "linux")!;
    const [, server] = two.connected();
    expect(server).toBeGreaterThan(0);
    const fd = two.client.socket(2, 1 | flags, 0).value;
    expect(outcome(two.client.connect(fd, { address: SERVER, port: 80 }))).toBe("EINPROGRESS");
    expect(outcome(two.client.connect(fd, { address: SERVER, port: 80 }))).toBe("EALREADY");
    two.settle();
    expect(outcome(two.client.connect(fd, { address: SERVER, port: 80 }))).toBe(0);
    expect(outcome(two.client.connect(fd, { address: SERVER, port: 80 }))).toBe("EISCONN");
    const other = two.client.socket(2, 1 | flags, 0).value;
    two.client.connect(other, { address: SERVER, port: 81 });
    two.settle();
    const got = { value: 0 as unknown as number, length: 0 };
    two.client.getsockopt(other, "SOL_SOCKET", "SO_ERROR", got);
    expect(got).toEqual({ value: 111, length: 4 });
    two.client.getsockopt(other, "SOL_SOCKET", "SO_ERROR", got);
    expect(got.value).toBe(0);
  });

  test("a close that lingers waits for the last acknowledgment", () => {
    const two = new Two();
    const [client] = two.connected();
    two.client.setsockopt(client, "SOL_SOCKET", "SO_LINGER", { onoff: 1, linger: 5 });
    two.client.write(client, octets("bye"), 3);
    const call = two.client.close(client);
    expect(outcome(call)).toBe("pending");
    two.settle();
    expect(outcome(call)).toBe(0);
  });

  test("connect to AF_UNSPEC makes a socket that can connect again", () => {
    const two = new Two();
    const [client, server] = two.connected();
    expect(outcome(two.client.connect(client, null))).toBe(0);
    two.settle();
    expect(outcome(two.server.read(server, new Uint8Array(1), 1))).toBe("ECONNRESET");
    const call = two.client.connect(client, { address: SERVER, port: 80 });
    two.settle();
    expect(outcome(call)).toBe(0);
  });
});

describe("poll and epoll", () => {
  test("poll waits for an event, or for its timeout", () => {
    const two = new Two();
    const [client, server] = two.connected();
    const fds = [{ fd: server, events: Poll.IN, revents: 0 }];
    expect(outcome(two.server.poll(fds, 0))).toBe(0);
    const late = two.server.poll(fds, 100);
    expect(two.server.nextTimeout()).toBe(two.clock.now + 100_000);
    two.advance(100_000);
    expect(outcome(late)).toBe(0);
    const call = two.server.poll(fds, -1);
    two.client.write(client, octets("x"), 1);
    two.settle();
    expect(outcome(call)).toBe(1);
    expect(fds[0]!.revents).toBe(Poll.IN);
    expect(outcome(two.server.poll([{ fd: 99, events: Poll.IN, revents: 0 }], 0))).toBe(1);
  });

  test("an edge is told once, a level as long as it lasts", () => {
    const two = new Two();
    const [client, server] = two.connected();
    const events: EpollEvent[] = [];
    const edge = two.server.epollCreate().value;
    two.server.epollCtl(edge, 1, server, { events: Poll.IN | Poll.ET, data: 7 });
    const level = two.server.epollCreate().value;
    two.server.epollCtl(level, 1, server, { events: Poll.IN, data: 8 });
    two.client.write(client, octets("x"), 1);
    two.settle();
    expect(outcome(two.server.epollWait(edge, events, 10, 0))).toBe(1);
    expect(events).toEqual([{ events: Poll.IN, data: 7 }]);
    expect(outcome(two.server.epollWait(edge, events, 10, 0))).toBe(0);
    expect(outcome(two.server.epollWait(level, events, 10, 0))).toBe(1);
    expect(outcome(two.server.epollWait(level, events, 10, 0))).toBe(1);
    two.client.write(client, octets("y"), 1);
    two.settle();
    expect(outcome(two.server.epollWait(edge, events, 10, 0))).toBe(1);
  });
});

describe("options", () => {
  test("what a listener has, its connections have; buffers are doubled as Linux does, and not as FreeBSD does", () => {
    const two = new Two();
    const got = { value: null as unknown as number, length: 0 };
    const fd = two.client.socket(2, 1, 0).value;
    two.client.setsockopt(fd, "SOL_SOCKET", "SO_RCVBUF", 10_000);
    two.client.getsockopt(fd, "SOL_SOCKET", "SO_RCVBUF", got);
    expect(got.value).toBe(20_000);
    const bsd = new Two(freebsd, freebsdPersonality);
    const other = bsd.client.socket(2, 1, 0).value;
    bsd.client.setsockopt(other, "SOL_SOCKET", "SO_RCVBUF", 10_000);
    bsd.client.getsockopt(other, "SOL_SOCKET", "SO_RCVBUF", got);
    expect(got.value).toBe(10_000);
    expect(outcome(two.client.getsockopt(fd, "SOL_TCP", "TCP_WHATEVER", got))).toBe("ENOPROTOOPT");
    expect(outcome(two.client.setsockopt(fd, "SOL_TCP", "TCP_KEEPCNT", 1_000))).toBe("EINVAL");
    expect(outcome(two.client.setsockopt(fd, "SOL_TCP", "TCP_CONGESTION", "none such"))).toBe("ENOENT");
  });

  test("TCP_INFO tells state, options and round-trip time", () => {
    const two = new Two();
    const [client] = two.connected();
    const got = { value: null as never, length: 0 };
    two.client.getsockopt(client, "IPPROTO_TCP", "TCP_INFO", got);
    expect(got.value).toMatchObject({ tcpi_state: 1, tcpi_options: 7, tcpi_snd_cwnd: 10, tcpi_snd_mss: 1448, tcpi_unacked: 0 });
  });
});

describe("datagrams", () => {
  test("keep their bounds, and say when they were cut", () => {
    const two = new Two();
    const server = two.server.socket(2, 2, 0).value;
    two.server.bind(server, { address: SERVER, port: 53 });
    const client = two.client.socket(2, 2, 0).value;
    expect(outcome(two.client.sendto(client, octets("query"), 5, 0, { address: SERVER, port: 53 }))).toBe(5);
    two.settle();
    const buffer = new Uint8Array(3);
    const message = { name: null, iov: [{ base: buffer, length: 3 }], control: [], flags: 0 };
    expect(outcome(two.server.recvmsg(server, message, 0))).toBe(3);
    expect(message.flags).toBe(Msg.TRUNC);
    expect(message.name).toMatchObject({ address: CLIENT });
    expect(outcome(two.client.send(client, octets("x"), 1, 0))).toBe("EDESTADDRREQ");
  });
});
