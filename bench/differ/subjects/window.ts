/** How the window grows, and what an application that does not fill it makes of it. */
import { active, type Draw, lines, passive, rest, SENDER, STAMPED, type Stimulus, TS } from "../words.js";

export function growth(draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  for (const controller of ["reno", "cubic"]) {
    const sysctls = [`tcp_congestion_control=${controller}`];
    const add = (name: string, ...parts: string[]): void => {
      all.push({ subject: "growth", name: `${name}-${controller}`, source: lines(...parts) });
    };
    const step = (ack: number, gap = 0.1): string => `+${gap} < . 1:1(0) ack ${ack} win 65535`;
    add(
      "every-segment",
      passive({ sysctls }),
      "+0 write(4, ..., 100000) = 100000",
      step(1001),
      SENDER,
      ...Array.from({ length: 9 }, (_, i) => step(1001 * 1 + 1000 * (i + 1), 0.001)),
      SENDER,
      rest(0.05),
    );
    add(
      "delayed-acks",
      passive({ sysctls }),
      "+0 write(4, ..., 100000) = 100000",
      step(2001),
      SENDER,
      step(4001, 0.001),
      step(6001, 0.001),
      step(8001, 0.001),
      step(10001, 0.001),
      SENDER,
      rest(0.05),
    );
    add("one-ack-of-all", passive({ sysctls }), "+0 write(4, ..., 100000) = 100000", step(10001), SENDER, step(30001), SENDER, rest(0.05));
    add(
      "not-filled",
      passive({ sysctls }),
      "+0 write(4, ..., 3000) = 3000",
      step(3001),
      SENDER,
      "+0 write(4, ..., 4000) = 4000",
      step(7001),
      SENDER,
      "+0 write(4, ..., 6000) = 6000",
      step(13001),
      SENDER,
    );
    add(
      "just-filled",
      passive({ sysctls }),
      "+0 write(4, ..., 10000) = 10000",
      step(2001),
      SENDER,
      step(10001, 0.01),
      SENDER,
      "+0 write(4, ..., 20000) = 20000",
      SENDER,
      step(20001),
      SENDER,
      rest(0.05),
    );
    add(
      "half-filled",
      passive({ sysctls }),
      "+0 write(4, ..., 5000) = 5000",
      step(5001),
      SENDER,
      "+0 write(4, ..., 6000) = 6000",
      step(11001),
      SENDER,
    );
    add(
      "small-writes",
      passive({ sysctls }),
      ...Array.from({ length: 6 }, () => "+0.01 write(4, ..., 100) = 100"),
      step(601),
      SENDER,
      "+0 write(4, ..., 30000) = 30000",
      rest(0.05),
      SENDER,
    );
    for (const idle of [0.5, 1, 3])
      for (const restart of [0, 1])
        add(
          `idle-${idle}-${restart}`,
          passive({ sysctls: [...sysctls, `tcp_slow_start_after_idle=${restart}`] }),
          "+0 write(4, ..., 10000) = 10000",
          step(10001),
          "+0 write(4, ..., 20000) = 20000",
          step(30001),
          SENDER,
          `+${idle} write(4, ..., 50000) = 50000`,
          SENDER,
          rest(0.05),
        );
    add(
      "avoidance",
      passive({ sysctls }),
      "+0 write(4, ..., 10000) = 10000",
      "+0.1 < . 1:1(0) ack 1 win 65535 <nop,nop,sack 1001:4001>",
      step(10001, 0.1),
      SENDER,
      "+0 write(4, ..., 100000) = 100000",
      ...Array.from({ length: 12 }, (_, i) => [step(11001 + 1000 * i, i % 5 === 0 ? 0.1 : 0.001), SENDER]).flat(),
      rest(0.05),
    );
    add(
      "partial-ack",
      passive({ sysctls }),
      "+0 write(4, ..., 50000) = 50000",
      step(501),
      SENDER,
      step(1501, 0.001),
      SENDER,
      step(2500, 0.001),
      SENDER,
      rest(0.05),
    );
    add(
      "ack-of-half",
      passive({ sysctls }),
      "+0 write(4, ..., 50000) = 50000",
      step(5001),
      SENDER,
      step(10001, 0.05),
      SENDER,
      step(15001, 0.05),
      SENDER,
      step(20001, 0.05),
      SENDER,
      rest(0.05),
    );
    add(
      "stamped",
      passive({ sysctls, options: STAMPED }),
      "+0 write(4, ..., 50000) = 50000",
      `+0.1 < . 1:1(0) ack 4001 win 65535 <${TS}>`,
      SENDER,
      `+0.1 < . 1:1(0) ack 10001 win 65535 <${TS}>`,
      SENDER,
      rest(0.05),
    );
    add("active", active({ sysctls }), "+0 write(3, ..., 50000) = 50000", "+0.1 < . 1:1(0) ack 4001 win 65535", SENDER, rest(0.05));
    add(
      "long-start",
      passive({ sysctls }),
      "+0 write(4, ..., 200000) = 200000",
      step(10001),
      step(30001),
      SENDER,
      step(70001),
      SENDER,
      rest(0.01),
    );
    const chunk = draw(2, 9) * 1000;
    add(
      "seeded",
      passive({ sysctls }),
      `+0 write(4, ..., ${chunk}) = ${chunk}`,
      step(chunk + 1),
      SENDER,
      "+0 write(4, ..., 40000) = 40000",
      step(chunk + 10001),
      SENDER,
      step(chunk + 20001, 0.01),
      SENDER,
      rest(0.05),
    );
    add(
      "after-timeout",
      passive({ sysctls: [...sysctls, "tcp_early_retrans=0"] }),
      "+0 write(4, ..., 30000) = 30000",
      rest(0.4),
      SENDER,
      step(10001, 0.05),
      SENDER,
      step(12001),
      SENDER,
      step(15001),
      SENDER,
      step(18001),
      SENDER,
      rest(0.05),
    );
  }
  for (const mss of [536, 1000, 1460, 1461, 2190, 4000, 8960])
    all.push({
      subject: "initial-window",
      name: `mss-${mss}`,
      source: lines(
        passive({ options: `mss ${mss},sackOK,nop,nop,nop,wscale 7` }),
        "+0 write(4, ..., 60000) = 60000",
        "+0 %{ print(tcpi_snd_mss, tcpi_snd_cwnd, tcpi_advmss, tcpi_unacked) }%",
        rest(0.02),
      ),
    });
  all.push(
    {
      subject: "initial-window",
      name: "syn-lost",
      source: lines(active({ rtt: 1.1 }), "+0 write(3, ..., 20000) = 20000", SENDER, rest(0.05)),
    },
    {
      subject: "initial-window",
      name: "syn-lost-twice",
      source: lines(active({ rtt: 2.5 }), "+0 write(3, ..., 20000) = 20000", SENDER, rest(0.05)),
    },
    {
      subject: "initial-window",
      name: "syn-ack-late",
      source: lines(passive({ rtt: 1.5 }), "+0 write(4, ..., 20000) = 20000", SENDER, rest(0.05)),
    },
    {
      subject: "initial-window",
      name: "syn-ack-late-stamped",
      source: lines(passive({ rtt: 1.5, options: STAMPED }), "+0 write(4, ..., 20000) = 20000", SENDER, rest(0.05)),
    },
    {
      subject: "initial-window",
      name: "syn-ack-later",
      source: lines(passive({ rtt: 3.5 }), "+0 write(4, ..., 20000) = 20000", SENDER, rest(0.5), SENDER),
    },
  );
  return all;
}
