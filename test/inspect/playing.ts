/** A connection made by hand, that tells a probe what a stack would: for tests of probes without a stack. */
import { Arena } from "../../src/base/arena.js";
import { PacketPool } from "../../src/base/packet.js";
import { seq } from "../../src/base/seq.js";
import { ip } from "../../src/ip/address.js";
import type { Datagram } from "../../src/ip/network.js";
import type { Device } from "../../src/stack/device.js";
import type { Probe } from "../../src/stack/probe.js";
import { Segment } from "../../src/tcp/segment.js";
import type { State } from "../../src/tcp/state.js";
import type { Tcb } from "../../src/tcp/tcb.js";

export const arena = new Arena(65_536);
export const pool = new PacketPool(arena, 8, 2_048);
export const packet = pool.take()!;

export const ISS = 0xffff_fff0 | 0;
export const IRS = 0x7fff_fff0;

/** What of a Tcb a probe may read. */
export const tcb = (handle = 1): Tcb =>
  ({
    handle,
    state: 2,
    local: ip("10.0.0.1"),
    remote: ip("10.0.0.2"),
    localPort: 49_152,
    remotePort: 80,
    iss: seq(ISS),
    irs: seq(0),
    snd: { una: seq(ISS), nxt: seq(ISS + 1), wnd: 0, scale: 0 },
    rcv: { nxt: seq(0), scale: 0 },
    cc: { window: () => 14_600, threshold: () => 0x7fff_ffff },
    srtt: 20_000,
    rttvar: 10_000,
    rto: 220_000,
    hold: 0,
    heldSince: 1_000_500,
    establishedAt: 500,
    holds: Float64Array.of(710_000, 4_000),
  }) as unknown as Tcb;

export function segment(fields: Partial<Segment>): Segment {
  const made = Object.assign(new Segment(), { srcPort: 49_152, dstPort: 80, wnd: 64_240 }, fields);
  return made;
}

export const datagram = (): Datagram => ({
  packet,
  source: ip("10.0.0.2"),
  destination: ip("10.0.0.1"),
  protocol: 6,
  payloadStart: 0,
  payloadEnd: 0,
  ttl: 64,
  trafficClass: 0,
  device: 0,
  group: false,
});

export const device = (medium: "ethernet" | "ip" = "ethernet", name = "eth0"): Device =>
  ({
    name,
    index: 0,
    mtu: 1_500,
    ethernet: medium === "ethernet",
    loopback: false,
    hardwareHigh: 0x0200,
    hardwareLow: 1,
    addresses: [{ address: ip("10.0.0.1"), prefixLength: 24 }],
    link: { name: "pair:a" },
  }) as unknown as Device;

/** Puts octets into the packet. */
export function load(octets: Uint8Array): typeof packet {
  arena.bytes.set(octets, packet.start);
  packet.end = packet.start + octets.length;
  return packet;
}

const change = (to: Tcb, state: State): State => {
  const old = to.state;
  to.state = state;
  return old;
};

const SYN = 2;
const ACK = 16;
const PSH = 8;
const FIN = 1;

