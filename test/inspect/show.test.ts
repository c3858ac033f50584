import { describe, expect, test } from "vitest";
import { connectionSummary, formatOctets, formatRecords, formatTable, lifeProbe } from "../../src/inspect/show.js";
import { play, tcb } from "./playing.js";

const counted = (): ReturnType<typeof tcb> =>
  Object.assign(tcb(), {
    octetsAcked: 1_234,
    octetsReceived: 268_435_456,
    openedAt: 500,
    segmentsSent: 182_531,
    segmentsRetransmitted: 3,
    timeouts: 1,
  });

describe("show", () => {
  test("tables: numbers to the right, everything else to the left", () => {
    expect(
      formatTable(
        ["address", "age"],
        [
          ["a", "5"],
          ["eth0", "1234"],
          ["-", "-"],
        ],
      ),
    ).toEqual(["address   age", "a           5", "eth0     1234", "-           -"]);
    expect(formatTable(["a", "b"], [])).toEqual(["a  b"]);
  });

  test("records: all fields or some, nested values as JSON, all escaped", () => {
    const records = [
      { name: "\x1b[2J", n: 1, none: null },
      { name: "b", n: 20, deep: { x: [1] } },
    ];
    expect(formatRecords(records)).toEqual(["name      n  none  deep", "\\x1b[2J   1     -  -", 'b        20     -  {"x":[1]}']);
    expect(formatRecords(records, ["n"])).toEqual([" n", " 1", "20"]);
  });

  test.each([
    [0, "0 B"],
    [1_023, "1023 B"],
    [1_024, "1.0 KiB"],
    [1_572_864, "1.5 MiB"],
    [2 ** 53, "8.0 PiB"],
  ])("%d octets are %s", (octets, text) => expect(formatOctets(octets)).toBe(text));

  test("a life in one line", () => {
    const connection = counted();
    expect(connectionSummary(connection, 2_131_500)).toBe(
      "10.0.0.1:49152 10.0.0.2:80 SYN-SENT out 1.2 KiB in 256.0 MiB 2131ms srtt 20ms held: cwnd 71% again 3 of 182531 timeouts 1",
    );
  });

  test("one line a connection, when it ends", () => {
    const lines: string[] = [];
    play(
      lifeProbe((line) => lines.push(line)),
      counted(),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("TIME-WAIT");
  });
});
