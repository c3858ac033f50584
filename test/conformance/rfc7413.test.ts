import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/base/prng.js";
import { ip } from "../../src/ip/address.js";
import { freebsd, profiles } from "../../src/stack/profile.js";
import { cookieKey, FastOpenMemory, isCookieOf, writeCookieOf } from "../../src/tcp/fast-open.js";
import { COOKIE_MOST, HEADER_MIN, headerLength, OptionStyle, parseSegment, Segment, SYN, writeSegment } from "../../src/tcp/segment.js";
import { Exchange, type ExchangeOptions, type Sentry } from "../tcp/exchange.js";

const MSS = [2, 4, 5, 180];
const COOKIE = [1, 2, 3, 4, 5, 6, 7, 8];
/** The option as it is assigned, and as the experiment had it. */
const fastOpen = (cookie: readonly number[] = []): number[] => [...MSS, 34, cookie.length + 2, ...cookie];
const experimental = (cookie: readonly number[] = []): number[] => [...MSS, 254, cookie.length + 4, 0xf9, 0x89, ...cookie];

/** The Fast Open option of a segment that left: [form, cookie]; null: it has none. */
function optionOf({ header }: Sentry): { form: "assigned" | "experimental"; cookie: number[] } | null {
  const seg = new Segment();
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  parseSegment(seg, view, 0, header.length);
  if (seg.cookieLength < 0) return null;
  return { form: seg.cookieExperimental ? "experimental" : "assigned", cookie: [...seg.cookie.subarray(0, seg.cookieLength)] };
}

const server = (options: ExchangeOptions = {}): Exchange =>
  new Exchange({ ...options, policy: { fastOpenServer: true, ...options.policy } });

/** The cookie that a listener gives. */
function granted(x: Exchange): number[] {
  x.inject({ flags: "S", options: fastOpen(), port: 6_000 });
  const [synAck] = x.take();
  x.inject({ flags: "R", seq: 1, port: 6_000 });
  return optionOf(synAck!)!.cookie;
}

describe("s4.1.1 the option", () => {
  test.each([
    ["assigned, Linux", false, OptionStyle.Linux],
    ["experimental, Linux", true, OptionStyle.Linux],
    ["assigned, BSD", false, OptionStyle.Bsd],
    ["experimental, BSD", true, OptionStyle.Bsd],
  ])("%s: what is written is read back, for every length, padded to a word", (_name, form, style) => {
    for (let length = 0; length <= COOKIE_MOST; length++) {
      const seg = new Segment();
      seg.flags = SYN;
      seg.mss = 1460;
      seg.windowScale = 7;
      seg.sackPermitted = seg.hasTimestamp = true;
      seg.cookieLength = length;
      seg.cookieExperimental = form;
      for (let i = 0; i < length; i++) seg.cookie[i] = i + 1;
      const view = new DataView(new ArrayBuffer(64), 2);
      const end = writeSegment(view, 0, seg, style);
      expect(end).toBe(headerLength(seg, style));
      expect(end % 4).toBe(0);
      expect(end).toBeLessThanOrEqual(HEADER_MIN + 40);
      const back = new Segment();
      parseSegment(back, view, 0, end);
      expect(back).toMatchObject({ cookieLength: length, cookieExperimental: form, mss: 1460, windowScale: 7 });
      expect([...back.cookie.subarray(0, length)]).toEqual([...seg.cookie.subarray(0, length)]);
    }
  });

  test("means nothing outside a SYN (7413-03)", () => {
    const x = server();
    x.accept({ mss: 1460 }, { fastOpenQueue: 5 });
    x.inject({ seq: 1, ack: 1, text: 3, options: fastOpen() });
    expect(x.take().every((sentry) => optionOf(sentry) === null)).toBe(true);
    expect(x.read()!.length).toBe(3);
  });
});

describe("s4.1.2 cookies", () => {
  test("are SipHash-2-4 of the addresses under the key, the client's first", () => {
    // Known from another implementation: these keys, these addresses.
    const out = new Segment();
    writeCookieOf(cookieKey([0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4]), ip("192.0.2.1"), ip("192.168.0.1"), out);
    expect(Buffer.from(out.cookie.subarray(0, out.cookieLength)).toString("hex")).toBe("3021b9d889017eeb");
    writeCookieOf(cookieKey([0, 0, 0, 0]), ip("192.0.2.1"), ip("192.168.0.1"), out);
    expect(Buffer.from(out.cookie.subarray(0, out.cookieLength)).toString("hex")).toBe("b7c12350a90dc8f5");
  });

  test("are good for one client only, and every bit counts", () => {
    const key = cookieKey([1, 2, 3, 4]);
    const seg = new Segment();
    writeCookieOf(key, ip("10.0.0.9"), ip("10.0.0.1"), seg);
    expect(isCookieOf(key, ip("10.0.0.9"), ip("10.0.0.1"), seg)).toBe(true);
    expect(isCookieOf(key, ip("10.0.0.8"), ip("10.0.0.1"), seg)).toBe(false);
    for (let bit = 0; bit < 64; bit++) {
      seg.cookie[bit >> 3]! ^= 1 << (bit & 7);
      expect(isCookieOf(key, ip("10.0.0.9"), ip("10.0.0.1"), seg)).toBe(false);
      seg.cookie[bit >> 3]! ^= 1 << (bit & 7);
    }
  });
});

