import { describe, expect, test } from "vitest";
import { Tally } from "../../src/base/tally.js";
import { Drop } from "../../src/base/why.js";
import { WhyCheck } from "../../src/inspect/why-check.js";
import { arpFrame } from "./frames.js";
import { datagram, device, load, play, segment, tcb } from "./playing.js";

describe("nothing without a reason", () => {
  test("a connection whose events all have one passes, and what was exercised is counted", () => {
    const check = new WhyCheck();
    play(check.probe);
    check.probe.frameSent?.(device(), load(arpFrame(1, 1, 2)), 260, 1, 0);
    expect(check.violations).toBe(0);
    expect(check.events).toBeGreaterThan(20);
    expect(check.seen.get(42)).toBe(1);
  });

  test.each([
    ["no reason", 0, 1, /^a: no reason: /],
    ["an unknown code", 419, 1, /reason 419 is not in the registry/],
    ["a reason of another group", Drop.NoSocket, 1, /drop\.no_socket is no reason for this/],
    ["no cause", 4, 0, /no cause/],
  ])("a segment sent with %s fails", (_, why, cause, message) => {
    const check = new WhyCheck({ name: "a" });
    expect(() => check.probe.segmentSent?.(tcb(), segment({}), why, cause, 0)).toThrow(message);
    expect(check.violations).toBe(1);
  });

  test("violations may be gathered", () => {
    const messages: string[] = [];
    const check = new WhyCheck({ onViolation: (message) => messages.push(message) });
    check.probe.dropped?.(null, 0, 1, 0);
    check.probe.stateChanged?.(tcb(), 1, 0, 1, 0);
    check.probe.sendLimited?.(tcb(), 0, 1, 0);
    check.probe.segmentReceived?.(null, segment({}), datagram(), 1, 0);
    expect(messages).toHaveLength(2);
  });

  test("what is told is what is counted", () => {
    const check = new WhyCheck();
    const tally = new Tally();
    check.probe.segmentDropped?.(tcb(), segment({}), Drop.Paws, 1, 0);
    expect(check.disagreements(tally)).toEqual(["drop.paws: 1 told, 0 counted"]);
    tally.add(Drop.Paws);
    expect(check.disagreements(tally)).toEqual([]);
    tally.add(Drop.NoSocket);
    expect(check.untold(tally)).toEqual(["drop.no_socket: 1 counted, never told"]);
  });
});
