/** The table of test/conformance/state-flags.ts, a sample of it, played to the Linux kernel: what it does otherwise has a reason in an RFC. */
import { describe, expect } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { NetworkInterfaces } from "../../src/transport/network-interface.js";
import type { TapLink } from "../../src/transport/tap.js";
import { ACK, acks, FIN, judge, type Place, RST, SYN, TEXT, type Verdict } from "../conformance/state-flags.js";
import { flagText } from "../tcp/exchange.js";
import { rcvNxt, type StateName, sndNxt, sndUna, stateList } from "../tcp/states.js";
import { KERNEL, type Kernel, OURS, Peer, wireTest, withKernel } from "./kernel.js";

const HARDWARE = [2, 0, 0, 0, 0, 9];
const PORT = 80;
const dotted = (address: string): number[] => address.split(".").map(Number);
const words = (octets: readonly number[]): number => octets.reduce((sum, octet, i) => sum + (i % 2 === 0 ? octet << 8 : octet), 0);
const checksum = (octets: readonly number[], from = 0): number[] => {
  let sum = from + words(octets);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return [(~sum >> 8) & 255, ~sum & 255];
};
const u16 = (n: number): number[] => [(n >> 8) & 255, n & 255];
const u32 = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

interface Heard {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly length: number;
}

/** A TAP whose our end is this test: segments by hand, ARP answered. */
class Hand {
  readonly heard = new Map<number, Heard[]>();
  readonly #link: TapLink;
  readonly #memory = createMemory({ packets: 2_048, chunks: 1 });
  readonly #batch: Packet[] = [];
  readonly #to: readonly number[];

  constructor(kernel: Kernel) {
    this.#link = kernel.tap({ queueLength: 20_000 });
    const interfaces = kernel.namespace.run(() => new NetworkInterfaces());
    this.#to = [...interfaces.hardwareAddress(this.#link.interfaceName)];
    interfaces.close();
  }

  #transmit(octets: readonly number[]): void {
    const packet = this.#memory.packets.take()!;
    this.#memory.arena.bytes.set(octets, packet.start);
    packet.end = packet.start + octets.length;
    if (!this.#link.transmit(packet)) throw new Error("the kernel takes no more frames");
    this.#link.flush();
  }

  send(from: number, to: number, flags: number, seq: number, ack: number, text = 0): void {
    const options = flags & SYN ? [2, 4, 5, 180] : [];
    const header = [
      ...u16(from),
      ...u16(to),
      ...u32(seq),
      ...u32(ack),
      (5 + options.length / 4) << 4,
      flags,
      255,
      255,
      0,
      0,
      0,
      0,
      ...options,
    ];
    const segment = [...header, ...new Array<number>(text).fill(65)];
    const sum = checksum(segment, words([...dotted(OURS), ...dotted(KERNEL)]) + 6 + segment.length);
    segment.splice(16, 2, ...sum);
    const ip = [0x45, 0, ...u16(20 + segment.length), 0, 0, 64, 0, 64, 6, 0, 0, ...dotted(OURS), ...dotted(KERNEL)];
    ip.splice(10, 2, ...checksum(ip));
    this.#transmit([...this.#to, ...HARDWARE, 8, 0, ...ip, ...segment]);
  }

  /** Takes what the kernel sends for so many milliseconds. */
  async pump(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds;
    while (performance.now() < until) {
      this.#take();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.#take();
  }

  #take(): void {
    for (let count = this.#link.receive(this.#memory.packets, this.#batch, 256); count > 0; ) {
      for (let i = 0; i < count; i++) {
        const packet = this.#batch[i]!;
        const octets = [...this.#memory.arena.bytes.subarray(packet.start, packet.end)];
        packet.release();
        this.#hear(octets);
      }
      count = this.#link.receive(this.#memory.packets, this.#batch, 256);
    }
  }

  #hear(octets: readonly number[]): void {
    if (octets[13] === 6 && octets[21] === 1) {
      const [sender, asker] = [octets.slice(22, 28), octets.slice(28, 32)];
      return this.#transmit([...sender, ...HARDWARE, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, ...HARDWARE, ...dotted(OURS), ...sender, ...asker]);
    }
    if (octets[12] !== 8 || octets[13] !== 0 || octets[23] !== 6) return;
    const view = new DataView(Uint8Array.from(octets).buffer);
    const [from, to] = [view.getUint16(34), view.getUint16(36)];
    // A connection is told by the port that differs: ours, or, of those that the kernel opens, its own.
    const key = from === PORT || from === PORT + 1 ? to : from;
    const length = view.getUint16(16) - 20 - (octets[46]! >> 4) * 4;
    this.heard.set(key, [...(this.heard.get(key) ?? []), { flags: octets[47]!, seq: view.getUint32(38), ack: view.getUint32(42), length }]);
  }
}

