import { describe, expect, test } from "vitest";
import { type Seq, seq, seqAdd, seqDiff } from "../../../src/base/seq.js";
import { linux } from "../../../src/stack/profile.js";
import { recoveries } from "../../../src/tcp/recovery/index.js";
import { NewRenoRecovery } from "../../../src/tcp/recovery/newreno.js";
import { AckEvent, Outcome, Phase } from "../../../src/tcp/recovery/recovery.js";
import { SentRecords } from "../../../src/tcp/recovery/sent.js";
import { SentPool } from "../../../src/tcp/recovery/sent-pool.js";

const MSS = 1_000;

/** A sender's side of recovery: numbers relative to the first octet, segments of one MSS. ISS lies where the numbers wrap. */
class Side {
  readonly sent = new SentRecords(new SentPool());
  readonly recovery = new NewRenoRecovery(this.sent, { ...linux.tcp, frto: false, proportionalWithoutSack: false });
  readonly iss: Seq;
  una: Seq;
  nxt: Seq;

  constructor(iss = 0x7fff_f000) {
    this.iss = seq(iss);
    this.una = this.nxt = seqAdd(this.iss, 1);
    this.recovery.begin(this.iss);
  }

  send(segments: number): this {
    for (let i = 0; i < segments; i++) {
      const from = this.nxt;
      this.nxt = seqAdd(from, MSS);
      this.recovery.onSent(from, this.nxt, false, 0);
    }
    return this;
  }

