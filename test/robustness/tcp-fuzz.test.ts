/** One stack against a peer that sends what it likes, an application that calls what it likes, and time that jumps: grammar-based noise with
 *  checksums in order, near the windows, where it hurts. Invariants I-01, I-03, I-05, I-06, I-11, I-12, I-14, I-18 of the robustness plan. */
import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { IcmpError } from "../../src/ip/icmp/error.js";
import { profiles } from "../../src/stack/profile.js";
import { Exchange, flagText, type Injection, octets } from "../tcp/exchange.js";
import { quote } from "../tcp/quote.js";

const STEPS = 120;
const memory = createMemory({ packets: 128, chunks: 512, chunkSize: 4_096 });

const legal = new Set(
  `CLOSED>SYN-SENT CLOSED>SYN-RECEIVED SYN-SENT>SYN-RECEIVED SYN-SENT>ESTABLISHED SYN-RECEIVED>ESTABLISHED ESTABLISHED>FIN-WAIT-1
   ESTABLISHED>CLOSE-WAIT FIN-WAIT-1>FIN-WAIT-2 FIN-WAIT-1>CLOSING FIN-WAIT-2>TIME-WAIT CLOSING>TIME-WAIT CLOSE-WAIT>LAST-ACK`.split(/\s+/),
);