/** States as /proc/net/tcp numbers them. */
const numbered: Readonly<Record<number, StateName>> = {
  1: "ESTABLISHED",
  2: "SYN-SENT",
  3: "SYN-RECEIVED",
  4: "FIN-WAIT-1",
  5: "FIN-WAIT-2",
  6: "TIME-WAIT",
  8: "CLOSE-WAIT",
  9: "LAST-ACK",
  11: "CLOSING",
};

/** The kernel's connections by the port that tells them. */
function statesOf(kernel: Kernel): Map<number, StateName> {
  const found = new Map<number, StateName>();
  for (const line of kernel.proc("tcp").split("\n").slice(1)) {
    const [, local, remote, state] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || numbered[Number.parseInt(state!, 16)] === undefined) continue;
    const [own, other] = [local, remote].map((end) => Number.parseInt(end.split(":")[1]!, 16)) as [number, number];
    found.set(own === PORT ? other : own, numbered[Number.parseInt(state!, 16)]!);
  }
  return found;
}

interface Cell {
  readonly state: StateName;
  readonly flags: number;
  readonly place: Place;
  readonly ack: (typeof acks)[number];
  readonly text: number;
}

const places: Readonly<Partial<Record<Place, number>>> = { next: 0, middle: 100, far: 70_000, old: -1 };
const flagSets = [
  0,
  FIN,
  SYN,
  RST,
  ACK,
  FIN | ACK,
  SYN | ACK,
  RST | ACK,
  SYN | RST,
  SYN | FIN,
  SYN | FIN | ACK,
  FIN | RST | ACK,
  32 | 8,
  63,
];

const cellsOf = (state: StateName): Cell[] =>
  flagSets.flatMap((flags) =>
    (Object.keys(places) as Place[]).flatMap((place) =>
      // Where there is no ACK bit its number says nothing.
      (flags & ACK ? acks : (["next"] as const)).flatMap((ack) => [0, TEXT].map((text) => ({ state, flags, place, ack, text }))),
    ),
  );

