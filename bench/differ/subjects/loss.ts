/** Loss and recovery: which octets go again, when, and what becomes of the window. */
import { active, type Draw, lines, passive, rest, SENDER, STAMPED, type Stimulus, TS } from "../words.js";

const at = (segment: number): number => 1 + 1000 * segment;
const sack = (...blocks: readonly (readonly [number, number])[]): string =>
  `sack ${blocks.map(([from, to]) => `${at(from)}:${at(to)}`).join(" ")}`;

const controllers = ["reno", "cubic"] as const;

interface Wire {
  readonly segments: number;
  readonly lost: ReadonlySet<number>;
  readonly rtt: number;
  readonly sack: boolean;
  readonly stamped: boolean;
}

/** ACKs of a receiver that gets `segments` segments but those that were lost, one ACK for each; then what is sent again arrives, too. */
function acks({ segments, lost, rtt, sack: selective, stamped }: Wire): string[] {
  const out: string[] = [];
  const got = new Set<number>();
  let cumulative = 0;
  let first = true;
  for (let segment = 0; segment < segments; segment++) {
    if (lost.has(segment)) continue;
    got.add(segment);
    while (got.has(cumulative)) cumulative += 1;
    const blocks: [number, number][] = [];
    for (let i = cumulative + 1; i < segments; i++) {
      if (!got.has(i)) continue;
      const last = blocks.at(-1);
      if (last !== undefined && last[1] === i) last[1] = i + 1;
      else blocks.push([i, i + 1]);
    }
    // RFC 2018 s4: the block with the latest segment first.
    blocks.sort((a, b) => Number(b[0] <= segment && segment < b[1]) - Number(a[0] <= segment && segment < a[1]) || b[0] - a[0]);
    const options = [
      ...(stamped ? [TS] : []),
      ...(selective && blocks.length > 0 ? [`nop,nop,${sack(...blocks.slice(0, stamped ? 3 : 4))}`] : []),
    ].join(",");
    out.push(`+${first ? rtt : 0.001} < . 1:1(0) ack ${at(cumulative)} win 65535${options === "" ? "" : ` <${options}>`}`);
    first = false;
  }
  return out;
}

function patterns(draw: Draw): { readonly name: string; readonly lost: ReadonlySet<number> }[] {
  const some = (count: number): Set<number> => {
    const set = new Set<number>();
    while (set.size < count) set.add(draw(0, 9));
    return set;
  };
  return [
    { name: "first", lost: new Set([0]) },
    { name: "second", lost: new Set([1]) },
    { name: "first-two", lost: new Set([0, 1]) },
    { name: "two-apart", lost: new Set([0, 3]) },
    { name: "middle", lost: new Set([4]) },
    { name: "last", lost: new Set([9]) },
    { name: "last-three", lost: new Set([7, 8, 9]) },
    { name: "first-four", lost: new Set([0, 1, 2, 3]) },
    { name: "every-second", lost: new Set([0, 2, 4, 6, 8]) },
    { name: "all-but-last", lost: new Set([0, 1, 2, 3, 4, 5, 6, 7, 8]) },
    { name: "all", lost: new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) },
    { name: "seeded-2", lost: some(2) },
    { name: "seeded-3", lost: some(3) },
    { name: "seeded-5", lost: some(5) },
  ];
}

export function loss(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  for (const controller of controllers)
    for (const [family, selective, stamped, sysctls] of [
      ["sack", true, false, []],
      ["newreno", false, false, ["tcp_sack=0"]],
      ["sack-stamped", true, true, []],
      ["no-rack", true, false, ["tcp_recovery=0"]],
      ["no-probe", true, false, ["tcp_early_retrans=0"]],
    ] as const)
      for (const { name, lost } of patterns(draw)) {
        if (controller === "cubic" && family !== "sack") continue;
        const options = stamped ? STAMPED : `mss 1000${selective ? ",sackOK,nop,nop" : ""},nop,wscale 7`;
        all.push({
          subject: "loss",
          name: `${family}-${controller}-${name}`,
          source: lines(
            passive({ sysctls: [...sysctls, `tcp_congestion_control=${controller}`], options }),
            "+0 write(4, ..., 10000) = 10000",
            ...acks({ segments: 10, lost, rtt: 0.1, sack: selective, stamped }),
            SENDER,
            rest(0.05),
            // What was sent again arrives: the hole is filled, then all of it.
            `+0.05 < . 1:1(0) ack ${at(Math.min(10, [...lost].sort((a, b) => a - b)[1] ?? 10))} win 65535${stamped ? ` <${TS}>` : ""}`,
            SENDER,
            `+0.1 < . 1:1(0) ack 10001 win 65535${stamped ? ` <${TS}>` : ""}`,
            SENDER,
            "+0 write(4, ..., 8000) = 8000",
            rest(0.25),
            SENDER,
          ),
        });
      }
  return all;
}

