/** Brings an exchange to any state of RFC 9293 s3.3.2 by playing segments, never by poking fields. */
import { Exchange, type ExchangeOptions, type Injection, THEIR_PORT } from "./exchange.js";

export const stateList = [
  "CLOSED",
  "LISTEN",
  "SYN-SENT",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
] as const;
export type StateName = (typeof stateList)[number];

/** The states in which RFC 9293 s3.10.7.4 judges, without SYN-RECEIVED. */
export const synchronizedStates = stateList.slice(4);

const plain: Injection = { mss: 1460 };

/** Plays the connection from `THEIR_PORT` to `OUR_PORT` into `state`; active open where the state does not say. What left on the way is forgotten. */
export function reach(x: Exchange, state: StateName, syn: Injection = plain, options: Record<string, unknown> = {}): void {
  const shutdown = (): void => {
    x.tcp.shutdown(x.handle, x.now);
    x.turn();
  };
  switch (state) {
    case "CLOSED":
      break;
    case "LISTEN":
      x.listen(options);
      break;
    case "SYN-SENT":
      x.connect(options);
      break;
    case "SYN-RECEIVED":
      x.listen(options);
      x.inject({ flags: "S", ...syn });
      break;
    case "ESTABLISHED":
      x.open(options, syn);
      break;
    case "FIN-WAIT-1":
      x.open(options, syn);
      shutdown();
      break;
    case "FIN-WAIT-2":
      reach(x, "FIN-WAIT-1", syn, options);
      x.inject({ seq: 1, ack: 2 });
      break;
    case "CLOSE-WAIT":
      x.open(options, syn);
      x.inject({ flags: "F.", seq: 1, ack: 1 });
      break;
    case "CLOSING":
      reach(x, "FIN-WAIT-1", syn, options);
      x.inject({ flags: "F.", seq: 1, ack: 1 });
      break;
    case "LAST-ACK":
      reach(x, "CLOSE-WAIT", syn, options);
      shutdown();
      break;
    case "TIME-WAIT":
      reach(x, "FIN-WAIT-2", syn, options);
      x.inject({ flags: "F.", seq: 1, ack: 2 });
      break;
  }
  x.out.length = 0;
  x.events.length = 0;
  x.drops.length = 0;
}

/** RCV.NXT and SND.NXT of `reach(state)`, relative to the initial sequence numbers. */
export const rcvNxt = (state: StateName): number => (["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"].includes(state) ? 2 : 1);
export const sndNxt = (state: StateName): number =>
  ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"].includes(state) ? 2 : 1;
export const sndUna = (state: StateName): number => {
  if (state === "SYN-SENT" || state === "SYN-RECEIVED") return 0;
  return state === "FIN-WAIT-2" || state === "TIME-WAIT" ? 2 : 1;
};

/** The state of the connection from `port`, also one that nobody has accepted; CLOSED when there is none. */
export function stateOf(x: Exchange, port = THEIR_PORT): string {
  const all = x.tcp.showAll(x.now).filter((row) => String(row["remote"]).endsWith(`:${port}`));
  return all.length === 0 ? "CLOSED" : String(all[0]!["state"]);
}

/** An exchange whose connection, opened now, begins at `iss`: our initial sequence number moves by one each 4 µs (RFC 6528 s3). */
export function exchangeAt(iss: number, options: ExchangeOptions = {}): Exchange {
  const scout = new Exchange(options);
  scout.connect();
  const missing = (iss - scout.iss!) >>> 0;
  return new Exchange({ ...options, now: scout.now + 4 * missing });
}

/** Initial sequence numbers that wrap at once, soon, or between the signs: ours and theirs. */
export const wraps: readonly (readonly [number, number])[] = [
  [-1, 0x7fff_fff0],
  [-500, -700],
  [0x7fff_ffff, -1],
  [0x7fff_fe00, 0x7fff_fd00],
  [0, -0x8000_0000],
];
