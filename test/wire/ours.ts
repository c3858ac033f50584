/** Our side of the wire: a stack on a TAP, turned by Node's loop, and conversations on its raw API that do what peer.mjs does on the kernel's. */
import { createHash } from "node:crypto";
import { expect } from "vitest";
import { createMemory, type Memory, type MemoryOptions } from "../../src/base/memory.js";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive, type NodeDriveOptions } from "../../src/drive/node.js";
import { ip } from "../../src/ip/address.js";
import type { Device } from "../../src/stack/device.js";
import { Stack } from "../../src/stack/stack.js";
import type { ConnectionOptions } from "../../src/tcp/connection-options.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";
import type { Link } from "../../src/transport/link.js";
import type { TapOptions } from "../../src/transport/tap.js";
import { type Kernel, OURS, PREFIX_LENGTH, withKernel } from "./kernel.js";
import { patternBlock } from "./pattern.js";

export interface Ours {
  readonly kernel: Kernel;
  readonly stack: Stack;
  readonly drive: NodeDrive;
  readonly device: Device;
}

export interface OursOptions {
  /** The stack gets its address otherwise. */
  readonly unaddressed?: boolean;
  readonly tap?: TapOptions;
  /** Absent: a TAP. */
  readonly link?: (kernel: Kernel, memory: Memory) => Link;
  readonly memory?: MemoryOptions;
  readonly drive?: NodeDriveOptions;
}

/** Runs `body` with a stack that has the address `OURS` and a kernel that has `KERNEL`; checks at the end that no packet is lost in the house. */
export const withStack = <T>(options: OursOptions, body: (ours: Ours) => Promise<T>): Promise<T> =>
  withKernel(async (kernel) => {
    const memory = createMemory({
      packets: 2048,
      packetSize: Math.max(2048, (options.tap?.mtu ?? 1_500) + 18),
      chunks: 16_384,
      ...options.memory,
    });
    const free = { packets: memory.packets.available, chunks: memory.chunks.available };
    const link = options.link?.(kernel, memory) ?? kernel.tap({ queueLength: 5000, ...options.tap });
    const stack = new Stack({ random: cryptoRandom, memory }, monotonicMicros());
    const addresses = options.unaddressed ? [] : [{ address: ip(OURS), prefixLength: PREFIX_LENGTH }];
    const device = stack.addDevice(link, { addresses }, monotonicMicros());
    const drive = new NodeDrive(stack, options.drive);
    drive.start();
    let result: T;
    try {
      result = await body({ kernel, stack, drive, device });
    } finally {
      stack.close(drive.now());
      drive.stop();
      link.close();
    }
    expect({ packets: memory.packets.available, chunks: memory.chunks.available }, "given back at the end").toEqual(free);
    return result;
  });

export interface Send {
  readonly seed: number;
  readonly octets: number;
  /** Octets of a write. */
  readonly chunk?: number;
  /** Milliseconds between writes. */
  readonly pause?: number;
}

export interface Converse {
  readonly send?: Send;
  /** `slow`: take so many octets, then rest for `pause` milliseconds. Absent: read and forget. */
  readonly receive?: { readonly slow?: number; readonly pause?: number };
  /** Whether to half-close when all is sent; absent: yes. */
  readonly end?: boolean;
  /** Reset the connection when all is sent. */
  readonly reset?: boolean;
  readonly options?: Partial<ConnectionOptions>;
}

export interface Outcome {
  readonly sent: number;
  readonly received: { readonly octets: number; readonly hash: string; readonly ended: boolean };
  readonly error: string | null;
}

/** One end of a connection. */
export class Conversation implements Application {
  readonly outcome: Promise<Outcome>;
  handle = 0;
  readonly #ours: Ours;
  readonly #what: Converse;
  readonly #hash = createHash("sha256");
  readonly #block: Uint8Array;
  #resolve: (outcome: Outcome) => void = () => {};
  #sent = 0;
  #received = 0;
  #ended = false;
  #shut = false;
  #over = false;
  #resting = false;
  #writing = false;

