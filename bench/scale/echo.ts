/** The server of benches that have their clients in memory: what comes goes back. */
import type { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";

/** Listens on port 80. */
export function serveEcho(stack: Stack): void {
  const { tcp } = stack;
  const buffer = new Uint8Array(4_096);
  const echo = {
    onEvents(handle: number, events: number): void {
      if (!(events & TcpEvent.Readable)) return;
      const octets = tcp.receive(handle, buffer, 0, buffer.length, stack.now);
      if (octets > 0) tcp.send(handle, buffer, 0, octets, stack.now);
    },
  };
  tcp.listen(
    { port: 80 },
    {
      onEvents(listener) {
        for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) tcp.attach(handle, echo);
      },
    },
  );
}