describe("s4.2.2 the server", () => {
  test.each([
    ["assigned", fastOpen],
    ["experimental", experimental],
  ] as const)("gives a cookie to who asks for one, in the %s form, and takes no text before", (form, option) => {
    const x = server();
    x.listen({ fastOpenQueue: 5 });
    x.inject({ flags: "S", text: 100, options: option() });
    const [synAck] = x.take();
    expect(synAck).toMatchObject({ flags: "S.", ack: 1 });
    expect(optionOf(synAck!)).toMatchObject({ form, cookie: { length: 8 } });
    expect(x.events).toEqual([]);
  });

  test("hands text that comes with a good cookie to the application before the handshake is over, and sends its answer", () => {
    const x = server();
    x.listen({ fastOpenQueue: 5 });
    const cookie = granted(x);
    x.onEvents = (_handle, events) => {
      if (events & 2) x.tcp.send(x.handle, x.read()!, 0, 50, x.now);
    };
    x.inject({ flags: "S", text: 100, options: fastOpen(cookie) });
    const sent = x.take();
    expect(sent[0]).toMatchObject({ flags: "S.", ack: 101 });
    expect(optionOf(sent[0]!)).toBeNull();
    expect(sent[1]).toMatchObject({ flags: "P.", seq: 1, length: 50, ack: 101 });
    expect(x.state).toBe("SYN-RECEIVED");
    x.inject({ seq: 101, ack: 51 });
    expect(x.state).toBe("ESTABLISHED");
    expect(x.tcp.unsent(x.handle)).toBe(0);
  });

  test("s4.2.2: before the handshake is over no more leaves than the initial window (7413-08)", () => {
    const x = server();
    x.listen({ fastOpenQueue: 5 });
    const cookie = granted(x);
    x.onEvents = (_handle, events) => {
      if (events & 2) x.tcp.send(x.handle, new Uint8Array(60_000), 0, 60_000, x.now);
    };
    x.inject({ flags: "S", text: 100, options: fastOpen(cookie) });
    x.advance(500_000);
    expect(x.state).toBe("SYN-RECEIVED");
    const octets = x.take().reduce((sum, s) => sum + s.length, 0);
    expect(octets).toBeGreaterThan(12_000);
    expect(octets).toBeLessThanOrEqual(14_600);
  });

  test("s2: no listener takes part that has not asked for it, whatever the profile (7413-01, 7413-09)", () => {
    for (const profile of Object.values(profiles)) {
      const x = server({ profile });
      x.listen();
      x.inject({ flags: "S", text: 100, options: fastOpen() });
      expect([profile.tcp.fastOpenListeners, optionOf(x.take()[0]!)]).toEqual([false, null]);
    }
  });

  test("answers a cookie that is not its own with the right one, and takes only the SYN", () => {
    const x = server();
    x.listen({ fastOpenQueue: 5 });
    const cookie = granted(x);
    x.inject({ flags: "S", text: 100, options: fastOpen(COOKIE) });
    const [synAck] = x.take();
    expect(synAck).toMatchObject({ flags: "S.", ack: 1 });
    expect(optionOf(synAck!)!.cookie).toEqual(cookie);
  });

  test("takes a cookie of the key before this one, and gives a new one (7413-04)", () => {
    const x = server();
    x.listen({ fastOpenQueue: 5 });
    x.tcp.setCookieKeys([[1, 2, 3, 4]]);
    const old = granted(x);
    x.tcp.setCookieKeys([
      [5, 6, 7, 8],
      [1, 2, 3, 4],
    ]);
    x.inject({ flags: "S", text: 10, options: fastOpen(old) });
    const [synAck] = x.take();
    expect(synAck).toMatchObject({ flags: "S.", ack: 11 });
    expect(optionOf(synAck!)!.cookie).not.toEqual(old);
  });

  test("sends only the SYN,ACK again before the handshake is over, then what it has sent before", () => {
    const x = server();
    x.listen({ fastOpenQueue: 5 });
    const cookie = granted(x);
    x.inject({ flags: "S", text: 10, options: fastOpen(cookie) });
    x.write(30);
    x.take();
    x.advance(1_000_000);
    expect(x.lines()).toEqual(["S. 0:0(0) ack 11"]);
    x.inject({ seq: 11, ack: 1 });
    x.advance(3_100_000);
    expect(x.lines()[0]).toBe("P. 1:31(30) ack 11");
  });

  test("tells the application of a reset, and of a handshake that never ends", () => {
    const reset = server();
    reset.listen({ fastOpenQueue: 5 });
    reset.inject({ flags: "S", text: 10, options: fastOpen(granted(reset)) });
    reset.read();
    reset.inject({ flags: "R.", seq: 11, ack: 1 });
    expect(reset.tcp.errorOf(reset.handle)).toBe("ECONNRESET");
    const silent = server();
    silent.listen({ fastOpenQueue: 5 });
    silent.inject({ flags: "S", text: 10, options: fastOpen(granted(silent)) });
    silent.advance(200_000_000);
    expect(silent.tcp.errorOf(silent.handle)).toBe("ETIMEDOUT");
  });

  test("s5.1: beyond the limit of pending requests the handshake is an ordinary one (7413-06)", () => {
    const x = server();
    x.listen({ fastOpenQueue: 1 });
    const cookie = granted(x);
    x.inject({ flags: "S", text: 10, options: fastOpen(cookie) });
    x.take();
    x.inject({ flags: "S", text: 10, options: fastOpen(cookie), port: 5_001 });
    const [synAck] = x.take();
    expect(synAck).toMatchObject({ flags: "S.", ack: 1 });
    expect(optionOf(synAck!)).toBeNull();
  });

  test("without Fast Open, text in a SYN is not taken unless policy says so, and comes again (RFC 9293 s3.10.7.2)", () => {
    for (const [synText, ack] of [
      [false, 1],
      [true, 101],
    ] as const) {
      const x = new Exchange({ policy: { synText } });
      x.listen();
      x.inject({ flags: "S", text: 100, options: fastOpen(COOKIE) });
      const [synAck] = x.take();
      expect(synAck).toMatchObject({ flags: "S.", ack });
      expect(optionOf(synAck!)).toBeNull();
    }
  });
});

