/** Our stack as a bulk sender or a sink behind a bridge, in a process of its own, with the words and the output of `flow.c`:
 *    host.ts NAMESPACE DEVICE BRIDGE ADDRESS sink PORT
 *    host.ts NAMESPACE DEVICE BRIDGE ADDRESS send HOST PORT SECONDS CONGESTION */
import { execFileSync } from "node:child_process";
import { createMemory } from "../../src/base/memory.js";
import { cryptoRandom, monotonicMicros } from "../../src/drive/clock.js";
import { NodeDrive } from "../../src/drive/node.js";
import { formatIp, ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { type Application, TcpEvent } from "../../src/tcp/events.js";
import { openTap } from "../../src/transport/tap.js";

/** A connection that is silent for so long has ended: the reset at the end of a run may have been lost. */
const SILENCE = 3_000;

const [namespace, device, bridge, address, mode, ...rest] = process.argv.slice(2) as [string, string, string, string, string, ...string[]];
const link = openTap({ namespace, name: device, queueLength: 16_384 });
execFileSync("ip", ["-n", namespace, "link", "set", device, "master", bridge]);
const stack = new Stack({ random: cryptoRandom, memory: createMemory({ packets: 8_192, chunks: 65_536 }) }, monotonicMicros());
const drive = new NodeDrive(stack);
stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
drive.start();
const { tcp } = stack;
const buffer = new Uint8Array(1 << 18);

const discard = (handle: number): number => {
  let octets = 0;
  for (
    let n = tcp.receive(handle, buffer, 0, buffer.length, drive.now());
    n > 0;
    octets += n, n = tcp.receive(handle, buffer, 0, buffer.length, drive.now())
  );
  return octets;
};

if (mode === "sink") {
  const port = Number(rest[0]);
  tcp.listen(
    { port },
    {
      onEvents(listener) {
        for (let handle = tcp.accept(listener); handle !== 0; handle = tcp.accept(listener)) {
          const peer = formatIp(tcp.endpointsOf(handle).remote);
          const begin = drive.now();
          let octets = 0;
          let last = begin;
          let ended = false;
          const end = (): void => {
            if (ended) return;
            ended = true;
            clearTimeout(silence);
            tcp.close(handle, drive.now());
            console.log(JSON.stringify({ peer, octets, seconds: (last - begin) / 1e6 }));
          };
          const silence = setTimeout(end, SILENCE);
          tcp.attach(handle, {
            onEvents(_handle, events) {
              const got = discard(handle);
              if (got > 0) {
                octets += got;
                last = drive.now();
                silence.refresh();
              }
              if (events & (TcpEvent.Closed | TcpEvent.PeerClosed)) end();
            },
          });
        }
      },
    },
  );
} else {
  const [host, port, seconds, congestionControl] = rest as [string, string, string, string];
  const fill = (handle: number): void => {
    while (tcp.send(handle, buffer, 0, buffer.length, drive.now()) === buffer.length);
  };
  const source: Application = {
    onEvents(handle, events) {
      if (events & TcpEvent.Established)
        setTimeout(() => {
          const shown = tcp.show(handle, drive.now()) as { counters: { segmentsRetransmitted: number } };
          console.log(JSON.stringify({ again: shown.counters.segmentsRetransmitted }));
          if (process.env["SHOW"]) console.error(JSON.stringify(shown, null, 1));
          tcp.abort(handle, drive.now());
          setTimeout(() => process.exit(0), 50);
        }, Number(seconds) * 1_000);
      if (events & TcpEvent.Closed) process.exit(1);
      if (events & (TcpEvent.Established | TcpEvent.Writable)) fill(handle);
    },
  };
  tcp.connect({ remote: ip(host), remotePort: Number(port), congestionControl }, source, drive.now());
}
console.log("ready");
process.on("SIGTERM", () => process.exit(0));
