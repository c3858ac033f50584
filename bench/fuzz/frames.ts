/** Frames of every layer, most of them nearly right: the grammar of targets 1 to 6. */
import {
  arp,
  BROADCAST_MAC,
  datagram,
  ethernet,
  type IpFields,
  icmp,
  icmpFrame,
  ipv4,
  OTHER_MAC,
  OUR_MAC,
  OURS,
  PEER,
  PEER_MAC,
  tcp,
  udp,
} from "../../test/stack/lab.js";
import type { Choices } from "./choices.js";

const addresses = [PEER, PEER, PEER, OURS, "10.0.0.3", "10.0.0.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "192.0.2.1"];
const macs = [OUR_MAC, OUR_MAC, OUR_MAC, BROADCAST_MAC, OTHER_MAC, [1, 0, 94, 0, 0, 1]] as const;

export type Grammar = (choices: Choices) => readonly number[];

const text = (c: Choices): number[] => c.octets(c.pick([0, 1, 8, 20, 64]));

function spoiled(c: Choices, frame: readonly number[]): readonly number[] {
  const octets = [...frame];
  for (let n = c.pick([0, 0, 0, 1, 2]); n > 0 && octets.length > 0; n--) octets[c.below(octets.length)] = c.octet();
  const cut = c.pick([0, 0, 0, 0, 1]);
  return cut === 0 ? octets : octets.slice(0, c.below(octets.length + 1));
}

const ip = (c: Choices): IpFields => ({
  source: c.pick(addresses),
  destination: c.pick([OURS, OURS, OURS, ...addresses]),
  protocol: c.pick([6, 17, 1, 2, 4, 41, 255]),
  ttl: c.pick([64, 0, 1, 255]),
  id: c.pick([1, 2, 3, 4]),
  ...(c.chance(60) ? { version: c.below(16), ihl: c.below(16) } : {}),
  ...(c.chance(60) ? { total: c.half() } : {}),
  ...(c.chance(60) ? { options: c.octets(4 * c.below(11)) } : {}),
  df: c.chance(128),
});

export const linkFrame: Grammar = (c) => {
  if (c.chance(128))
    return spoiled(
      c,
      arp({
        op: c.pick([1, 2, 0, 3]),
        sha: c.pick([PEER_MAC, OTHER_MAC, OUR_MAC, BROADCAST_MAC]),
        spa: c.pick(addresses),
        tpa: c.pick([OURS, ...addresses]),
        to: c.pick([BROADCAST_MAC, OUR_MAC, OTHER_MAC]),
      }),
    );
  const type = c.pick([0x0800, 0x0806, 0x8100, 0x86dd, 46, 1_500, 0]);
  return spoiled(c, ethernet(type, text(c), c.pick(macs), c.pick([PEER_MAC, BROADCAST_MAC, OUR_MAC])));
};

export const ipFrame: Grammar = (c) => spoiled(c, datagram(ip(c), text(c), c.pick(macs)));

export const fragmentFrame: Grammar = (c) =>
  spoiled(
    c,
    datagram(
      {
        source: c.pick([PEER, "10.0.0.3"]),
        destination: OURS,
        protocol: c.pick([17, 6]),
        id: c.below(4),
        mf: c.chance(180),
        offset: c.pick([0, 0, 1, 2, 3, 8, 100, 8_190, 8_191]),
      },
      c.octets(c.pick([8, 8, 16, 24, 7, 0, 64])),
    ),
  );

export const icmpMessage: Grammar = (c) => {
  const quoted = ipv4({ source: c.pick([OURS, PEER]), destination: PEER, protocol: c.pick([6, 17, 1]) }, c.octets(8));
  const message = icmp(
    c.pick([0, 3, 3, 4, 5, 8, 11, 12, 13, 17, 255]),
    c.pick([0, 1, 2, 3, 4, 5, 15]),
    [
      0,
      0,
      ...c.pick([
        [0, 0],
        [0, 68],
        [5, 120],
        [255, 255],
      ] as const),
    ],
    c.chance(180) ? quoted : text(c),
  );
  return spoiled(c, icmpFrame({ source: c.pick(addresses), destination: c.pick([OURS, OURS, "10.0.0.255"]) }, message));
};

export const udpDatagram: Grammar = (c) => {
  const fields = { port: c.pick([7_777, 7_777, 1, 0]), sourcePort: c.pick([5_000, 0, 7, 7_777]) };
  const length = c.chance(60) ? { length: c.half() } : {};
  const it = udp({ ...fields, ...length } as never, text(c));
  return spoiled(c, datagram({ source: PEER, destination: OURS, protocol: 17 }, it));
};

const option = (c: Choices): number[] => {
  switch (c.below(8)) {
    case 0:
      return [1];
    case 1:
      return [2, 4, ...c.octets(2)];
    case 2:
      return [3, 3, c.octet()];
    case 3:
      return [4, 2];
    case 4:
      return [5, 10, ...c.octets(8)];
    case 5:
      return [8, 10, ...c.octets(8)];
    case 6:
      return [c.octet(), c.octet()];
    default: {
      const body = c.octets(c.below(6));
      return [c.octet(), body.length + 2, ...body];
    }
  }
};

export const tcpSegment: Grammar = (c) => {
  const options: number[] = [];
  for (let n = c.below(6); n > 0; n--) options.push(...option(c));
  const padded = options.slice(0, 40);
  while (padded.length % 4 !== 0) padded.push(0);
  const it = tcp(
    {
      sourcePort: c.pick([5_000, 5_000, 5_001, 0]),
      port: c.pick([80, 80, 81, 0]),
      seq: c.pick([0, 1, 2, 1_000, -1, c.word()]),
      ack: c.pick([0, 1, c.word()]),
      flags: c.pick([2, 16, 16, 24, 17, 4, 20, 18, c.octet()]),
      window: c.half(),
      options: padded,
    },
    text(c),
  );
  return spoiled(c, datagram({ source: PEER, destination: OURS, protocol: 6 }, it));
};