  #event(acked: number, duplicate: boolean): AckEvent {
    return Object.assign(new AckEvent(), { una: this.una, nxt: this.nxt, acked, duplicate, mss: MSS });
  }

  duplicate(times = 1): number {
    let outcome = 0;
    for (let i = 0; i < times; i++) outcome = this.recovery.onAck(this.#event(0, true));
    return outcome;
  }

  ack(octets: number): number {
    this.una = seqAdd(this.una, octets);
    return this.recovery.onAck(this.#event(octets, false));
  }

  timeout(): void {
    this.recovery.onTimeout(this.una, this.nxt);
  }

  /** What is to be sent again now, relative to SND.UNA; null: nothing. Sends one segment of it. */
  again(): [number, number] | null {
    if (!this.recovery.next(this.una, this.nxt, MSS, false)) return null;
    const from = this.recovery.from;
    const length = Math.min(MSS, seqDiff(this.recovery.to, from));
    this.recovery.onSent(from, seqAdd(from, length), true, 0);
    return [seqDiff(from, this.una), length];
  }

  get pipe(): number {
    return this.recovery.pipe(this.una, this.nxt);
  }
}

describe("RFC 5681 s3.2, RFC 3042", () => {
  test("s3.2: two duplicates release two segments and nothing more (3042-01, 5681-18)", () => {
    const s = new Side().send(10);
    expect(s.duplicate()).toBe(Outcome.None);
    expect(s.pipe).toBe(9 * MSS);
    s.send(1);
    expect(s.duplicate()).toBe(Outcome.None);
    expect(s.pipe).toBe(9 * MSS);
    expect(s.again()).toBeNull();
    expect(s.recovery.phase).toBe(Phase.Open);
  });

  test("s3.2: the third duplicate sends SND.UNA again, exempt from cwnd, once (5681-17, 5681-22)", () => {
    const s = new Side().send(10);
    expect(s.duplicate(3)).toBe(Outcome.Entered);
    expect(s.recovery.next(s.una, s.nxt, MSS, false)).toBe(true);
    expect(s.recovery.exempt).toBe(true);
    expect(s.again()).toEqual([0, MSS]);
    expect(s.again()).toBeNull();
    expect(s.pipe).toBe(7 * MSS); // cwnd = ssthresh + 3*SMSS
  });

  test("s3.2: an ACK in between starts the count anew", () => {
    const s = new Side().send(10);
    s.duplicate(2);
    s.ack(MSS);
    expect(s.pipe).toBe(9 * MSS);
    expect(s.duplicate(2)).toBe(Outcome.None);
    expect(s.duplicate()).toBe(Outcome.Entered);
  });

  test("s3.2: each further duplicate inflates by SMSS, ten thousand by no more than is outstanding (5681-23)", () => {
    const s = new Side().send(10);
    s.duplicate(3);
    s.duplicate();
    expect(s.pipe).toBe(6 * MSS);
    s.duplicate(10_000);
    expect(s.pipe).toBe(0);
  });
});

describe("RFC 6582 s3.2", () => {
  test("s3.2: recover begins at the ISS: the very first segment can be recovered (6582-01)", () => {
    const s = new Side().send(4);
    expect(s.duplicate(3)).toBe(Outcome.Entered);
  });

  test("s3.2: a full acknowledgment exits, and deflates (6582-03, 5681-24)", () => {
    const s = new Side().send(10);
    s.duplicate(3);
    s.again();
    s.send(2);
    expect(s.ack(10 * MSS)).toBe(Outcome.Exited);
    expect([s.recovery.phase, s.pipe, s.again()]).toEqual([Phase.Open, 2 * MSS, null]);
  });

  test("s3.2: a partial one sends the next hole at once and stays (6582-04)", () => {
    const s = new Side().send(10);
    s.duplicate(3);
    s.again();
    expect(s.ack(4 * MSS)).toBe(Outcome.Partial);
    expect(s.recovery.phase).toBe(Phase.FastRecovery);
    expect(s.again()).toEqual([0, MSS]);
    expect(s.again()).toBeNull();
    expect(s.ack(6 * MSS)).toBe(Outcome.Exited);
  });

  test("s3.2: a partial one deflates by what it acknowledges, less one segment (6582-04)", () => {
    // In the RFC's terms cwnd = ssthresh + inflation, and cwnd - FlightSize may go: inflation - FlightSize = -pipe.
    const s = new Side().send(10);
    s.duplicate(8); // inflation 8
    expect(s.pipe).toBe(2 * MSS);
    s.ack(MSS); // inflation 8 - 1 + 1
    expect(s.pipe).toBe(1 * MSS);
    s.ack(3 * MSS); // 8 - 3 + 1 = 6, FlightSize 6
    expect(s.pipe).toBe(0);
  });

  test("s3.2: deflation by more than was inflated holds new data back as the letter says (5681-02)", () => {
    const s = new Side().send(20);
    s.duplicate(3); // inflation 3
    s.ack(10 * MSS); // 3 - 10 + 1 = -6, FlightSize 10
    expect(s.pipe).toBe(16 * MSS);
  });

  test("s3.2: less than a segment acknowledged adds nothing back", () => {
    const s = new Side().send(10);
    s.duplicate(3);
    s.ack(MSS - 1); // inflation 3000 - 999, FlightSize 9001
    expect(s.pipe).toBe(7_000);
  });

  test("s3.2: after recovery, duplicates that do not cover more than recover start none (6582-02)", () => {
    const s = new Side().send(10);
    s.duplicate(3);
    s.again();
    s.send(5);
    expect(s.ack(10 * MSS)).toBe(Outcome.Exited);
    expect(s.duplicate(3)).toBe(Outcome.None);
    s.ack(MSS);
    expect(s.duplicate(3)).toBe(Outcome.Entered);
  });

  test("s4: duplicates that echo a go-back after a timeout start none (6582-02, 6582-06)", () => {
    const s = new Side().send(10);
    s.timeout();
    expect([s.recovery.phase, seqDiff(s.recovery.recoveryPoint, s.nxt)]).toEqual([Phase.AfterTimeout, 0]);
    expect(s.duplicate(3)).toBe(Outcome.None);
    expect(s.ack(10 * MSS)).toBe(Outcome.Exited);
    s.send(10);
    expect(s.duplicate(5)).toBe(Outcome.None);
    s.ack(MSS);
    expect(s.duplicate(3)).toBe(Outcome.Entered);
  });

  test("s3.2: what recover said 2^31 octets ago is forgotten (9293-U16)", () => {
    const s = new Side().send(1);
    for (let gone = 0; gone < 2 ** 32; gone += 2 ** 29) {
      s.nxt = seqAdd(s.una, 2 ** 29);
      s.ack(2 ** 29);
      s.send(4);
      expect(s.duplicate(3)).toBe(Outcome.Entered);
      expect(s.ack(4 * MSS)).toBe(Outcome.Exited);
      s.send(1);
      s.ack(MSS);
    }
    const quiet = new Side().send(1);
    for (let gone = 0; gone < 2 ** 31 + 2 ** 29; gone += 2 ** 29) {
      quiet.nxt = seqAdd(quiet.una, 2 ** 29);
      quiet.ack(2 ** 29);
    }
    quiet.send(4);
    expect(quiet.duplicate(3)).toBe(Outcome.Entered);
  });
});

describe("RFC 6298 s5.4", () => {
  test("s5.4: after a timeout all goes again in order from SND.UNA, as cwnd allows (6298-13)", () => {
    const s = new Side().send(4);
    s.timeout();
    expect([s.pipe, s.recovery.exempt]).toEqual([0, false]);
    expect(s.again()).toEqual([0, MSS]);
    expect(s.pipe).toBe(MSS);
    s.ack(MSS);
    expect(s.pipe).toBe(0);
    expect([s.again(), s.again(), s.again()]).toEqual([
      [0, MSS],
      [MSS, MSS],
      [2 * MSS, MSS],
    ]);
    expect(s.again()).toBeNull();
    expect(s.pipe).toBe(3 * MSS);
    s.send(1);
    expect(s.pipe).toBe(4 * MSS);
  });

  test("s5.4: what the peer turns out to have is not sent again", () => {
    const s = new Side().send(10);
    s.timeout();
    s.again();
    s.ack(7 * MSS);
    expect(s.again()).toEqual([0, MSS]);
    expect(s.ack(3 * MSS)).toBe(Outcome.Exited);
    expect(s.again()).toBeNull();
  });

  test("s5.4: a second timeout begins at SND.UNA again, and covers what was sent since", () => {
    const s = new Side().send(3);
    s.timeout();
    s.again();
    s.again();
    s.timeout();
    expect(s.again()).toEqual([0, MSS]);
    expect(s.pipe).toBe(MSS);
  });
});

test("the registry names what it makes", () => {
  for (const [name, make] of Object.entries(recoveries)) expect(make(new SentRecords(new SentPool()), linux.tcp).name).toBe(name);
});
