/** The courses of `bench:netsim`, each a line of the table. */
import { MILLISECOND, SECOND } from "../../src/base/environment.js";
import { controllers } from "../../src/tcp/congestion/index.js";
import { type Course, jain, type Result, run, type Sender } from "./flows.js";

const KIB = 1_024;
const OCTETS = 10_000_000;
const HOUR = 3_600 * SECOND;

export interface Row {
  /** What the line begins with. */
  readonly name: string;
  /** Computes the rest of it. */
  readonly figures: () => string;
}

export interface Section {
  readonly title: string;
  readonly header: string;
  readonly rows: readonly Row[];
}

const names = Object.keys(controllers);
const pad = (text: string | number, width: number): string => String(text).padStart(width);

interface One {
  readonly loss?: number;
  readonly rtt: number;
  readonly rate?: number;
  readonly buffer: number;
  readonly reorder?: number;
  readonly queueFrames?: number;
  readonly controller: string;
  readonly octets?: number;
}

/** One sender; the delay lies half on each direction of the bottleneck, and loss and reordering strike both. */
const one = ({ loss = 0, rtt, rate = 0, buffer, reorder = 0, queueFrames = 1_000_000, controller, octets = OCTETS }: One): Result => {
  const wire = { delay: rtt / 2, loss, reorder, reorderBehind: 3, queueOctets: 2 ** 40 };
  const course: Course = {
    seed: 1,
    bottleneck: { ...wire, rate, queueFrames },
    back: { ...wire, queueFrames: 1_000_000 },
    senders: [{ access: 0, begin: 0, options: { congestionControl: controller, sendBuffer: buffer } }],
    receiver: { receiveBuffer: buffer },
    octets,
    limit: 24 * HOUR,
  };
  return run(course);
};

const figures = (result: Result): string =>
  `${pad((result.time / SECOND).toFixed(3), 10)} s ${pad(Math.round((result.delivered[0]! * SECOND) / result.time), 11)} ${pad(result.segments, 8)} ${pad(result.retransmitted, 7)} ${pad(result.spurious, 6)} ${pad(result.timeouts, 6)}${result.done ? "" : "  gave up"}`;
const HEADER = `${pad("time", 12)} ${pad("octets/s", 11)} ${pad("segments", 8)} ${pad("again", 7)} ${pad("vain", 6)} ${pad("RTOs", 6)}`;

interface Cell {
  readonly buffer: number;
  readonly rtt: number;
  readonly loss: number;
  readonly reorder: number;
}

/** Every buffer with every loss at 100 ms; the ends of the range at 10 ms, where timeouts weigh more; reordering alone, and with losses. */
const cells: readonly Cell[] = [
  ...[32, 256, 4_096].flatMap((buffer) => [0, 0.01, 0.02, 0.05, 0.2, 0.3].map((loss) => ({ buffer, rtt: 100, loss, reorder: 0 }))),
  ...[32, 4_096].flatMap((buffer) => [0, 0.01, 0.05, 0.2].map((loss) => ({ buffer, rtt: 10, loss, reorder: 0 }))),
  ...[32, 4_096].flatMap((buffer) => [10, 100].flatMap((rtt) => [0, 0.02].map((loss) => ({ buffer, rtt, loss, reorder: 0.02 })))),
];

const bulk: Section = {
  title: "10 MB over a lossy path without a rate limit: buffers x loss x RTT x reordering x controller",
  header: `${"controller".padEnd(10)} ${pad("buffer", 8)} ${pad("RTT", 6)} ${pad("loss", 5)} ${pad("reorder", 7)} ${HEADER}`,
  // Nothing marks on this path: DCTCP would be Reno.
  rows: names
    .filter((controller) => controller !== "dctcp")
    .flatMap((controller) =>
      cells.map(({ buffer, rtt, loss, reorder }) => ({
        name: `${controller.padEnd(10)} ${pad(`${buffer} KiB`, 8)} ${pad(`${rtt} ms`, 6)} ${pad(`${loss * 100} %`, 5)} ${pad(`${reorder * 100} %`, 7)}`,
        figures: () => figures(one({ loss, rtt: rtt * MILLISECOND, buffer: buffer * KIB, reorder, controller })),
      })),
    ),
};

