/** Addresses that are ours, or our subnets' broadcasts, each with its device. Only configuration fills it, so it needs no keyed hash: a sorted column. */
import type { IpAddress } from "./address.js";

export class OwnAddresses {
  readonly limit: number;
  #addresses = new Int32Array(4);
  #devices = new Int32Array(4);
  #count = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** The index of the device that holds the address; -1: it is not ours. */
  deviceOf(address: IpAddress): number {
    const at = this.#search(address);
    return at < this.#count && this.#addresses[at] === address ? this.#devices[at]! : -1;
  }

  /** Adds an address; false when there are `limit` already. */
  add(address: IpAddress, device: number): boolean {
    const at = this.#search(address);
    if (at < this.#count && this.#addresses[at] === address) {
      this.#devices[at] = device;
      return true;
    }
    if (this.#count >= this.limit) return false;
    if (this.#count === this.#addresses.length) {
      this.#addresses = doubled(this.#addresses);
      this.#devices = doubled(this.#devices);
    }
    this.#addresses.copyWithin(at + 1, at, this.#count);
    this.#devices.copyWithin(at + 1, at, this.#count);
    this.#addresses[at] = address;
    this.#devices[at] = device;
    this.#count += 1;
    return true;
  }

  remove(address: IpAddress): void {
    const at = this.#search(address);
    if (at >= this.#count || this.#addresses[at] !== address) return;
    this.#addresses.copyWithin(at, at + 1, this.#count);
    this.#devices.copyWithin(at, at + 1, this.#count);
    this.#count -= 1;
  }

  /** The first place whose address is not below. */
  #search(address: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#addresses[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function doubled(column: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(column.length * 2);
  larger.set(column);
  return larger;
}
