/** The fuzz targets of ROBUSTNESS: each takes octets, and throws when something is wrong. */
import fc from "fast-check";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { SeqRanges } from "../../src/base/ranges.js";
import { type Seq, seq } from "../../src/base/seq.js";
import { arbitraries } from "../../src/conformance/arbitraries.js";
import { judge } from "../../src/conformance/model/judge.js";
import { packetScript } from "../../src/conformance/model/schedule.js";
import { Witness } from "../../src/conformance/model/witness.js";
import { ScriptError, Unsupported } from "../../src/conformance/script/error.js";
import { parseScript } from "../../src/conformance/script/parser.js";
import { parseDhcp } from "../../src/dhcp/message.js";
import { decodeReply } from "../../src/dns/codec.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { attachProbe } from "../../src/inspect/probes.js";
import { ip } from "../../src/ip/address.js";
import { FramePool } from "../../src/sim/frame-pool.js";
import { MemoryShelf } from "../../src/sim/memory-shelf.js";
import { runWorld } from "../../src/sim/run-world.js";
import { profiles } from "../../src/stack/profile.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { OUR_MAC, OURS, PEER, TestLink } from "../../test/stack/lab.js";
import { Exchange, flagText, octets } from "../../test/tcp/exchange.js";
import { Choices } from "./choices.js";
import { fragmentFrame, type Grammar, icmpMessage, ipFrame, linkFrame, tcpSegment, udpDatagram } from "./frames.js";

