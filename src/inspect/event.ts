/** What a probe is told, as one flat record of numbers: what the trace prints, the recorder keeps and the ladder draws. */
import type { Micros } from "../base/environment.js";
import type { Packet, PacketPool } from "../base/packet.js";
import { seqDiff } from "../base/seq.js";
import { type Datagram, Protocol } from "../ip/network.js";
import type { Device } from "../stack/device.js";
import type { Probe } from "../stack/probe.js";
import { ACK, EcnField, FIN, type Segment, SYN } from "../tcp/segment.js";
import { State } from "../tcp/state.js";
import type { Tcb } from "../tcp/tcb.js";
import { dissect, EtherType } from "./dissect.js";

// biome-ignore format: a table reads better in lines
export const Kind = {
  Sent: 0, Received: 1, Dropped: 2, Lost: 3, State: 4, Timer: 5, Congestion: 6, Rtt: 7, Limited: 8, FrameSent: 9, FrameReceived: 10, FrameDropped: 11,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Every kind, as bits. */
export const ALL_KINDS = (1 << 12) - 1;

/** One for each consumer, overwritten by the next event: read it, do not keep it. */
export class TraceEvent {
  kind: Kind = Kind.Sent;
  at: Micros = 0;
  /** The event that this is part of, or that caused it. */
  id = 0;
  /** A `Why` code; 0: none (what is received is not explained: it happens to us). */
  why = 0;
  /** 0: no connection. */
  handle = 0;
  local = 0;
  remote = 0;
  localPort = 0;
  remotePort = 0;
  /** Of a segment: relative to the initial sequence numbers where they are known. Of lost text: its first octet. */
  seq = 0;
  ack = 0;
  seqAbsolute = false;
  ackAbsolute = false;
  /** TCP flags. */
  flags = 0;
  /** Octets: of text in a segment, lost, or of a frame. */
  length = 0;
  /** Scaled, octets. */
  window = 0;
  urgent = 0;
  mss = 0;
  windowScale = -1;
  sackPermitted = false;
  hasTimestamp = false;
  tsVal = 0;
  tsEcr = 0;
  /** SACK blocks: left edge at 2i, right edge at 2i+1, relative as `ack` is. */
  sackCount = 0;
  readonly sack = new Int32Array(8);
  /** By kind. State: old, new. Timer: which, what. Congestion, Limited: cwnd, ssthresh, flight, SND.WND. Rtt: sample, SRTT, RTTVAR, RTO.
   *  Frames: EtherType, protocol or ARP operation, ICMP type and code, fragment offset or -1. Segments: AccECN counters and one more (0: no option), octets
   *  with ECT(1), CE, ECT(0). */
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  /** Timer: the deadline. Frames: the device's index, -1 for none. */
  extra = 0;
  /** Where the text lies during the call: only of `Received`; -1: nowhere. Never recorded. */
  textStart = -1;
  textEnd = -1;
  pool: PacketPool | null = null;
}

export interface EventOptions {
  /** Which kinds, as bits `1 << kind`; default: all. */
  readonly kinds?: number;
  /** Frames that hold TCP are told as segments; true tells them as frames too. */
  readonly tcpFrames?: boolean;
}

/** A probe that hands every event to `consume` as one record that it reuses. */
export function eventProbe(consume: (event: TraceEvent) => void, options: EventOptions = {}): Probe {
  const kinds = options.kinds ?? ALL_KINDS;
  const tcpFrames = options.tcpFrames ?? false;
  const event = new TraceEvent();

  const begin = (kind: Kind, tcb: Tcb | null, why: number, id: number, now: Micros): void => {
    event.kind = kind;
    event.at = now;
    event.id = id;
    event.why = why;
    event.flags = event.length = event.sackCount = event.a = event.b = event.c = event.d = event.extra = event.seq = event.ack = 0;
    event.textStart = event.textEnd = -1;
    event.pool = null;
    if (tcb === null) {
      event.handle = event.local = event.remote = event.localPort = event.remotePort = 0;
      return;
    }
    event.handle = tcb.handle;
    event.local = tcb.local;
    event.remote = tcb.remote;
    event.localPort = tcb.localPort;
    event.remotePort = tcb.remotePort;
  };

  const addresses = (datagram: Datagram): void => {
    event.local = datagram.destination;
    event.remote = datagram.source;
  };

  const probe: Probe = {};
  const wants = (kind: Kind): boolean => (kinds & (1 << kind)) !== 0;

  if (wants(Kind.Sent))
    probe.segmentSent = (tcb, seg, why, cause, now) => {
      begin(Kind.Sent, tcb, why, cause, now);
      takeSegment(event, tcb, seg, true);
      consume(event);
    };
  if (wants(Kind.Received))
    probe.segmentReceived = (tcb, seg, datagram, id, now) => {
      begin(Kind.Received, tcb, 0, id, now);
      takeSegment(event, tcb, seg, false);
      addresses(datagram);
      event.textStart = seg.textStart;
      event.textEnd = seg.textEnd;
      event.pool = datagram.packet.pool;
      consume(event);
    };
  if (wants(Kind.Dropped))
    probe.segmentDropped = (tcb, seg, why, id, now) => {
      begin(Kind.Dropped, tcb, why, id, now);
      takeSegment(event, tcb, seg, false);
      consume(event);
    };
  if (wants(Kind.Lost))
    probe.segmentLost = (tcb, from, to, why, cause, now) => {
      begin(Kind.Lost, tcb, why, cause, now);
      event.seq = (from - tcb.iss) | 0;
      event.length = (to - from) | 0;
      event.seqAbsolute = false;
      consume(event);
    };
  if (wants(Kind.State))
    probe.stateChanged = (tcb, old, why, cause, now) => {
      begin(Kind.State, tcb, why, cause, now);
      event.a = old;
      event.b = tcb.state;
      consume(event);
    };
  if (wants(Kind.Timer))
    probe.timerUpdated = (tcb, timer, what, at, why, cause, now) => {
      begin(Kind.Timer, tcb, why, cause, now);
      event.a = timer;
      event.b = what;
      event.extra = at;
      consume(event);
    };
  if (wants(Kind.Congestion))
    probe.congestionChanged = (tcb, why, cause, now) => {
      begin(Kind.Congestion, tcb, why, cause, now);
      takeWindows(event, tcb);
      consume(event);
    };
  if (wants(Kind.Rtt))
    probe.rttSampled = (tcb, rtt, cause, now) => {
      begin(Kind.Rtt, tcb, 0, cause, now);
      event.a = rtt;
      event.b = tcb.srtt;
      event.c = tcb.rttvar;
      event.d = tcb.rto;
      consume(event);
    };
  if (wants(Kind.Limited))
    probe.sendLimited = (tcb, why, cause, now) => {
      begin(Kind.Limited, tcb, why, cause, now);
      takeWindows(event, tcb);
      consume(event);
    };

  // What is dropped is told without its octets: they are remembered from the frame that brought it.
  let seenId = -1;
  let seenPool: PacketPool | null = null;
  let seenStart = 0;
  let seenEnd = 0;
  let seenEthernet = true;
  const frame = (kind: Kind, device: Device, packet: Packet, why: number, id: number, now: Micros): void => {
    begin(kind, null, why, id, now);
    dissect(event, packet.pool.arena.bytes, packet.start, packet.end, device.ethernet);
    if (!tcpFrames && isWholeTcp(event)) return;
    event.extra = device.index;
    consume(event);
  };
  if (wants(Kind.FrameSent)) probe.frameSent = (device, packet, why, cause, now) => frame(Kind.FrameSent, device, packet, why, cause, now);
  if (wants(Kind.FrameReceived) || wants(Kind.FrameDropped))
    probe.frameReceived = (device, packet, id, now) => {
      seenId = id;
      seenPool = packet.pool;
      seenStart = packet.start;
      seenEnd = packet.end;
      seenEthernet = device.ethernet;
      if (wants(Kind.FrameReceived)) frame(Kind.FrameReceived, device, packet, 0, id, now);
    };
  if (wants(Kind.FrameDropped))
    probe.dropped = (device, why, id, now) => {
      begin(Kind.FrameDropped, null, why, id, now);
      event.a = -1;
      event.d = -1;
      if (id === seenId && seenPool !== null) dissect(event, seenPool.arena.bytes, seenStart, seenEnd, seenEthernet);
      event.extra = device === null ? -1 : device.index;
      consume(event);
    };
  return probe;
}

export const isWholeTcp = (event: TraceEvent): boolean => event.a === EtherType.Ipv4 && event.b === Protocol.Tcp && event.d <= 0;

function takeWindows(event: TraceEvent, tcb: Tcb): void {
  event.a = tcb.cc.window();
  event.b = tcb.cc.threshold();
  event.c = seqDiff(tcb.snd.nxt, tcb.snd.una);
  event.d = tcb.snd.wnd;
}

/** Sequence numbers become relative to ISS and IRS; what is not known yet stays as it stands on the wire. */
export function takeSegment(event: TraceEvent, tcb: Tcb | null, seg: Segment, sent: boolean): void {
  const syn = (seg.flags & SYN) !== 0;
  event.flags = seg.flags;
  event.length = seg.len - (syn ? 1 : 0) - (seg.flags & FIN ? 1 : 0);
  event.urgent = seg.up;
  event.mss = seg.mss;
  event.windowScale = seg.windowScale;
  event.sackPermitted = seg.sackPermitted;
  event.hasTimestamp = seg.hasTimestamp;
  event.tsVal = seg.tsVal;
  event.tsEcr = seg.tsEcr;
  event.sackCount = seg.sackCount;
  if (seg.counterCount >= 0) {
    event.a = seg.counterCount + 1;
    event.b = seg.counters[EcnField.Ect1]!;
    event.c = seg.counters[EcnField.Ce]!;
    event.d = seg.counters[EcnField.Ect0]!;
  }
  if (tcb === null) {
    event.localPort = sent ? seg.srcPort : seg.dstPort;
    event.remotePort = sent ? seg.dstPort : seg.srcPort;
    event.seq = seg.seq;
    event.ack = seg.flags & ACK ? seg.ack : 0;
    event.seqAbsolute = event.ackAbsolute = true;
    event.window = seg.wnd;
    for (let i = 0; i < 2 * seg.sackCount; i++) event.sack[i] = seg.sack[i]!;
    return;
  }
  // Before the peer's SYN is accepted IRS is not known: a SYN is where counting begins, anything else is as it is.
  const irsKnown = tcb.state !== State.Closed && tcb.state !== State.Listen && tcb.state !== State.SynSent;
  const theirs = irsKnown || tcb.irs !== 0 ? tcb.irs : syn && !sent ? seg.seq : null;
  const seqBase = sent ? tcb.iss : theirs;
  const ackBase = sent ? theirs : tcb.iss;
  event.seqAbsolute = seqBase === null;
  event.ackAbsolute = ackBase === null;
  event.seq = (seg.seq - (seqBase ?? 0)) | 0;
  event.ack = seg.flags & ACK ? (seg.ack - (ackBase ?? 0)) | 0 : 0;
  event.window = syn ? seg.wnd : seg.wnd << (sent ? tcb.rcv.scale : tcb.snd.scale);
  for (let i = 0; i < 2 * seg.sackCount; i++) event.sack[i] = (seg.sack[i]! - (ackBase ?? 0)) | 0;
}
