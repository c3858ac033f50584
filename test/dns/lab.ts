/** A resolver and its servers: two stacks, one virtual clock, and servers that say what a test wants. */
import { decode, encode } from "dns-packet";
import { SeededRandom } from "../../src/base/prng.js";
import { Resolver, type ResolverOptions } from "../../src/dns/resolver.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair } from "../../src/transport/pair.js";

export type Message = ReturnType<typeof decode>;
export type Records = NonNullable<Message["answers"]>;

export const SERVER = "10.0.0.53";
export const SECOND_SERVER = "10.0.0.54";

/** What a server heard. */
export interface Heard {
  readonly at: number;
  readonly server: string;
  readonly by: "udp" | "tcp";
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly port: number;
}

/** What it says: a message (the identifier and the question are filled in), octets, or nothing. */
export type Says = Message | Uint8Array | null;
export type Zone = (heard: Heard) => Says | readonly Says[];

const TC = 1 << 9;
export const truncated: Message = { flags: TC };
export const a = (name: string, data: string, ttl = 60): Records[number] => ({ name, type: "A", ttl, data });
export const cname = (name: string, data: string, ttl = 60): Records[number] => ({ name, type: "CNAME", ttl, data });
export const soa = (name: string, minimum: number, ttl = 3600): Records[number] => ({
  name,
  type: "SOA",
  ttl,
  data: { mname: `ns.${name}`, rname: `root.${name}`, serial: 1, refresh: 2, retry: 3, expire: 4, minimum },
});
export const rcode = (name: "NXDOMAIN" | "SERVFAIL" | "REFUSED" | "NOTIMP" | "FORMERR", authorities: Records = []): Message => ({
  flags: { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }[name],
  authorities,
});

export class DnsLab {
  readonly clock = new VirtualClock(1_000_000_000);
  readonly client: ManualDrive;
  readonly server: ManualDrive;
  readonly resolver: Resolver;
  readonly heard: Heard[] = [];
  zone: Zone = () => null;

  constructor(options: ResolverOptions = {}, seed = 1) {
    const [left, right] = createPair();
    const host = (name: string, random: number): ManualDrive =>
      new ManualDrive(new Stack({ name, random: new SeededRandom(random) }, this.clock.now), this.clock);
    this.client = host("client", seed);
    this.server = host("server", 99);
    this.client.stack.addDevice(left, { addresses: [{ address: ip("10.0.0.1"), prefixLength: 24 }] }, this.clock.now);
    const addresses = [SERVER, SECOND_SERVER].map((address) => ({ address: ip(address), prefixLength: 24 }));
    this.server.stack.addDevice(right, { addresses }, this.clock.now);
    for (const address of [SERVER, SECOND_SERVER]) {
      this.#listenUdp(address);
      this.#listenTcp(address);
    }
    this.resolver = new Resolver(this.client, { servers: [SERVER], hosts: null, ...options });
  }

  /** Time passes until the promise is settled, at most a minute. */
  async settle<Value>(promise: Promise<Value>, micros = 60_000_000): Promise<Value> {
    let over = false;
    const end = promise.then(
      () => void (over = true),
      () => void (over = true),
    );
    for (let left = micros; left > 0 && !over; left -= 100_000) {
      this.clock.advance(Math.min(left, 100_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!over) throw new Error("not settled in time");
    await end;
    return promise;
  }

  /** The code of the error that the promise ends with. */
  async code(promise: Promise<unknown>): Promise<string> {
    try {
      return `resolved: ${JSON.stringify(await this.settle(promise))}`;
    } catch (error) {
      return String((error as { code?: string }).code);
    }
  }

  names(): string[] {
    return this.heard.map(({ name, type }) => `${type} ${name}`);
  }

  count(name: string): number {
    return this.client.stack.tally.show()[name] ?? 0;
  }

  /** A datagram to an open question of the client, from whomever. */
  spoof(source: string, sourcePort: number, port: number, octets: Uint8Array): void {
    const { udp } = this.server.stack;
    const handle = udp.bind({ address: ip(source), port: sourcePort, reuse: true }, { onEvents: () => {} });
    udp.send(handle, octets, 0, octets.length, ip("10.0.0.1"), port, this.clock.now);
    udp.close(handle);
    this.clock.settle();
  }

  #answers(heard: Heard, query: Message): Uint8Array[] {
    const said = this.zone(heard);
    return (Array.isArray(said) ? (said as readonly Says[]) : [said as Says]).flatMap((says) => {
      if (says === null) return [];
      if (says instanceof Uint8Array) return [says];
      return [encode({ id: query.id!, type: "response", questions: query.questions!, ...says })];
    });
  }

  #listenUdp(address: string): void {
    const { udp } = this.server.stack;
    const buffer = new Uint8Array(4096);
    const handle = udp.bind(
      { address: ip(address), port: 53, reuse: true },
      {
        onEvents: () => {
          for (let n = udp.receive(handle, buffer, 0, buffer.length); n >= 0; n = udp.receive(handle, buffer, 0, buffer.length)) {
            const { from, fromPort } = udp;
            for (const octets of this.#hear(address, "udp", buffer.slice(0, n), fromPort))
              udp.send(handle, octets, 0, octets.length, from, fromPort, this.clock.now);
          }
        },
      },
    );
  }

  #listenTcp(address: string): void {
    const { tcp } = this.server.stack;
    const connection = {
      onEvents: (handle: number, events: number): void => {
        const buffer = new Uint8Array(4096);
        const got = tcp.receive(handle, buffer, 0, buffer.length, this.clock.now);
        if (got > 2)
          for (const octets of this.#hear(address, "tcp", buffer.slice(2, got), 0)) {
            const framed = Uint8Array.of(octets.length >>> 8, octets.length & 255, ...octets);
            tcp.send(handle, framed, 0, framed.length, this.clock.now);
          }
        if (got < 0 || (events & TcpEvent.Closed) !== 0) tcp.close(handle, this.clock.now);
      },
    };
    tcp.listen(
      { local: ip(address), port: 53 },
      {
        onEvents: (listener) => {
          for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) {
            tcp.attach(handle, connection);
            connection.onEvents(handle, 0);
          }
        },
      },
    );
  }

  #hear(server: string, by: "udp" | "tcp", octets: Uint8Array, port: number): Uint8Array[] {
    const query = decode(Buffer.from(octets));
    const [question] = query.questions!;
    const heard: Heard = { at: this.clock.now, server, by, id: query.id!, name: question!.name, type: question!.type, port };
    this.heard.push(heard);
    return this.#answers(heard, query);
  }
}
