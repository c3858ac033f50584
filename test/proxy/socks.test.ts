import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Progress, SocksHandshake, Status, socksReply, statusOf } from "../../src/proxy/socks.js";

const bytes = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));
const greeting = [5, 1, 0];
const byAddress = [5, 1, 0, 1, 192, 0, 2, 7, 0x1f, 0x90];
const byName = [5, 1, 0, 3, 8, ...bytes("web.test"), 0, 80];
const password = (user: string, secret: string): number[] => [1, user.length, ...bytes(user), secret.length, ...bytes(secret)];

/** All that comes of octets cut into pieces. */
const converse = (handshake: SocksHandshake, octets: readonly number[], cuts: readonly number[] = []): Progress => {
  const ends = [...new Set(cuts.map((cut) => cut % (octets.length + 1))), octets.length].sort((a, b) => a - b);
  const reply: number[] = [];
  let start = 0;
  let last: Progress | null = null;
  let rest: number[] = [];
  for (const end of ends) {
    const piece = octets.slice(start, end);
    start = end;
    if (last?.failure != null) continue;
    if (last?.request != null) {
      rest = [...rest, ...piece];
      continue;
    }
    last = handshake.push(Uint8Array.from(piece));
    reply.push(...last.reply);
    rest = [...last.rest];
  }
  return { ...last!, reply: Uint8Array.from(reply), rest: Uint8Array.from(rest) };
};

describe("RFC 1928: SOCKS5, the server's side", () => {
  test("s3, s4: a method, then a request by address or by name; what follows is the stream's", () => {
    const first = converse(new SocksHandshake(null), [...greeting, ...byAddress, 1, 2, 3]);
    expect(first).toEqual({
      reply: Uint8Array.of(5, 0),
      request: { host: "192.0.2.7", port: 8080 },
      rest: Uint8Array.of(1, 2, 3),
      failure: null,
    });
    expect(converse(new SocksHandshake(null), [...greeting, ...byName]).request).toEqual({ host: "web.test", port: 80 });
  });

  test("RFC 1929: a name and a password", () => {
    const open = (...message: number[]): Progress =>
      converse(new SocksHandshake({ user: "me", password: "secret" }), [5, 2, 0, 2, ...message]);
    const right = open(...password("me", "secret"), ...byName);
    expect(right.request).toEqual({ host: "web.test", port: 80 });
    expect([...right.reply]).toEqual([5, 2, 1, 0]);
    for (const wrong of [password("me", "secreT"), password("you", "secret"), password("", ""), password("me", "secretsecret")]) {
      const { reply, request, failure } = open(...wrong, ...byName);
      expect([[...reply], request, failure]).toEqual([[5, 2, 1, 1], null, "wrong name or password"]);
    }
  });

  const refused: readonly (readonly [string, number[], number[], RegExp])[] = [
    ["SOCKS 4", [4, 1, 0, 80, 192, 0, 2, 7, 0], [], /version 4/],
    ["HTTP", bytes("CONNECT web.test:80 HTTP/1.1\r\n"), [], /version 67/],
    ["no method that we have", [5, 2, 1, 2], [5, 255], /no acceptable method/],
    ["BIND", [...greeting, 5, 2, 0, 1, 0, 0, 0, 0, 0, 80], [5, 0, ...socksReply(Status.CommandNotSupported)], /command 2/],
    ["UDP ASSOCIATE", [...greeting, 5, 3, 0, 1, 0, 0, 0, 0, 0, 80], [5, 0, ...socksReply(Status.CommandNotSupported)], /command 3/],
    ["IPv6", [...greeting, 5, 1, 0, 4, ...new Array(16).fill(1), 0, 80], [5, 0, ...socksReply(Status.AddressNotSupported)], /IPv6/],
    ["an unknown address type", [...greeting, 5, 1, 0, 9, 1], [5, 0, ...socksReply(Status.AddressNotSupported)], /address type 9/],
    ["port 0", [...greeting, 5, 1, 0, 1, 192, 0, 2, 7, 0, 0], [5, 0, ...socksReply(Status.Failure)], /port 0/],
    ["an empty name", [...greeting, 5, 1, 0, 3, 0, 0, 80], [5, 0, ...socksReply(Status.Failure)], /a name that is none/],
    [
      "a name with an escape code",
      [...greeting, 5, 1, 0, 3, 2, 27, 91, 0, 80],
      [5, 0, ...socksReply(Status.Failure)],
      /a name that is none/,
    ],
  ];
  test.each(refused)("refused, with a word where the RFC has one: %s", (_, octets, reply, failure) => {
    const said = converse(new SocksHandshake(null), octets);
    expect([...said.reply]).toEqual(reply);
    expect(said.failure).toMatch(failure);
    expect(said.request).toBe(null);
  });

  test("octets cut anywhere come to the same", () => {
    const whole = [5, 3, 0, 1, 2, ...password("user", "word"), ...byName, 9, 8, 7];
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 12 }), (cuts) => {
        const credentials = { user: "user", password: "word" };
        expect(converse(new SocksHandshake(credentials), whole, cuts)).toEqual(converse(new SocksHandshake(credentials), whole));
      }),
    );
  });

  test("whatever octets come, however they are cut: an end, and no more kept than a message has", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.array(fc.nat({ max: 2_000 }), { maxLength: 8 }),
        fc.boolean(),
        (octets, cuts, known) => {
          const first = known ? [5, 1, 2] : [];
          const said = converse(new SocksHandshake(known ? { user: "a", password: "b" } : null), [...first, ...octets], cuts);
          if (octets.length > 600) expect(said.failure !== null || said.request !== null).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("s6: what an attempt came to", () => {
    expect([...socksReply(Status.Succeeded, "10.0.0.1", 0x1234)]).toEqual([5, 0, 0, 1, 10, 0, 0, 1, 0x12, 0x34]);
    expect(["ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ENOTFOUND", "EACCES", undefined].map(statusOf)).toEqual([5, 3, 4, 4, 2, 1]);
  });
});
