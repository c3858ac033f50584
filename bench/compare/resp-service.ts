/** PING, GET and SET in the protocol of Redis: the same application on `net` (Node's, or ours in its place) and on our raw API. */
import type { Socket } from "node:net";
import { UNSPECIFIED } from "../../src/ip/address.js";
import type { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import type { NetModule } from "./services.js";

export const RESP_PORT = 6_379;
const CR = 13;
const ZERO = 48;
const STAR = 42;
const DOLLAR = 36;
const LONGEST_COMMAND = 1 << 20;

const store = new Map<string, Buffer>();
/** The replies to what was fed last. One for the process: they leave before anything else is fed. */
let replies = Buffer.allocUnsafe(1 << 16);
let replied = 0;

const reply = (text: string | Buffer): void => {
  const most = typeof text === "string" ? text.length * 3 : text.length;
  if (replied + most > replies.length) replies = Buffer.concat([replies, Buffer.allocUnsafe(replies.length + most)]);
  if (typeof text === "string") replied += replies.write(text, replied, "latin1");
  else {
    replies.set(text, replied);
    replied += text.length;
  }
};

/** The commands of one connection. */
class Session {
  /** The beginning of a command whose end has not arrived. */
  #rest: Buffer | null = null;
  #octets: Buffer = replies;
  #at = 0;
  #end = 0;

  /** Answers all whole commands of `octets` from `start` to `end`; what is left is kept. Returns false when it is no such protocol. */
  feed(octets: Buffer, start: number, end: number): boolean {
    replied = 0;
    const joined = this.#rest === null ? null : Buffer.concat([this.#rest, octets.subarray(start, end)]);
    this.#octets = joined ?? octets;
    this.#at = joined === null ? start : 0;
    this.#end = joined === null ? end : joined.length;
    for (;;) {
      const began = this.#at;
      const whole = this.#command();
      if (whole > 0) continue;
      this.#at = began;
      if (whole < 0) return false;
      break;
    }
    this.#rest = this.#at === this.#end ? null : Buffer.from(this.#octets.subarray(this.#at, this.#end));
    return this.#end - this.#at <= LONGEST_COMMAND;
  }

  /** 1: answered; 0: it goes on beyond what is here; -1: it is none. */
  #command(): number {
    const count = this.#number(STAR);
    if (count < 0) return count === INCOMPLETE ? 0 : -1;
    const name = this.#word();
    if (name < 0) return 0;
    const from = name;
    const to = this.#at - 2;
    switch (to - from) {
      case 4:
        reply("+PONG\r\n");
        return this.#skip(count - 1);
      case 3:
        return (this.#octets[from]! | 0x20) === 0x67 ? this.#get(count) : this.#set(count);
      default:
        reply("-ERR unknown command\r\n");
        return this.#skip(count - 1);
    }
  }

  #get(count: number): number {
    const key = this.#word();
    if (key < 0) return 0;
    const value = store.get(this.#octets.toString("latin1", key, this.#at - 2));
    if (value === undefined) reply("$-1\r\n");
    else {
      reply(`$${value.length}\r\n`);
      reply(value);
      reply("\r\n");
    }
    return this.#skip(count - 2);
  }

  #set(count: number): number {
    const key = this.#word();
    const keyEnd = this.#at - 2;
    const value = key < 0 ? -1 : this.#word();
    if (value < 0) return 0;
    store.set(this.#octets.toString("latin1", key, keyEnd), Buffer.from(this.#octets.subarray(value, this.#at - 2)));
    reply("+OK\r\n");
    return this.#skip(count - 3);
  }

  #skip(words: number): number {
    for (let i = 0; i < words; i++) if (this.#word() < 0) return 0;
    return 1;
  }

  /** Goes behind a word and its end; returns where the word begins, or a negative number when it is not all here. */
  #word(): number {
    const length = this.#number(DOLLAR);
    if (length < 0 || this.#at + length + 2 > this.#end) return INCOMPLETE;
    const start = this.#at;
    this.#at += length + 2;
    return start;
  }

  /** Digits behind `mark`, and the end of their line. */
  #number(mark: number): number {
    const octets = this.#octets;
    let at = this.#at;
    if (at >= this.#end) return INCOMPLETE;
    if (octets[at] !== mark) return MALFORMED;
    let value = 0;
    for (at += 1; at < this.#end && octets[at] !== CR; at++) value = value * 10 + octets[at]! - ZERO;
    if (at + 1 >= this.#end) return INCOMPLETE;
    this.#at = at + 2;
    return value;
  }
}

const INCOMPLETE = -1;
const MALFORMED = -2;

export const serveResp = (module: NetModule, host: string): void => {
  module
    .createServer({ noDelay: true }, (socket: Socket) => {
      const session = new Session();
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        const sound = session.feed(chunk, 0, chunk.length);
        if (replied > 0) socket.write(Buffer.from(replies.subarray(0, replied)));
        if (!sound) socket.destroy();
      });
    })
    .listen(RESP_PORT, host, 4_096);
};

export const respRaw = ({ tcp, memory }: Stack, now: () => number): void => {
  const arena = Buffer.from(memory.arena.memory);
  const accepted = (handle: number): void => {
    const session = new Session();
    /** Replies that the send queue had no room for: nothing is read before they are gone. */
    let waiting: Buffer | null = null;
    const speak = (octets: Buffer, length: number): void => {
      const sent = Math.max(0, tcp.send(handle, octets, 0, length, now()));
      waiting = sent === length ? null : Buffer.from(octets.subarray(sent, length));
    };
    const onEvents = (_handle: number, events: number): void => {
      if (waiting !== null) speak(waiting, waiting.length);
      while (waiting === null && tcp.lend(handle)) {
        const length = tcp.lentLength;
        const sound = session.feed(arena, tcp.lentStart, tcp.lentStart + length);
        tcp.consume(handle, length, now());
        if (replied > 0) speak(replies, replied);
        if (!sound) return tcp.abort(handle, now());
      }
      if (events & (TcpEvent.Closed | TcpEvent.PeerClosed)) tcp.close(handle, now());
    };
    tcp.attach(handle, { onEvents });
  };
  tcp.listen(
    { local: UNSPECIFIED, port: RESP_PORT, backlog: 4_096, noDelay: true },
    {
      onEvents(listener) {
        for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) accepted(handle);
      },
    },
  );
};
