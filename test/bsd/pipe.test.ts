import { describe, expect, test } from "vitest";
import type { Call } from "../../src/bsd/call.js";
import { NOWHERE } from "../../src/bsd/message.js";
import { Two } from "./two.js";

const outcome = (call: Call): number | string => (call.done ? (call.errno ?? call.value) : "pending");
const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (buffer: Uint8Array): string => String.fromCharCode(...buffer);

describe("files and pipes beside sockets", () => {
  test("splice takes a stream through a pipe to another", () => {
    const two = new Two();
    const [client, server] = two.connected();
    const ends = { read: 0, write: 0 };
    expect(outcome(two.server.pipe(ends))).toBe(0);
    const waiting = two.server.splice(server, ends.write, 100, 0);
    expect(outcome(waiting)).toBe("pending");
    two.client.write(client, octets("hello"), 5);
    two.settle();
    expect(outcome(waiting)).toBe(5);
    expect(outcome(two.server.splice(ends.read, server, 3, 0))).toBe(3);
    two.settle();
    const buffer = new Uint8Array(10);
    expect(outcome(two.client.read(client, buffer, 10))).toBe(3);
    expect(text(buffer.subarray(0, 3))).toBe("hel");
    expect(outcome(two.server.read(ends.read, buffer, 10))).toBe(2);
    two.client.shutdown(client, 1);
    two.settle();
    expect(outcome(two.server.splice(server, ends.write, 100, 0))).toBe(0);
    expect(outcome(two.server.splice(server, client, 100, 0))).toBe("EINVAL");
  });

  test("a pipe ends with its last writer, and breaks with its last reader", () => {
    const { client } = new Two();
    const ends = { read: 0, write: 0 };
    client.pipe(ends);
    const buffer = new Uint8Array(4);
    const reading = client.read(ends.read, buffer, 4);
    expect(outcome(reading)).toBe("pending");
    expect(outcome(client.write(ends.write, octets("ab"), 2))).toBe(2);
    expect(outcome(reading)).toBe(2);
    client.close(ends.write);
    expect(outcome(client.read(ends.read, buffer, 4))).toBe(0);
    client.pipe(ends);
    client.close(ends.read);
    expect(outcome(client.write(ends.write, octets("ab"), 2))).toBe("EPIPE");
  });

  test("sendfile sends a file, from where it is or from an offset", () => {
    const two = new Two();
    const [client, server] = two.connected();
    two.client.store("/tmp/a", octets("abcdef"));
    expect(outcome(two.client.open("/tmp/b", 0))).toBe("ENOENT");
    const fd = two.client.open("/tmp/a", 0).value;
    expect(outcome(two.client.sendfile(client, fd, 4, 10))).toBe(2);
    expect(outcome(two.client.sendfile(client, fd, null, 3))).toBe(3);
    expect(outcome(two.client.sendfile(client, fd, null, 10))).toBe(3);
    expect(outcome(two.client.sendfile(client, fd, null, 10))).toBe(0);
    two.settle();
    const buffer = new Uint8Array(20);
    two.advance(1_000_000);
    expect(outcome(two.server.read(server, buffer, 20))).toBe(8);
    expect(text(buffer.subarray(0, 8))).toBe("efabcdef");
  });

  test("a buffer that is nowhere is a fault only where there is something to copy", () => {
    const two = new Two();
    const [client, server] = two.connected();
    expect(outcome(two.client.write(client, NOWHERE, 5))).toBe("EFAULT");
    const reading = two.server.read(server, NOWHERE, 5);
    expect(outcome(reading)).toBe("pending");
    two.client.write(client, octets("hello"), 5);
    two.settle();
    expect(outcome(reading)).toBe("EFAULT");
    const buffer = new Uint8Array(5);
    expect(outcome(two.server.read(server, buffer, 5))).toBe(5);
    expect(outcome(two.client.write(99, NOWHERE, 5))).toBe("EBADF");
  });
});
