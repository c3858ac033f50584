/** Frames and nothing else on our AF_XDP link: received and dropped, made and sent, or sent back with the hardware addresses exchanged. What
 *  `xsk.c` does, with the same words and the same answer: frames.ts rx|tx|fwd DEVICE SECONDS OCTETS */
import { createMemory } from "../../src/base/memory.js";
import type { Packet } from "../../src/base/packet.js";
import { openXdp } from "../../src/transport/xdp/index.js";

const BUDGET = 512;
/** Frames to send in one go. */
const BATCH = 64;
/** Until what runs is compiled. */
const WARM_MILLISECONDS = 300;

const [mode, device, seconds, octets] = process.argv.slice(2) as [string, string, string, string];
const memory = createMemory({ packets: 8_192, packetSize: 3_944, packetAlignment: 4_096, chunks: 1 });
const { packets } = memory;
const { bytes, view } = memory.arena;
const link = openXdp({ interface: device, memory, mode: "native" });
const batch: Packet[] = [];
let frames = 0;

const receive = (): number => {
  const count = link.receive(packets, batch, BUDGET);
  for (let i = 0; i < count; i++) batch[i]!.release();
  frames += count;
  return count;
};

const forward = (): number => {
  const count = link.receive(packets, batch, BUDGET);
  for (let i = 0; i < count; i++) {
    const packet = batch[i]!;
    const at = packet.start;
    const high = view.getUint16(at);
    const low = view.getInt32(at + 2);
    bytes.copyWithin(at, at + 6, at + 12);
    view.setUint16(at + 6, high);
    view.setInt32(at + 8, low);
    // What the ring has no room for is lost, as with any switch.
    if (link.transmit(packet)) frames += 1;
    else packet.release();
  }
  link.flush();
  return count;
};

const length = Number(octets);
const send = (): number => {
  for (let sent = 0; sent < BUDGET; sent += BATCH) sendBatch();
  return BUDGET;
};

const sendBatch = (): void => {
  for (let i = 0; i < BATCH; i++) {
    const packet = packets.take();
    if (packet === null) break;
    view.setInt32(packet.start, 0x0200_0000);
    view.setInt32(packet.start + 4, 0x0009_0200);
    view.setInt32(packet.start + 8, 1);
    view.setUint16(packet.start + 12, 0x0800);
    packet.end = packet.start + length;
    if (!link.transmit(packet)) {
      packet.release();
      break;
    }
    frames += 1;
  }
  link.flush();
  // Frames that are done give their packets back.
  link.receive(packets, batch, 0);
};

const work = mode === "tx" ? send : mode === "fwd" ? forward : receive;
let scheduled = false;
/** As a drive that is told to be adaptive: so many turns without a frame until it sleeps. */
const IDLE_TURNS = 50;
let idle = 0;
const turn = (): void => {
  scheduled = false;
  idle = work() > 0 ? 0 : idle + 1;
  if (idle <= IDLE_TURNS) schedule();
};
const schedule = (): void => {
  if (scheduled) return;
  scheduled = true;
  setImmediate(turn);
};
link.onReadable = () => {
  idle = 0;
  schedule();
};
schedule();
setTimeout(() => {
  const from = performance.now();
  const used = process.cpuUsage();
  const before = frames;
  setTimeout(() => {
    const { user, system } = process.cpuUsage(used);
    console.log(JSON.stringify({ frames: frames - before, seconds: (performance.now() - from) / 1_000, cpu: (user + system) / 1e6 }));
    link.close();
    process.exit(0);
  }, Number(seconds) * 1_000);
}, WARM_MILLISECONDS);
