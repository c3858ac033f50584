/** A DHCP client on a stack, and a server that is code of this test: it reads and writes frames by itself, and lies when it is told to. */
import { DhcpClient, type DhcpOptions } from "../../src/dhcp/client.js";
import type { Lease } from "../../src/dhcp/lease.js";
import { type DhcpMessage, Op, parseDhcp, Type, writeDhcp } from "../../src/dhcp/message.js";
import { Option, writeInt32 } from "../../src/dhcp/options.js";
import { formatIp, ip, ipFromInt } from "../../src/ip/address.js";
import { arp, BROADCAST_MAC, decode, decodeArp, decodeUdp, ethernet, ipv4, Lab, type LabOptions, OUR_MAC, udp } from "../stack/lab.js";

export const SERVER = "10.0.0.254";
export const SERVER_MAC = [2, 0, 0, 0, 0, 254] as const;
export const LEASED = "10.0.0.50";

/** A message of the client, as the wire had it. */
export interface Heard {
  readonly at: number;
  readonly type: Type;
  readonly message: DhcpMessage;
  readonly source: string;
  readonly destination: string;
  /** By Ethernet. */
  readonly to: string;
}

/** An answer: fields that differ from an honest one. */
export interface Answer {
  readonly type: Type;
  readonly message?: Partial<DhcpMessage>;
  readonly options?: readonly (readonly [number, Uint8Array])[];
  readonly server?: string;
  /** To the client's address rather than to all. */
  readonly unicast?: boolean;
}

const text = (value: string): Uint8Array => Uint8Array.from(value, (c) => c.charCodeAt(0));
export const addressOctets = (...addresses: string[]): Uint8Array => Uint8Array.from(addresses.flatMap((a) => a.split(".").map(Number)));

export class Household {
  readonly lab: Lab;
  readonly client: DhcpClient;
  readonly heard: Heard[] = [];
  readonly changes: (Lease | null)[] = [];
  /** Frames of the client that are no DHCP: ARP and the rest. */
  readonly others: { at: number; frame: Uint8Array }[] = [];
  leaseSeconds = 3600;
  /** Options that the server adds to its offers and acknowledgments. */
  extra: (readonly [number, Uint8Array])[] = [
    [Option.SubnetMask, addressOctets("255.255.255.0")],
    [Option.Routers, addressOctets(SERVER)],
    [Option.DnsServers, addressOctets("10.0.0.253", SERVER)],
    [Option.DomainName, text("home.example")],
  ];
  /** What the server says to a message: by default as an honest one does. */
  answer: (heard: Heard) => readonly Answer[] = (heard) => this.honest(heard);
  /** Hosts that answer for an address: by ARP. */
  readonly owners = new Map<string, readonly number[]>();

  constructor(options: DhcpOptions = {}, labOptions: LabOptions = {}, hear: (lease: Lease | null) => void = () => {}) {
    this.lab = new Lab({ known: false, ...labOptions, device: { addresses: [], ...labOptions.device } });
    const onChange = (lease: Lease | null): void => {
      this.changes.push(lease);
      hear(lease);
    };
    this.client = new DhcpClient(this.lab.device, { ...options, onChange });
    this.owners.set(SERVER, SERVER_MAC);
  }

  start(): this {
    this.client.start(this.lab.now);
    return this;
  }

  /** Until the lease is there, at most a minute. */
  bind(): this {
    this.start();
    this.run(20_000_000);
    if (this.client.state !== "BOUND") throw new Error(`not bound: ${JSON.stringify(this.client.inspect(this.lab.now))}`);
    return this;
  }

  /** Time passes; every frame that comes is read, and answered at once. */
  run(micros: number): void {
    const end = this.lab.now + micros;
    this.#exchange(this.lab.turn());
    for (let rounds = 0; rounds < 100_000; rounds++) {
      const next = this.lab.stack.nextTimeout();
      if (next > end) break;
      this.lab.now = Math.max(this.lab.now, next);
      this.#exchange(this.lab.turn());
    }
    this.lab.now = end;
    this.#exchange(this.lab.turn());
  }

