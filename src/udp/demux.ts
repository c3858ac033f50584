/** Which endpoint a datagram is for: by both addresses and ports, by local address and port, by port — RFC 1122 s4.1.3.5. */
import { type FlowOwner, type Random, randomBelow } from "../base/environment.js";
import { KeyedTable } from "../base/keyed-table.js";
import { SipKey } from "../base/siphash.js";
import { type IpAddress, UNSPECIFIED } from "../ip/address.js";
import { Protocol } from "../ip/network.js";
import type { Endpoint } from "./endpoint.js";

/** The ports of RFC 6056 s3.2: as many as there may be, above those of well-known services. */
export const FIRST_EPHEMERAL = 32_768;
const EPHEMERAL_PORTS = 65_536 - FIRST_EPHEMERAL;

export class UdpDemux {
  readonly #random: Random;
  readonly #owns: FlowOwner | null;
  /** By (local address, both ports, remote address). */
  readonly #table: KeyedTable;
  readonly #bySlot: (Endpoint | null)[] = [];
  /** By local port: the first of a chain. */
  readonly #ports: KeyedTable;
  readonly #onPort: (Endpoint | null)[] = [];
  /** Endpoints that are connected. */
  #connected = 0;

  constructor(random: Random, limit: number, owns: FlowOwner | null = null) {
    const key = new SipKey(random);
    this.#owns = owns;
    this.#random = random;
    this.#table = new KeyedTable(key, limit);
    this.#ports = new KeyedTable(key, limit);
  }

  /** The endpoint for a datagram between these: the connected, then the bound, then the wildcard. */
  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Endpoint | null {
    let slot = this.#connected === 0 ? -1 : this.#table.find(local, (localPort << 16) | remotePort, remote, 0);
    if (slot < 0) slot = this.#table.find(local, localPort << 16, 0, 0);
    if (slot < 0) slot = this.#table.find(0, localPort << 16, 0, 0);
    return slot < 0 ? null : this.#bySlot[slot]!;
  }

  /** The first endpoint of a port; the others follow by `nextOnPort`. */
  onPort(port: number): Endpoint | null {
    const slot = this.#ports.find(port, 0, 0, 0);
    return slot < 0 ? null : this.#onPort[slot]!;
  }

  /** A random port that is free, or the next after it (RFC 6056 s3.3.1, algorithm 1); 0: there is none. */
  ephemeral(address: IpAddress): number {
    const first = randomBelow(this.#random, EPHEMERAL_PORTS);
    for (let i = 0; i < EPHEMERAL_PORTS; i++) {
      const port = FIRST_EPHEMERAL + ((first + i) % EPHEMERAL_PORTS);
      // Whoever will be talked to: where stacks share an address, such a port is one stack's whatever the other end.
      if (this.#owns !== null && !this.#owns(Protocol.Udp, address, port, UNSPECIFIED, 0)) continue;
      if (!this.taken(address, port, false)) return port;
    }
    return 0;
  }

  /** True when another endpoint has the port, and they do not both say `reuse`. */
  taken(address: IpAddress, port: number, reuse: boolean): boolean {
    for (let other = this.onPort(port); other !== null; other = other.nextOnPort) {
      if (reuse && other.reuse) continue;
      if (address === UNSPECIFIED || other.wildcard || other.local === address) return true;
    }
    return false;
  }

  add(endpoint: Endpoint): void {
    this.#enter(endpoint);
    let slot = this.#ports.find(endpoint.localPort, 0, 0, 0);
    if (slot < 0) {
      slot = this.#ports.insert(endpoint.localPort, 0, 0, 0);
      this.#onPort[slot] = null;
    }
    endpoint.nextOnPort = this.#onPort[slot]!;
    this.#onPort[slot] = endpoint;
  }

  remove(endpoint: Endpoint): void {
    this.#quit(endpoint);
    const slot = this.#ports.find(endpoint.localPort, 0, 0, 0);
    if (this.#onPort[slot] === endpoint) this.#onPort[slot] = endpoint.nextOnPort;
    else {
      let before = this.#onPort[slot]!;
      while (before.nextOnPort !== endpoint) before = before.nextOnPort!;
      before.nextOnPort = endpoint.nextOnPort;
    }
    endpoint.nextOnPort = null;
    if (this.#onPort[slot] === null) this.#ports.remove(slot);
  }

  /** The endpoint is known by other addresses from now on. */
  move(endpoint: Endpoint, local: IpAddress, remote: IpAddress, remotePort: number): void {
    this.#quit(endpoint);
    endpoint.local = local;
    endpoint.remote = remote;
    endpoint.remotePort = remotePort;
    this.#enter(endpoint);
  }

  #enter(endpoint: Endpoint): void {
    const { local, localPort, remote, remotePort } = endpoint;
    endpoint.slot = this.#table.insert(local, (localPort << 16) | remotePort, remote, 0);
    this.#bySlot[endpoint.slot] = endpoint;
    if (remote !== UNSPECIFIED) this.#connected += 1;
  }

  #quit(endpoint: Endpoint): void {
    this.#table.remove(endpoint.slot);
    this.#bySlot[endpoint.slot] = null;
    if (endpoint.remote !== UNSPECIFIED) this.#connected -= 1;
  }
}
