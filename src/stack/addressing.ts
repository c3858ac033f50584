/** The addresses of a stack's devices: given, claimed, lost — RFC 1122 s3.3.4, RFC 5227. */
import type { Micros } from "../base/environment.js";
import { networkError } from "../base/errors.js";
import { formatIp, type IpAddress, isClassE, isLoopback, isMulticast, netmask, UNSPECIFIED } from "../ip/address.js";
import type { Device } from "./device.js";
import type { Stack } from "./stack.js";

/** What became of a claim; told in `deliver`. */
interface Notice {
  readonly device: Device;
  readonly address: IpAddress;
  readonly granted: boolean;
  /** Who asked for the address, to be told instead of everybody; null: nobody in particular. */
  readonly told: Told | null;
}

type Told = (granted: boolean) => void;

export class Addressing {
  readonly #stack: Stack;
  readonly #told = new Map<IpAddress, Told>();
  #notices: Notice[] = [];

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** True when something waits for `notify`. */
  get pending(): boolean {
    return this.#notices.length > 0;
  }

  add(device: Device, address: IpAddress, prefixLength: number, claim: "use" | "announce" | "probe", told: Told | null, now: Micros): void {
    const text = `${formatIp(address)}/${prefixLength}`;
    if (!Number.isInteger(prefixLength) || prefixLength < 1 || prefixLength > 32) {
      throw networkError("EINVAL", "addAddress", text, "a prefix length is 1 to 32");
    }
    if (!device.attached) throw networkError("EINVAL", "addAddress", text, `${device.name} was removed`);
    if (!isHost(address, prefixLength)) throw networkError("EINVAL", "addAddress", text, "choose the address of a host");
    if (this.#isKnown(address)) throw networkError("EADDRINUSE", "addAddress", text, "the stack has that address");
    if (claim === "probe" && device.ethernet) {
      device.addresses.push({ address, prefixLength, tentative: true });
      if (told !== null) this.#told.set(address, told);
      device.arp.claims.probe(address, now);
      return;
    }
    try {
      this.hold(device, address, prefixLength);
    } catch (error) {
      throw networkError("ENOBUFS", "addAddress", text, (error as Error).message);
    }
    if (told !== null) this.#told.set(address, told);
    if (device.ethernet) device.arp.claims.hold(address, claim === "announce", now);
  }

  /** The address is in use from now on, and its prefix is on the link. Throws a RangeError, and does nothing, when a table is full. */
  hold(device: Device, address: IpAddress, prefixLength: number): void {
    const { ip } = this.#stack;
    ip.addAddress(address, prefixLength, device.index);
    try {
      this.#route(device, address, prefixLength);
    } catch (error) {
      ip.removeAddress(address);
      throw error;
    }
    device.addresses.push({ address, prefixLength, tentative: false });
  }

  #route(device: Device, address: IpAddress, prefixLength: number): void {
    const { routes } = this.#stack;
    if (device.loopback || prefixLength === 32) return;
    const prefix = (address & netmask(prefixLength)) as IpAddress;
    const known = routes.all.some(
      (route) => route.prefix === prefix && route.prefixLength === prefixLength && route.device === device.index,
    );
    if (!known) routes.add({ prefix, prefixLength, device: device.index });
  }

  remove(device: Device, address: IpAddress, now: Micros): void {
    const { tcp, udp, ip } = this.#stack;
    const at = device.addresses.findIndex((held) => held.address === address);
    if (at < 0) return;
    this.#told.delete(address);
    // While the address is still ours: the resets go out from it.
    tcp.addressGone(address, now);
    tcp.flush(now);
    udp.addressGone(address);
    device.arp.claims.release(address);
    const [{ prefixLength } = { prefixLength: 32 }] = device.addresses.splice(at, 1);
    ip.removeAddress(address);
    const prefix = address & netmask(prefixLength);
    const shared = device.addresses.some((held) => held.prefixLength === prefixLength && (held.address & netmask(prefixLength)) === prefix);
    if (shared) return;
    ip.routes.removeAll(
      (route) =>
        route.device === device.index && route.prefix === prefix && route.prefixLength === prefixLength && route.gateway === UNSPECIFIED,
    );
  }

  /** Nobody else has the address that was probed for. It is denied all the same when the tables have been filled meanwhile: nobody is
   *  there to catch an exception. */
  granted(device: Device, address: IpAddress): void {
    const held = device.addresses.find((candidate) => candidate.address === address);
    if (held === undefined) return;
    device.addresses.splice(device.addresses.indexOf(held), 1);
    let granted = true;
    try {
      this.hold(device, address, held.prefixLength);
    } catch {
      granted = false;
      device.arp.claims.release(address);
    }
    this.#notice(device, address, granted);
  }

  /** RFC 5227 s2.1.1 and s2.4: the address is another's. `held`: it was ours until now. */
  denied(device: Device, address: IpAddress, held: boolean, now: Micros): void {
    this.#notice(device, address, false);
    if (held) this.remove(device, address, now);
    else {
      const at = device.addresses.findIndex((candidate) => candidate.address === address);
      if (at >= 0) device.addresses.splice(at, 1);
    }
  }

  #notice(device: Device, address: IpAddress, granted: boolean): void {
    this.#notices.push({ device, address, granted, told: this.#told.get(address) ?? null });
    if (!granted) this.#told.delete(address);
  }

  /** Tells the application what became of claims. */
  notify(tell: ((device: Device, address: IpAddress, granted: boolean) => void) | null, failed: (error: unknown) => void): void {
    if (this.#notices.length === 0) return;
    const notices = this.#notices;
    this.#notices = [];
    for (const { device, address, granted, told } of notices) {
      try {
        if (told !== null) told(granted);
        else tell?.(device, address, granted);
      } catch (error) {
        failed(error);
      }
    }
  }

  #isKnown(address: IpAddress): boolean {
    return this.#stack.devices.some((device) => device.attached && device.addresses.some((held) => held.address === address));
  }
}

/** RFC 1122 s3.2.1.3: neither zero, nor a group, nor a loopback, nor a subnet's own or broadcast address. */
export function isHost(address: IpAddress, prefixLength: number): boolean {
  if (address >>> 24 === 0 || isMulticast(address) || isClassE(address) || isLoopback(address) || address === -1) return false;
  const host = address & ~netmask(prefixLength);
  // RFC 3021: a 31-bit prefix has two hosts and nothing else.
  return prefixLength >= 31 || (host !== 0 && host !== ~netmask(prefixLength));
}
