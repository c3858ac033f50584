/** The arena: one piece of memory for all packets and queues of a stack. Offsets into it are what the layers hand to each other. */

export class Arena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The memory itself, for transports that register it with the kernel. It never grows and never moves. */
  readonly memory: ArrayBuffer;
  #reserved = 0;

  constructor(octets: number) {
    this.memory = new ArrayBuffer(octets);
    this.bytes = new Uint8Array(this.memory);
    this.view = new DataView(this.memory);
  }

  /** The 16-aligned offset of `octets` that are nobody else's from now on. Throws a RangeError when the arena is full. */
  reserve(octets: number): number {
    const start = this.#reserved;
    if (start + octets > this.bytes.length)
      throw new RangeError(`arena of ${this.bytes.length} octets is full: ${octets} asked for, ${this.bytes.length - start} left`);
    this.#reserved = (start + octets + 15) & ~15;
    return start;
  }

  /** The one's complement sum of `length` octets from `start`, folded to 16 bits and not complemented (RFC 1071). */
  sum(start: number, length: number, initial: number): number {
    const view = this.view;
    const end = start + length;
    let sum = initial;
    let at = start;
    for (; at + 1 < end; at += 2) sum += view.getUint16(at);
    if (at < end) sum += view.getUint8(at) << 8;
    while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
    return sum;
  }
}