/** Long flights with more to send: PRR, limited transmit, growth in recovery. */
export function recovery(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  for (const controller of controllers)
    for (const [name, lost] of [
      ["one", [0]],
      ["two", [0, 1]],
      ["three", [0, 1, 2]],
      ["four", [0, 1, 2, 3]],
      ["alternate", [0, 2, 4]],
      ["late", [5]],
      ["seeded-a", [draw(0, 3), draw(4, 6)]],
      ["seeded-b", [draw(0, 2), draw(3, 5), draw(6, 8)]],
    ] as const)
      all.push({
        subject: "recovery",
        name: `long-${controller}-${name}`,
        source: lines(
          passive({ sysctls: [`tcp_congestion_control=${controller}`] }),
          "+0 write(4, ..., 60000) = 60000",
          ...acks({ segments: 10, lost: new Set(lost), rtt: 0.1, sack: true, stamped: false }),
          SENDER,
          `+0.105 < . 1:1(0) ack ${at(lost[1] ?? 10)} win 65535 <nop,nop,${sack([(lost[1] ?? 10) + 1, 10])}>`,
          SENDER,
          "+0.005 < . 1:1(0) ack 10001 win 65535",
          SENDER,
          "+0.1 < . 1:1(0) ack 12001 win 65535",
          SENDER,
          "+0.1 < . 1:1(0) ack 15001 win 65535",
          SENDER,
          rest(0.05),
        ),
      });
  for (const [name, sequence] of [
    ["one-dupack", 1],
    ["two-dupacks", 2],
    ["three-dupacks", 3],
    ["four-dupacks", 4],
  ] as const)
    for (const selective of [true, false])
      all.push({
        subject: "recovery",
        name: `limited-${selective ? "sack" : "newreno"}-${name}`,
        source: lines(
          passive({
            sysctls: ["tcp_congestion_control=reno", ...(selective ? [] : ["tcp_sack=0"])],
            options: `mss 1000${selective ? ",sackOK,nop,nop" : ""},nop,wscale 7`,
          }),
          "+0 write(4, ..., 20000) = 20000",
          ...Array.from(
            { length: sequence },
            (_, i) => `+${i === 0 ? 0.1 : 0.002} < . 1:1(0) ack 1 win 65535${selective ? ` <nop,nop,${sack([1, i + 2])}>` : ""}`,
          ),
          SENDER,
          "+0.05 < . 1:1(0) ack 10001 win 65535",
          SENDER,
          rest(0.05),
        ),
      });
  // Few segments, so that there are never three duplicates.
  for (const segments of [2, 3, 4])
    for (const selective of [true, false])
      all.push({
        subject: "recovery",
        name: `few-${selective ? "sack" : "newreno"}-${segments}`,
        source: lines(
          passive({
            sysctls: ["tcp_congestion_control=reno", ...(selective ? [] : ["tcp_sack=0"])],
            options: `mss 1000${selective ? ",sackOK,nop,nop" : ""},nop,wscale 7`,
          }),
          `+0 write(4, ..., ${segments * 1000}) = ${segments * 1000}`,
          ...Array.from(
            { length: segments - 1 },
            (_, i) => `+${i === 0 ? 0.1 : 0.002} < . 1:1(0) ack 1 win 65535${selective ? ` <nop,nop,${sack([1, i + 2])}>` : ""}`,
          ),
          SENDER,
          rest(0.06),
          SENDER,
          `+0.1 < . 1:1(0) ack ${at(segments)} win 65535`,
          SENDER,
          rest(0.5),
        ),
      });
  return all;
}

