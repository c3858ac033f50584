import { describe, expect, test } from "vitest";
import { Cause } from "../../src/base/cause.js";
import { Tally } from "../../src/base/tally.js";
import { Drop, Tx, WHY_CODES } from "../../src/base/why.js";

describe("Tally", () => {
  test("counts by code and shows by name, only what has happened", () => {
    const tally = new Tally();
    expect(tally.show()).toEqual({});
    tally.add(Drop.BadChecksum);
    tally.add(Tx.ActiveOpen);
    tally.add(Drop.BadChecksum);
    expect(tally.show()).toEqual({ "tx.active_open": 1, "drop.bad_checksum": 2 });
    expect(tally.counts[Drop.BadChecksum]).toBe(2);
  });

  test("counts on beyond 2^32", () => {
    const tally = new Tally();
    tally.counts[Tx.NewData] = 2 ** 32;
    tally.add(Tx.NewData);
    expect(tally.counts[Tx.NewData]).toBe(2 ** 32 + 1);
    expect(tally.counts.length).toBe(WHY_CODES);
  });
});

describe("Cause", () => {
  test("every event has an id of its own, from 1", () => {
    const cause = new Cause();
    expect(cause.id).toBe(0);
    expect(cause.begin()).toBe(1);
    expect(cause.begin()).toBe(2);
    expect(cause.id).toBe(2);
  });
});
