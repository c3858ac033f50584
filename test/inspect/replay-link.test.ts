import { describe, expect, test } from "vitest";
import type { CaptureContents, CapturedFrame } from "../../src/inspect/capture-reader.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { Direction } from "../../src/inspect/pcapng.js";
import { ReplayLink, type ReplayOptions } from "../../src/inspect/replay-link.js";
import { type IpAddress, ip } from "../../src/ip/address.js";
import { DatagramEvent } from "../../src/ip/application.js";
import { World } from "../../src/sim/world.js";
import { Stack } from "../../src/stack/stack.js";
import { ipFrame } from "./frames.js";

const HOST = ip("10.0.0.2");
const PEER = ip("10.0.0.1");
const SECOND = 1_000_000_000n;

/** A UDP datagram without a checksum, from PEER to `to` at port 9. */
const datagram = (to: IpAddress, text: number[]): Uint8Array =>
  ipFrame(PEER, to, 17, Uint8Array.from([0, 7, 0, 9, 0, 8 + text.length, 0, 0, ...text]));
const captured = (at: bigint, octets: Uint8Array, more: Partial<CapturedFrame> = {}): CapturedFrame => ({
  ...{ interfaceId: 0, at, octets, length: octets.length, direction: Direction.Inbound, cast: -1, comment: null, id: null },
  ...more,
});
const capture = (frames: CapturedFrame[], linkType = 1): CaptureContents => ({
  frames,
  interfaces: [
    { name: "eth0", linkType, snapLength: 0 },
    { name: "eth1", linkType, snapLength: 0 },
  ],
  names: [],
  problem: null,
});

/** What a stack with the address HOST hears at port 9, and when, in virtual microseconds from the beginning. */
const hear = (contents: CaptureContents, options: ReplayOptions = {}): { heard: [number, number[]][]; link: ReplayLink; ended: number } => {
  const world = new World(1, { origin: 5_000_000 });
  const stack = new Stack({ random: world.random.fork() }, world.now);
  const host = world.addHost("h", stack);
  const link = new ReplayLink(contents, world, options);
  let ended = -1;
  link.onEnd = () => {
    ended = world.now - 5_000_000;
  };
  link.onReadable = () => world.wake(host);
  stack.addDevice(link, { addresses: [{ address: HOST, prefixLength: 24 }] }, world.now);
  const heard: [number, number[]][] = [];
  const target = new Uint8Array(64);
  const endpoint = stack.udp.bind(
    { port: 9 },
    {
      onEvents(_handle, events) {
        if (!(events & DatagramEvent.Readable)) return;
        for (let n = stack.udp.receive(endpoint, target, 0, 64); n >= 0; n = stack.udp.receive(endpoint, target, 0, 64))
          heard.push([world.now - 5_000_000, [...target.subarray(0, n)]]);
      },
    },
  );
  world.run(10_000_000);
  return { heard, link, ended };
};

describe("replay", () => {
  const frames = [
    captured(7n * SECOND, datagram(HOST, [1])),
    captured(7n * SECOND + 400n, datagram(HOST, [2])),
    captured(7n * SECOND + 1_500_000n, datagram(HOST, [3])),
  ];

  test("a stack hears what the host heard, when it heard it", () => {
    const { heard, ended, link } = hear(capture(frames), { host: HOST });
    expect(heard).toEqual([
      [0, [1]],
      [0, [2]],
      [1_500, [3]],
    ]);
    expect(ended).toBe(1_500);
    expect(link.counters).toEqual({ replayed: 3, others: 0, cut: 0, refused: 0, sent: link.counters.sent });
  });

  test("faster, or slower", () => {
    expect(hear(capture(frames), { host: HOST, speed: 3 }).heard.map(([at]) => at)).toEqual([0, 0, 500]);
    expect(hear(capture(frames), { host: HOST, speed: 0.5 }).heard.map(([at]) => at)).toEqual([0, 0, 3_000]);
  });

  test("frames to others, of other interfaces and cut ones are left out, and counted", () => {
    const other = datagram(HOST, [9]);
    other.set([2, 9, 9, 9, 9, 9]);
    const { heard, link } = hear(
      capture([
        captured(1n, datagram(HOST, [1])),
        captured(2n, other),
        captured(3n, datagram(HOST, [8]).subarray(0, 40), { length: 60 }),
        captured(4n, datagram(HOST, [7]), { interfaceId: 1 }),
      ]),
      { host: HOST },
    );
    expect(heard.map(([, text]) => text)).toEqual([[1]]);
    expect(link.counters).toMatchObject({ replayed: 1, others: 1, cut: 1 });
  });

  test("raw IP has no hardware addresses", () => {
    const bare = captured(1n, datagram(HOST, [4]).slice(14));
    expect(hear(capture([bare], 101)).heard).toEqual([[0, [4]]]);
  });

  test.each([
    [[], {}, 1, /a capture without frames/],
    [frames, { host: ip("10.9.9.9") }, 1, /10\.9\.9\.9.*no packet of the capture goes there/],
    [frames, { speed: 0 }, 1, /speed 0/],
    [frames, {}, 105, /link type 105/],
  ])("what cannot be replayed is refused with the reason (%#)", (of, options, linkType, message) => {
    expect(() => new ReplayLink(capture(of, linkType), new World(1), options)).toThrow(message);
  });

  test("an empty file is a problem of its own", () => {
    expect(() => new ReplayLink(readCapture(new Uint8Array(3)), new World(1))).toThrow(/without frames/);
  });
});
