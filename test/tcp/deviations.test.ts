import { expect, test } from "vitest";
import { rfc } from "../../src/stack/profile.js";
import { Exchange, type ExchangeOptions, octets } from "./exchange.js";

/** Established with timestamps; the peer's last was 101. */
const stamped = (options: ExchangeOptions = {}): Exchange => {
  const x = new Exchange(options);
  x.accept({ mss: 1460, windowScale: 7, ts: [100, 0] });
  return x;
};

test("RFC 7323 s3.2: a segment whose timestamps somebody stripped is accepted (stripped-timestamps)", () => {
  const x = stamped();
  x.inject({ seq: 1, ack: 1, text: 100 });
  expect(x.read()).toEqual(octets(100));
});

test("RFC 7323 s3.2: where the policy requires timestamps, it is dropped in silence (stripped-timestamps)", () => {
  const x = stamped({ policy: { requireTimestamps: true } });
  x.inject({ seq: 1, ack: 1, text: 100 });
  expect(x.drops).toEqual(["drop.timestamp_missing"]);
  expect(x.lines()).toEqual([]);
});

/** Five octets wait behind a closed window until its first probe. */
const probeOf = (options: ExchangeOptions): Exchange => {
  const x = new Exchange(options);
  x.accept({ mss: 1460 });
  x.inject({ seq: 1, ack: 1, wnd: 0 });
  x.write(5);
  expect(x.lines()).toEqual([]);
  for (let i = 0; i < 60 && x.out.length === 0; i++) x.advance(100_000);
  return x;
};

test("s3.8.6.1: a zero-window probe is an empty segment with an old sequence number (empty-probe)", () => {
  const x = probeOf({});
  expect(x.out[0]).toMatchObject({ seq: 0, length: 0, why: "tx.zero_probe" });
});

test("s3.8.6.1: the profile rfc probes with an octet of text (empty-probe)", () => {
  const x = probeOf({ profile: rfc });
  expect(x.out[0]).toMatchObject({ seq: 1, length: 1, why: "tx.zero_probe" });
});
