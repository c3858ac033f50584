/** The judge of captures: what stacks do is legal, and each thing that a broken sender does is caught, with the rule that it breaks. */
import { describe, expect, test } from "vitest";
import { judge } from "../../../src/conformance/model/judge.js";
import { type RuleName, rules } from "../../../src/conformance/model/rules.js";
import { Bit, readSegment } from "../../../src/conformance/model/segment.js";
import { Capture } from "../../../src/inspect/capture.js";
import { readCapture } from "../../../src/inspect/capture-reader.js";
import { Direction } from "../../../src/inspect/pcapng.js";
import { attachProbe } from "../../../src/inspect/probes.js";
import { runWorld } from "../../../src/sim/run-world.js";
import { planWorld } from "../../../src/sim/world-plan.js";
import { breaches, change, frameOf, ISN, judged, type Line, lines, shifted } from "./conversation.js";

/** What each host of a world has captured. */
function captures(seed: number, snapLength = 262_144): { name: string; octets: Uint8Array }[] {
  const all: { name: string; pieces: Uint8Array[]; capture: Capture }[] = [];
  runWorld(planWorld(seed), {
    attach: (stack) => {
      const pieces: Uint8Array[] = [];
      const capture = new Capture((octets) => pieces.push(octets.slice()), { snapLength });
      attachProbe(stack, capture.probe);
      all.push({ name: stack.name, pieces, capture });
    },
  });
  return all.map(({ name, pieces, capture }) => {
    capture.close();
    return { name, octets: Buffer.concat(pieces) };
  });
}

