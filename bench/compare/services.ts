/** The three services that comparisons are made with, on a port and the two after it: sink (reads and discards), source (writes for ever),
 *  echo. Once on our stack's raw API, once on node:net, the same behaviour. */
import type net from "node:net";
import { UNSPECIFIED } from "../../src/ip/address.js";
import type { Stack } from "../../src/stack/stack.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";

export const BASE_PORT = 7_000;
const BLOCK = new Uint8Array(65_536);

/** On the raw API: no object for each connection, one buffer for all. */
export function serveRaw(stack: Stack, now: () => number): void {
  const { tcp } = stack;
  const buffer = new Uint8Array(262_144);
  const end = (handle: number, events: number): boolean => {
    if (events & TcpEvent.Closed || (events & TcpEvent.PeerClosed && tcp.readable(handle) === 0)) {
      tcp.close(handle, now());
      return true;
    }
    return false;
  };
  const sink: Application = {
    onEvents(handle, events) {
      // In place: what is to be thrown away need not be copied first.
      const at = now();
      while (tcp.lend(handle)) tcp.consume(handle, tcp.lentLength, at);
      end(handle, events);
    },
  };
  const source: Application = {
    onEvents(handle, events) {
      while (tcp.receive(handle, buffer, 0, buffer.length, now()) > 0);
      if (end(handle, events)) return;
      while (tcp.send(handle, BLOCK, 0, BLOCK.length, now()) === BLOCK.length);
    },
  };
  const echo: Application = {
    onEvents(handle, events) {
      const at = now();
      for (;;) {
        // What cannot be written back is not read: the window closes.
        const room = tcp.stateOf(handle) === 0 ? buffer.length : Math.min(tcp.writable(handle), buffer.length);
        const octets = room === 0 ? 0 : tcp.receive(handle, buffer, 0, room, at);
        if (octets <= 0 || tcp.send(handle, buffer, 0, octets, at) < 0 || octets < room) break;
      }
      end(handle, events);
    },
  };
  [sink, source, echo].forEach((application, i) => {
    tcp.listen(
      { local: UNSPECIFIED, port: BASE_PORT + i, backlog: 4_096, noDelay: true },
      {
        onEvents(listener) {
          for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) {
            tcp.attach(handle, application);
            if (application === source) source.onEvents(handle, TcpEvent.Writable);
          }
        },
      },
    );
  });
}

/** Node's `net`, or one with the same sockets. */
export interface NetModule {
  createServer(options: net.ServerOpts, listener: (socket: net.Socket) => void): net.Server;
}

/** On node:net, or on ours in its place. */
export function serveNet(module: NetModule, host: string): void {
  const pump = (socket: net.Socket): void => {
    while (socket.writable && socket.write(BLOCK));
  };
  const services: ((socket: net.Socket) => void)[] = [
    (socket) => socket.resume(),
    (socket) => {
      socket.on("drain", () => pump(socket)).resume();
      pump(socket);
    },
    (socket) => void socket.pipe(socket),
  ];
  services.forEach((serve, i) => {
    module
      .createServer({ noDelay: true }, (socket) => {
        socket.on("error", () => {});
        serve(socket);
      })
      .listen(BASE_PORT + i, host, 4_096);
  });
}
