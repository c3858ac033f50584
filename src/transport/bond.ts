/** A bond: one link made of several. "active-backup": one carries everything, the others wait for its end. "balance": each flow goes by one of
 *  them, chosen by its hash, and all are heard. A member that is pulled out is found by asking for its carrier; what it carried goes by another,
 *  and the stack tells the neighbors by gratuitous ARP where the address is now. */
import { networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { Capabilities, Link } from "./link.js";

export interface BondOptions {
  /** Absent: "active-backup". */
  readonly mode?: "active-backup" | "balance";
  /** For people; absent: "bond". */
  readonly name?: string;
  /** The member that carries whenever it can, by its place, in "active-backup"; absent: whichever does stays. */
  readonly primary?: number;
  /** Milliseconds between two looks at the members' carriers; absent: 100. 0: nobody looks but who calls `look`. */
  readonly interval?: number;
}

interface Member {
  readonly link: Link;
  up: boolean;
  /** It has broken for good. */
  broken: boolean;
}

const INTERVAL_MILLISECONDS = 100;
const MOST_MEMBERS = 16;
const ETHERTYPE_IPV4 = 0x0800;
const FRAGMENTED = 0x3fff;

/** Owns the links from here. Throws EINVAL when they cannot be one: none at all, too many, media that differ, no such primary. */
export const openBond = (links: readonly Link[], options: BondOptions = {}): BondLink => {
  const { primary } = options;
  const [first] = links;
  if (first === undefined || links.length > MOST_MEMBERS)
    throw networkError("EINVAL", "open", `a bond of ${links.length}`, `use 1 to ${MOST_MEMBERS} links`);
  const other = links.find(({ capabilities }) => capabilities.medium !== first.capabilities.medium);
  if (other !== undefined)
    throw networkError("EINVAL", "open", `a bond of ${first.name} and ${other.name}`, "all must carry Ethernet frames, or all bare IP");
  if (primary !== undefined && links[primary] === undefined)
    throw networkError("EINVAL", "open", `primary ${primary}`, `use 0 to ${links.length - 1}`);
  return new BondLink(links, options);
};

export class BondLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames lost because no member was up, heard by one that does not carry, and times that another had to take over. */
    unplugged: 0,
    inactive: 0,
    failovers: 0,
  };
  onError: ((error: Error) => void) | null = null;
  onMoved: (() => void) | null = null;
  readonly #members: readonly Member[];
  readonly #balance: boolean;
  readonly #primary: number;
  readonly #batch: Packet[] = [];
  readonly #timer: ReturnType<typeof setInterval> | null = null;
  #onReadable: (() => void) | null = null;
  #active = -1;
  #next = 0;
  #open = true;

  constructor(links: readonly Link[], options: BondOptions) {
    const { mode = "active-backup", name = "bond", primary = -1, interval = INTERVAL_MILLISECONDS } = options;
    this.name = name;
    this.#balance = mode === "balance";
    this.#primary = primary;
    this.capabilities = common(links);
    this.#members = links.map((link) => {
      const member = { link, up: link.carrier?.() ?? true, broken: false };
      link.onError = () => this.#broke(member);
      return member;
    });
    this.#active = this.#choose();
    if (interval > 0) {
      this.#timer = setInterval(() => this.look(), interval);
      (this.#timer as { unref?: () => void }).unref?.();
    }
  }

  /** The place of the member that carries, or, in "balance", of the first that does; -1: none is up. */
  get active(): number {
    return this.#active;
  }

  get onReadable(): (() => void) | null {
    return this.#onReadable;
  }

  set onReadable(callback: (() => void) | null) {
    this.#onReadable = callback;
    for (const { link, broken } of this.#members) if (!broken) link.onReadable = callback;
  }

  carrier(): boolean {
    return this.#active >= 0;
  }

  /** Asks each member for its carrier; another takes over where it must. */
  look(): void {
    let lost = false;
    for (const member of this.#members) {
      const up = !member.broken && (member.link.carrier?.() ?? true);
      lost ||= member.up && !up;
      member.up = up;
    }
    const before = this.#active;
    this.#active = this.#choose();
    // In "balance" the flows of any member that is lost move.
    if (this.#active < 0 || (this.#active === before && !(this.#balance && lost))) return;
    if (before >= 0) this.counters.failovers += 1;
    this.onMoved?.();
    this.#onReadable?.();
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    const members = this.#members;
    let taken = 0;
    // Each time another is heard first, so that none starves the others.
    this.#next = (this.#next + 1) % members.length;
    for (let i = 0; i < members.length && taken < budget; i++) {
      const at = (this.#next + i) % members.length;
      const member = members[at]!;
      if (member.broken) continue;
      const received = member.link.receive(pool, this.#batch, budget - taken);
      const heard = this.#balance || at === this.#active;
      for (let k = 0; k < received; k++) {
        const packet = this.#batch[k]!;
        if (heard) batch[taken++] = packet;
        else {
          // What is sent to all members arrives by each: one copy is enough.
          this.counters.inactive += 1;
          packet.release();
        }
      }
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    const at = this.#balance ? this.#memberFor(packet) : this.#active;
    if (!this.#open || at < 0) {
      this.counters.unplugged += 1;
      packet.release();
      return true;
    }
    return this.#members[at]!.link.transmit(packet);
  }

  flush(): void {
    for (let i = 0; i < this.#members.length; i++) if (!this.#members[i]!.broken) this.#members[i]!.link.flush();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#onReadable = null;
    this.#active = -1;
    for (const { link } of this.#members) link.close();
  }

  #choose(): number {
    const members = this.#members;
    if (members[this.#primary]?.up) return this.#primary;
    if (!this.#balance && members[this.#active]?.up) return this.#active;
    return members.findIndex(({ up }) => up);
  }

  /** Of the members that are up, the one that the flow's hash falls on. */
  #memberFor(packet: Packet): number {
    const members = this.#members;
    let up = 0;
    for (let i = 0; i < members.length; i++) if (members[i]!.up) up += 1;
    if (up === 0) return -1;
    let left = flowHash(packet, this.capabilities.medium === "ethernet") % up;
    for (let i = 0; i < members.length; i++) {
      if (!members[i]!.up) continue;
      if (left === 0) return i;
      left -= 1;
    }
    return -1;
  }

  #broke(member: Member): void {
    member.broken = true;
    if (this.#members.every(({ broken }) => broken)) {
      const report = this.onError;
      this.close();
      report?.(new Error(`${this.name}: every member has broken`));
      return;
    }
    this.look();
  }
}

/** What all members can do. */
const common = (links: readonly Link[]): Capabilities => {
  const all = links.map(({ capabilities }) => capabilities);
  const hardwareAddress = all.find((one) => one.hardwareAddress !== undefined)?.hardwareAddress;
  return {
    medium: all[0]!.medium,
    mtu: Math.min(...all.map(({ mtu }) => mtu)),
    checksumOffload: all.every(({ checksumOffload }) => checksumOffload),
    gso: Math.min(...all.map(({ gso }) => gso)),
    merge: all.some(({ merge }) => merge),
    paces: all.every(({ paces }) => paces),
    ...(hardwareAddress === undefined ? {} : { hardwareAddress }),
  };
};

/** Addresses, protocol and ports of an IPv4 packet, the same for all of a flow; what is a fragment has no ports, and what is no IPv4 its hardware
 *  addresses. Unsigned. */
const flowHash = (packet: Packet, ethernet: boolean): number => {
  const { view } = packet.pool.arena;
  const { start } = packet;
  const ip = ethernet ? start + 14 : start;
  if (ethernet && view.getUint16(start + 12) !== ETHERTYPE_IPV4) return mix(view.getInt32(start + 2), view.getInt32(start + 8));
  const header = (view.getUint8(ip) & 15) * 4;
  const whole = (view.getUint16(ip + 6) & FRAGMENTED) === 0 && packet.end - ip >= header + 4;
  return mix(view.getInt32(ip + 12) ^ view.getUint8(ip + 9), mix(view.getInt32(ip + 16), whole ? view.getInt32(ip + header) : 0));
};

/** Any bit of either changes half of the result's. It is no secret: who chooses ports can choose a member, and gains nothing by it. */
const mix = (a: number, b: number): number => {
  let h = a ^ Math.imul(b, 0x9e37_79b1);
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