  frame(frame: readonly number[]): void {
    this.#exchange(this.lab.frame(frame));
  }

  /** Octets that come to port 68 by broadcast. */
  inject(octets: Uint8Array, server = SERVER): void {
    this.#exchange(this.lab.frame(this.#frame(octets, server, "255.255.255.255", BROADCAST_MAC)));
  }

  /** An answer to what was heard, whatever it is. */
  reply(heard: Heard, answer: Answer): void {
    const octets = writeDhcp(this.messageOf(heard, answer));
    const server = answer.server ?? SERVER;
    if (answer.unicast) this.#exchange(this.lab.frame(this.#frame(octets, server, formatIp(ipFromInt(heard.message.ciaddr)), OUR_MAC)));
    else this.inject(octets, server);
  }

  messageOf(heard: Heard, { type, message = {}, options = [], server = SERVER }: Answer): DhcpMessage {
    const leased = type !== Type.Nak;
    return {
      op: Op.Reply,
      xid: heard.message.xid,
      secs: 0,
      broadcast: heard.message.broadcast,
      ciaddr: heard.message.ciaddr,
      yiaddr: leased ? ip(LEASED) : 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: heard.message.chaddr,
      ...message,
      options: new Map([
        [Option.MessageType, Uint8Array.of(type)],
        [Option.ServerIdentifier, addressOctets(server)],
        ...(leased ? [[Option.LeaseTime, writeInt32(this.leaseSeconds)] as const, ...this.extra] : []),
        ...options,
      ]),
    };
  }

  honest(heard: Heard): readonly Answer[] {
    if (heard.type === Type.Discover) return [{ type: Type.Offer }];
    if (heard.type === Type.Request) return [{ type: Type.Ack, unicast: heard.message.ciaddr !== 0 }];
    return [];
  }

  types(): string[] {
    const names = new Map<number, string>(Object.entries(Type).map(([name, type]) => [type, name]));
    return this.heard.map(({ type }) => names.get(type)!);
  }

  /** Seconds between the messages of a type, rounded. */
  gaps(type: Type): number[] {
    const times = this.heard.filter((heard) => heard.type === type).map(({ at }) => at);
    return times.slice(1).map((at, i) => (at - times[i]!) / 1_000_000);
  }

  last(type: Type): Heard {
    const heard = this.heard.filter((candidate) => candidate.type === type).at(-1);
    if (heard === undefined) throw new Error(`no message of type ${type} was heard: ${this.types().join(" ")}`);
    return heard;
  }

  #exchange(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#hear(frame);
  }

  #hear(frame: Uint8Array): void {
    const { type, to } = decode(frame);
    if (type === 0x0806) {
      this.others.push({ at: this.lab.now, frame });
      const { tpa, spa } = decodeArp(frame);
      const owner = this.owners.get(tpa);
      if (owner === undefined || spa === tpa) return;
      this.#exchange(this.lab.frame(arp({ op: 2, sha: owner, spa: tpa, tha: OUR_MAC, tpa: spa === "0.0.0.0" ? tpa : spa, to: OUR_MAC })));
      return;
    }
    const { source, destination, sourcePort, port, text: octets, checksumGood } = decodeUdp(frame);
    if (sourcePort !== 68 || port !== 67 || !checksumGood) {
      this.others.push({ at: this.lab.now, frame });
      return;
    }
    const message = parseDhcp(Uint8Array.from(octets));
    if (message === null) throw new Error("the client sent what is no DHCP message");
    const kind = message.options.get(Option.MessageType)?.[0] as Type;
    const heard: Heard = { at: this.lab.now, type: kind, message, source, destination, to };
    this.heard.push(heard);
    for (const answer of this.answer(heard)) this.reply(heard, answer);
  }

  #frame(octets: Uint8Array, source: string, destination: string, to: readonly number[]): number[] {
    const datagram = udp({ sourcePort: 67, port: 68, source, destination }, [...octets]);
    return ethernet(0x0800, ipv4({ protocol: 17, source, destination }, datagram), to, SERVER_MAC);
  }
}
