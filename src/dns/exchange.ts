/** One question to one server: by a datagram, or by a connection — RFC 1035 s4.2, RFC 7766, RFC 5452.
 *
 *  Whoever wants to answer in a server's place must guess its address, our port and the identifier, and be faster; each question has a port and
 *  an identifier of its own, and with mixed case the letters too. */
import type { Micros } from "../base/environment.js";
import { Dns as Why } from "../base/why.js";
import { UNSPECIFIED } from "../ip/address.js";
import { DatagramEvent } from "../ip/application.js";
import type { Stack } from "../stack/stack.js";
import { TcpEvent } from "../tcp/events.js";
import { decodeReply, encodeQuery, type QuestionType, type Reply } from "./codec.js";
import type { DnsServer } from "./configuration.js";
import { mixedCase } from "./name.js";

/** Longer answers are for zone transfers; their names would cost more to read than a server may make us spend. */
const LONGEST = 16_384;
/** Wrong answers to one question, after which somebody is guessing: RFC 5452 s9.3. By a connection, guessing is of no use. */
const MOST_WRONG = 16;

export interface Asked {
  readonly server: DnsServer;
  readonly name: string;
  readonly type: QuestionType;
  /** Letters in a random case, and the same in the answer. */
  readonly mixedCase: boolean;
}

/** A reply to the question; or it failed at once; or it is better asked by a connection. */
export type Ending = Reply | "failed" | "by-stream";

export interface Exchange {
  /** Forgets the question. */
  cancel(now: Micros): void;
}

/** Queries are small and answers bounded: one place to read into serves all exchanges, one after the other. */
const scratch = new Uint8Array(LONGEST + 2);

abstract class Question {
  readonly stack: Stack;
  readonly asked: Asked;
  readonly id: number;
  readonly name: string;
  readonly done: (ending: Ending) => void;

  constructor(stack: Stack, asked: Asked, done: (ending: Ending) => void) {
    const { random } = stack;
    this.stack = stack;
    this.asked = asked;
    this.done = done;
    this.id = random.int32() & 0xffff;
    this.name = asked.mixedCase ? mixedCase(asked.name, () => random.int32() >>> 31) : asked.name;
  }

  get query(): Uint8Array {
    return encodeQuery(this.id, this.name, this.asked.type);
  }

  /** The reply in these octets, or null when it is none to this question. */
  replyIn(octets: Uint8Array): Reply | null {
    const reply = decodeReply(octets);
    const why =
      reply === null ? Why.Malformed : reply.id !== this.id ? Why.OtherId : this.#answers(reply) ? Why.Accepted : Why.OtherQuestion;
    this.stack.tally.add(why);
    return why === Why.Accepted ? reply : null;
  }

  #answers({ question }: Reply): boolean {
    if (question === null || question.type !== this.asked.type) return false;
    return this.asked.mixedCase ? question.name === this.name : question.name.toLowerCase() === this.name;
  }
}

export class DatagramExchange extends Question implements Exchange {
  #handle = 0;
  #wrong = 0;

  /** Throws what the stack says when there is no way to the server. */
  constructor(stack: Stack, asked: Asked, done: (ending: Ending) => void, now: Micros) {
    super(stack, asked, done);
    const { udp } = stack;
    this.#handle = udp.bind({}, { onEvents: this.#onEvents });
    try {
      // Only the server's answers are heard from here on.
      udp.connect(this.#handle, asked.server.address, asked.server.port);
      const { query } = this;
      // No room for a packet now: as if it were lost.
      udp.send(this.#handle, query, 0, query.length, UNSPECIFIED, 0, now);
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  cancel(): void {
    if (this.#handle === 0) return;
    this.stack.udp.close(this.#handle);
    this.#handle = 0;
  }

  readonly #onEvents = (_handle: number, events: number): void => {
    const { udp } = this.stack;
    while ((events & DatagramEvent.Readable) !== 0 && this.#handle !== 0) {
      const length = udp.receive(this.#handle, scratch, 0, scratch.length);
      if (length < 0) break;
      const reply = this.replyIn(scratch.subarray(0, length));
      if (reply !== null) return this.#end(reply.truncated ? "by-stream" : reply);
      this.#wrong += 1;
      if (this.#wrong >= MOST_WRONG) return this.#end("by-stream");
    }
    if (this.#handle !== 0 && (events & (DatagramEvent.Error | DatagramEvent.Closed)) !== 0) this.#end("failed");
  };

  #end(ending: Ending): void {
    this.cancel();
    this.done(ending);
  }
}

export class StreamExchange extends Question implements Exchange {
  #handle = 0;
  readonly #query: Uint8Array;
  #sent = 0;
  #received = new Uint8Array(0);

  /** Throws what the stack says when there is no way to the server. */
  constructor(stack: Stack, asked: Asked, done: (ending: Ending) => void, now: Micros) {
    super(stack, asked, done);
    const { query } = this;
    // RFC 1035 s4.2.2: "prefixed with a two byte length field".
    this.#query = new Uint8Array(query.length + 2);
    this.#query.set([query.length >>> 8, query.length & 255]);
    this.#query.set(query, 2);
    const { address: remote, port: remotePort } = asked.server;
    this.#handle = stack.tcp.connect({ remote, remotePort, noDelay: true }, { onEvents: this.#onEvents }, now);
  }

  cancel(now: Micros): void {
    if (this.#handle === 0) return;
    this.stack.tcp.abort(this.#handle, now);
    this.#handle = 0;
  }

  readonly #onEvents = (_handle: number, events: number): void => {
    const { tcp, now } = this.stack;
    if (this.#handle !== 0 && (events & (TcpEvent.Established | TcpEvent.Writable)) !== 0 && this.#sent < this.#query.length) {
      const taken = tcp.send(this.#handle, this.#query, this.#sent, this.#query.length - this.#sent, now);
      this.#sent += Math.max(0, taken);
    }
    if (this.#handle !== 0 && (events & (TcpEvent.Readable | TcpEvent.PeerClosed | TcpEvent.Closed)) !== 0) this.#read();
    if (this.#handle !== 0 && (events & (TcpEvent.Closed | TcpEvent.SoftError)) !== 0) this.#end("failed");
  };

  #read(): void {
    const { tcp, now } = this.stack;
    for (;;) {
      const got = tcp.receive(this.#handle, scratch, 0, scratch.length, now);
      if (got < 0) return this.#end("failed");
      if (got === 0) return;
      const whole = new Uint8Array(this.#received.length + got);
      whole.set(this.#received);
      whole.set(scratch.subarray(0, got), this.#received.length);
      this.#received = whole;
      if (whole.length < 2) continue;
      const length = (whole[0]! << 8) | whole[1]!;
      if (length > LONGEST) return this.#end("failed");
      if (whole.length < 2 + length) continue;
      const reply = this.replyIn(whole.subarray(2, 2 + length));
      return this.#end(reply === null || reply.truncated ? "failed" : reply);
    }
  }

  #end(ending: Ending): void {
    const handle = this.#handle;
    this.#handle = 0;
    if (typeof ending === "string") this.stack.tcp.abort(handle, this.stack.now);
    else this.stack.tcp.close(handle, this.stack.now);
    this.done(ending);
  }
}
