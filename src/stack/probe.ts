/** What a stack tells an observer (ARCHITECTURE.md, "Inspection"). Objects are live: a probe must not keep or change them. */
import type { Micros } from "../base/environment.js";
import type { Packet } from "../base/packet.js";
import type { TcpProbe } from "../tcp/probe.js";
import type { Device } from "./device.js";

export interface Probe extends TcpProbe {
  /** A frame is handed to the link of `device`: [packet.start, packet.end), whole. */
  frameSent?(device: Device, packet: Packet, why: number, cause: number, now: Micros): void;
  /** A frame has come from the link of `device`, before anything has looked at it. It is event `event`. */
  frameReceived?(device: Device, packet: Packet, event: number, now: Micros): void;
  /** A frame or packet is dropped below TCP. `device`: by which it came or was to go; null: none. */
  dropped?(device: Device | null, why: number, event: number, now: Micros): void;
}
