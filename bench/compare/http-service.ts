/** "Hello" by HTTP/1.1: on node:http (the kernel's, or ours in its place), and by a lean responder on `net` and on our raw API, which shows
 *  what a server costs without Node's HTTP. */
import type http from "node:http";
import type { Socket } from "node:net";
import { UNSPECIFIED } from "../../src/ip/address.js";
import type { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import type { NetModule } from "./services.js";

/** Where node:http listens, and the lean responder. */
export const HTTP_PORT = 8_000;
export const LEAN_PORT = 8_001;
const LONGEST_HEAD = 65_536;
/** Responses that lie ready side by side. */
const AT_ONCE = 256;

const RESPONSE = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
const RESPONSES = Buffer.from(RESPONSE.repeat(AT_ONCE));
const BAD = Buffer.from("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");

type HttpModule = Pick<typeof http, "createServer">;

export const serveHttp = (net: NetModule, module: HttpModule, host: string): void => {
  module
    .createServer((_request, response) => {
      response.setHeader("Content-Type", "text/plain");
      response.end("hello\n");
    })
    .listen(HTTP_PORT, host, 4_096);
  net
    .createServer({ noDelay: true }, (socket: Socket) => {
      const requests = new Requests();
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        const count = requests.feed(chunk, 0, chunk.length);
        for (let left = count; left > 0; left -= AT_ONCE) socket.write(RESPONSES.subarray(0, Math.min(left, AT_ONCE) * RESPONSE.length));
        if (count < 0) socket.end(BAD);
        else if (requests.last) socket.end();
      });
    })
    .listen(LEAN_PORT, host, 4_096);
};

export const httpRaw = ({ tcp, memory }: Stack, now: () => number): void => {
  const arena = Buffer.from(memory.arena.memory);
  const accepted = (handle: number): void => {
    const requests = new Requests();
    /** Octets of responses that the send queue had no room for. */
    let owed = 0;
    const speak = (): void => {
      while (owed > 0) {
        // What is owed ends with a whole response.
        const from = (RESPONSES.length - owed) % RESPONSE.length;
        const start = from < 0 ? from + RESPONSE.length : from;
        const sent = tcp.send(handle, RESPONSES, start, Math.min(owed, RESPONSES.length - start), now());
        if (sent <= 0) return;
        owed -= sent;
      }
    };
    const onEvents = (_handle: number, events: number): void => {
      speak();
      while (owed === 0 && !requests.last && tcp.lend(handle)) {
        const length = tcp.lentLength;
        const count = requests.feed(arena, tcp.lentStart, tcp.lentStart + length);
        tcp.consume(handle, length, now());
        if (count < 0) {
          tcp.send(handle, BAD, 0, BAD.length, now());
          requests.last = true;
        } else owed = count * RESPONSE.length;
        speak();
      }
      if (events & (TcpEvent.Closed | TcpEvent.PeerClosed) || (requests.last && owed === 0)) tcp.close(handle, now());
    };
    tcp.attach(handle, { onEvents });
  };
  tcp.listen(
    { local: UNSPECIFIED, port: LEAN_PORT, backlog: 4_096, noDelay: true },
    {
      onEvents(listener) {
        for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) accepted(handle);
      },
    },
  );
};

/** The requests of one connection: GETs without a body. */
class Requests {
  /** No further one comes: the client wants the connection closed, or its request was none. */
  last = false;
  #rest: Buffer | null = null;

  /** How many have their end in these octets; -1 when one of them is not to be answered here. */
  feed(octets: Buffer, start: number, end: number): number {
    const text = this.#rest === null ? octets.subarray(start, end) : Buffer.concat([this.#rest, octets.subarray(start, end)]);
    let count = 0;
    let at = 0;
    while (at < text.length) {
      const stop = text.indexOf("\r\n\r\n", at, "latin1");
      if (stop < 0) break;
      const head = text.toString("latin1", at, stop + 2);
      if (!head.startsWith("GET /") || head.includes("\r\nContent-Length:") || head.includes("\r\nTransfer-Encoding:")) return -1;
      if (head.includes("\r\nConnection: close\r\n")) this.last = true;
      at = stop + 4;
      count += 1;
    }
    this.#rest = at === text.length ? null : Buffer.from(text.subarray(at));
    return this.#rest !== null && this.#rest.length > LONGEST_HEAD ? -1 : count;
  }
}
