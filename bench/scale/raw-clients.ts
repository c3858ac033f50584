/** Any number of clients as one link: raw segments made in place, from as many addresses as it takes, with a few octets of memory each. They
 *  open, ask with octets that tell where they belong, check what comes back, and close. The transport checksum is the link's business, as
 *  with hardware that has offloads. */
import { ChecksumState, type Packet, type PacketPool } from "../../src/base/packet.js";
import { ACK, FIN, PSH, RST, SYN } from "../../src/tcp/segment.js";
import type { Capabilities, Link } from "../../src/transport/link.js";

/** Clients of one address: so many ports. */
const PORT_BITS = 14;
const FIRST_PORT = 1_024;
/** 10.16.0.0 and on. */
const FIRST_ADDRESS = 0x0a10_0000;
/** Octets of a request, and of its response. */
export const REQUEST = 64;

const CLIENT = 4;
const SENT = 0;
const EXPECTED = 1;
const ASKING = 2;

const Act = { Syn: 1, Ack: 2, Request: 3, Fin: 4, LastAck: 5 } as const;
const ACTIONS = 1 << 16;

/** What the clients have seen. */
export class Tallies {
  framesIn = 0;
  framesOut = 0;
  established = 0;
  answered = 0;
  closed = 0;
  resets = 0;
  /** Octets, or segments, that are not what was expected. */
  wrong = 0;
}

