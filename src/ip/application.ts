/** What the owner of a UDP or echo endpoint is told. */

/** Bits, the same as TCP's where they mean the same. */
export const DatagramEvent = {
  /** `receive` has a datagram. */
  Readable: 2,
  /** There is room again after a send that found none. */
  Writable: 4,
  /** The endpoint has lost its address and is of no more use. */
  Closed: 16,
  /** An ICMP error about something it sent: `errorOf` says which. */
  Error: 128,
} as const;

export interface DatagramApplication {
  /** `events`: bits of `DatagramEvent`. Called when no protocol code is running; may call anything, also `close`. */
  onEvents(handle: number, events: number): void;
}
