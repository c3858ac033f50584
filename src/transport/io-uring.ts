/** io_uring(7): reads and writes of many frames by one system call. Operations lie in a ring that the kernel reads, results in one that it
 *  writes. None here may wait, so each is done, in order, when the call returns. */
import { networkError } from "../base/errors.js";
import { type NativePort, systemError } from "./native-port.js";
import { LITTLE_ENDIAN } from "./network-interface.js";

/** Whatever is asked for: the kernel says how many it gives. */
const SETUP_CLAMP = 1 << 4;
const READ = 22;
const WRITE = 23;
/** In an operation: do it now or fail with EAGAIN. Its descriptor's O_NONBLOCK means no more than that nobody sleeps for it. */
const RWF_NOWAIT = 8;
const EINTR = -4;

// Offsets to map, and those of fields in struct io_uring_params, io_uring_sqe and io_uring_cqe.
const SUBMISSIONS = 0;
const RESULTS = 0x0800_0000;
const OPERATIONS = 0x1000_0000;
const PARAMETERS = 120;
const OF_SUBMISSIONS = 40;
const OF_RESULTS = 80;
const OPERATION = 64;
const RESULT_WORDS = 4;

export class IoUring {
  /** Operations that one call takes. */
  readonly size: number;
  readonly #port: NativePort;
  readonly #fd: number;
  readonly #memories: ArrayBuffer[] = [];
  readonly #submissions: Int32Array;
  readonly #tail: number;
  readonly #operations: DataView;
  readonly #results: Int32Array;
  readonly #resultHead: number;
  readonly #resultTail: number;
  readonly #firstResult: number;
  readonly #resultMask: number;
  /** Indices that only grow: operations prepared, and results taken. */
  #prepared = 0;
  #taken = 0;
  #pending = 0;

  /** Throws a NetworkError: ENOSYS or EPERM where the kernel has none, or keeps it from us. */
  constructor(port: NativePort, size: number) {
    this.#port = port;
    const parameters = new DataView(new ArrayBuffer(PARAMETERS));
    parameters.setUint32(8, SETUP_CLAMP, LITTLE_ENDIAN);
    const fd = port.uringSetup(size, new Uint8Array(parameters.buffer));
    if (fd < 0) throw systemError("io_uring_setup", fd, `ring of ${size}`);
    this.#fd = fd;
    const field = (at: number): number => parameters.getUint32(at, LITTLE_ENDIAN);
    this.size = field(0);
    const slots = field(OF_SUBMISSIONS + 24);
    const results = field(OF_RESULTS + 20);
    try {
      this.#submissions = new Int32Array(this.#map(SUBMISSIONS, slots + this.size * 4));
      this.#operations = new DataView(this.#map(OPERATIONS, this.size * OPERATION));
      this.#results = new Int32Array(this.#map(RESULTS, results + field(4) * RESULT_WORDS * 4));
    } catch (error) {
      this.close();
      throw error;
    }
    this.#tail = field(OF_SUBMISSIONS + 4) >> 2;
    this.#resultHead = field(OF_RESULTS) >> 2;
    this.#resultTail = field(OF_RESULTS + 4) >> 2;
    this.#firstResult = results >> 2;
    this.#resultMask = field(4) - 1;
    // The ring of operations is one of their numbers: number i stays in slot i.
    for (let i = 0; i < this.size; i++) this.#submissions[(slots >> 2) + i] = i;
  }

  /** Operations prepared since the last `enter`: at most `size`. */
  get pending(): number {
    return this.#pending;
  }

  read(fd: number, address: number, length: number): void {
    this.#prepare(READ, fd, address, length);
  }

  write(fd: number, address: number, length: number): void {
    this.#prepare(WRITE, fd, address, length);
  }

  /** Does what was prepared; returns how many operations were done, the first ones. The kernel takes fewer when it has no memory: the rest is
   *  forgotten. */
  enter(): number {
    const asked = this.#pending;
    this.#pending = 0;
    Atomics.store(this.#submissions, this.#tail, this.#prepared);
    let done = 0;
    while (done < asked) {
      const took = this.#port.uringEnter(this.#fd, asked - done);
      if (took > 0) done += took;
      else if (took !== EINTR) break;
    }
    if (done < asked) {
      this.#prepared = (this.#prepared - asked + done) | 0;
      Atomics.store(this.#submissions, this.#tail, this.#prepared);
    }
    if (this.#waiting() < done) throw networkError("EIO", "io_uring_enter", `${done} operations, ${this.#waiting()} results`);
    return done;
  }

  /** What the i-th operation of the last `enter` returned: octets, or a negated errno. Valid until `release`. */
  result(i: number): number {
    return this.#results[this.#firstResult + ((this.#taken + i) & this.#resultMask) * RESULT_WORDS + 2]!;
  }

  /** Gives the slots of `count` results back. */
  release(count: number): void {
    this.#taken = (this.#taken + count) | 0;
    Atomics.store(this.#results, this.#resultHead, this.#taken);
  }

  close(): void {
    for (const memory of this.#memories) this.#port.unmap(memory);
    this.#port.close(this.#fd);
  }

  #waiting(): number {
    return (Atomics.load(this.#results, this.#resultTail) - this.#taken) | 0;
  }

  #map(offset: number, length: number): ArrayBuffer {
    const memory = this.#port.map(this.#fd, offset, length);
    if (typeof memory === "number") throw systemError("mmap", memory, `io_uring of ${this.size}`);
    this.#memories.push(memory);
    return memory;
  }

  /** Slots are zero but for what is written here, the same fields each time. */
  #prepare(operation: number, fd: number, address: number, length: number): void {
    const view = this.#operations;
    const at = (this.#prepared & (this.size - 1)) * OPERATION;
    view.setUint8(at, operation);
    view.setInt32(at + 4, fd, LITTLE_ENDIAN);
    // At the descriptor's own position: it has none.
    view.setInt32(at + 8, -1);
    view.setInt32(at + 12, -1);
    const high = Math.floor(address / 2 ** 32);
    view.setUint32(at + (LITTLE_ENDIAN ? 16 : 20), address - high * 2 ** 32, LITTLE_ENDIAN);
    view.setUint32(at + (LITTLE_ENDIAN ? 20 : 16), high, LITTLE_ENDIAN);
    view.setUint32(at + 24, length, LITTLE_ENDIAN);
    view.setUint32(at + 28, RWF_NOWAIT, LITTLE_ENDIAN);
    this.#prepared = (this.#prepared + 1) | 0;
    this.#pending += 1;
  }
}
