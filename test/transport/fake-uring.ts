/** A kernel's io_uring as far as frames need it: rings of 64 operations, each done when it is entered by what the port does with a descriptor. */
import type { NativePort } from "../../src/transport/native-port.js";

const SIZE = 64;
const RESULTS = 2 * SIZE;
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Where the kernel puts what: words of each mapping. */
const submissions = { head: 0, tail: 1, slots: 16 };
const results = { head: 0, tail: 1, first: 16 };

export interface FakeUring {
  readonly calls: Partial<NativePort>;
  /** How many operations each call was asked for, and took. */
  readonly entered: number[];
  /** What the calls to come return in place of what they are asked for. */
  readonly answers: number[];
}

export const fakeUring = (read: NativePort["read"], write: NativePort["write"]): FakeUring => {
  const ring = new Int32Array(submissions.slots + SIZE);
  const done = new Int32Array(results.first + RESULTS * 4);
  const operations = new DataView(new ArrayBuffer(SIZE * 64));
  const entered: number[] = [];
  const answers: number[] = [];
  const perform = (): void => {
    const head = ring[submissions.head]!;
    ring[submissions.head] = head + 1;
    const at = ring[submissions.slots + (head % SIZE)]! * 64;
    const address = Number(operations.getBigUint64(at + 16, LITTLE_ENDIAN));
    const length = operations.getUint32(at + 24, LITTLE_ENDIAN);
    const isRead = operations.getUint8(at) === 22;
    if (operations.getUint32(at + 28, LITTLE_ENDIAN) !== 8) throw new Error("an operation that might wait");
    const tail = done[results.tail]!;
    done[results.first + (tail % RESULTS) * 4 + 2] = (isRead ? read : write)(3, address, length);
    done[results.tail] = tail + 1;
  };
  const calls: Partial<NativePort> = {
    uringSetup: (_entries, parameters) => {
      ring.fill(0);
      done.fill(0);
      const words = new Uint32Array(parameters.buffer);
      words.set([SIZE, RESULTS]);
      words.set([submissions.head * 4, submissions.tail * 4, 0, 0, 0, 0, submissions.slots * 4], 10);
      words.set([results.head * 4, results.tail * 4, 0, 0, 0, results.first * 4], 20);
      return 4;
    },
    map: (_fd, offset) => (offset === 0 ? ring.buffer : offset === 0x0800_0000 ? done.buffer : operations.buffer),
    unmap: () => {},
    uringEnter: (_fd, submit) => {
      const answer = answers.shift() ?? submit;
      entered.push(answer);
      if (ring[submissions.tail]! - ring[submissions.head]! < submit) throw new Error(`${submit} operations that are not there`);
      for (let i = 0; i < answer; i++) perform();
      return answer;
    },
  };
  return { calls, entered, answers };
};