/** Slow start into a queue of a tenth of the bandwidth-delay product, of one, and of ten: how much is lost, and how long it takes. */
const start: Section = {
  title: "slow start: 10 MB at 50 Mbit/s and 50 ms into queues of 0.1, 1 and 10 bandwidth-delay products",
  header: `${"controller".padEnd(10)} ${pad("queue", 6)} ${HEADER} ${pad("overflow", 8)}`,
  rows: names.flatMap((controller) =>
    [21, 208, 2_083].map((queueFrames) => ({
      name: `${controller.padEnd(10)} ${pad(queueFrames, 6)}`,
      figures: () => {
        const result = one({ rtt: 50 * MILLISECOND, rate: 50_000_000, buffer: 8 << 20, queueFrames, controller });
        return `${figures(result)} ${pad(result.overflow, 8)}`;
      },
    })),
  ),
};

const RATE = 20_000_000;
const SPAN = 60 * SECOND;

/** Flows that share a bottleneck of 20 Mbit/s with a queue of one bandwidth-delay product; they begin 10 ms apart. */
const share = (senders: readonly Omit<Sender, "begin">[], delay: number, frames: number): Result =>
  run({
    seed: 1,
    bottleneck: { rate: RATE, delay: delay / 2, queueFrames: frames, queueOctets: 2 ** 40 },
    back: { delay: delay / 2, queueFrames: 1_000_000, queueOctets: 2 ** 40 },
    senders: senders.map((sender, i) => ({ ...sender, begin: i * 10 * MILLISECOND })),
    receiver: { receiveBuffer: 4 << 20 },
    octets: Number.POSITIVE_INFINITY,
    limit: SPAN,
  });

const usage = (result: Result): string =>
  pad(((100 * 8 * result.delivered.reduce((a, b) => a + b, 0)) / (RATE * (SPAN / SECOND))).toFixed(1), 6);

const fairness: Section = {
  title: "fairness: flows that share 20 Mbit/s at 40 ms for 60 s, a queue of one bandwidth-delay product",
  header: `${"controller".padEnd(10)} ${pad("flows", 5)} ${pad("Jain", 7)} ${pad("used %", 6)} ${pad("again", 7)} ${pad("vain", 6)} ${pad("RTOs", 6)}`,
  rows: names.flatMap((controller) =>
    [1, 2, 8, 64].map((flows) => ({
      name: `${controller.padEnd(10)} ${pad(flows, 5)}`,
      figures: () => {
        const sender = { access: 0, options: { congestionControl: controller, sendBuffer: 1 << 20 } };
        const result = share(new Array(flows).fill(sender), 40 * MILLISECOND, 66);
        return `${pad(jain(result.delivered).toFixed(4), 7)} ${usage(result)} ${pad(result.retransmitted, 7)} ${pad(result.spurious, 6)} ${pad(result.timeouts, 6)}`;
      },
    })),
  ),
};

const rttFairness: Section = {
  title: "RTT fairness: two flows of 20 ms and of 100 ms share 20 Mbit/s for 60 s",
  header: `${"controller".padEnd(10)} ${pad("20 ms", 8)} ${pad("100 ms", 8)} ${pad("ratio", 7)} ${pad("used %", 6)}`,
  rows: names.map((controller) => ({
    name: controller.padEnd(10),
    figures: () => {
      const options = { congestionControl: controller, sendBuffer: 4 << 20 };
      const result = share(
        [0, 40].map((access) => ({ access: access * MILLISECOND, options })),
        20 * MILLISECOND,
        100,
      );
      const [near, far] = result.delivered.map((octets) => (octets * 8) / (SPAN / SECOND) / 1e6) as [number, number];
      return `${pad(near.toFixed(2), 8)} ${pad(far.toFixed(2), 8)} ${pad((near / far).toFixed(2), 7)} ${usage(result)}`;
    },
  })),
};

export const sections: readonly Section[] = [bulk, start, fairness, rttFairness];