class Storm {
  readonly random: SeededRandom;
  readonly x: Exchange;
  readonly handles = new Set<number>();
  readonly closed = new Map<number, number>();
  log: string[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const names = Object.keys(profiles);
    const irs = this.pick([0, -1, 0x7fff_ffff, this.random.int32()]);
    this.x = new Exchange({
      memory,
      seed,
      irs: irs - this.below(3_000),
      profile: profiles[this.pick(names)]!,
      limits: { connections: 6, synQueue: 2, outOfOrderRanges: 8 },
    });
    this.x.onEvents = (handle, events) => {
      this.handles.add(this.x.handle);
      if (events & 16) this.closed.set(handle, (this.closed.get(handle) ?? 0) + 1);
      if (this.below(20) === 0) this.call();
    };
  }
  below(n: number): number {
    return this.random.below(n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  /** Near one of the numbers that matter. */
  near(edges: readonly number[]): number {
    return this.pick(edges) + this.pick([0, 0, 0, -1, 1, 2, -5, 7, 1_000, -1_000]);
  }

  frame(): void {
    const { x } = this;
    let nxt = 1;
    let una = 1;
    let theirs = 1;
    let edge = 60_000;
    const port = this.pick([5_000, 5_000, 5_000, 5_001]);
    x.tcp.each((tcb) => {
      if (tcb.remotePort !== port || this.below(8) === 0) return;
      x.iss = tcb.iss;
      nxt = (tcb.snd.nxt - tcb.iss) | 0;
      una = (tcb.snd.una - tcb.iss) | 0;
      theirs = (tcb.rcv.nxt - x.irs) | 0;
      edge = (tcb.rcv.adv - x.irs) | 0;
    });
    const segment: Injection = {
      flags: this.below(4) === 0 ? flagText(this.below(64)) : this.pick([".", ".", "P.", "F.", "FP.", "S", "S.", "R", "R.", "U."]),
      seq: this.below(2) ? theirs : this.near([theirs, theirs, 0, edge, theirs + 500]),
      ack: this.below(2) ? nxt : this.near([nxt, una, 1, 0, 2 ** 31]),
      wnd: this.pick([0, 1, 500, 5_000, 65_535]),
      text: this.pick([0, 0, 1, 10, 500, 1_400]),
      port,
      up: this.pick([0, 0, 1, 65_535]),
    };
    // A SYN takes a number before its text.
    segment.text = octets(segment.text as number, segment.seq! - (segment.flags!.includes("S") ? 0 : 1));
    if (this.below(3) === 0) segment.ts = [this.pick([1, 2, this.random.int32(), Math.floor(x.now / 1_000)]), this.random.int32()];
    if (this.below(4) === 0) segment.sack = [this.near([una, nxt]), this.near([nxt, una]), this.near([una]), this.near([nxt])];
    if (segment.flags!.includes("S"))
      Object.assign(segment, {
        mss: this.pick([0, 1, 48, 536, 1_460, 65_535]),
        windowScale: this.pick([-1, 0, 7, 14]),
        sackPermitted: this.below(2) === 0,
      });
    if (segment.windowScale === -1) delete segment.windowScale;
    this.log.push(`frame ${JSON.stringify({ ...segment, text: (segment.text as Uint8Array).length })}`);
    x.inject(segment, this.below(3) === 0);
  }

  call(): void {
    const { x } = this;
    const handle = this.pick([x.handle, ...this.handles]);
    const action = this.below(14);
    this.log.push(`call ${action} ${handle}`);
    try {
      switch (action) {
        case 0:
          x.handle = x.tcp.connect(
            {
              remote: 0x0a00_0002 as never,
              remotePort: this.pick([5_000, 5_001]),
              localPort: 80,
              userTimeout: this.pick([0, 0, 3_000_000]),
              linger: this.pick([-1, 0, 1_000_000]),
            },
            x.application,
            x.now,
          );
          this.handles.add(x.handle);
          break;
        case 1:
          x.listener = x.tcp.listen({ port: 80, backlog: 1 + this.below(2), receiveBuffer: this.pick([2_048, 30_000]) }, x.application);
          break;
        case 2:
        case 3:
        case 4:
          x.tcp.send(handle, new Uint8Array(5_000), 0, this.below(5_000), x.now);
          break;
        case 5:
        case 6:
          this.read(handle);
          break;
        case 7:
          x.tcp.shutdown(handle, x.now);
          break;
        case 8:
          x.tcp.close(this.pick([handle, handle, x.listener]), x.now);
          break;
        case 9:
          x.tcp.abort(handle, x.now);
          break;
        case 10:
          x.tcp.configure(
            handle,
            {
              keepAlive: this.pick([0, 1_000_000]),
              keepAliveInterval: 500_000,
              noDelay: this.below(2) === 0,
              receiveBuffer: this.pick([2_048, 60_000]),
              userTimeout: this.pick([0, 2_000_000]),
            },
            x.now,
          );
          break;
        case 11:
          x.tcp.markUrgent(handle);
          break;
        case 12:
          x.tcp.urgentAhead(handle);
          x.tcp.showAll(x.now);
          break;
        default:
          if (x.tcp.lend(handle)) x.tcp.consume(handle, this.below(x.tcp.lentLength + 1), x.now);
      }
    } catch (error) {
      if ((error as { code?: string }).code === undefined || (error as Error).name === "AssertionError") throw error;
      // Only what the API documents.
      expect((error as { code?: string }).code).toMatch(/^(EBADF|EINVAL|EADDRINUSE|EADDRNOTAVAIL|ENOBUFS|ENOTCONN)$/);
    }
  }

  /** What the peer sends under a number is always the same octet, so what is read must be that, and in order (I-04). */
  read(handle: number): void {
    const { x } = this;
    const target = new Uint8Array(3_000);
    let head = Number.NaN;
    x.tcp.stateOf(handle); // thaws it
    x.tcp.each((tcb) => {
      const { rcv } = tcb;
      const end = rcv.finSeen && ((rcv.nxt - rcv.fin) | 0) > 0 ? rcv.fin : rcv.nxt;
      if (tcb.handle === handle) head = (end - tcb.receiveQueue.length - x.irs) | 0;
    });
    const length = x.tcp.receive(handle, target, 0, this.below(3_000), x.now);
    if (length > 0) expect(Buffer.compare(target.subarray(0, length), octets(length, head - 1))).toBe(0);
  }

  judge(): void {
    const { x } = this;
    expect(x.errors).toEqual([]);
    for (const transition of x.transitions.splice(0)) if (!transition.endsWith(">CLOSED")) expect(legal).toContain(transition);
    x.tcp.each((tcb) => {
      const { snd, rcv } = tcb;
      if (tcb.state === 0) return;
      const flight = (snd.nxt - snd.una) | 0;
      expect(flight).toBeGreaterThanOrEqual(0);
      expect(flight).toBeLessThanOrEqual(tcb.sendQueue.length + 2);
      if (tcb.state >= 3) expect((rcv.adv - rcv.nxt) | 0).toBeGreaterThanOrEqual(0);
      if (tcb.state >= 4) expect(tcb.cc.window()).toBeGreaterThanOrEqual(snd.mss);
      expect(tcb.rto).toBeGreaterThanOrEqual(200_000);
      // Something outstanding is never forgotten.
      if (flight > 0) expect(Math.min(tcb.rexmitAt, tcb.swsAt, tcb.ackAt)).toBeLessThan(Number.POSITIVE_INFINITY);
    });
    for (const [, times] of this.closed) expect(times).toBe(1);
    x.out.length = 0;
    x.events.length = 0;
  }

  run(): void {
    const { x } = this;
    const chunks = memory.chunks.available;
    const packets = memory.packets.available;
    if (this.below(2)) x.listen({ receiveBuffer: this.pick([2_048, 50_000]) });
    else x.connect();
    this.handles.add(x.handle);
    for (let i = 0; i < STEPS; i++) {
      const what = this.below(10);
      if (what < 5) this.frame();
      else if (what < 8) this.call();
      else if (what < 9) {
        const wait = this.pick([1, 1_000, 50_000, 1_000_000, 10_000_000]);
        this.log.push(`wait ${wait}`);
        x.advance(wait);
      } else {
        quote(x, this.pick(Object.values(IcmpError)), {
          seq: this.below(3),
          mtu: this.pick([0, 68, 552, 1_400]),
          port: this.pick([5_000, 5_001]),
        });
      }
      x.turn();
      this.judge();
    }
    // The peer falls silent: so do we, in bounded time, with bounded output (I-11, I-15, I-18).
    for (const handle of this.handles) {
      try {
        x.tcp.close(handle, x.now);
      } catch {
        // closed before
      }
    }
    x.turn();
    x.out.length = 0;
    x.advance(7_200_000_000);
    expect(x.out.length).toBeLessThan(400);
    x.tcp.closeAll(x.now);
    x.turn();
    this.judge();
    expect(x.tcp.summary()).toMatchObject({ slots: 0, live: 0, frozen: 0, timeWait: 0 });
    expect(x.tcp.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    expect(memory.chunks.available).toBe(chunks);
    expect(memory.packets.available).toBe(packets);
  }
}

describe("noise", () => {
  test.each([0, 1, 2, 3])("S-074: fifty storms from seed %i thousand on", (thousand) => {
    for (let seed = thousand * 1_000; seed < thousand * 1_000 + 50; seed++) {
      const storm = new Storm(seed);
      try {
        storm.run();
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}\n${(error as Error).stack}\n${storm.log.slice(-12).join("\n")}`);
      }
    }
  });
});
