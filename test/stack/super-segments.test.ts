/** Super-segments: what a link cuts itself is given to it whole, and what it hands over merged is taken as it is. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { ChecksumState } from "../../src/base/packet.js";
import { SeededRandom } from "../../src/base/prng.js";
import { ManualDrive, VirtualClock } from "../../src/drive/manual.js";
import { type IpAddress, ip } from "../../src/ip/address.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { createPair, type PairLink } from "../../src/transport/pair.js";

const A = ip("10.0.0.1");
const B = ip("10.0.0.2");
const OCTETS = 3_000_000;
const textOf = (at: number): number => (at * 31 + (at >> 8)) & 255;

interface Seen {
  readonly length: number;
  readonly gsoSize: number;
  readonly checksum: number;
}

/** A sends to B over a pair that cuts nothing; what left A, and whether B read what was written. */
const transfer = (mtu: number, gso: number, packetSize: number): { frames: Seen[]; whole: boolean } => {
  const clock = new VirtualClock(1_000_000);
  const [linkA, linkB] = createPair({ mtu, gso, checksumOffload: true, queue: 4_096 });
  const frames: Seen[] = [];
  const make = (name: string, address: IpAddress, link: PairLink, seed: number): Stack => {
    const memory = createMemory({ packets: 512, packetSize });
    const stack = new Stack({ name, random: new SeededRandom(seed), memory }, clock.now);
    stack.addDevice(link, { addresses: [{ address, prefixLength: 24 }] }, clock.now);
    new ManualDrive(stack, clock);
    return stack;
  };
  const a = make("a", A, linkA, 1);
  const b = make("b", B, linkB, 2);
  a.probe = {
    frameSent: (_device, packet) => frames.push({ length: packet.end - packet.start, gsoSize: packet.gsoSize, checksum: packet.checksum }),
  };
  let received = 0;
  let whole = true;
  const buffer = new Uint8Array(65_536);
  b.tcp.listen(
    { port: 80 },
    {
      onEvents(listener) {
        b.tcp.attach(b.tcp.accept(listener), {
          onEvents(handle) {
            for (let n = b.tcp.receive(handle, buffer, 0, buffer.length, clock.now); n > 0; ) {
              for (let i = 0; i < n; i++) whole &&= buffer[i] === textOf(received + i);
              received += n;
              n = b.tcp.receive(handle, buffer, 0, buffer.length, clock.now);
            }
          },
        });
      },
    },
  );
  const text = Uint8Array.from({ length: OCTETS }, (_, i) => textOf(i));
  let sent = 0;
  a.tcp.connect(
    { remote: B, remotePort: 80 },
    {
      onEvents(handle, events) {
        if (!(events & (TcpEvent.Established | TcpEvent.Writable))) return;
        for (let n = 1; n > 0 && sent < OCTETS; sent += n) n = a.tcp.send(handle, text, sent, OCTETS - sent, clock.now);
      },
    },
    clock.now,
  );
  clock.settle();
  return { frames, whole: whole && received === OCTETS };
};

describe("a link that cuts", () => {
  for (const mtu of [576, 1_500, 9_000])
    for (const packetSize of [2_048, 65_600]) {
      if (mtu > packetSize) continue;
      test(`MTU ${mtu}, packets of ${packetSize}: full segments go together, each told its size, and arrive whole`, () => {
        // The far end's packets must hold what comes.
        const { frames, whole } = transfer(mtu, packetSize === 2_048 ? 2_000 : 65_515, packetSize);
        expect(whole).toBe(true);
        const large = frames.filter(({ gsoSize }) => gsoSize > 0);
        if (packetSize > 2_048 || mtu === 576) expect(large.length).toBeGreaterThan(0);
        for (const { length, gsoSize, checksum } of large) {
          expect(gsoSize).toBe(mtu - 52);
          expect((length - 66) % gsoSize).toBe(0);
          expect(checksum).toBe(ChecksumState.Partial);
        }
        for (const { length, gsoSize } of frames) if (gsoSize === 0) expect(length).toBeLessThanOrEqual(mtu + 14);
      });
    }

  test("a link that does not cut is given segments", () => {
    const { frames, whole } = transfer(1_500, 0, 2_048);
    expect(whole).toBe(true);
    expect(Math.max(...frames.map(({ length }) => length))).toBe(1_514);
  });
});
