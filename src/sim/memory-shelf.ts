/** The memories of simulated stacks, used by one world after the other. */
import { createMemory, type Memory } from "../base/memory.js";

/** Each stack reserves a little of its arena for good, so that an arena serves so many. */
const MOST_USES = 16;

/** Memory that worlds use one after the other: a world's arenas cost more to make than to run in. */
export class MemoryShelf {
  readonly #free = new Map<string, Memory[]>();
  readonly #chunks = new WeakMap<Memory, number>();
  readonly #uses = new WeakMap<Memory, number>();

  take(packetSize: number, chunks: number): Memory {
    const size = packetSize <= 2_048 ? 2_048 : 10_240;
    const found = this.#free.get(`${size} ${chunks}`)?.pop();
    if (found !== undefined) return found;
    const memory = createMemory({ packets: 256, packetSize: size, chunks });
    memory.packets.poison = true;
    memory.chunks.poison = true;
    memory.large.poison = true;
    this.#chunks.set(memory, memory.chunks.available);
    return memory;
  }

  /** The memory's pools are full again: another world may have it. */
  give(memory: Memory): void {
    const uses = (this.#uses.get(memory) ?? 0) + 1;
    if (uses >= MOST_USES) return;
    this.#uses.set(memory, uses);
    const key = `${memory.packets.capacity} ${this.#chunks.get(memory)}`;
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, [memory]);
    else free.push(memory);
  }

  /** Chunks that the memory was made with. */
  chunksOf(memory: Memory): number {
    return this.#chunks.get(memory)!;
  }
}