/** What Linux does otherwise than the table, and where that is written. The first that fits explains. */
const reasons: readonly (readonly [string, (cell: Cell, expected: Verdict, next: string, reply: string) => boolean])[] = [
  [
    "RFC 9293 s3.10.7.4, fifth: in SYN-RECEIVED a wrong ACK is answered by a RST, which Linux does before it looks at the sequence number or the SYN",
    ({ state, flags, ack }, _, next, reply) =>
      state === "SYN-RECEIVED" && is(flags, ACK) && ack !== "next" && next === state && reply === "rst",
  ],
  [
    "RFC 9293 s3.10.7.4, fourth: a SYN in the window ends a passive SYN-RECEIVED; RFC 793 had it answered by a RST, and Linux does",
    ({ state, flags }, _, next, reply) => state === "SYN-RECEIVED" && is(flags, SYN) && next === "CLOSED" && reply === "rst",
  ],
  [
    "RFC 5961 s4.2: a SYN that begins before the window is answered by a challenge ACK",
    ({ state, flags, place }, _, next, reply) =>
      state === "SYN-RECEIVED" && is(flags, SYN) && place === "old" && next === state && reply === "ack",
  ],
  [
    "RFC 9293 s3.4: a RST whose last octet lies in the window is acceptable, so that it is challenged; RFC 5961 s3.2 looks at SEG.SEQ alone",
    ({ flags, place }, _, next, reply) => is(flags, RST) && place === "old" && next !== "CLOSED" && reply === "ack",
  ],
  [
    "RFC 9293 s3.10.7.4, second: an exact RST ends TIME-WAIT; to ignore it is fix F1 of RFC 1337 s3, which Linux has as a sysctl, off",
    ({ state, flags, place }, _, next) => state === "TIME-WAIT" && is(flags, RST) && place === "next" && next === "CLOSED",
  ],
  [
    "RFC 1337 s3: nothing in TIME-WAIT answers a RST, also not with the challenge of RFC 5961 s3.2",
    ({ state, flags, place }, _, next, reply) =>
      state === "TIME-WAIT" && is(flags, RST) && place === "middle" && next === state && reply === "",
  ],
  [
    "RFC 6191 s2: a SYN beyond RCV.NXT ends TIME-WAIT, though the listener then drops what has a FIN too",
    ({ state, flags }, _, next, reply) => state === "TIME-WAIT" && is(flags, SYN) && is(flags, FIN) && next === "CLOSED" && reply === "",
  ],
  [
    "RFC 5961 s4.2: other SYNs in TIME-WAIT are challenged, not dropped as RFC 6191 s2 has it",
    ({ state, flags }, _, next, reply) => state === "TIME-WAIT" && is(flags, SYN) && next === state && reply === "ack",
  ],
  [
    "RFC 9293 s3.10.7.4, fifth: in TIME-WAIT what may arrive is the FIN again, and it is acknowledged: Linux looks at no ACK bit and no ACK number",
    ({ state, flags }, _, next, reply) =>
      state === "TIME-WAIT" && !is(flags, SYN | RST) && next === state && (reply === "ack" || reply === ""),
  ],
  [
    "RFC 5961 s3.2: behind the peer's FIN a RST with its number counts as well, since some stacks number it so",
    ({ flags, place }, { next: table }, next, reply) =>
      is(flags, RST) && place === "old" && ["CLOSE-WAIT", "CLOSING", "LAST-ACK"].includes(table) && next === "CLOSED" && reply === "",
  ],
  [
    "RFC 9293 s3.10.7.4, fifth: a segment without ACK is dropped, which Linux does before it looks at the sequence number",
    ({ flags }, { reply: table }, _next, reply) => !is(flags, ACK | SYN | RST) && table === "ack" && reply === "",
  ],
  [
    "RFC 5961 s5.2: an ACK below SND.UNA is acceptable as far as MAX.SND.WND reaches, and no further than what was ever acknowledged (ghost ACKs)",
    ({ flags, ack, state }, _, next, reply) => is(flags, ACK) && ack === "old" && next === state && reply === "ack",
  ],
  [
    "RFC 9293 s3.10.7.3: a FIN beside SYN and ACK would be processed; Linux takes the SYN,ACK alone, and the FIN comes again",
    ({ state, flags }, _, next) => state === "SYN-SENT" && is(flags, FIN) && next === "ESTABLISHED",
  ],
  [
    "RFC 1122 s4.2.2.13: text behind the peer's FIN, which nobody can read any more, is answered by a RST",
    ({ state, place, text }, _, next, reply) =>
      ["CLOSE-WAIT", "CLOSING", "LAST-ACK"].includes(state) && place === "old" && text > 0 && next === "CLOSED" && reply === "rst",
  ],
  [
    "RFC 9293 appendix A.2: of a segment that ends at RCV.NXT Linux takes the ACK, lest two ends deadlock",
    ({ flags, place, ack, text }) => flags === (FIN | ACK) && place === "old" && ack === "next" && text === 0,
  ],
];
const is = (flags: number, some: number): boolean => (flags & some) !== 0;

interface Difference {
  readonly cell: string;
  readonly is: string;
  readonly should: string;
}