/** An active open, a request that is lost once, an answer, a close by us: everything that a TCP probe can be told. */
export function play(probe: Probe, connection: Tcb = tcb()): void {
  const a = (fields: Partial<Segment>): Segment => segment(fields);
  const b = (fields: Partial<Segment>): Segment => segment({ srcPort: 80, dstPort: 49_152, ...fields });
  const { Closed, SynSent, Established, FinWait1, FinWait2, TimeWait } = states;
  change(connection, SynSent);
  probe.stateChanged?.(connection, Closed, 170, 1, 0);
  probe.segmentSent?.(
    connection,
    a({ seq: seq(ISS), flags: SYN, len: 1, mss: 1_460, sackPermitted: true, hasTimestamp: true, tsVal: 1, windowScale: 7 }),
    1,
    1,
    0,
  );
  probe.timerUpdated?.(connection, 0, 0, 1_000_000, 214, 1, 0);
  probe.segmentReceived?.(
    connection,
    b({ seq: seq(IRS), ack: seq(ISS + 1), flags: SYN | ACK, len: 1, mss: 1_400, windowScale: 8, wnd: 65_535 }),
    datagram(),
    2,
    20_000,
  );
  Object.assign(connection, { irs: seq(IRS) });
  Object.assign(connection.snd, { scale: 8, una: seq(ISS + 1), wnd: 65_535 });
  Object.assign(connection.rcv, { scale: 7 });
  change(connection, Established);
  probe.stateChanged?.(connection, SynSent, 173, 2, 20_000);
  probe.rttSampled?.(connection, 20_000, 2, 20_000);
  probe.segmentSent?.(connection, a({ seq: seq(ISS + 1), ack: seq(IRS + 1), flags: ACK, wnd: 502 }), 3, 2, 20_010);
  for (const [why, cause, at] of [
    [4, 3, 20_500],
    [42, 4, 1_020_500],
  ] as const) {
    if (why === 42) {
      probe.timerUpdated?.(connection, 0, 1, at, 211, cause, at);
      probe.timerExpired?.(connection, 0, 211, cause, at);
      probe.segmentLost?.(connection, ISS + 1, ISS + 101, 132, cause, at);
      probe.congestionChanged?.(connection, 153, cause, at);
    }
    const text = { textStart: 0, textEnd: 100 };
    probe.segmentSent?.(
      connection,
      a({ seq: seq(ISS + 1), ack: seq(IRS + 1), flags: PSH | ACK, wnd: 502, len: 100, ...text }),
      why,
      cause,
      at,
    );
  }
  probe.sendLimited?.(connection, 62, 4, 1_020_500);
  const sack = new Int32Array(8);
  sack.set([ISS + 1, ISS + 101]);
  const answer = new TextEncoder().encode("200\r\n\x1b[2J");
  arena.bytes.set(answer, 1_000);
  const received = { len: answer.length, textStart: 1_000, textEnd: 1_000 + answer.length };
  probe.segmentReceived?.(
    connection,
    b({ seq: seq(IRS + 1), ack: seq(ISS + 101), flags: PSH | ACK, wnd: 256, sackCount: 1, sack, ...received }),
    datagram(),
    5,
    1_040_500,
  );
  const old = b({ seq: seq(IRS - 9), ack: seq(ISS + 101), flags: ACK, len: 3 });
  probe.segmentReceived?.(connection, old, datagram(), 6, 1_040_600);
  probe.segmentDropped?.(connection, old, 84, 6, 1_040_600);
  change(connection, FinWait1);
  probe.stateChanged?.(connection, Established, 176, 7, 1_050_000);
  probe.segmentSent?.(connection, a({ seq: seq(ISS + 101), ack: seq(IRS + 13), flags: FIN | ACK, wnd: 502, len: 1 }), 5, 7, 1_050_000);
  probe.segmentReceived?.(connection, b({ seq: seq(IRS + 13), ack: seq(ISS + 102), flags: ACK, wnd: 256 }), datagram(), 8, 1_070_000);
  change(connection, FinWait2);
  probe.stateChanged?.(connection, FinWait1, 178, 8, 1_070_000);
  probe.segmentReceived?.(
    connection,
    b({ seq: seq(IRS + 13), ack: seq(ISS + 102), flags: FIN | ACK, wnd: 256, len: 1 }),
    datagram(),
    9,
    1_071_000,
  );
  change(connection, TimeWait);
  probe.stateChanged?.(connection, FinWait2, 177, 9, 1_071_000);
  probe.segmentSent?.(connection, a({ seq: seq(ISS + 102), ack: seq(IRS + 14), flags: ACK, wnd: 502 }), 21, 9, 1_071_010);
  probe.timerUpdated?.(connection, 4, 0, 61_071_010, 219, 9, 1_071_010);
  change(connection, Closed);
  probe.stateChanged?.(connection, TimeWait, 182, 10, 61_071_010);
}

const states = { Closed: 0, SynSent: 2, Established: 4, FinWait1: 5, FinWait2: 6, TimeWait: 10 } as const;
