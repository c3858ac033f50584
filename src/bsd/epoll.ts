/** An epoll instance: which descriptors it watches, level- or edge-triggered, and what it has told of them. */
import type { Outcome } from "./call.js";
import { Poll } from "./constants.js";
import type { Socket } from "./socket.js";

export interface EpollEvent {
  readonly events: number;
  /** Whatever the caller gave: a descriptor, a pointer, a number. */
  readonly data: number;
}

interface Item {
  readonly socket: Socket;
  events: number;
  data: number;
  /** The news that were told of already. */
  in: number;
  out: number;
  /** Added or changed since: what is true now is news. */
  fresh: boolean;
  /** ONESHOT has told once. */
  spent: boolean;
}

const IN = Poll.IN | Poll.PRI | Poll.RDNORM | Poll.RDBAND;
const OUT = Poll.OUT | Poll.WRNORM | Poll.WRBAND;
/** What is told whether or not it was asked for. */
const ALWAYS = Poll.ERR | Poll.HUP;

export class Epoll {
  readonly #items = new Map<number, Item>();

  control(operation: "add" | "del" | "mod", fd: number, socket: Socket, event: EpollEvent): Outcome {
    const item = this.#items.get(fd);
    if (operation === "add") {
      if (item !== undefined) return "EEXIST";
      this.#items.set(fd, { socket, events: event.events >>> 0, data: event.data, in: 0, out: 0, fresh: true, spent: false });
      return 0;
    }
    if (item === undefined) return "ENOENT";
    if (operation === "del") this.#items.delete(fd);
    else {
      item.events = event.events >>> 0;
      item.data = event.data;
      item.fresh = true;
      item.spent = false;
    }
    return 0;
  }

  /** The descriptor was closed. */
  forget(fd: number): void {
    this.#items.delete(fd);
  }

  /** Takes what there is to tell, at most `most`. */
  take(most: number): EpollEvent[] {
    const told: EpollEvent[] = [];
    for (const [fd, item] of this.#items) {
      if (told.length >= most) break;
      const events = pending(item);
      if (events === 0) continue;
      told.push({ events, data: item.data });
      item.in = item.socket.edges.in;
      item.out = item.socket.edges.out;
      item.fresh = false;
      if (item.events & Poll.ONESHOT) item.spent = true;
      // What stays true goes to the end of the queue, so that no descriptor starves another.
      if (told.length < this.#items.size) {
        this.#items.delete(fd);
        this.#items.set(fd, item);
      }
    }
    return told;
  }

  /** True when `take` would give something. */
  get ready(): boolean {
    for (const item of this.#items.values()) if (pending(item) !== 0) return true;
    return false;
  }
}

function pending(item: Item): number {
  if (item.spent) return 0;
  const now = item.socket.readiness() & (item.events | ALWAYS);
  if (now === 0) return 0;
  if ((item.events & Poll.ET) === 0 || item.fresh) return now;
  const { edges } = item.socket;
  const news = (edges.in !== item.in && (item.events & (IN | Poll.RDHUP)) !== 0) || (edges.out !== item.out && (item.events & OUT) !== 0);
  return news ? now : 0;
}