  constructor(ours: Ours, what: Converse) {
    this.#ours = ours;
    this.#what = what;
    this.#block = patternBlock(what.send?.seed ?? 0);
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** An accepted connection is established already. */
  begin(): void {
    this.#write();
  }

  onEvents(handle: number, events: number): void {
    this.handle = handle;
    const { tcp } = this.#ours.stack;
    if ((events & (TcpEvent.Readable | TcpEvent.PeerClosed | TcpEvent.Closed)) !== 0) this.#read();
    if (this.#over) return;
    if ((events & TcpEvent.Closed) !== 0) {
      this.#finish(tcp.errorOf(handle));
      return;
    }
    if ((events & (TcpEvent.Established | TcpEvent.Writable)) !== 0) this.#write();
  }

  #write(): void {
    if (this.#writing || this.#over || this.#shut) return;
    const { tcp } = this.#ours.stack;
    const { send, reset = false, end = true } = this.#what;
    const octets = send?.octets ?? 0;
    while (this.#sent < octets) {
      const from = this.#sent % this.#block.length;
      const length = Math.min(send?.chunk ?? 65_536, octets - this.#sent, this.#block.length - from);
      const taken = tcp.send(this.handle, this.#block, from, length, this.#ours.drive.now());
      if (taken <= 0) return;
      this.#sent += taken;
      if (send?.pause !== undefined) {
        this.#writing = true;
        setTimeout(() => {
          this.#writing = false;
          this.#write();
        }, send.pause);
        return;
      }
    }
    this.#shut = true;
    if (reset) {
      tcp.abort(this.handle, this.#ours.drive.now());
      this.#settle("reset by us");
      return;
    }
    if (end) tcp.shutdown(this.handle, this.#ours.drive.now());
    this.#done();
  }

  #read(): void {
    if (this.#resting || this.#over || this.#ended) return;
    const { tcp, memory } = this.#ours.stack;
    const slow = this.#what.receive?.slow ?? 0;
    let since = 0;
    while (tcp.lend(this.handle)) {
      const length = slow === 0 ? tcp.lentLength : Math.min(tcp.lentLength, slow - since);
      this.#hash.update(memory.arena.bytes.subarray(tcp.lentStart, tcp.lentStart + length));
      tcp.consume(this.handle, length, this.#ours.drive.now());
      this.#received += length;
      since += length;
      if (slow > 0 && since === slow) {
        this.#resting = true;
        setTimeout(() => {
          this.#resting = false;
          this.#read();
        }, this.#what.receive?.pause ?? 1);
        return;
      }
    }
    if (tcp.receive(this.handle, this.#block, 0, 0, this.#ours.drive.now()) === -1) {
      this.#ended = tcp.errorOf(this.handle) === null;
      if (this.#ended) this.#done();
    }
  }

  #done(): void {
    if (this.#ended && this.#shut) this.#finish(null);
  }

  #finish(error: string | null): void {
    if (this.#over) return;
    this.#ours.stack.tcp.close(this.handle, this.#ours.drive.now());
    this.#settle(error);
  }

  #settle(error: string | null): void {
    this.#over = true;
    const received = { octets: this.#received, hash: this.#hash.digest("hex"), ended: this.#ended };
    this.#resolve({ sent: this.#sent, received, error });
  }
}

/** Opens `count` connections at once; the seeds go up by one. */
export const connect = (ours: Ours, host: string, port: number, what: Converse, count = 1): Promise<Outcome[]> =>
  Promise.all(
    Array.from({ length: count }, (_, i) => {
      const conversation = new Conversation(ours, numbered(what, i));
      const request = { remote: ip(host), remotePort: port, ...what.options };
      conversation.handle = ours.stack.tcp.connect(request, conversation, ours.drive.now());
      return conversation.outcome;
    }),
  );

/** Listens; each connection does `what`, the seeds going up by one. `outcomes(n)` waits for n of them and closes the listener. */
export const listen = (ours: Ours, what: Converse, backlog = 256): { port: number; outcomes(count: number): Promise<Outcome[]> } => {
  const { tcp } = ours.stack;
  const all: Promise<Outcome>[] = [];
  let told: () => void = () => {};
  const handle = tcp.listen(
    { port: 0, backlog, ...what.options },
    {
      onEvents(listener) {
        for (let next = tcp.accept(listener); next !== 0; next = tcp.accept(listener)) {
          const conversation = new Conversation(ours, numbered(what, all.length));
          conversation.handle = next;
          all.push(conversation.outcome);
          tcp.attach(next, conversation);
          conversation.begin();
        }
        told();
      },
    },
  );
  return {
    port: tcp.endpointsOf(handle).localPort,
    async outcomes(count) {
      while (all.length < count) {
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
      tcp.close(handle, ours.drive.now());
      return Promise.all(all);
    },
  };
};

const numbered = (what: Converse, number: number): Converse =>
  what.send === undefined ? what : { ...what, send: { ...what.send, seed: what.send.seed + number } };
