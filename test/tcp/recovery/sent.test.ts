/** The records of what was sent, against a reference that keeps every octet. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Seq, seq, seqAdd, seqDiff } from "../../../src/base/seq.js";
import { AckEvent } from "../../../src/tcp/recovery/recovery.js";
import { Mark, MOST_RECORDS, SentRecords } from "../../../src/tcp/recovery/sent.js";
import { SentPool } from "../../../src/tcp/recovery/sent-pool.js";

const MSS = 10;

/** A connection's side, in numbers relative to its first octet, and the same octet by octet. */
class Flight {
  readonly sent = new SentRecords(new SentPool());
  readonly ack = new AckEvent();
  readonly iss: Seq;
  now = 1_000;
  una = 0;
  nxt = 0;
  /** Of each octet: its first transmission counts 1; when it was last sent; whether a SACK block has covered it. */
  readonly times: number[] = [];
  readonly lastSent: number[] = [];
  readonly covered: boolean[] = [];
  /** Records as they were sent: of what was cut later a piece may have arrived before it was one. */
  readonly whole = new Set<string>();
  /** Octets that were delivered, as the records say. */
  delivered = 0;

  constructor(iss = 0x7fff_ff00) {
    this.iss = seq(iss);
    this.sent.begin(this.iss);
  }

  at(n: number): Seq {
    return seqAdd(this.iss, n);
  }

  send(length: number): void {
    this.now += 1;
    this.sent.append(this.at(this.nxt), this.at(this.nxt + length), this.now);
    for (let i = 0; i < length; i++) {
      this.times[this.nxt + i] = 1;
      this.lastSent[this.nxt + i] = this.now;
      this.covered[this.nxt + i] = false;
    }
    this.whole.add(`${this.nxt} ${this.nxt + length}`);
    this.nxt += length;
  }

  again(from: number, to: number): void {
    this.now += 1;
    this.sent.again(this.at(from), this.at(to), false, this.now);
    for (const r of this.records())
      if (r.from >= from && r.to <= to && (r.marks & Mark.Sacked) === 0)
        for (let i = r.from; i < r.to; i++) {
          this.times[i]! += 1;
          this.lastSent[i] = this.now;
        }
  }

  take(una: number, blocks: readonly (readonly [number, number])[] = []): AckEvent {
    this.now += 1;
    const { ack } = this;
    ack.una = this.at(una);
    ack.nxt = this.at(this.nxt);
    ack.mss = MSS;
    ack.sackCount = blocks.length;
    ack.sack = Int32Array.from(blocks.flatMap(([l, r]) => [this.at(l), this.at(r)]));
    ack.point = this.at(-1);
    this.sent.update(ack, this.now);
    this.una = una;
    this.delivered += ack.delivered;
    return ack;
  }

  records(): { from: number; to: number; marks: number; sentAt: number }[] {
    return Array.from({ length: this.sent.count }, (_, i) => ({
      from: seqDiff(this.sent.start(i), this.iss),
      to: seqDiff(this.sent.end(i), this.iss),
      marks: this.sent.marks(i),
      sentAt: this.sent.sentAt(i),
    }));
  }

