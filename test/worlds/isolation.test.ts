/** I-23: while one attacker does what it can, a victim's flow through the same stack keeps four fifths of its goodput, and nothing that the
 *  attacker sent is held for ever. */
import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { SeededRandom } from "../../src/base/prng.js";
import { datagram as tcpDatagram } from "../../src/conformance/model/schedule.js";
import { noOptions } from "../../src/conformance/model/segment.js";
import { datagram, echo, ethernet, icmpFrame, ipv4, OTHER_MAC } from "../stack/lab.js";
import { converse, end, type Stage, send, stage } from "./two-hosts.js";

const OCTETS = 4 << 20;
const US = "10.0.0.2";
const OUR_MAC = [2, 0, 0, 0, 0, 2];
/** Microseconds between the attacker's frames. */
const EVERY = 200;

type Attack = (n: number, at: Stage) => readonly number[];

/** The victim's transfer to B over a line of 20 Mbit/s, with or without frames of an attacker on a line of its own. */
function transfer(attack: Attack | null): { took: number; at: Stage } {
  const at = stage({ wire: { delay: 10 * MILLISECOND, rate: 20_000_000, queueFrames: 200 }, back: { delay: 10 * MILLISECOND } });
  const { world, b } = at;
  let attacking = attack !== null;
  let n = 0;
  const strike = (): void => {
    if (!attacking) return;
    const bytes = Uint8Array.from(attack!(n++, at));
    const frame = world.frames.take(bytes, 0, bytes.length);
    if (frame !== null) b.link.arrive(frame);
    world.at(EVERY, strike);
  };
  world.at(100 * MILLISECOND, strike);
  const begun = world.now;
  const { server } = converse(at, [send(OCTETS), ...end], end, { within: 300 * SECOND });
  attacking = false;
  expect(server.received).toBe(OCTETS);
  return { took: world.now - begun, at };
}

const random = new SeededRandom(23);
const someone = (): number => random.below(200) + 30;
const anywhere = (): string => `10.0.0.${someone()}`;

function segment(flags: number, sourcePort: number, port: number, seq: number, ack = 0, from = 66): number[] {
  const text = new Uint8Array(0);
  const it = {
    seq: seq >>> 0,
    ack: ack >>> 0,
    flags,
    reserved: 0,
    wnd: 1_000,
    up: 0,
    length: 0,
    text,
    optionOctets: 0,
    options: noOptions,
  };
  return ethernet(0x0800, [...tcpDatagram(it, from, 2, sourcePort, port)], OUR_MAC);
}

const attacks: readonly (readonly [string, Attack])[] = [
  ["a flood of SYNs from everywhere (S-081)", (n) => segment(2, 1_024 + (n % 60_000), 80, n, 0, someone())],
  ["a scan of all ports (S-089)", (n) => segment(2, 999, 1 + (n % 65_535), n)],
  [
    "resets, SYNs and ACKs blind to the victim's numbers (S-107, S-108, S-109)",
    (n, at) => {
      const one = at.b.stack.tcp.showAll(at.world.now).find((row) => row["state"] === "ESTABLISHED");
      const port = Number(String(one?.["remote"] ?? ":1").split(":")[1]);
      return segment([4, 2, 16, 20][n % 4]!, port, 80, random.int32(), random.int32(), 1);
    },
  ],
  ["an echo flood (S-040)", (n) => icmpFrame({ source: anywhere(), destination: US }, echo(56, n & 0xffff), OUR_MAC)],
  [
    "datagrams to closed ports (S-058)",
    (n) => {
      const port = 30_000 + (n % 30_000);
      return datagram({ source: anywhere(), destination: US }, [0, 9, port >> 8, port & 255, 0, 9, 0, 0, 1], OUR_MAC);
    },
  ],
  [
    "fragments that never complete (S-031)",
    (n) =>
      datagram({ source: anywhere(), destination: US, id: n & 0xffff, offset: n % 100, mf: true }, new Array<number>(64).fill(7), OUR_MAC),
  ],
  [
    "ARP from everybody (S-008)",
    (n) => {
      const asker = [10, 0, (n >> 8) & 3, n & 255];
      const message = [0, 1, 8, 0, 6, 4, 0, 1, ...OTHER_MAC, ...asker, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
      return ethernet(0x0806, message, [255, 255, 255, 255, 255, 255], OTHER_MAC);
    },
  ],
  [
    "size reports about the victim's path (S-045, S-051)",
    () => {
      const quoted = ipv4({ source: US, destination: "10.0.0.1", protocol: 6 }, [0, 80, 4, 0, 0, 0, 0, 1]);
      return icmpFrame({ source: "10.0.0.66", destination: US }, [3, 4, 0, 0, 0, 0, 0, 68, ...quoted], OUR_MAC);
    },
  ],
  ["noise", () => Array.from({ length: 14 + random.below(200) }, () => random.below(256))],
];

describe("isolation (I-23)", () => {
  const alone = transfer(null).took;

  test.each(attacks)("%s, five thousand frames a second: four fifths of the goodput at least", (_name, attack) => {
    const { took, at } = transfer(attack);
    expect(took).toBeLessThan(alone / 0.8);
    expect(at.violations.show()).toBe("");
    at.world.run(200 * SECOND);
    expect(at.b.stack.memory.packets.available).toBe(at.b.stack.memory.packets.size);
    expect(at.b.stack.tcp.summary()["slots"]).toBeLessThanOrEqual(1);
  });
});
