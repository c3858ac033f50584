/** A bell: wakes the event loop of another thread, from any thread that shares its word. Whoever has rung it need not ring again before it is
 *  answered, so a busy thread is not told twice. */

/** ECMAScript 2024; Node has had it since version 16. */
interface AtomicsWaitAsync {
  waitAsync(
    word: Int32Array,
    index: number,
    value: number,
  ): { readonly async: true; readonly value: Promise<string> } | { readonly async: false; readonly value: string };
}
const { waitAsync } = Atomics as unknown as AtomicsWaitAsync;

const QUIET = 0;
const RUNG = 1;

/** Shared words of a bell. */
export const BELL_WORDS = 1;

/** Tells whoever answers the bell that there is something to look at. */
export function ring(word: Int32Array): void {
  if (Atomics.exchange(word, 0, RUNG) === QUIET) Atomics.notify(word, 0);
}

/** Answers a bell in this thread. It does not keep the thread alive. */
export class BellPost {
  readonly #word: Int32Array;
  readonly #answer: () => void;
  #open = true;

  constructor(word: Int32Array, answer: () => void) {
    this.#word = word;
    this.#answer = answer;
    this.#wait();
  }

  close(): void {
    this.#open = false;
  }

  #wait(): void {
    const waiting = waitAsync(this.#word, 0, QUIET);
    // Rung while nobody waited.
    if (waiting.async) void waiting.value.then(this.#rung);
    else queueMicrotask(this.#rung);
  }

  readonly #rung = (): void => {
    if (!this.#open) return;
    // Quiet before we look: what comes while we look rings again.
    Atomics.store(this.#word, 0, QUIET);
    try {
      this.#answer();
    } finally {
      this.#wait();
    }
  };
}