/** A client that writes `length` octets with its SYN; what has left. */
function open(x: Exchange, length = 100): Sentry[] {
  x.iss = null;
  x.handle = x.tcp.connect({ remote: ip("10.0.0.2"), remotePort: 5000, localPort: 80, fastOpen: true }, x.application, x.now);
  x.write(length);
  return x.take();
}

/** Ends what `open` has begun, so that the ports can be used again. */
function end(x: Exchange): void {
  x.tcp.abort(x.handle, x.now);
  x.turn();
  x.take();
}

describe("s4.2.1 the client", () => {
  test("asks for a cookie, and sends text with the next SYN (7413-05)", () => {
    const x = new Exchange();
    const [first] = open(x);
    expect(first).toMatchObject({ flags: "S", length: 0 });
    expect(optionOf(first!)).toEqual({ form: "assigned", cookie: [] });
    x.inject({ flags: "S.", ack: 1, options: fastOpen(COOKIE) });
    expect(x.lines()).toEqual(["P. 1:101(100) ack 1"]);
    end(x);
    const [second] = open(x);
    expect(second).toMatchObject({ flags: "S", length: 100, why: "tx.syn_data" });
    expect(optionOf(second!)!.cookie).toEqual(COOKIE);
    x.inject({ flags: "S.", ack: 101, options: MSS });
    expect(x.lines()).toEqual([". 101:101(0) ack 1"]);
    expect(x.tcp.unsent(x.handle)).toBe(0);
  });

  test("sends again at once what the SYN,ACK has not acknowledged, all of it or the rest", () => {
    for (const [ack, line] of [
      [1, "P. 1:101(100) ack 1"],
      [41, "P. 41:101(60) ack 1"],
    ] as const) {
      const x = new Exchange();
      open(x);
      x.inject({ flags: "S.", ack: 1, options: fastOpen(COOKIE) });
      end(x);
      open(x);
      x.inject({ flags: "S.", ack, options: MSS });
      expect(x.lines()).toEqual([line]);
      x.inject({ seq: 1, ack: 101 });
      expect(x.tcp.unsent(x.handle)).toBe(0);
    }
  });

  test("sends no text and no option with a SYN that goes again, and forgets a cookie that did not get through (7413-07, S-145)", () => {
    const x = new Exchange();
    open(x);
    x.inject({ flags: "S.", ack: 1, options: fastOpen(COOKIE) });
    end(x);
    open(x);
    x.advance(1_000_000);
    const [again] = x.take();
    expect(again).toMatchObject({ flags: "S", length: 0 });
    expect(optionOf(again!)).toBeNull();
    x.inject({ flags: "S.", ack: 1, options: MSS });
    expect(x.lines()).toEqual(["P. 1:101(100) ack 1"]);
    end(x);
    expect(optionOf(open(x)[0]!)!.cookie).toEqual([]);
  });

  test("leaves room for options beside the text, within the MSS that the server announced", () => {
    const x = new Exchange();
    open(x);
    x.inject({ flags: "S.", ack: 1, options: [2, 4, 3, 232, 34, 10, ...COOKIE] }); // MSS 1000
    end(x);
    const [syn] = open(x, 5_000);
    expect(syn!.length).toBe(960);
    const y = new Exchange({ profile: freebsd });
    open(y);
    y.inject({ flags: "S.", ack: 1, options: [2, 4, 3, 232, 34, 10, ...COOKIE] });
    end(y);
    expect(open(y, 5_000)[0]!.length).toBe(1_000 - 32);
  });

  test("tries the experimental form when the assigned one was not answered", () => {
    const x = new Exchange();
    open(x);
    x.inject({ flags: "S.", ack: 1, options: MSS });
    end(x);
    expect(optionOf(open(x)[0]!)).toEqual({ form: "experimental", cookie: [] });
    x.inject({ flags: "S.", ack: 1, options: experimental(COOKIE) });
    end(x);
    expect(optionOf(open(x)[0]!)).toEqual({ form: "experimental", cookie: COOKIE });
  });

  test.each([2, 3, 5, 15, 17, 18])("does not keep a cookie of %i octets (7413-02)", (length) => {
    const x = new Exchange({ policy: { fastOpenExperimental: false } });
    open(x);
    x.inject({ flags: "S.", ack: 1, options: fastOpen(Array.from({ length }, (_, i) => i)) });
    end(x);
    expect(optionOf(open(x)[0]!)!.cookie).toEqual([]);
    const bsd = new Exchange({ profile: freebsd });
    open(bsd);
    bsd.inject({ flags: "S.", ack: 1, options: fastOpen(Array.from({ length }, (_, i) => i)) });
    end(bsd);
    expect(optionOf(open(bsd)[0]!)).toBeNull();
  });

  test("ignores a cookie that it has not asked for", () => {
    const x = new Exchange();
    x.open({}, { options: fastOpen(COOKIE) });
    end(x);
    expect(optionOf(open(x)[0]!)!.cookie).toEqual([]);
  });

  test("without a cookie where policy needs none: text, and no option", () => {
    const x = new Exchange({ policy: { fastOpenClientBlind: true } });
    const [syn] = open(x);
    expect(syn).toMatchObject({ flags: "S", length: 100 });
    expect(optionOf(syn!)).toBeNull();
  });
});

