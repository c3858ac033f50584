/** Bonds and VLANs: links made of links. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { openBond } from "../../src/transport/bond.js";
import type { Link } from "../../src/transport/link.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";
import { openVlan } from "../../src/transport/vlan.js";

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");
const PREFIX_LENGTH = 24;

/** A link whose cable can be pulled: nothing passes, and its carrier says so. */
const cable = (): { near: Link; far: PairLink; plugged: boolean; frames: number } => {
  const [near, far] = createPair();
  const state = { near: near as Link, far, plugged: true, frames: 0 };
  const transmit = near.transmit.bind(near);
  near.transmit = (packet: Packet) => {
    if (state.plugged) {
      state.frames += 1;
      return transmit(packet);
    }
    packet.release();
    return true;
  };
  near.carrier = () => state.plugged;
  return state;
};

const stackOn = (link: Link, address: typeof A, clock: VirtualClock, seed: number): Stack => {
  const stack = new Stack({ random: new SeededRandom(seed), memory: createMemory({ packets: 512 }) }, clock.now);
  new ManualDrive(stack, clock);
  stack.addDevice(link, { addresses: [{ address, prefixLength: PREFIX_LENGTH }] }, clock.now);
  return stack;
};

/** `connections` from one to the other, a kilobyte each; returns how many arrived whole. */
const exchange = (from: Stack, to: Stack, clock: VirtualClock, connections: number, port: number): number => {
  const text = new Uint8Array(1_000).fill(7);
  const buffer = new Uint8Array(4_096);
  const counts = new Map<number, number>();
  const listener = to.tcp.listen(
    { port },
    {
      onEvents(handle) {
        for (let next = to.tcp.accept(handle); next !== 0; next = to.tcp.accept(handle))
          to.tcp.attach(next, {
            onEvents(one) {
              const got = to.tcp.receive(one, buffer, 0, buffer.length, clock.now);
              if (got > 0) counts.set(one, (counts.get(one) ?? 0) + got);
            },
          });
      },
    },
  );
  for (let i = 0; i < connections; i++)
    from.tcp.connect(
      { remote: B, remotePort: port },
      {
        onEvents: (handle, events) => void (events & TcpEvent.Established && from.tcp.send(handle, text, 0, text.length, clock.now)),
      },
      clock.now,
    );
  clock.advance(5_000_000);
  to.tcp.close(listener, clock.now);
  return [...counts.values()].filter((octets) => octets === text.length).length;
};

describe("a bond", () => {
  test("active-backup: one carries; when it is pulled another does, and the neighbor is told by gratuitous ARP", () => {
    const clock = new VirtualClock(1_000_000);
    const [first, second] = [cable(), cable()];
    const bond = openBond([first.near, second.near], { interval: 0 });
    const far = openBond([first.far, second.far], { mode: "balance", interval: 0 });
    const a = stackOn(bond, A, clock, 1);
    const b = stackOn(far, B, clock, 2);
    // The far end answers by the way that the near end uses, as a switch does that has learnt it.
    far.transmit = (packet) => (bond.active === 0 ? first.far : second.far).transmit(packet);
    expect(exchange(a, b, clock, 3, 80)).toBe(3);
    expect([bond.active, second.frames]).toEqual([0, 0]);

    first.plugged = false;
    bond.look();
    expect([bond.active, bond.counters.failovers]).toEqual([1, 1]);
    clock.advance(10_000);
    // The announcement is the first thing that the second cable carries.
    expect(second.frames).toBeGreaterThan(0);
    expect(exchange(a, b, clock, 3, 81)).toBe(3);
    expect(a.inspect(clock.now).devices[1]).toMatchObject({ queued: 0 });

    first.plugged = true;
    bond.look();
    expect(bond.active, "whichever carries stays").toBe(1);
    second.plugged = false;
    bond.look();
    expect(exchange(a, b, clock, 2, 82)).toBe(2);
  });

  test("a primary carries whenever it can; what a backup hears is not heard twice", () => {
    const [first, second] = [cable(), cable()];
    const bond = openBond([first.near, second.near], { primary: 1, interval: 0 });
    expect(bond.active).toBe(1);
    second.plugged = false;
    bond.look();
    expect(bond.active).toBe(0);
    second.plugged = true;
    bond.look();
    expect(bond.active).toBe(1);
    const { packets } = createMemory({ packets: 8 });
    for (const { far } of [first, second]) {
      const packet = packets.take()!;
      packet.end += 60;
      far.transmit(packet);
    }
    const batch: Packet[] = [];
    expect(bond.receive(packets, batch, 8)).toBe(1);
    expect(bond.counters.inactive).toBe(1);
    batch[0]!.release();
    bond.close();
    expect(packets.available).toBe(8);
  });

  test("without a member that is up, frames are lost and counted, as on a cable", () => {
    const one = cable();
    const bond = openBond([one.near], { interval: 0 });
    one.plugged = false;
    bond.look();
    const { packets } = createMemory({ packets: 4 });
    expect(bond.transmit(packets.take()!)).toBe(true);
    expect([bond.carrier(), bond.counters.unplugged, packets.available]).toEqual([false, 1, 4]);
  });

  test("balance: flows are spread, each stays with one, and those of a lost member move", () => {
    const clock = new VirtualClock(1_000_000);
    const cables = [cable(), cable(), cable()];
    const bond = openBond(
      cables.map(({ near }) => near),
      { mode: "balance", interval: 0 },
    );
    const far = openBond(
      cables.map(({ far: end }) => end),
      { mode: "balance", interval: 0 },
    );
    const a = stackOn(bond, A, clock, 3);
    const b = stackOn(far, B, clock, 4);
    expect(exchange(a, b, clock, 60, 80)).toBe(60);
    for (const { frames } of cables) expect(frames).toBeGreaterThan(30);
    cables[1]!.plugged = false;
    bond.look();
    const before = cables[1]!.frames;
    expect(exchange(a, b, clock, 30, 81)).toBe(30);
    expect(cables[1]!.frames).toBe(before);
    expect(bond.capabilities).toMatchObject({ mtu: 1_500, gso: 0, checksumOffload: false });
  });

  test("a member that breaks is out; when all have, so has the bond", () => {
    const [first, second] = [cable(), cable()];
    const bond = openBond([first.near, second.near], { interval: 0 });
    const errors: string[] = [];
    bond.onError = (error) => errors.push(error.message);
    first.near.onError?.(new Error("gone"));
    expect([bond.active, errors]).toEqual([1, []]);
    second.near.onError?.(new Error("gone"));
    expect(errors).toEqual(["bond: every member has broken"]);
  });

  test("what cannot be one is refused with the remedy", () => {
    const [frames] = createPair();
    const [bare] = createPair({ medium: "ip" });
    expect(() => openBond([])).toThrow(/a bond of 0: use 1 to 16 links/);
    expect(() => openBond([frames, bare])).toThrow(/all must carry Ethernet frames, or all bare IP/);
    expect(() => openBond([frames], { primary: 1 })).toThrow(/use 0 to 0/);
  });
});

