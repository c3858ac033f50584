import { describe, expect, test } from "vitest";
import type { Call } from "../../src/bsd/call.js";
import { Msg, Poll } from "../../src/bsd/constants.js";
import { Two } from "./two.js";

const outcome = (call: Call): number | string => (call.done ? (call.errno ?? call.value) : "pending");
const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (buffer: Uint8Array): string => String.fromCharCode(...buffer);

const asked = (call: (result: { value: number }) => Call): number => {
  const result = { value: -1 };
  call(result);
  return result.value;
};

describe("the urgent octet", () => {
  test("is read out of band, once, and reads stop before it", () => {
    const two = new Two();
    const [client, server] = two.connected();
    two.client.send(client, octets("abc!"), 4, Msg.OOB);
    two.client.write(client, octets("def"), 3);
    two.settle();
    const poll = [{ fd: server, events: Poll.IN | Poll.PRI, revents: 0 }];
    two.server.poll(poll, 0);
    expect(poll[0]!.revents).toBe(Poll.IN | Poll.PRI);
    const buffer = new Uint8Array(10);
    expect(outcome(two.server.recv(server, buffer, 10, Msg.OOB | Msg.PEEK))).toBe(1);
    expect(outcome(two.server.recv(server, buffer, 10, Msg.OOB))).toBe(1);
    expect(text(buffer.subarray(0, 1))).toBe("!");
    expect(outcome(two.server.recv(server, buffer, 10, Msg.OOB))).toBe("EINVAL");
    expect(asked((result) => two.server.ioctl(server, "FIONREAD", result))).toBe(3);
    expect(outcome(two.server.read(server, buffer, 10))).toBe(3);
    expect(text(buffer.subarray(0, 3))).toBe("abc");
    expect(asked((result) => two.server.ioctl(server, "SIOCATMARK", result))).toBe(1);
    expect(outcome(two.server.read(server, buffer, 10))).toBe(3);
    expect(text(buffer.subarray(0, 3))).toBe("def");
    expect(asked((result) => two.server.ioctl(server, "SIOCATMARK", result))).toBe(0);
  });

  test("SO_OOBINLINE leaves it in the stream, behind a mark that no read crosses", () => {
    const two = new Two();
    const [client, server] = two.connected();
    two.server.setsockopt(server, "SOL_SOCKET", "SO_OOBINLINE", 1);
    two.client.send(client, octets("abc!"), 4, Msg.OOB);
    two.settle();
    const buffer = new Uint8Array(10);
    expect(outcome(two.server.recv(server, buffer, 10, Msg.OOB))).toBe("EINVAL");
    expect(outcome(two.server.read(server, buffer, 10))).toBe(3);
    expect(asked((result) => two.server.ioctl(server, "SIOCATMARK", result))).toBe(1);
    expect(outcome(two.server.read(server, buffer, 10))).toBe(1);
    expect(text(buffer.subarray(0, 1))).toBe("!");
  });

  test("a mark that nobody has come to gives way to the next", () => {
    const two = new Two();
    const [client, server] = two.connected();
    two.client.send(client, octets("1"), 1, Msg.OOB);
    two.settle();
    two.client.send(client, octets("abc2"), 4, Msg.OOB);
    two.settle();
    const buffer = new Uint8Array(10);
    expect(outcome(two.server.recv(server, buffer, 10, Msg.OOB))).toBe(1);
    expect(text(buffer.subarray(0, 1))).toBe("2");
    expect(outcome(two.server.read(server, buffer, 10))).toBeGreaterThan(0);
  });
});