describe("s4.1.3 what a client remembers", () => {
  test("is bounded: the server not spoken to for longest is forgotten", () => {
    const memory = new FastOpenMemory(new SeededRandom(1), 2);
    const seg = new Segment();
    seg.cookieLength = 8;
    const local = ip("10.0.0.1");
    for (const remote of ["10.0.1.1", "10.0.1.2", "10.0.1.3"]) memory.learn(local, ip(remote), 0, seg);
    expect(["10.0.1.1", "10.0.1.2", "10.0.1.3"].map((remote) => memory.hasCookie(local, ip(remote), 0))).toEqual([false, true, true]);
  });

  test("s4.1.3.1: a SYN that is lost three times pauses Fast Open for all", () => {
    const x = new Exchange({ policy: { fastOpenPause: 100_000_000, synLinear: 0 } });
    open(x);
    x.advance(8_000_000);
    end(x);
    expect(optionOf(open(x)[0]!)).toBeNull();
    end(x);
    x.advance(100_000_000);
    expect(optionOf(open(x)[0]!)).not.toBeNull();
  });

  test("s4.1.3.1: three timeouts in a row pause Fast Open, each time for longer, until a connection has worked", () => {
    const memory = new FastOpenMemory(new SeededRandom(1), 2);
    memory.pause(0);
    expect([memory.paused(10, 9), memory.paused(10, 10), memory.paused(0, 5)]).toEqual([true, false, false]);
    memory.pause(100);
    expect([memory.paused(10, 119), memory.paused(10, 120)]).toEqual([true, false]);
    memory.trust();
    expect(memory.paused(10, 101)).toBe(false);
  });
});
