import { Cast } from "../../base/packet.js";
import { type IpAddress, UNSPECIFIED } from "../address.js";
import type { IpInterface } from "../interface.js";
import type { Ip } from "./ip.js";

/** The addresses that were judged last, and found good: datagrams come in rows, and until something is configured the next of a row is
 *  judged alike. One per stack. */
export class Admitted {
  #device = -1;
  #cast: Cast = Cast.Unicast;
  #source: IpAddress = UNSPECIFIED;
  #destination: IpAddress = UNSPECIFIED;
  #epoch = 0;
  /** Whether it is for a group, or came as if it were. */
  group = false;

  holds(ip: Ip, device: IpInterface, cast: Cast, source: IpAddress, destination: IpAddress): boolean {
    return (
      this.#source === source &&
      this.#destination === destination &&
      this.#epoch === ip.epoch &&
      this.#device === device.index &&
      this.#cast === cast
    );
  }

  note(ip: Ip, device: IpInterface, cast: Cast, source: IpAddress, destination: IpAddress): void {
    this.group = cast !== Cast.Unicast || ip.isGroup(destination);
    // Which routes lead back, and who has joined a group, may change without notice.
    this.#device = this.group || ip.options.sourceValidation ? -1 : device.index;
    this.#cast = cast;
    this.#source = source;
    this.#destination = destination;
    this.#epoch = ip.epoch;
  }
}
