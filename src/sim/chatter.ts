/** Datagrams and echo requests beside the connections: they load ARP, IP, fragmentation and ICMP, and every answer is compared with
 *  what was asked. */
import type { Micros } from "../base/environment.js";
import type { IpAddress } from "../ip/address.js";
import type { Stack } from "../stack/stack.js";
import type { Surroundings } from "./application.js";
import { Pattern } from "./pattern.js";
import type { Violations } from "./violations.js";
import type { ChatterPlan, WorldPlan } from "./world-plan.js";

/** RFC 862. */
const ECHO = 7;
/** More fragments at once may be more than a ring holds. */
const FEW_FRAGMENTS = 10;

const scratch = new Uint8Array(65_536);

export class Chatter {
  readonly #plan: ChatterPlan;
  readonly #around: Surroundings;
  readonly #source: Stack;
  readonly #target: Stack;
  readonly #to: IpAddress;
  readonly #violations: Violations;
  readonly #octets: number;
  readonly #pattern: Pattern;
  /** Two flipped bits in two fragments may pass the checksum of the whole. */
  readonly #flips: boolean;
  /** Where nothing is lost, not even to a full queue, somebody answers. */
  #sure: boolean;
  #answers = 0;

  constructor(
    plan: ChatterPlan,
    world: WorldPlan,
    around: Surroundings,
    source: Stack,
    target: Stack,
    to: IpAddress,
    violations: Violations,
  ) {
    this.#plan = plan;
    this.#around = around;
    this.#source = source;
    this.#target = target;
    this.#to = to;
    this.#violations = violations;
    this.#octets = Math.min(plan.octets, 20 * world.hosts[plan.from]!.mtu);
    this.#pattern = new Pattern(0, 0, 0, plan.octets);
    const wires = world.wires.flatMap((wire) => [wire.forward, wire.backward]);
    this.#flips = wires.some(({ corrupt = 0 }) => corrupt > 0);
    const mtus = world.hosts.map((host) => host.mtu);
    const fragments = Math.ceil((this.#octets + 8) / (Math.min(...mtus) - 20));
    const fits = fragments <= Math.min(FEW_FRAGMENTS, ...world.hosts.map((host) => host.ring / 2));
    const oneSize = fragments === 1 || new Set(mtus).size === 1;
    this.#sure = world.calm && wires.every(({ rate }) => rate === undefined) && oneSize && fits && plan.count >= 3;
  }

  /** Everything is planned from `lead` from now on. */
  begin(lead: Micros): void {
    const { at, every, count, kind } = this.#plan;
    let send: () => void = () => {};
    this.#around.at(lead + at, () => {
      send = kind === "ping" ? this.#openPing() : this.#openUdp();
    });
    for (let i = 0; i < count; i++) this.#around.at(lead + at + 1 + i * every, () => send());
  }

  /** At the end: was there an answer where there had to be one? */
  judge(): void {
    const { kind, from, to } = this.#plan;
    if (this.#sure && this.#answers === 0)
      this.#report("I-15", from, `${kind} of ${this.#octets} octets from h${from} to h${to}: no answer on a calm wire`);
  }

  #openPing(): () => void {
    const { icmp } = this.#source;
    const onEvents = (): void => {
      for (let n = icmp.receive(handle, scratch, 0, scratch.length); n >= 0; n = icmp.receive(handle, scratch, 0, scratch.length))
        this.#verify(n, this.#plan.from);
    };
    const handle: number = icmp.open({}, { onEvents });
    let sequence = 0;
    return () => icmp.send(handle, sequence++ & 0xffff, Pattern.octets, this.#pattern.at(0), this.#octets, this.#to, this.#around.now);
  }

  #openUdp(): () => void {
    try {
      this.#bind(this.#target, ECHO, this.#plan.to, true);
    } catch {
      this.#sure = false; // another chatter has the port, and knows octets of its own only
      return () => {};
    }
    const { udp } = this.#source;
    const handle = this.#bind(this.#source, 0, this.#plan.from, false);
    return () => udp.send(handle, Pattern.octets, this.#pattern.at(0), this.#octets, this.#to, ECHO, this.#around.now);
  }

  #bind({ udp }: Stack, port: number, who: number, echo: boolean): number {
    const onEvents = (): void => {
      for (let n = udp.receive(handle, scratch, 0, scratch.length); n >= 0; n = udp.receive(handle, scratch, 0, scratch.length)) {
        this.#verify(n, who);
        if (echo) udp.send(handle, scratch, 0, n, udp.from, udp.fromPort, this.#around.now);
      }
    };
    const handle: number = udp.bind({ port }, { onEvents });
    return handle;
  }

  #verify(count: number, who: number): void {
    this.#answers += 1;
    if (this.#flips && this.#octets > 40) return;
    if (count !== this.#octets || this.#pattern.mismatch(scratch, 0, count, 0) >= 0)
      this.#report("I-04", who, `a datagram of ${this.#octets} octets arrived as ${count} others`);
  }

  #report(id: string, host: number, text: string): void {
    this.#violations.report(id, `h${host}`, 0, this.#around.now, text);
  }
}