describe("a VLAN of a link", () => {
  test("two stacks in one VLAN talk; to the others they are not there", () => {
    const clock = new VirtualClock(1_000_000);
    const [near, far] = createPair();
    const vlan = openVlan(far, 10);
    const a = stackOn(openVlan(near, 10), A, clock, 5);
    const b = stackOn(vlan, B, clock, 6);
    expect(exchange(a, b, clock, 2, 80)).toBe(2);
    expect(vlan.counters.others).toBe(0);
    const { packets } = createMemory({ packets: 8 });
    for (const tag of [null, [0x81, 0, 0, 11], [0x81, 0, 0x20, 10]]) {
      const packet = packets.take()!;
      packet.pool.arena.bytes.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...(tag ?? []), 8, 0, ...new Array(50).fill(9)], packet.start);
      packet.end += 64 + (tag === null ? 0 : 4);
      near.transmit(packet);
    }
    const batch: Packet[] = [];
    expect(vlan.receive(packets, batch, 8)).toBe(1);
    expect(vlan.counters.others).toBe(2);
    const { start, end, pool } = batch[0]!;
    expect([...pool.arena.bytes.subarray(start, start + 15)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 9]);
    expect(end - start).toBe(64);
  });

  test("with a device that has the tag itself: they are the same VLAN", () => {
    const clock = new VirtualClock(1_000_000);
    const [near, far] = createPair();
    const a = stackOn(openVlan(near, 7), A, clock, 7);
    const b = new Stack({ random: new SeededRandom(8), memory: createMemory() }, clock.now);
    new ManualDrive(b, clock);
    const parent = b.addDevice(far, {}, clock.now);
    b.addDevice(far, { parent, vlan: 7, addresses: [{ address: B, prefixLength: PREFIX_LENGTH }] }, clock.now);
    expect(exchange(a, b, clock, 2, 80)).toBe(2);
  });

  test("a frame that the link refuses is given back as it was", () => {
    const [near] = createPair({ queue: 0 });
    const { packets } = createMemory({ packets: 1 });
    const packet = packets.take()!;
    packet.end += 60;
    packet.pool.arena.bytes.set(
      Array.from({ length: 60 }, (_, i) => i),
      packet.start,
    );
    const { start } = packet;
    expect(openVlan(near, 9).transmit(packet)).toBe(false);
    expect(packet.start).toBe(start);
    expect([...packet.pool.arena.bytes.subarray(start, packet.end)]).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  test("what cannot be one is refused with the remedy", () => {
    const [frames] = createPair();
    const [bare] = createPair({ medium: "ip" });
    expect(() => openVlan(frames, 4_095)).toThrow(/use an integer from 1 to 4094/);
    expect(() => openVlan(bare, 1)).toThrow(/only Ethernet frames have tags/);
  });
});