export interface Target {
  readonly name: string;
  /** Octets of an input. */
  readonly size: number;
  /** Frames, or whatever it counts, that an input makes at most. */
  readonly weight: number;
  /** Throws when it fails. */
  run(input: Uint8Array): void;
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const FRAMES = 256;
/** Each stack reserves a little of its memory for good: after so many a new one is due. */
const STACKS = 500;
let memory = createMemory({ packets: 128, chunks: 512 });
let uses = 0;

function takeMemory(): void {
  const whole = memory.packets.available === memory.packets.size && memory.chunks.available === memory.chunks.count;
  if (++uses % STACKS === 0 || !whole) memory = createMemory({ packets: 128, chunks: 512 });
  memory.packets.poison = true;
  memory.chunks.poison = true;
}

/** A stack with a listener and an endpoint hears frames of a grammar: I-01, I-03, I-12, I-19. */
function hears(grammar: Grammar): (input: Uint8Array) => void {
  return (input) => {
    const choices = new Choices(input);
    takeMemory();
    const stack = new Stack({ random: new SeededRandom(1), memory, profile: profiles[choices.pick(["linux", "freebsd", "rfc"])]! }, 0);
    const link = new TestLink();
    const device = stack.addDevice(
      link,
      { hardwareAddress: Uint8Array.from(OUR_MAC), addresses: [{ address: ip(OURS), prefixLength: 24 }], claim: "use" },
      0,
    );
    device.arp.neighbors.pin(ip(PEER), 0x0200, 2, 0);
    stack.onApplicationError = (error) => {
      throw error;
    };
    const endpoint = stack.udp.bind({ port: 7_777 }, { onEvents: () => {} });
    stack.tcp.listen(
      { port: 80 },
      {
        onEvents: (listener, events) => {
          if (events & TcpEvent.Acceptable) stack.tcp.accept(listener);
        },
      },
    );
    let now = 0;
    let frames = 0;
    for (; frames < FRAMES && !choices.done; frames++) {
      link.waiting.push({ frame: Uint8Array.from(grammar(choices)), checksum: 0 });
      now += choices.pick([0, 0, 1, 1_000]);
      stack.turn(now);
    }
    check(link.sent.length <= 4 * frames + 64, `${link.sent.length} frames sent for ${frames}`);
    const { frames: counted } = stack;
    stack.udp.close(endpoint);
    stack.close(now);
    check(counted.in === counted.delivered + counted.dropped, `I-19: ${counted.in} in, ${counted.delivered} and ${counted.dropped} out`);
    check(memory.packets.available === memory.packets.size, "I-03: packets are missing");
    check(memory.chunks.available === memory.chunks.count, "I-03: chunks are missing");
  };
}

/** One connection: segments near its numbers, calls and time, with the model beside it. */
function connection(input: Uint8Array): void {
  const c = new Choices(input);
  takeMemory();
  const profile = profiles[c.pick(["linux", "freebsd", "rfc"])]!;
  const x = new Exchange({ memory, profile, irs: c.pick([0, -1, 0x7fff_fff0]), limits: { connections: 8 } });
  const witness = new Witness(x.tcp, profile.tcp);
  x.probe = witness.probe;
  if (c.chance(128)) x.listen({ receiveBuffer: c.pick([2_048, 60_000]) });
  else x.connect({ receiveBuffer: c.pick([2_048, 60_000]) });
  for (let i = 0; i < 60 && !c.done; i++) {
    let [nxt, edge, next, una] = [0, 60_000, 1, 0];
    x.tcp.each((tcb) => {
      x.iss = tcb.iss;
      nxt = tcb.state === 2 ? 0 : (tcb.rcv.nxt - x.irs) | 0;
      edge = (tcb.rcv.adv - x.irs) | 0;
      next = (tcb.snd.nxt - tcb.iss) | 0;
      una = (tcb.snd.una - tcb.iss) | 0;
    });
    switch (c.below(8)) {
      case 0:
        x.turn();
        x.advance(c.pick([1_000, 50_000, 1_000_000, 70_000_000]));
        break;
      case 1:
        try {
          const call = c.below(5);
          if (call === 0) x.tcp.send(x.handle, octets(3_000), 0, 1 + c.below(3_000), x.now);
          else if (call === 1) x.tcp.receive(x.handle, new Uint8Array(5_000), 0, 5_000, x.now);
          else if (call === 2) x.tcp.shutdown(x.handle, x.now);
          else if (call === 3) x.tcp.close(x.handle, x.now);
          else x.tcp.abort(x.handle, x.now);
        } catch (error) {
          if ((error as { code?: string }).code === undefined) throw error;
        }
        break;
      default: {
        const flags = c.pick([".", ".", "P.", "F.", "S", "S.", "R", "R.", flagText(c.octet() & 63)]);
        const sequence = c.pick([nxt, nxt, edge, 0, nxt + 2 ** 30]) + c.pick([0, 0, 0, -1, 1, 500, -500]);
        const syn = flags.includes("S")
          ? { mss: c.pick([0, 536, 1_460]), ...(c.chance(128) ? { windowScale: c.below(16), sackPermitted: true } : {}) }
          : {};
        x.inject(
          {
            flags,
            seq: sequence,
            ack: c.pick([next, next, una, 0, next + 2 ** 30]) + c.pick([0, 0, 1, -1]),
            wnd: c.pick([0, 1, 5_000, 65_535]),
            text: octets(c.pick([0, 0, 1, 10, 1_400]), sequence - (flags.includes("S") ? 0 : 1)),
            ...syn,
          },
          c.chance(100),
        );
      }
    }
    if (c.chance(200)) {
      x.turn();
      witness.settle(x.now);
    }
  }
  x.tcp.closeAll(x.now);
  x.turn();
  check(x.errors.length === 0, String(x.errors[0]));
  check(witness.breaches.length === 0, `${witness.breaches[0]}\n${packetScript(witness.log, witness.log[0]?.connection ?? "")}`);
  check(memory.packets.available === memory.packets.size && memory.chunks.available === memory.chunks.count, "I-03: memory is missing");
}

const shelf = new MemoryShelf();
const pool = new FramePool();
const { world } = arbitraries(fc);

/** Two stacks and a wire that corrupts and forges, with the model beside each. */
function twoStacks(input: Uint8Array): void {
  const c = new Choices(input);
  const [drawn] = fc.sample(world, { numRuns: 1, seed: c.word() });
  const spoil = { corrupt: c.below(64) / 256, corruptBits: 1 };
  const plan = {
    ...drawn!,
    intrusions: c.below(40),
    wires: drawn!.wires.map((wire) => ({ ...wire, forward: { ...wire.forward, ...spoil }, backward: { ...wire.backward, ...spoil } })),
  };
  const breaches: string[] = [];
  let host = 0;
  const result = runWorld(plan, {
    shelf,
    frames: pool,
    attach: (stack) => {
      const policy = profiles[plan.hosts[host++]!.profile]!.tcp;
      attachProbe(stack, new Witness(stack.tcp, { ...policy, onBreach: (text) => breaches.push(text) }).probe);
    },
  });
  check(breaches.length === 0, breaches[0] ?? "");
  check(result.violationCount === 0, JSON.stringify(result.violations[0]));
}

/** Ranges of sequence numbers against a set of numbers. */
function ranges(input: Uint8Array): void {
  const c = new Choices(input);
  const base = c.pick([0, -500, 0x7fff_ff00, c.word() | 0]);
  const limit = c.pick([4, 128]);
  const fast = new SeqRanges(limit);
  const slow = new Set<number>();
  const runs = (): number => [...slow].filter((n) => !slow.has(n - 1)).length;
  while (!c.done) {
    const left = c.below(1_000);
    const right = left + 1 + c.below(200);
    if (c.chance(220)) {
      const added = fast.add(seq(base + left), seq(base + right));
      if (added) for (let n = left; n < right; n++) slow.add(n);
      else check(runs() >= limit, "a range was refused although there was room");
    } else {
      fast.removeBelow(seq(base + left));
      for (const n of [...slow]) if (n < left) slow.delete(n);
    }
    check(
      fast.count === runs() && fast.octets === slow.size,
      `${fast.count} ranges of ${fast.octets}, should be ${runs()} of ${slow.size}`,
    );
    const probe = c.below(1_200);
    check(fast.covers(seq(base + probe), seq(base + probe + 1)) === slow.has(probe), `covers ${probe}`);
    for (let i = 0; i < fast.count; i++) check(slow.has((fast.left(i) - base) | 0), `range ${i} begins at ${(fast.left(i) as Seq) - base}`);
  }
}

/** A capture file: whole blocks, spoiled. */
function captures(input: Uint8Array): void {
  const c = new Choices(input);
  const word = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
  const block = (type: number, body: readonly number[]): number[] => {
    const padded = [...body, ...new Array<number>(-body.length & 3).fill(0)];
    const length = c.chance(20) ? c.word() : padded.length + 12;
    return [...word(type), ...word(length), ...padded, ...word(length)];
  };
  const octetsOut: number[] = [];
  if (c.chance(40))
    octetsOut.push(
      ...c.pick([
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0, 0, 0, 0],
      ] as const),
      ...c.octets(20),
    );
  else octetsOut.push(...block(0x0a0d0d0a, [...word(0x1a2b3c4d), 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]));
  for (let n = 0; n < 30 && !c.done; n++) {
    const frame = c.chance(128) ? tcpSegment(c) : c.octets(c.below(64));
    octetsOut.push(
      ...c.pick([
        () => block(1, [c.pick([1, 101, 113, 276, 0]), 0, 0, 0, 0, 0, 4, 0, ...c.octets(c.below(3) * 4)]),
        () =>
          block(6, [...word(c.below(3)), ...c.octets(8), ...word(frame.length), ...word(c.chance(20) ? c.word() : frame.length), ...frame]),
        () => block(3, [...word(frame.length), ...frame]),
        () => block(c.octet(), c.octets(c.below(40))),
      ])(),
    );
  }
  const { frames, interfaces } = readCapture(Uint8Array.from(octetsOut));
  judge(frames, interfaces);
}

