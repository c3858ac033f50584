/** Connections for the tests of sender and receiver: segments of 1 000 octets, so that sequence numbers can be read. */
import { Exchange, type ExchangeOptions, type Injection, type Sentry } from "./exchange.js";

export const MSS = 1_000;
export const MS = 1_000;
export const SECOND = 1_000_000;

export interface FlowOptions extends ExchangeOptions {
  syn?: Injection;
  connection?: Record<string, unknown>;
  /** Of the handshake; 100 ms. With the linux profile RTO = SRTT + max(200 ms, 4*RTTVAR) = 300 ms. */
  rtt?: number;
  exchange?: Exchange;
}

/** A passive open without timestamps and without SACK unless `syn` says otherwise. */
export function established(options: FlowOptions = {}): Exchange {
  const x = options.exchange ?? new Exchange(options);
  x.listen(options.connection);
  const syn: Injection = { flags: "S", mss: MSS, windowScale: 7, ...options.syn };
  x.inject(syn);
  const stamp = x.take()[0]!.tsVal;
  x.advance(options.rtt ?? 100 * MS);
  const window = syn.wnd === undefined ? {} : { wnd: syn.wnd };
  x.inject({ seq: 1, ack: 1, ...window, ...(stamp !== null && syn.ts ? { ts: [syn.ts[0] + (options.rtt ?? 100 * MS) / MS, stamp] } : {}) });
  x.out.length = 0;
  x.events.length = 0;
  return x;
}

/** The octets of the segments that carry text, in segments: "0 1 2" for the first three. */
export const segments = (out: readonly Sentry[]): string =>
  out
    .filter((s) => s.length > 0)
    .map((s) => (s.seq - 1) / MSS)
    .join(" ");

/** What left since the last time, by segment number. */
export const sent = (x: Exchange): string => segments(x.take());

/** The peer acknowledges the first `n` segments of 1 000 octets. */
export const ack = (x: Exchange, n: number, more: Partial<Injection> = {}): void => x.inject({ seq: 1, ack: 1 + n * MSS, ...more });

export function duplicates(x: Exchange, n: number, times: number, more: Partial<Injection> = {}): void {
  for (let i = 0; i < times; i++) ack(x, n, more);
}

/** An exchange whose initial send sequence number is `iss`: the clock of RFC 6528 is turned until it is. */
export function withIss(iss: number, options: ExchangeOptions = {}): Exchange {
  const start = options.now ?? 1_000_000_000;
  const trial = new Exchange({ ...options, now: start });
  trial.listen();
  trial.inject({ flags: "S", mss: MSS });
  const ticks = (iss - trial.iss!) >>> 0;
  return new Exchange({ ...options, now: start + ticks * 4 });
}