async function play(
  kernel: Kernel,
  hand: Hand,
  peer: Peer,
  state: StateName,
  base: number,
): Promise<{ differences: (Difference & { reason: string | null })[]; cells: number }> {
  const cells = cellsOf(state);
  const active = state === "SYN-SENT";
  const target = state === "CLOSED" ? PORT + 1 : PORT;
  const ports = cells.map((_, i) => base + i);
  const irs = (i: number): number => (0x7fff_0000 + 100_000 * i) >>> 0;
  const iss: number[] = [];
  const segment = (i: number, flags: number, seq: number, ack: number, text = 0): void => {
    const [from, to] = active ? [PORT, ports[i]!] : [ports[i]!, target];
    hand.send(from, to, flags, (irs(i) + seq) >>> 0, ((iss[i] ?? 0) + ack) >>> 0, text);
  };
  const each = (run: (i: number) => void): void => {
    for (const i of cells.keys()) run(i);
  };
  const end = async (): Promise<void> => {
    expect((await peer.tell<{ ended: number }>("end", { ports })).ended).toBe(cells.length);
    await hand.pump(60);
  };

  // Brings each connection into the state, as test/tcp/states.ts does with ours.
  hand.heard.clear();
  if (active) await peer.tell("connect", { host: OURS, port: PORT, from: base, local: cells.length });
  else if (state !== "CLOSED" && state !== "LISTEN") each((i) => segment(i, SYN, 0, 0));
  await hand.pump(150);
  if (state !== "CLOSED" && state !== "LISTEN") for (const [i, port] of ports.entries()) iss[i] = hand.heard.get(port)![0]!.seq;
  if (sndUna(state) > 0 && state !== "CLOSED" && state !== "LISTEN") {
    each((i) => segment(i, ACK, 1, 1));
    for (let accepted = 0; accepted < cells.length; accepted = (await peer.tell<{ count: number }>("accepted")).count) await hand.pump(20);
  }
  if (state === "CLOSE-WAIT" || state === "LAST-ACK") each((i) => segment(i, FIN | ACK, 1, 1));
  await hand.pump(60);
  if (sndNxt(state) === 2) await end();
  if (state === "FIN-WAIT-2" || state === "TIME-WAIT") each((i) => segment(i, ACK, 1, 2));
  if (state === "CLOSING") each((i) => segment(i, FIN | ACK, 1, 1));
  if (state === "TIME-WAIT") each((i) => segment(i, FIN | ACK, 1, 2));
  await hand.pump(60);
  const before = statesOf(kernel);
  if (state !== "CLOSED" && state !== "LISTEN") expect(ports.filter((port) => before.get(port) !== state)).toEqual([]);

  // One segment each.
  hand.heard.clear();
  for (const [i, { flags, place, ack, text }] of cells.entries()) {
    const una = sndUna(state);
    const at = { next: sndNxt(state), old: una === sndNxt(state) ? una - 1 : una, ancient: una - 200_000, future: sndNxt(state) + 1 }[ack];
    segment(i, flags, (state === "LISTEN" || state === "SYN-SENT" || state === "CLOSED" ? 0 : rcvNxt(state)) + places[place]!, at, text);
  }
  await hand.pump(120);
  const after = statesOf(kernel);
  const differences: (Difference & { reason: string | null })[] = [];
  for (const [i, cell] of cells.entries()) {
    const expected = judge(state, cell.flags, cell.place, cell.ack, cell.text);
    const next = after.get(ports[i]!) ?? (state === "LISTEN" ? "LISTEN" : "CLOSED");
    // What was sent before and is sent again by a timer is no answer.
    const answers = (hand.heard.get(ports[i]!) ?? []).filter(({ flags }) => !(flags & FIN) && !(active && flags === SYN));
    const replies = answers.map(({ flags }) => (flags & RST ? "rst" : flags & SYN ? "synack" : "ack"));
    const reply = [...new Set(replies)].join("+");
    const same = next === expected.next && (reply === expected.reply || (expected.reply === "ack?" && (reply === "ack" || reply === "")));
    if (same) continue;
    const reason = reasons.find(([, fits]) => fits(cell, expected, next, reply))?.[0] ?? null;
    const name = `${state}: ${flagText(cell.flags)} seq ${cell.place} ack ${cell.ack} text ${cell.text}`;
    differences.push({
      cell: name,
      is: `${next} ${reply || "silence"}`,
      should: `${expected.next} ${expected.reply || "silence"}`,
      reason,
    });
  }
  each((i) => segment(i, RST | ACK, rcvNxt(state), 1));
  await peer.tell("forget");
  await hand.pump(20);
  return { differences, cells: cells.length };
}

describe("s3.10.7 on the Linux kernel", () => {
  wireTest(
    "s3.10.7: each state, sets of flags, sequence and acknowledgment numbers: what differs from the table has a reason (9293-U01 to U03, U06, U09 to U12)",
    async () => {
      await withKernel(async (kernel) => {
        kernel.sysctl("ipv4.tcp_max_syn_backlog", 8_192);
        kernel.sysctl("core.somaxconn", 8_192);
        kernel.sysctl("ipv4.tcp_syncookies", 0);
        const hand = new Hand(kernel);
        const peer = new Peer(kernel.spawn(process.execPath, [new URL("states.mjs", import.meta.url).pathname]));
        await peer.ready;
        await peer.tell("listen", { host: KERNEL, port: PORT });
        const unexplained: Difference[] = [];
        const used = new Set<string>();
        let cells = 0;
        for (const [n, state] of stateList.entries()) {
          const { differences, cells: played } = await play(kernel, hand, peer, state, 20_000 + 1_000 * n);
          cells += played;
          for (const { reason, ...difference } of differences) {
            if (reason === null) unexplained.push(difference);
            else used.add(reason);
          }
        }
        expect(unexplained.map(({ cell, is, should }) => `${cell}: ${is}, the table says ${should}`)).toEqual([]);
        expect(reasons.map(([reason]) => reason).filter((reason) => !used.has(reason))).toEqual([]);
        expect(cells).toBeGreaterThan(2_500);
      });
    },
  );
});