  /** What must hold whatever has happened. */
  check(): void {
    const { sent } = this;
    const records = this.records();
    const total = (mark: number): number => records.reduce((sum, r) => sum + (r.marks & mark ? r.to - r.from : 0), 0);
    let at = this.una;
    for (const r of records) {
      expect(r.from).toBe(at);
      expect(r.to).toBeGreaterThan(r.from);
      at = r.to;
      const octets = Array.from({ length: r.to - r.from }, (_, i) => r.from + i);
      if (r.marks & Mark.Sacked) expect(octets.every((i) => this.covered[i])).toBe(true);
      else if (octets.length <= MSS && this.whole.has(`${r.from} ${r.to}`)) expect(octets.every((i) => this.covered[i])).toBe(false);
      expect(new Set(octets.map((i) => this.lastSent[i]))).toEqual(new Set([r.sentAt]));
      expect((r.marks & Mark.Retransmitted) !== 0).toBe(this.times[r.from]! > 1);
      expect((r.marks & Mark.Repeated) !== 0).toBe(this.times[r.from]! > 2);
    }
    expect(at).toBe(this.nxt);
    expect([sent.sacked, sent.lost, sent.twice]).toEqual([total(Mark.Sacked), total(Mark.Lost), total(Mark.Twice)]);
    expect(sent.sackedRecords).toBe(records.filter((r) => r.marks & Mark.Sacked).length);
    expect(sent.pipe).toBe(this.nxt - this.una - sent.sacked - sent.lost + sent.twice);
    expect(sent.firstLost()).toBe(
      records.findIndex((r) => r.marks & Mark.Lost) === -1 ? records.length : records.findIndex((r) => r.marks & Mark.Lost),
    );
    const covered = this.covered.slice(this.una, this.nxt).filter(Boolean).length;
    expect(sent.ranges.octets).toBe(covered);
    for (const r of records) expect(sent.find(this.at(r.from))).toBe(records.indexOf(r));
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("send" as const), length: fc.integer({ min: 1, max: 45 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("ack" as const),
      una: fc.double({ min: 0, max: 0.5, noNaN: true }),
      blocks: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 60 })), { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("again" as const), from: fc.nat(), length: fc.integer({ min: 1, max: 25 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("lose" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("forgetSacks" as const, "forgetLosses" as const) }) },
);

describe("RFC 6675 s3, s4 Update(): the scoreboard", () => {
  test("s4: against a reference octet by octet: records, marks, octets in the network, order of transmission (6675-01, 6675-03, 6675-08)", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0x7fff_ff00, -200, 5), (steps, iss) => {
        const f = new Flight(iss);
        for (const s of steps) {
          const size = f.nxt - f.una;
          if (s.kind === "send") f.send(s.length);
          else if (s.kind === "ack") {
            const una = f.una + Math.floor(s.una * size);
            const blocks = s.blocks
              .map(([place, length]): [number, number] => {
                const left = una + 1 + Math.floor(place * (f.nxt - una));
                return [left, Math.min(f.nxt, left + length)];
              })
              .filter(([l, r]) => l < r);
            // The first inside the second would be a report of a duplicate.
            while (blocks.length > 1 && blocks[0]![0] >= blocks[1]![0] && blocks[0]![1] <= blocks[1]![1]) blocks.shift();
            const before = f.covered.slice(una, f.nxt).filter(Boolean).length;
            for (const [l, r] of blocks) f.covered.fill(true, l, r);
            const news = f.covered.slice(una, f.nxt).filter(Boolean).length - before;
            const gone = f
              .records()
              .filter((r) => !(r.marks & Mark.Sacked))
              .reduce((sum, r) => sum + Math.max(0, Math.min(r.to, una) - r.from), 0);
            const sacked =
              f.sent.sacked -
              f
                .records()
                .filter((r) => r.marks & Mark.Sacked)
                .reduce((sum, r) => sum + Math.max(0, Math.min(r.to, una) - r.from), 0);
            const ack = f.take(una, blocks);
            expect(ack.news).toBe(news);
            expect(ack.delivered).toBe(gone + f.sent.sacked - sacked);
          } else if (s.kind === "again") {
            if (size === 0) continue;
            const from = f.una + (s.from % size);
            f.again(from, Math.min(f.nxt, from + s.length));
          } else if (s.kind === "lose") {
            if (f.sent.count === 0) continue;
            const before = f.sent.lostTotal;
            const octets = f.sent.markLost(s.which % f.sent.count);
            expect(f.sent.lostTotal - before).toBe(octets);
          } else {
            f.sent[s.kind]();
            if (s.kind === "forgetSacks") f.covered.fill(false);
          }
          f.check();
        }
        // RFC 8985 s6.2 step 5: of what is in the network, all that was sent before the edge and long enough ago.
        const edge = f
          .records()
          .filter((r) => !(r.marks & (Mark.Sacked | Mark.Lost)))
          .at(-1);
        if (edge === undefined) return;
        f.sent.advanceEdge(edge.sentAt, f.at(edge.from));
        const limit = f.now - 6;
        const suspects = f
          .records()
          .filter(
            (r) => !(r.marks & (Mark.Sacked | Mark.Lost)) && (r.sentAt < edge.sentAt || (r.sentAt === edge.sentAt && r.to <= edge.from)),
          );
        const lost = suspects.filter((r) => r.sentAt <= limit);
        expect(f.sent.loseSentUntil(limit)).toBe(lost.reduce((sum, r) => sum + r.to - r.from, 0));
        const left = suspects.filter((r) => r.sentAt > limit).map((r) => r.sentAt);
        expect(f.sent.suspectSentAt).toBe(left.length === 0 ? -1 : Math.max(...left));
        f.check();
      }),
      { numRuns: 500 },
    );
  });

  test("s4: a record counts as arrived when all of it is covered, by however many blocks", () => {
    const f = new Flight();
    f.send(MSS);
    f.send(MSS);
    expect(f.take(0, [[12, 20]]).delivered).toBe(0);
    expect(f.take(0, [[10, 12]]).delivered).toBe(MSS);
  });

  test("s4: of a record of many segments the whole segments that arrived are told apart", () => {
    const f = new Flight();
    f.send(100);
    expect(f.take(0, [[25, 67]]).delivered).toBe(30);
    expect(f.records().map((r) => [r.from, r.to, r.marks])).toEqual([
      [0, 30, 0],
      [30, 60, Mark.Sacked],
      [60, 100, 0],
    ]);
    expect(f.take(0, [[60, 100]]).delivered).toBe(40);
  });

  test("s4: an ACK inside a record leaves the rest of it", () => {
    const f = new Flight();
    f.send(100);
    expect(f.take(33).delivered).toBe(33);
    expect(f.records().map((r) => [r.from, r.to])).toEqual([[33, 100]]);
    expect(f.sent.pipe).toBe(67);
  });

  test("RFC 8985 s6.2 step 3: an original that arrives behind a later one was reordered; one that was sent again proves nothing", () => {
    const f = new Flight();
    for (let i = 0; i < 4; i++) f.send(MSS);
    expect(f.take(0, [[20, 30]]).reordered).toBe(false);
    expect(f.take(0, [[10, 30]]).reordered).toBe(true);
    f.again(0, 10);
    expect(f.take(30).reordered).toBe(false);
    expect(f.take(40).reordered).toBe(false);
  });

  test("RFC 2018 s4: blocks of one ACK are no reordering, in whatever order it names them", () => {
    for (const order of [
      [7, 1, 4],
      [5, 3, 8],
      [7, 5, 3],
      [3, 1, 5],
      [5, 1, 3],
    ]) {
      const f = new Flight();
      for (let i = 0; i < 9; i++) f.send(MSS);
      const blocks = order.map((n): [number, number] => [n * MSS, (n + 1) * MSS]);
      expect([order, f.take(0, blocks).reordered, f.sent.sacked]).toEqual([order, false, 30]);
    }
  });
});

