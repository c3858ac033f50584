/** A probe that captures: every frame of a host, with its direction, its time, why it was sent, and what became of it.
 *
 *  One capture is one host's: its devices are the file's interfaces. A received frame waits until the stack has judged it, so that
 *  the drop or the change of state that it caused stands in its comments. */
import type { Micros } from "../base/environment.js";
import type { Packet } from "../base/packet.js";
import { whyEntry } from "../base/why-registry.js";
import type { Device } from "../stack/device.js";
import type { Probe } from "../stack/probe.js";
import { stateNames } from "../tcp/state.js";
import { Direction, type HostName, LinkType, type PcapngOptions, PcapngWriter, type Sink } from "./pcapng.js";

export interface CaptureOptions extends PcapngOptions {
  /** What analysers shall call addresses. */
  readonly names?: readonly HostName[];
  /** Only this device's frames; default: all devices. */
  readonly device?: Device;
}

/** Frames sent because of the one that waits, before neither waits any longer. */
const FOLLOWERS = 16;
const COMMENTS = 8;

/** A frame that waits; its octets are a copy. */
class Held {
  interfaceId = 0;
  octets = new Uint8Array(2_048);
  length = 0;
  at: Micros = 0;
  direction: Direction = Direction.Unknown;
  cast = 0;
  event = 0;
  comments: string[] = [];
}

export class Capture {
  /** Give this to the stack, or to `fanOut`. */
  readonly probe: Probe;
  readonly #writer: PcapngWriter;
  readonly #only: Device | null;
  readonly #interfaces = new Map<Device, number>();
  readonly #held: Held[] = [];
  #waiting = 0;
  #frames = 0;
  #closed = false;

  constructor(sink: Sink, options: CaptureOptions = {}) {
    this.#writer = new PcapngWriter(sink, options);
    this.#only = options.device ?? null;
    if (options.names !== undefined) this.#writer.addNames(options.names);
    this.probe = {
      frameReceived: (device, packet, event, now) => {
        this.flush();
        // What a stack sends to itself passes its own loopback twice, and once is enough.
        if (!device.loopback) this.#hold(device, packet, Direction.Inbound, event, now, null);
      },
      frameSent: (device, packet, why, cause, now) => {
        const follows = this.#waiting > 0 && this.#waiting < FOLLOWERS && this.#held[0]!.event === cause;
        if (!follows) this.flush();
        this.#hold(device, packet, Direction.Outbound, cause, now, explain(why, cause));
        if (!follows) this.flush();
      },
      dropped: (_device, why, event) => this.#comment(event, explain(why, 0)),
      segmentDropped: (_tcb, _seg, why, event) => this.#comment(event, explain(why, 0)),
      stateChanged: (tcb, old, why, cause) => this.#comment(cause, `${stateNames[old]} -> ${stateNames[tcb.state]}: ${explain(why, 0)}`),
    };
  }

  /** Frames captured so far. */
  get frames(): number {
    return this.#frames;
  }

  /** What waits goes to the sink now. Call it now and then when somebody watches the file grow. */
  flush(): void {
    for (let i = 0; i < this.#waiting; i++) {
      const { interfaceId, octets, length, at, direction, cast, event, comments } = this.#held[i]!;
      const received = direction === Direction.Inbound;
      this.#writer.frame(
        interfaceId,
        octets,
        0,
        length,
        received ? { at, direction, cast, id: event, comment: comments } : { at, direction, comment: comments },
      );
    }
    this.#waiting = 0;
  }

  /** Ends the section; closing twice does nothing, and nothing is captured afterwards. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#writer.close();
  }

  #hold(device: Device, packet: Packet, direction: Direction, event: number, now: Micros, comment: string | null): void {
    if (this.#closed || (this.#only !== null && this.#only !== device)) return;
    let held = this.#held[this.#waiting];
    if (held === undefined) {
      held = new Held();
      this.#held.push(held);
    }
    this.#waiting += 1;
    this.#frames += 1;
    const length = packet.end - packet.start;
    if (length > held.octets.length) held.octets = new Uint8Array(length);
    held.octets.set(packet.pool.arena.bytes.subarray(packet.start, packet.end));
    held.length = length;
    held.interfaceId = this.#interface(device);
    held.at = now;
    held.direction = direction;
    held.cast = packet.cast;
    held.event = event;
    held.comments = comment === null ? [] : [comment];
  }

  /** Says what became of the received frame that began the event. */
  #comment(event: number, comment: string): void {
    const first = this.#held[0];
    if (this.#waiting === 0 || first === undefined || first.event !== event || first.direction !== Direction.Inbound) return;
    if (first.comments.length < COMMENTS) first.comments.push(comment);
  }

  #interface(device: Device): number {
    const known = this.#interfaces.get(device);
    if (known !== undefined) return known;
    const id = this.#writer.addInterface({
      name: device.name,
      description: device.link.name,
      linkType: device.ethernet ? LinkType.Ethernet : LinkType.RawIp,
      ...(device.ethernet ? { hardwareAddress: hardwareOctets(device) } : {}),
      addresses: device.addresses,
    });
    this.#interfaces.set(device, id);
    return id;
  }
}

function hardwareOctets(device: Device): Uint8Array {
  const octets = new Uint8Array(6);
  const view = new DataView(octets.buffer);
  view.setUint16(0, device.hardwareHigh);
  view.setInt32(2, device.hardwareLow);
  return octets;
}

const sentences: string[] = [];

/** "tx.syn_ack: RFC 9293 s3.10.7.2: acknowledge the SYN and send ours, cause 12". */
function explain(why: number, cause: number): string {
  let sentence = sentences[why];
  if (sentence === undefined) {
    const entry = whyEntry(why);
    sentence = entry === undefined ? `why.${why}` : `${entry.name}: ${entry.source}: ${entry.text}`;
    if (why >= 0 && why < 65_536) sentences[why] = sentence;
  }
  return cause === 0 ? sentence : `${sentence}, cause ${cause}`;
}