const phrases = [
  "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n",
  "+0 bind(3, ..., ...) = 0\n",
  "+0 listen(3, 1) = 0\n",
  "+0 < S 0:0(0) win 1000 <mss 1460>\n",
  "+0 > S. 0:0(0) ack 1 <...>\n",
  "+.1 < . 1:1(0) ack 1 win 257\n",
  "+0 accept(3, ..., ...) = 4\n",
  "+0 write(4, ..., 1000) = 1000\n",
  "*",
  "~",
  "<",
  ">",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  "%{ assert tcpi_snd_cwnd == 10 }%\n",
  "`ls`",
  '"',
  "\\x",
  "//",
  "/*",
  "*/",
  "...",
  "ack 99999999999",
  "sack 1:2 3:4",
  "TS val 1 ecr 2",
  "icmp unreachable frag_needed mtu 1000 [1:2(1)]",
  "+0...0.2 read(4, ..., 1) = 1\n",
  "--tolerance_usecs=1\n",
  "EAGAIN (x)",
  "0x",
  "-1",
  "1.2.3.4",
] as const;

/** A packet script: phrases of the language in any order, and octets that are none. */
function scripts(input: Uint8Array): void {
  const c = new Choices(input);
  let source = "";
  while (!c.done && source.length < 4_000) source += c.chance(30) ? String.fromCharCode(c.octet()) : c.pick(phrases);
  try {
    parseScript(source, "fuzz.pkt");
  } catch (error) {
    if (!(error instanceof ScriptError) && !(error instanceof Unsupported)) throw error;
  }
}

/** Messages of DHCP and DNS. */
function names(input: Uint8Array): void {
  const c = new Choices(input);
  const header = c.pick([
    [2, 1, 6, 0],
    [1, 1, 6, 0],
  ] as const);
  parseDhcp(Uint8Array.from([...header, ...new Array<number>(232).fill(0), 99, 130, 83, 99, ...c.octets(c.below(80))]));
  parseDhcp(c.rest().slice(0, 300));
  const dns = [c.octet(), c.octet(), 0x81, 0x80, 0, 1, 0, c.below(4), 0, 0, 0, 0, ...input.slice(0, 200)];
  decodeReply(Uint8Array.from(dns));
}

export const targets: readonly Target[] = [
  { name: "ethernet-arp", size: 8_192, weight: FRAMES, run: hears(linkFrame) },
  { name: "ipv4", size: 12_288, weight: FRAMES, run: hears(ipFrame) },
  { name: "reassembly", size: 8_192, weight: FRAMES, run: hears(fragmentFrame) },
  { name: "icmp", size: 12_288, weight: FRAMES, run: hears(icmpMessage) },
  { name: "udp", size: 8_192, weight: FRAMES, run: hears(udpDatagram) },
  { name: "tcp-options", size: 16_384, weight: FRAMES, run: hears(tcpSegment) },
  { name: "connection", size: 600, weight: 60, run: connection },
  { name: "two-stacks", size: 8, weight: 200, run: twoStacks },
  { name: "ranges", size: 400, weight: 80, run: ranges },
  { name: "captures", size: 2_000, weight: 30, run: captures },
  { name: "scripts", size: 300, weight: 1, run: scripts },
  { name: "names", size: 400, weight: 3, run: names },
];