describe("captures of our own stack", () => {
  // Worlds without an intruder, without corruption, of hosts that do not crash: nothing in them is illegal, whatever is lost or overtaken.
  // The last: a handshake that was given up and began anew, SYNs that were overtaken, cookies of which the second counts, a SYN again without ECN,
  // fragments, and a probe of a closed window whose octet was taken.
  const seeds = [...Array.from({ length: 150 }, (_, seed) => seed), 194, 1_056, 1_130, 1_301, 1_682, 1_779].filter((seed) => {
    const plan = planWorld(seed);
    const corrupts = plan.wires.some(({ forward, backward }) => (forward.corrupt ?? 0) > 0 || (backward.corrupt ?? 0) > 0);
    return plan.topology === "wires" && plan.intrusions === 0 && plan.crashes.length === 0 && !corrupts;
  });
  const found = (name: string, octets: Uint8Array, wrong: string[]): number => {
    const { frames, interfaces, problem } = readCapture(octets);
    expect(problem).toBeNull();
    const judgment = judge(frames, interfaces);
    for (const breach of breaches(judgment)) wrong.push(`${name}: ${breach}`);
    return judgment.connections.reduce((sum, connection) => sum + connection.segments.length, 0);
  };

  test("are legal, from either end, over wires that lose, overtake, duplicate and delay", () => {
    const wrong: string[] = [];
    let segments = 0;
    for (const seed of seeds) for (const { name, octets } of captures(seed)) segments += found(`seed ${seed} ${name}`, octets, wrong);
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(segments).toBeGreaterThan(5_000);
  });

  test("are legal from both ends at once: what was lost on its way has not arrived", () => {
    const wrong: string[] = [];
    for (const seed of seeds) found(`seed ${seed}`, Buffer.concat(captures(seed).map(({ octets }) => octets)), wrong);
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  test("are legal when the capture has cut their frames", () => {
    const wrong: string[] = [];
    for (const seed of seeds.slice(0, 12))
      for (const snapLength of [64, 70, 82, 94, 1_000])
        for (const { name, octets } of captures(seed, snapLength)) found(`seed ${seed} ${name} ${snapLength}`, octets, wrong);
    expect(wrong.slice(0, 10)).toEqual([]);
  });
});

describe("a capture of a connection", () => {
  test("that is as it should be is legal, and tells the states of both ends", () => {
    const judgment = judged(lines());
    expect(breaches(judgment)).toEqual([]);
    const { segments } = judgment.connections[0]!;
    const told = segments.map(({ states }) => states.map((some) => some.join("|")).join(" "));
    expect(told[0]).toBe("SYN-SENT CLOSED|LISTEN|SYN-RECEIVED");
    expect(told[1]).toBe("SYN-SENT|ESTABLISHED SYN-RECEIVED");
    expect(told[4]).toContain("ESTABLISHED");
    expect(told.at(-2)).toMatch(/^LAST-ACK /);
    expect(told.at(-1)).toMatch(/^LAST-ACK\|CLOSED TIME-WAIT\|CLOSING$/);
  });

  /** What a broken sender does, and what it breaks. */
  const broken: readonly (readonly [string, RuleName, (list: Line[]) => void])[] = [
    ["acknowledges text that nobody sent", "ackUnreceived", (l) => change(l, 6, { ack: shifted(l[6]!.segment.ack, 1) })],
    ["skips a number", "gap", (l) => change(l, 4, { seq: shifted(l[4]!.segment.seq, 1) })],
    [
      "sends other octets again",
      "textChanged",
      (l) => {
        l.splice(6, 0, { from: 2, segment: { ...l[4]!.segment, text: l[4]!.segment.text.map((octet) => octet ^ 1) } });
      },
    ],
    [
      "sends beyond the window",
      "beyondWindow",
      (l) => {
        for (const i of [0, 2, 3]) change(l, i, { wnd: 300 }); // 1 200 octets by the scale
      },
    ],
    [
      "scales the window of a SYN",
      "beyondWindow",
      (l) => {
        for (const i of [0, 2, 3]) change(l, i, { wnd: 699 }); // 2 796: two segments less than two
      },
    ],
    ["ignores the MSS", "mss", (l) => change(l, 0, { options: { mss: 1_000 } })],
    ["takes 1460 where nothing was announced", "mss", (l) => change(l, 0, { options: { mss: null } })],
    ["lets the options overflow the MSS", "mss", (l) => change(l, 0, { options: { mss: 1_400 } })],
    ["announces an MSS in the middle", "mssOption", (l) => change(l, 6, { options: { mss: 1_460 } })],
    ["announces a scale in the middle", "scaleOption", (l) => change(l, 6, { options: { windowScale: 3 } })],
    ["scales by 15", "scaleTooLarge", (l) => change(l, 0, { options: { windowScale: 15 } })],
    ["answers no scale with one", "scaleUninvited", (l) => change(l, 0, { options: { windowScale: null } })],
    ["permits SACK in the middle", "sackPermittedOption", (l) => change(l, 6, { options: { sackPermitted: true } })],
    [
      "reports without permission",
      "sackUninvited",
      (l) => {
        change(l, 1, { options: { sackPermitted: false } });
        change(l, 6, { options: { sack: [[shifted(ISN[2], 1), shifted(ISN[2], 11)]] } });
      },
    ],
    [
      "reports what has not come",
      "sackBlocks",
      (l) => change(l, 6, { options: { sack: [[shifted(ISN[2], 3_000), shifted(ISN[2], 3_100)]] } }),
    ],
    ["reports upside down", "sackBlocks", (l) => change(l, 6, { options: { sack: [[shifted(ISN[2], 3_100), shifted(ISN[2], 3_000)]] } })],
    ["drops its timestamps", "timestampsMissing", (l) => change(l, 6, { options: { timestamps: null } })],
    ["has timestamps that nobody agreed", "timestampsUninvited", (l) => change(l, 0, { options: { timestamps: null } })],
    ["echoes a timestamp that never was", "timestampEcho", (l) => change(l, 6, { options: { timestamps: { val: 1_002, ecr: 9_999 } } })],
    ["echoes in a SYN", "timestampEcho", (l) => change(l, 0, { options: { timestamps: { val: 1_000, ecr: 5 } } })],
    ["acknowledges nothing", "noFlags", (l) => change(l, 3, { flags: Bit.Psh })],
    ["sends text before the handshake", "beforeHandshake", (l) => void l.splice(1, 1)],
    ["answers a SYN with a wrong number", "synAcknowledgment", (l) => change(l, 1, { ack: shifted(l[1]!.segment.ack, 1) })],
    ["opens what is open", "flags", (l) => change(l, 3, { flags: Bit.Syn | Bit.Fin | Bit.Ack })],
    [
      "sends a SYN,ACK with another number",
      "synNumber",
      (l) => {
        l.splice(2, 0, { from: 2, segment: { ...l[1]!.segment, seq: shifted(l[1]!.segment.seq, 64) } });
      },
    ],
    [
      "sends text behind its FIN",
      "finMoved",
      (l) => {
        l.push({ from: 2, segment: { ...l[4]!.segment, seq: shifted(ISN[2], 2_812), text: new Uint8Array(9), length: 9 } });
      },
    ],
    [
      "moves its FIN",
      "finMoved",
      (l) => {
        l.push({ from: 2, segment: { ...l[7]!.segment, seq: shifted(ISN[2], 2_802) } });
      },
    ],
    [
      "goes on behind its RST",
      "afterReset",
      (l) => {
        l.splice(5, 0, {
          from: 1,
          segment: { ...l[3]!.segment, flags: Bit.Rst | Bit.Ack, seq: shifted(ISN[1], 101), text: new Uint8Array(0), length: 0 },
        });
      },
    ],
    [
      "resets by a wrong number",
      "resetNumber",
      (l) => {
        l.push({ from: 1, segment: { ...l[3]!.segment, flags: Bit.Rst, seq: shifted(ISN[1], 5_000), text: new Uint8Array(0), length: 0 } });
      },
    ],
    [
      "acknowledges twice what came once",
      "ackUnasked",
      (l) => {
        const again = { ...l[6]!, segment: { ...l[6]!.segment } };
        l.splice(7, 0, ...Array.from({ length: 100 }, () => again));
      },
    ],
    [
      "has a wrong checksum",
      "checksum",
      (l) => {
        l[4]!.spoil = (octets) => void (octets[36] = octets[36]! ^ 0x55);
      },
    ],
    [
      "has a data offset of four words",
      "header",
      (l) => {
        l[4]!.spoil = (octets) => void (octets[32] = 0x40);
      },
    ],
    ["sets reserved bits", "reserved", (l) => change(l, 3, { reserved: 4 })],
    ["says ECE to nobody", "ecn", (l) => change(l, 3, { flags: Bit.Ack | Bit.Ece })],
    [
      "has an option of length 0",
      "optionList",
      (l) => {
        l[3]!.spoil = (octets) => {
          // The checksum's change is undone in the other octets of the option, which are padding then.
          const [kind, length] = [octets[42]!, octets[43]!];
          octets[43] = 0;
          octets[45] = (octets[45]! + length) & 255;
          expect(kind).toBe(8);
        };
      },
    ],
    ["takes its window back", "windowShrunk", (l) => change(l, 6, { wnd: 10 })],
    [
      "sends its first flight all at once",
      "initialWindow",
      (l) => {
        const rest = l.splice(6);
        for (let i = 0; i < 12; i++)
          l.push({
            from: 2,
            segment: { ...l[5]!.segment, seq: shifted(ISN[2], 2_801 + 1_400 * i), text: new Uint8Array(1_400), length: 1_400 },
          });
        for (const i of [0, 2, 3]) change(l, i, { wnd: 60_000 });
        void rest;
      },
    ],
  ];

  test.each(broken)("whose sender %s: %s", (_what, rule, spoil) => {
    const list = lines();
    spoil(list);
    const found = judged(list).connections.flatMap(({ segments }) =>
      segments.flatMap((segment) => segment.breaches.map((breach) => breach.rule)),
    );
    expect(found).toContain(rule);
    expect(rules[rule].rfc).toMatch(/^RFC \d+$/);
  });

  test("whose FIN comes before the text in front of it: a block may reach over it, and no further (RFC 2018 s3, RFC 9293 s3.4)", () => {
    const reporting = (right: number): string[] => {
      const list = lines();
      const [late] = list.splice(5, 2);
      change(list, 5, { options: { timestamps: { val: 2_001, ecr: 1_001 } } });
      change(list, 6, { options: { timestamps: { val: 1_003, ecr: 2_001 } } });
      change(list, 7, { options: { timestamps: { val: 1_003, ecr: 2_001 } } });
      const report: Line = { from: 1, segment: { ...list[6]!.segment, ack: shifted(ISN[2], 1_401) } };
      list.splice(6, 0, report, late!);
      change(list, 6, { options: { timestamps: { val: 1_002, ecr: 2_001 }, sack: [[shifted(ISN[2], 2_801), shifted(ISN[2], right)]] } });
      const frames = list.map((line, i) => ({ ...frameOf(line, i), direction: Direction.Unknown }));
      return breaches(judge(frames, [{ name: "", linkType: 101, snapLength: 0 }]));
    };
    expect(reporting(2_811)).toEqual([]);
    expect(reporting(2_812)).toEqual([]);
    expect(reporting(2_813)).toEqual([expect.stringContaining("sackBlocks: block 2801:2813 has not been received")]);
  });

  test("that begins in the middle is judged by what it shows", () => {
    const judgment = judged(lines().slice(3));
    expect(judgment.connections[0]!.joined).toBe(true);
    expect(breaches(judgment)).toEqual([]);
    const list = lines().slice(3);
    change(list, 2, { seq: shifted(list[2]!.segment.seq, 40) });
    expect(breaches(judged(list)).join()).toContain("gap");
  });

  test("on ports that are used again is another connection", () => {
    const again = lines().map((line) => ({
      ...line,
      segment: {
        ...line.segment,
        seq: shifted(line.segment.seq, line.from === 1 ? 99_999 : 0),
        ack: line.from === 2 ? shifted(line.segment.ack, 99_999) : line.segment.ack,
      },
    }));
    const judgment = judged([...lines(), ...again]);
    expect(judgment.connections.length).toBe(2);
    expect(breaches(judgment)).toEqual([]);
  });

  test("of anything else is not misread (S-173)", () => {
    const frames = lines().map(frameOf);
    for (let cut = 0; cut < 60; cut++) {
      const short = frames.map((frame) => ({ ...frame, octets: frame.octets.subarray(0, cut) }));
      expect(() => judge(short, [{ name: "", linkType: 101, snapLength: 0 }])).not.toThrow();
      expect(() => judge(short, [{ name: "", linkType: 1, snapLength: 0 }])).not.toThrow();
    }
    expect(readSegment(new Uint8Array(19))).toBeNull();
  });
});