export class RawClients implements Link {
  readonly name = "raw-clients";
  readonly capabilities: Capabilities = { medium: "ip", mtu: 1500, checksumOffload: true, gso: 0 };
  onReadable: (() => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  readonly tallies = new Tallies();
  /** The server closes first: its FIN is answered by one of ours. */
  answersFin = false;
  /** Milliseconds, for the timestamps option. */
  clock = 1;
  readonly #server: number;
  readonly #port: number;
  /** By client, side by side, so that one costs the stack's bench one miss of the cache: octets sent so far, what is expected next from the server,
   *  and whether it waits for an answer. */
  readonly #clients: Int32Array;
  /** What is to be sent: client, action, echo of the server's timestamp. */
  readonly #acts = new Int32Array(3 * ACTIONS);
  #head = 0;
  #tail = 0;

  constructor(server: number, port: number, clients: number) {
    this.#server = server;
    this.#port = port;
    this.#clients = new Int32Array(CLIENT * clients);
  }

  /** Octets that all clients take. */
  get memory(): number {
    return this.#clients.byteLength + this.#acts.byteLength;
  }

  /** Segments that wait to be sent. */
  get waiting(): number {
    return this.#tail - this.#head;
  }

  open(client: number): void {
    this.#push(client, Act.Syn, 0);
  }

  /** False: it waits for an answer still. */
  ask(client: number): boolean {
    if (this.#clients[CLIENT * client + ASKING] !== 0) return false;
    this.#clients[CLIENT * client + ASKING] = 1;
    this.#push(client, Act.Request, 0);
    return true;
  }

  close(): void {}

  end(client: number): void {
    this.#push(client, Act.Fin, 0);
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    let taken = 0;
    while (taken < budget && this.#head < this.#tail) {
      const packet = pool.take();
      if (packet === null) break;
      const at = (this.#head++ & (ACTIONS - 1)) * 3;
      this.#write(packet, this.#acts[at]!, this.#acts[at + 1]!, this.#acts[at + 2]!);
      batch[taken++] = packet;
    }
    this.tallies.framesIn += taken;
    return taken;
  }

  transmit(packet: Packet): boolean {
    this.tallies.framesOut += 1;
    const { view } = packet.pool.arena;
    const ip = packet.start;
    const tcp = ip + ((view.getUint8(ip) & 15) << 2);
    const client = ((view.getInt32(ip + 16) - FIRST_ADDRESS) << PORT_BITS) | (view.getUint16(tcp + 2) - FIRST_PORT);
    const seq = view.getInt32(tcp + 4);
    const flags = view.getUint8(tcp + 13);
    const text = tcp + ((view.getUint8(tcp + 12) >> 4) << 2);
    const length = ip + view.getUint16(ip + 2) - text;
    const stamp = text - tcp >= 32 && view.getInt32(tcp + 20) === 0x0101_080a ? view.getInt32(tcp + 24) : 0;
    this.#heard(client, seq, flags, view, text, length, stamp);
    packet.release();
    return true;
  }

  flush(): void {}

  #heard(client: number, seq: number, flags: number, view: DataView, text: number, length: number, stamp: number): void {
    const { tallies } = this;
    if (flags & RST) {
      tallies.resets += 1;
      return;
    }
    if (flags & SYN) {
      this.#clients[CLIENT * client + EXPECTED] = (seq + 1) | 0;
      tallies.established += 1;
      this.#push(client, Act.Ack, stamp);
      return;
    }
    if (length === 0 && (flags & FIN) === 0) return;
    if (seq !== this.#clients[CLIENT * client + EXPECTED]) {
      tallies.wrong += 1;
      return;
    }
    const first = this.#clients[CLIENT * client + SENT]! - REQUEST;
    for (let i = 0; i < length; i++) if (view.getUint8(text + i) !== octetAt(client, first + i)) tallies.wrong += 1;
    this.#clients[CLIENT * client + EXPECTED] = (seq + length + (flags & FIN)) | 0;
    if (length === REQUEST) {
      tallies.answered += 1;
      this.#clients[CLIENT * client + ASKING] = 0;
    } else if (length > 0) tallies.wrong += 1;
    if (flags & FIN) tallies.closed += 1;
    this.#push(client, (flags & FIN) === 0 ? Act.Ack : this.answersFin ? Act.Fin : Act.LastAck, stamp);
  }

  #push(client: number, act: number, stamp: number): void {
    if (this.#tail - this.#head >= ACTIONS) throw new Error(`more than ${ACTIONS} segments wait: ask for less at a time`);
    const at = (this.#tail++ & (ACTIONS - 1)) * 3;
    this.#acts[at] = client;
    this.#acts[at + 1] = act;
    this.#acts[at + 2] = stamp;
  }

  #write(packet: Packet, client: number, act: number, stamp: number): void {
    const { view } = packet.pool.arena;
    const ip = packet.start;
    const tcp = ip + 20;
    const options = act === Act.Syn ? 20 : 12;
    const length = act === Act.Request ? REQUEST : 0;
    const total = 40 + options + length;
    const source = FIRST_ADDRESS + (client >> PORT_BITS);
    writeIpHeader(view, ip, total, source, this.#server);
    const port = FIRST_PORT + (client & ((1 << PORT_BITS) - 1));
    view.setInt32(tcp, (port << 16) | this.#port);
    const sent = this.#clients[CLIENT * client + SENT]!;
    const iss = Math.imul(client, 0x9e37_79b1) | 0;
    view.setInt32(tcp + 4, act === Act.Syn ? iss : (iss + 1 + sent + (act === Act.LastAck ? 1 : 0)) | 0);
    view.setInt32(tcp + 8, act === Act.Syn ? 0 : this.#clients[CLIENT * client + EXPECTED]!);
    const flags = act === Act.Syn ? SYN : act === Act.Request ? ACK | PSH : act === Act.Fin ? ACK | FIN : ACK;
    view.setInt32(tcp + 12, ((20 + options) << 26) | (flags << 16) | 0xffff);
    view.setInt32(tcp + 16, 0);
    let at = tcp + 20;
    if (act === Act.Syn) {
      view.setInt32(at, 0x0204_05b4); // MSS 1460
      view.setInt32(at + 4, 0x0402_080a); // SACK permitted, timestamps
      view.setInt32(at + 16, 0x0103_0307); // window scale 7
      at += 8;
    } else {
      view.setInt32(at, 0x0101_080a);
      at += 4;
    }
    view.setInt32(at, this.clock);
    view.setInt32(at + 4, stamp);
    packet.end = ip + total;
    packet.checksum = ChecksumState.Verified;
    if (length === 0) return;
    for (let i = 0; i < length; i++) view.setUint8(tcp + 20 + options + i, octetAt(client, sent + i));
    this.#clients[CLIENT * client + SENT] = sent + length;
  }
}

/** Octet `at` of a client's stream. */
const octetAt = (client: number, at: number): number => (Math.imul(client + at, 167) + (client >> 8)) & 255;

export function writeIpHeader(view: DataView, at: number, total: number, source: number, destination: number): void {
  view.setInt32(at, 0x4500_0000 | total);
  view.setInt32(at + 4, 0x4000);
  view.setInt32(at + 8, 0x4006_0000);
  view.setInt32(at + 12, source);
  view.setInt32(at + 16, destination);
  let sum = 0x4500 + total + 0x4000 + 0x4006 + (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(at + 10, ~sum & 0xffff);
}