/** Losses that were none, and how the sender finds out. */
export function undo(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  for (const controller of controllers) {
    const sysctls = [`tcp_congestion_control=${controller}`];
    const reordered = draw(3, 6);
    all.push(
      {
        subject: "undo",
        name: `dsack-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          `+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,${sack([1, 2])}>`,
          `+0.001 < . 1:1(0) ack 1 win 65535 <nop,nop,${sack([1, 3])}>`,
          `+0.001 < . 1:1(0) ack 1 win 65535 <nop,nop,${sack([1, 4])}>`,
          SENDER,
          "+0.01 < . 1:1(0) ack 10001 win 65535",
          SENDER,
          "+0.08 < . 1:1(0) ack 10001 win 65535 <nop,nop,sack 1:1001>",
          SENDER,
          "+0 write(4, ..., 4000) = 4000",
          rest(0.05),
          SENDER,
        ),
      },
      {
        subject: "undo",
        name: `dsack-in-recovery-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          `+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,${sack([1, 4])}>`,
          SENDER,
          "+0.05 < . 1:1(0) ack 4001 win 65535",
          SENDER,
          "+0.05 < . 1:1(0) ack 4001 win 65535 <nop,nop,sack 1:1001>",
          SENDER,
          "+0.05 < . 1:1(0) ack 10001 win 65535",
          SENDER,
        ),
      },
      {
        subject: "undo",
        name: `stamp-${controller}`,
        source: lines(
          passive({ sysctls, options: STAMPED }),
          "+0 write(4, ..., 10000) = 10000",
          `+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 300 ecr 200,nop,nop,${sack([1, 4])}>`,
          SENDER,
          "+0.05 < . 1:1(0) ack 4001 win 65535 <nop,nop,TS val 310 ecr 205>",
          SENDER,
          "+0.05 < . 1:1(0) ack 10001 win 65535 <nop,nop,TS val 320 ecr 0>",
          SENDER,
        ),
      },
      {
        subject: "undo",
        name: `spurious-rto-stamp-${controller}`,
        source: lines(
          passive({ sysctls: [...sysctls, "tcp_frto=0"], options: STAMPED }),
          "+0 write(4, ..., 5000) = 5000",
          "+0.1 < . 1:1(0) ack 5001 win 65535 <nop,nop,TS val 300 ecr 0>",
          "+0 write(4, ..., 5000) = 5000",
          rest(0.7),
          SENDER,
          "+0 < . 1:1(0) ack 6001 win 65535 <nop,nop,TS val 310 ecr 305>",
          SENDER,
          "+0.01 < . 1:1(0) ack 10001 win 65535 <nop,nop,TS val 310 ecr 305>",
          SENDER,
        ),
      },
      {
        subject: "undo",
        name: `frto-spurious-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          "+0.1 < . 1:1(0) ack 10001 win 65535",
          "+0 write(4, ..., 10000) = 10000",
          rest(0.7),
          SENDER,
          "+0 < . 1:1(0) ack 11001 win 65535",
          SENDER,
          "+0 write(4, ..., 5000) = 5000",
          "+0.01 < . 1:1(0) ack 12001 win 65535",
          SENDER,
          "+0.01 < . 1:1(0) ack 20001 win 65535",
          SENDER,
          rest(0.05),
        ),
      },
      {
        subject: "undo",
        name: `frto-sack-spurious-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          "+0.1 < . 1:1(0) ack 10001 win 65535",
          "+0 write(4, ..., 10000) = 10000",
          rest(0.7),
          SENDER,
          `+0 < . 1:1(0) ack 10001 win 65535 <nop,nop,${sack([11, 12])}>`,
          SENDER,
          `+0.01 < . 1:1(0) ack 10001 win 65535 <nop,nop,${sack([11, 13])}>`,
          SENDER,
          "+0.05 < . 1:1(0) ack 20001 win 65535",
          SENDER,
          rest(0.05),
        ),
      },
      {
        subject: "undo",
        name: `frto-real-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          "+0.1 < . 1:1(0) ack 1 win 65535",
          rest(0.6),
          SENDER,
          "+0 write(4, ..., 10000) = 10000",
          "+0.1 < . 1:1(0) ack 1001 win 65535",
          SENDER,
          "+0.1 < . 1:1(0) ack 1001 win 65535",
          "+0.01 < . 1:1(0) ack 2001 win 65535",
          SENDER,
          "+0.1 < . 1:1(0) ack 4001 win 65535",
          SENDER,
          rest(0.25),
        ),
      },
      {
        subject: "undo",
        name: `rto-dsack-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 1000) = 1000",
          "+0.1 < . 1:1(0) ack 1001 win 65535",
          "+0 write(4, ..., 1000) = 1000",
          rest(1),
          SENDER,
          "+0 < . 1:1(0) ack 2001 win 65535 <nop,nop,sack 1001:2001>",
          SENDER,
          "+0.01 < . 1:1(0) ack 2001 win 65535 <nop,nop,sack 1001:2001>",
          SENDER,
          "+0 write(4, ..., 12000) = 12000",
          SENDER,
          rest(0.05),
        ),
      },
      {
        subject: "undo",
        name: `reordered-${reordered}-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          `+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,${sack([reordered, reordered + 1])}>`,
          SENDER,
          `+0.005 < . 1:1(0) ack ${at(reordered + 1)} win 65535`,
          SENDER,
          `+0.005 < . 1:1(0) ack ${at(reordered + 1)} win 65535 <nop,nop,${sack([reordered + 3, 10])}>`,
          SENDER,
          rest(0.06),
          SENDER,
          "+0.05 < . 1:1(0) ack 10001 win 65535",
          SENDER,
        ),
      },
      {
        subject: "undo",
        name: `reneging-${controller}`,
        source: lines(
          passive({ sysctls }),
          "+0 write(4, ..., 10000) = 10000",
          `+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,${sack([1, 4])}>`,
          "+0.05 < . 1:1(0) ack 1001 win 65535",
          SENDER,
          rest(0.25),
          SENDER,
        ),
      },
    );
  }
  return all;
}

/** Loss probes and timeouts. */
export function probes(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  for (const segments of [1, 2, 4, 10]) {
    const last = at(segments);
    const start = (...sysctls: string[]): string =>
      lines(passive({ sysctls: ["tcp_congestion_control=reno", ...sysctls] }), `+0 write(4, ..., ${segments * 1000}) = ${segments * 1000}`);
    all.push(
      { subject: "probe", name: `silence-${segments}`, source: lines(start(), rest(2.5), SENDER) },
      { subject: "probe", name: `silence-no-probe-${segments}`, source: lines(start("tcp_early_retrans=0"), rest(1.5), SENDER) },
      {
        subject: "probe",
        name: `acked-behind-the-probe-${segments}`,
        source: lines(
          start(),
          rest(0.45),
          SENDER,
          `+0 < . 1:1(0) ack ${last} win 65535`,
          SENDER,
          rest(0.25),
          "+0 write(4, ..., 15000) = 15000",
          SENDER,
          rest(0.1),
        ),
      },
      {
        subject: "probe",
        name: `probe-repairs-${segments}`,
        source: lines(
          start(),
          rest(0.45),
          `+0 < . 1:1(0) ack ${last} win 65535`,
          `+0.1 < . 1:1(0) ack ${last} win 65535 <nop,nop,sack ${last - 1000}:${last}>`,
          SENDER,
          "+0 write(4, ..., 15000) = 15000",
          SENDER,
          rest(0.1),
        ),
      },
      {
        subject: "probe",
        name: `tail-sacked-${segments}`,
        source: lines(start(), rest(0.4), `+0 < . 1:1(0) ack 1 win 65535 <nop,nop,sack ${last - 1000}:${last}>`, SENDER, rest(0.5), SENDER),
      },
    );
  }
  const rtt = draw(2, 30) / 100;
  all.push(
    {
      subject: "probe",
      name: "new-text-as-probe",
      source: lines(
        passive({ window: 4 }),
        "+0 write(4, ..., 512) = 512",
        "+0.1 < . 1:1(0) ack 513 win 2",
        "+0 write(4, ..., 4000) = 4000",
        rest(1.5),
        SENDER,
      ),
    },
    {
      subject: "probe",
      name: "rto-of-rtt",
      source: lines(passive({ rtt, sysctls: ["tcp_early_retrans=0"] }), "+0 write(4, ..., 1000) = 1000", rest(3.5), SENDER),
    },
    {
      subject: "probe",
      name: "rto-adapts",
      source: lines(
        passive({ rtt: 0.05 }),
        "+0 write(4, ..., 1000) = 1000",
        "+0.3 < . 1:1(0) ack 1001 win 65535",
        "+0 %{ print(tcpi_rto, tcpi_rtt, tcpi_rttvar) }%",
        "+0 write(4, ..., 1000) = 1000",
        "+0.1 < . 1:1(0) ack 2001 win 65535",
        "+0 write(4, ..., 1000) = 1000",
        rest(2),
      ),
    },
    {
      subject: "probe",
      name: "active-rto",
      source: lines(
        active({ rtt: 0.02 }),
        "+0 write(3, ..., 3000) = 3000",
        rest(1.5),
        "+0 < . 1:1(0) ack 1001 win 65535",
        SENDER,
        "+0.02 < . 1:1(0) ack 3001 win 65535",
        SENDER,
      ),
    },
    {
      subject: "probe",
      name: "rto-restarts-on-progress",
      source: lines(
        passive({ sysctls: ["tcp_early_retrans=0"] }),
        "+0 write(4, ..., 5000) = 5000",
        "+0.1 < . 1:1(0) ack 1001 win 65535",
        "+0.15 < . 1:1(0) ack 2001 win 65535",
        "+0.2 < . 1:1(0) ack 3001 win 65535",
        rest(1),
        SENDER,
      ),
    },
    {
      subject: "probe",
      name: "text-behind-timeout",
      source: lines(
        passive({ sysctls: ["tcp_early_retrans=0"] }),
        "+0 write(4, ..., 10000) = 10000",
        rest(0.5),
        SENDER,
        "+0 < . 1:1(0) ack 1001 win 65535",
        SENDER,
        "+0.1 < . 1:1(0) ack 3001 win 65535",
        SENDER,
        "+0.1 < . 1:1(0) ack 7001 win 65535",
        SENDER,
        "+0.1 < . 1:1(0) ack 10001 win 65535",
        SENDER,
        "+0 write(4, ..., 20000) = 20000",
        SENDER,
        rest(0.05),
      ),
    },
  );
  return all;
}
