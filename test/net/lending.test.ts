import { beforeEach, describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { ip } from "../../src/ip/address.js";
import { connectLending, type LendingConnection, type LendingHandlers, listenLending } from "../../src/net/lending.js";
import { Stack } from "../../src/stack/stack.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";

const SECOND = 1_000_000;
const PORT = 7;

let clock: VirtualClock;
let near: ManualDrive;
let far: ManualDrive;
const host = (link: PairLink, address: string, seed: number): ManualDrive => {
  const stack = new Stack({ random: new SeededRandom(seed), memory: createMemory({ chunks: 2_048 }) }, clock.now);
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, clock.now);
  return new ManualDrive(stack, clock);
};
beforeEach(() => {
  clock = new VirtualClock(1_000 * SECOND);
  const [a, b] = createPair();
  near = host(a, "10.0.0.1", 1);
  far = host(b, "10.0.0.2", 2);
});

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

/** Both ends of an open connection; the far one hears as `handlers` say. */
const open = (handlers: LendingHandlers, ours: LendingHandlers = { arrived: () => {} }): [LendingConnection, LendingConnection] => {
  let accepted: LendingConnection | null = null;
  listenLending(far, { port: PORT }, () => ({ ...handlers, opened: (connection) => void (accepted = connection) }));
  const connection = connectLending(near, { remote: ip("10.0.0.2"), remotePort: PORT }, ours);
  clock.advance(SECOND);
  if (accepted === null) throw new Error("not accepted");
  return [connection, accepted];
};

/** Copies of all that can be read, which is then released. */
const read = (connection: LendingConnection): Uint8Array[] => {
  const views = connection.lend().map((view) => view.slice());
  connection.release(views.reduce((octets, view) => octets + view.length, 0));
  return views;
};

describe("reading", () => {
  test("what has arrived is lent where it lies, in as many views as it has pieces, and stays until it is released", () => {
    const text = pattern(10_000);
    let told = 0;
    const [ours, theirs] = open({ arrived: () => void (told += 1) });
    ours.write(text);
    clock.advance(SECOND);
    const views = theirs.lend();
    const { bytes } = far.stack.memory.arena;
    expect(views.every((view) => view.buffer === bytes.buffer)).toBe(true);
    expect(Buffer.concat(views).equals(text)).toBe(true);
    // Seven segments; the callbacks are those of turns.
    expect(told).toBeLessThan(7);
    theirs.release(4_000);
    expect(Buffer.concat(theirs.lend()).equals(text.subarray(4_000))).toBe(true);
    theirs.release(6_000);
    expect(theirs.lend()).toEqual([]);
    expect(() => theirs.release(1)).toThrow(/EINVAL/);
  });

  test("the end is told behind the text, and text that is not read by then can be", () => {
    const heard: string[] = [];
    const [ours, theirs] = open({ arrived: () => void heard.push("arrived"), ended: () => void heard.push("ended") });
    ours.write(pattern(100));
    ours.end();
    clock.advance(SECOND);
    expect(heard).toEqual(["arrived", "ended"]);
    expect(Buffer.concat(theirs.lend()).length).toBe(100);
  });
});

describe("writing", () => {
  test("writes, also of several buffers, are completed in their order, when the peer has them and not before", () => {
    const [ours, theirs] = open({ arrived: () => {} });
    const parts = [pattern(300_000), pattern(0), pattern(1_000_000)];
    const completed: string[] = [];
    ours.write(parts, (error) => completed.push(`vector ${error}`));
    ours.write(pattern(5), (error) => completed.push(`last ${error}`));
    ours.end();
    clock.advance(SECOND);
    // The peer reads nothing: its window is full, and so is our buffer.
    expect(completed).toEqual([]);
    expect(ours.unacknowledged).toBeGreaterThan(0);
    const heard: Uint8Array[] = [];
    for (let i = 0; i < 1_000 && completed.length < 2; i++) {
      heard.push(...read(theirs));
      clock.advance(SECOND);
    }
    heard.push(...read(theirs));
    expect(completed).toEqual(["vector null", "last null"]);
    expect(Buffer.concat(heard).equals(Buffer.concat([...parts, pattern(5)]))).toBe(true);
    expect(ours.unacknowledged).toBe(0);
  });

  test("a reset tells every write that it was not completed, and then the end", () => {
    const told: string[] = [];
    const [ours, theirs] = open(
      { arrived: () => {} },
      { arrived: () => {}, closed: (_connection, error) => void told.push(`closed ${error}`) },
    );
    for (const name of ["first", "second"]) ours.write(pattern(3_000_000), (error) => told.push(`${name} ${error}`));
    clock.advance(SECOND);
    theirs.abort();
    clock.advance(SECOND);
    expect(told).toEqual(["first ECONNRESET", "second ECONNRESET", "closed ECONNRESET"]);
    expect(ours.handle).toBe(0);
    ours.write(pattern(1), (error) => told.push(`late ${error}`));
    expect(told.at(-1)).toBe("late ECONNABORTED");
    expect(ours.lend()).toEqual([]);
  });

  test("both ends say their last: closed in order, and everything is given back", () => {
    const told: string[] = [];
    const [ours, theirs] = open(
      { arrived: read, ended: (connection) => connection.end() },
      { arrived: () => {}, closed: (_connection, error) => void told.push(`closed ${error}`) },
    );
    ours.write(pattern(50_000), () => told.push("completed"));
    ours.end();
    clock.advance(200 * SECOND);
    expect(told).toEqual(["completed", "closed null"]);
    expect(theirs.handle).toBe(0);
    for (const { stack } of [near, far]) expect(stack.memory.chunks.available).toBe(stack.memory.chunks.count);
  });
});
