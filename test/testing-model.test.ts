/** The model of `onwire/testing` by itself, as who tests another TCP has it: segments and calls in, states and breaches out. */
import { arrives, closes, End, type ModelSegment, noOptions, opens, sends } from "onwire/testing";
import { expect, test } from "vitest";

const SYN = 2;
const ACK = 16;
const FIN = 1;
const segment = (flags: number, seq: number, ack: number): ModelSegment => ({
  seq,
  ack,
  flags,
  reserved: 0,
  wnd: 1_000,
  up: 0,
  length: 0,
  text: new Uint8Array(0),
  optionOctets: 0,
  options: noOptions,
});

test("s3.5: a client's handshake, close and TIME-WAIT, told call by call and segment by segment", () => {
  const end = new End("client", ["CLOSED"], true);
  opens(end);
  expect(sends(end, segment(SYN, 100, 0), { now: 0 })).toEqual([]);
  arrives(end, segment(SYN | ACK, 900, 101), 1);
  expect([...end.states]).toEqual(["ESTABLISHED"]);
  expect(end.debts.map(({ what }) => what)).toEqual(["ack"]);
  expect(sends(end, segment(ACK, 101, 901), { now: 1 })).toEqual([]);
  closes(end, false);
  expect(sends(end, segment(FIN | ACK, 101, 901), { now: 2 })).toEqual([]);
  arrives(end, segment(ACK, 901, 102), 3);
  arrives(end, segment(FIN | ACK, 901, 102), 4);
  expect([...end.states]).toEqual(["TIME-WAIT"]);
  expect(sends(end, segment(ACK, 102, 901), { now: 5 }).map(({ rule }) => rule)).toEqual(["ackStale", "state"]);
});
