import { describe, expect, test } from "vitest";
import type { Call } from "../../src/bsd/call.js";
import { constantNamed, Poll } from "../../src/bsd/constants.js";
import type { EpollEvent } from "../../src/bsd/epoll.js";
import { freebsdPersonality } from "../../src/bsd/personality.js";
import { freebsd } from "../../src/stack/profile.js";
import { Two } from "./two.js";

const outcome = (call: Call): number | string => (call.done ? (call.errno ?? call.value) : "pending");
const of = (name: string): number => constantNamed(name, "linux")!;

/** A connection whose client takes no more than it must, and whose server does not read. */
const connection = (two: Two, size: number): [number, number] => {
  const [client, server] = two.connected();
  two.client.setsockopt(client, "SOL_SOCKET", "SO_SNDBUF", size);
  two.client.fcntl(client, of("F_SETFL"), of("O_NONBLOCK"));
  return [client, server];
};

describe("SO_SNDBUF", () => {
  test("counts what holds the text, and lets a write fill the buffer that it began", () => {
    const two = new Two();
    const [client] = connection(two, 10_000);
    const got = { value: 0 as unknown as number, length: 0 };
    two.client.getsockopt(client, "SOL_SOCKET", "SO_SNDBUF", got);
    expect(got.value).toBe(20_000);
    const taken = two.client.write(client, null, 4_000_000).value;
    expect(taken).toBeGreaterThan(20_000);
    expect(outcome(two.client.write(client, null, 1))).toBe("EAGAIN");
    // Small writes share buffers: none of them has one of its own.
    const other = connection(two, 10_000)[0];
    let small = 0;
    while (two.client.write(other, null, 100).errno === null) small += 100;
    expect(small).toBeGreaterThan(19_000);
  });

  test("epoll tells of room once, when a third of it is free, and a blocking write goes on then", () => {
    const two = new Two();
    const [client, server] = connection(two, 200_000);
    const epfd = two.client.epollCreate().value;
    two.client.epollCtl(epfd, of("EPOLL_CTL_ADD"), client, { events: Poll.OUT | Poll.ET, data: 7 });
    const events: EpollEvent[] = [];
    expect(outcome(two.client.epollWait(epfd, events, 1, 0))).toBe(1);
    let sent = two.client.write(client, null, 4_000_000).value;
    expect(outcome(two.client.epollWait(epfd, events, 1, 0))).toBe(0);
    let told = 0;
    let read = 0;
    for (let i = 0; i < 100 && sent < 2_000_000; i++) {
      two.advance(50_000);
      read += Math.max(0, two.server.recv(server, null, 1 << 20, 0x40).value);
      two.settle();
      if (two.client.epollWait(epfd, events, 1, 0).value !== 1) continue;
      told += 1;
      sent += two.client.write(client, null, 4_000_000).value;
    }
    expect(sent).toBeGreaterThan(1_000_000);
    expect(told).toBeGreaterThan(3);
    expect(read).toBeGreaterThan(sent / 2);
    two.client.fcntl(client, of("F_SETFL"), 0);
    const call = two.client.write(client, null, 500_000);
    for (let i = 0; i < 100 && !call.done; i++) {
      two.advance(50_000);
      two.server.recv(server, null, 1 << 20, 0x40);
      two.settle();
    }
    expect(outcome(call)).toBe(500_000);
  });

  test("counts octets where the system does", () => {
    const two = new Two(freebsd, freebsdPersonality);
    const [client] = two.connected();
    two.client.setsockopt(client, "SOL_SOCKET", "SO_SNDBUF", 10_000);
    two.client.fcntl(client, constantNamed("F_SETFL", "freebsd")!, constantNamed("O_NONBLOCK", "freebsd")!);
    expect(outcome(two.client.write(client, null, 4_000_000))).toBe(10_000);
  });
});
