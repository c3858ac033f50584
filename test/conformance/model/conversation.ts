/** A conversation of two ends as it should be, to be spoiled, and what the judge says of a capture of it. */
import { illegalOnes, type Judgment, judge } from "../../../src/conformance/model/judge.js";
import { datagram } from "../../../src/conformance/model/schedule.js";
import { Bit, type ModelSegment, noOptions, type SegmentOptions } from "../../../src/conformance/model/segment.js";
import type { CapturedFrame } from "../../../src/inspect/capture-reader.js";
import { Direction } from "../../../src/inspect/pcapng.js";

export const breaches = (judgment: Judgment): string[] =>
  judgment.connections.flatMap(({ ends, segments }) =>
    segments.flatMap((segment) =>
      illegalOnes(segment).map(({ rule, detail }) => `${ends.join(" > ")} ${segment.text}: ${rule}: ${detail}`),
    ),
  );

type Change = Partial<Omit<ModelSegment, "options">> & { options?: Partial<SegmentOptions> };
export interface Line {
  from: 1 | 2;
  segment: ModelSegment;
  /** Octets of the datagram that are changed at the end. */
  spoil?: (octets: Uint8Array) => void;
}

export const ISN = [0, 4_294_967_000, 77] as const;

/** A connection as it should be: a handshake, a request, a long answer, and both ends close. Relative numbers in, absolute ones out. */
export function lines(): Line[] {
  const make = (from: 1 | 2, flags: number, seq: number, ack: number, length: number, options: Partial<SegmentOptions> = {}): Line => {
    const text = Uint8Array.from({ length }, (_, i) => (seq + i) & 255);
    const stamp = options.timestamps === undefined ? { val: 1_000 * from + seq, ecr: 1_000 * (3 - from) + ack } : options.timestamps;
    return {
      from,
      segment: {
        seq: (ISN[from] + seq) >>> 0,
        ack: flags & Bit.Ack ? (ISN[(3 - from) as 1 | 2] + ack) >>> 0 : 0,
        flags,
        reserved: 0,
        wnd: 1_000,
        up: 0,
        length,
        text,
        optionOctets: 0,
        options: { ...noOptions, ...options, timestamps: stamp },
      },
    };
  };
  const { Syn, Ack, Fin, Psh } = Bit;
  const syn = { mss: 1_460, windowScale: 2, sackPermitted: true };
  return [
    make(1, Syn, 0, 0, 0, { ...syn, timestamps: { val: 1_000, ecr: 0 } }),
    make(2, Syn | Ack, 0, 1, 0, { ...syn, timestamps: { val: 2_000, ecr: 1_000 } }),
    make(1, Ack, 1, 1, 0, { timestamps: { val: 1_001, ecr: 2_000 } }),
    make(1, Ack | Psh, 1, 1, 100, { timestamps: { val: 1_001, ecr: 2_000 } }),
    make(2, Ack, 1, 101, 1_400, { timestamps: { val: 2_001, ecr: 1_001 } }),
    make(2, Ack, 1_401, 101, 1_400, { timestamps: { val: 2_001, ecr: 1_001 } }),
    make(1, Ack, 101, 2_801, 0, { timestamps: { val: 1_002, ecr: 2_001 } }),
    make(2, Ack | Fin, 2_801, 101, 10, { timestamps: { val: 2_002, ecr: 1_002 } }),
    make(1, Ack, 101, 2_812, 0, { timestamps: { val: 1_003, ecr: 2_002 } }),
    make(1, Ack | Fin, 101, 2_812, 0, { timestamps: { val: 1_003, ecr: 2_002 } }),
    make(2, Ack, 2_812, 102, 0, { timestamps: { val: 2_003, ecr: 1_003 } }),
  ];
}

/** Both ends are seen as they send: a loopback. */
export const frameOf = ({ from, segment, spoil }: Line, i: number): CapturedFrame => {
  const octets = datagram(segment, from, 3 - from, from === 1 ? 5_000 : 80, from === 1 ? 80 : 5_000);
  spoil?.(octets);
  return {
    interfaceId: 0,
    at: BigInt(i) * 1_000_000n,
    octets,
    length: octets.length,
    direction: Direction.Outbound,
    cast: -1,
    comment: null,
    id: null,
  };
};

export const judged = (list: readonly Line[]): Judgment => judge(list.map(frameOf), [{ name: "", linkType: 101, snapLength: 0 }]);

export const change = (list: Line[], index: number, changes: Change): void => {
  const line = list[index]!;
  const { options, ...rest } = changes;
  line.segment = { ...line.segment, ...rest, options: { ...line.segment.options, ...options } };
};
export const shifted = (number: number, by: number): number => (number + by) >>> 0;
