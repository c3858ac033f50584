/** One VLAN of a link, as a link (IEEE 802.1Q): tags are put in on the way out and taken out on the way in. For a stack, or another link, that is to
 *  know nothing of them; a stack that lives in several VLANs of one link has devices for them (`addDevice({ parent, vlan })`). */
import { networkError } from "../base/errors.js";
import type { Packet, PacketPool } from "../base/packet.js";
import type { Capabilities, Link } from "./link.js";

const ETHERTYPE_VLAN = 0x8100;
/** Of a tag: EtherType and priority, drop eligibility and VLAN; it stands behind the two hardware addresses. */
const TAG = 4;
const ADDRESSES = 12;
const VLAN_MASK = 0x0fff;

/** Owns the link from here. Throws EINVAL: no such VLAN, or no Ethernet. */
export const openVlan = (link: Link, vlan: number): VlanLink => {
  if (!(Number.isInteger(vlan) && vlan >= 1 && vlan <= 4_094))
    throw networkError("EINVAL", "open", `VLAN ${vlan}`, "use an integer from 1 to 4094");
  if (link.capabilities.medium !== "ethernet")
    throw networkError("EINVAL", "open", `VLAN ${vlan} of ${link.name}`, "only Ethernet frames have tags");
  return new VlanLink(link, vlan);
};

export class VlanLink implements Link {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly counters = {
    /** Frames without a tag, or with another. */
    others: 0,
  };
  readonly #link: Link;
  readonly #vlan: number;

  constructor(link: Link, vlan: number) {
    this.name = `${link.name}.${vlan}`;
    this.capabilities = link.capabilities;
    this.#link = link;
    this.#vlan = vlan;
  }

  get onReadable(): (() => void) | null {
    return this.#link.onReadable;
  }

  set onReadable(callback: (() => void) | null) {
    this.#link.onReadable = callback;
  }

  get onError(): ((error: Error) => void) | null {
    return this.#link.onError;
  }

  set onError(callback: ((error: Error) => void) | null) {
    this.#link.onError = callback;
  }

  get onMoved(): (() => void) | null {
    return this.#link.onMoved ?? null;
  }

  set onMoved(callback: (() => void) | null) {
    this.#link.onMoved = callback;
  }

  carrier(): boolean {
    return this.#link.carrier?.() ?? true;
  }

  receive(pool: PacketPool, batch: Packet[], budget: number): number {
    const received = this.#link.receive(pool, batch, budget);
    let taken = 0;
    for (let i = 0; i < received; i++) {
      const packet = batch[i]!;
      const { view, bytes } = pool.arena;
      const { start } = packet;
      const ours =
        packet.end - start >= ADDRESSES + TAG &&
        view.getUint16(start + ADDRESSES) === ETHERTYPE_VLAN &&
        (view.getUint16(start + ADDRESSES + 2) & VLAN_MASK) === this.#vlan;
      if (!ours) {
        this.counters.others += 1;
        packet.release();
        continue;
      }
      bytes.copyWithin(start + TAG, start, start + ADDRESSES);
      packet.start = start + TAG;
      batch[taken++] = packet;
    }
    return taken;
  }

  transmit(packet: Packet): boolean {
    const { view, bytes } = packet.pool.arena;
    const start = packet.start - TAG;
    bytes.copyWithin(start, packet.start, packet.start + ADDRESSES);
    view.setUint16(start + ADDRESSES, ETHERTYPE_VLAN);
    view.setUint16(start + ADDRESSES + 2, this.#vlan);
    packet.start = start;
    if (this.#link.transmit(packet)) return true;
    // It is offered again: without its tag.
    bytes.copyWithin(start + TAG, start, start + ADDRESSES);
    packet.start = start + TAG;
    return false;
  }

  flush(): void {
    this.#link.flush();
  }

  close(): void {
    this.#link.close();
  }
}