describe("RFC 8985 s6.2 step 2: the most recently sent that was delivered", () => {
  test("step 2: by time, then by sequence", () => {
    const f = new Flight();
    for (let i = 0; i < 4; i++) f.send(MSS);
    f.sent.markLost(0);
    f.again(0, 10);
    const sentAgainAt = f.now;
    const ack = f.take(20);
    expect([ack.rackAt, seqDiff(ack.rackEnd, f.iss)]).toEqual([sentAgainAt, 10]);
    expect(f.ack.newest.sentAt).toBe(sentAgainAt);
  });

  test("step 2: a retransmission sent less than the least round trip ago proves nothing", () => {
    const f = new Flight();
    f.send(MSS);
    f.again(0, 10);
    f.ack.minRtt = 50;
    expect(f.take(10).rackAt).toBe(-1);
  });

  test("step 2: nor does one that the echoed timestamp is older than", () => {
    const f = new Flight();
    f.send(MSS);
    f.now += 5_000;
    f.again(0, 10);
    f.ack.stamped = true;
    f.ack.tick = 1_000;
    f.ack.echo = Math.floor(f.now / 1_000) - 1;
    expect(f.take(10).rackAt).toBe(-1);
  });
});

describe("what a delivery-rate sampler reads", () => {
  test("columns are those of the last transmission; an empty flight begins anew (8985-02)", () => {
    const f = new Flight();
    f.send(MSS);
    const began = f.now;
    f.send(MSS);
    f.take(10);
    expect(f.ack.newest).toMatchObject({
      delivered: 0,
      deliveredAt: began,
      firstSentAt: began,
      inFlight: 10,
      appLimited: false,
    });
    f.sent.appLimitedUntil = f.sent.delivered + f.sent.pipe;
    f.send(MSS);
    f.take(20);
    expect([f.ack.newest.inFlight, f.ack.newest.appLimited]).toEqual([20, false]);
    f.take(30);
    expect(f.ack.newest).toMatchObject({ delivered: 10, firstSentAt: began, appLimited: true });
    expect([f.sent.delivered, f.sent.appLimitedUntil]).toEqual([30, 0]);
    f.send(MSS);
    const again = f.now;
    f.take(40);
    expect(f.ack.newest).toMatchObject({ delivered: 30, deliveredAt: again, firstSentAt: again, appLimited: false });
  });

  test("what is lost is counted each time", () => {
    const f = new Flight();
    for (let i = 0; i < 3; i++) f.send(MSS);
    f.sent.markLost(1);
    expect(f.sent.lostTotal).toBe(10);
    f.again(10, 20);
    f.sent.markLost(1);
    expect([f.sent.lostTotal, f.sent.lostAgain]).toEqual([20, 10]);
  });
});

describe("bounds", () => {
  test("S-121: no more than 1 024 holes are remembered", () => {
    const f = new Flight();
    for (let i = 0; i < 3_000; i++) f.send(MSS);
    for (let i = 1; i < 2_999; i += 2) f.take(0, [[i * MSS, (i + 1) * MSS]]);
    expect(f.sent.ranges.count).toBe(1_024);
    expect(f.sent.sackedRecords).toBe(1_024);
    expect(f.take(0, [[MSS, 2_999 * MSS]]).delivered).toBe((2_998 - 1_024) * MSS);
  });

  test("S-120: a million segments in flight are held in bounds, and acknowledged in one go", () => {
    const f = new Flight();
    const { sent } = f;
    let n = 0;
    while (!sent.full && n < 1_000_000) {
      sent.append(f.at(n), f.at(n + 1), 1);
      n += 1;
    }
    f.nxt = n;
    expect(n).toBe(MOST_RECORDS);
    expect(f.take(n).delivered).toBe(n);
    expect([sent.count, sent.pipe]).toEqual([0, 0]);
  });

  test("memory goes back to the pool when nothing is in flight", () => {
    const pool = new SentPool();
    const sent = new SentRecords(pool);
    sent.begin(seq(0));
    for (let i = 0; i < 100; i++) sent.append(seq(i), seq(i + 1), 1);
    const store = pool.take(128);
    sent.release();
    expect(pool.take(128)).not.toBe(store);
    expect([sent.count, sent.pipe, sent.find(seq(0))]).toEqual([0, 0, 0]);
  });
});
