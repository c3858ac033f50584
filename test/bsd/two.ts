/** Two stacks on one wire and one virtual clock, each with its socket interface. */
import { SeededRandom } from "../../src/base/prng.js";
import { linuxPersonality, type Personality } from "../../src/bsd/personality.js";
import { Sockets } from "../../src/bsd/sockets.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { type IpAddress, ip } from "../../src/ip/address.js";
import { linux, type Profile } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import { createPair } from "../../src/transport/pair.js";

export const SERVER = ip("10.0.0.2");
export const CLIENT = ip("10.0.0.1");

export class Two {
  readonly clock = new VirtualClock(1_000_000);
  readonly client: Sockets;
  readonly server: Sockets;

  constructor(profile: Profile = linux, personality: Personality = linuxPersonality) {
    const [a, b] = createPair();
    const host = (address: IpAddress, link: typeof a, seed: number): Sockets => {
      const stack = new Stack({ random: new SeededRandom(seed), profile }, this.clock.now);
      stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }] }, this.clock.now);
      new ManualDrive(stack, this.clock);
      return new Sockets(stack, () => this.clock.now, personality);
    };
    this.client = host(CLIENT, a, 1);
    this.server = host(SERVER, b, 2);
    this.settle();
  }

  settle(): void {
    this.clock.settle();
  }

  advance(micros: number): void {
    this.clock.advance(micros);
    this.client.expire();
    this.server.expire();
  }

  /** A connection to port 80: [client's descriptor, server's]. */
  connected(): [number, number] {
    const listener = this.server.socket(2, 1, 0).value;
    this.server.bind(listener, { address: SERVER, port: 80 });
    this.server.listen(listener, 5);
    const fd = this.client.socket(2, 1, 0).value;
    const call = this.client.connect(fd, { address: SERVER, port: 80 });
    this.settle();
    if (!call.done || call.errno !== null) throw new Error("the handshake has failed");
    return [fd, this.server.accept(listener).value];
  }
}
