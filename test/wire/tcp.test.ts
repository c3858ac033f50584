/** Our TCP and the kernel's: what goes in at one end comes out at the other, octet for octet, however the ends behave (RFC 9293 s3.4, s3.10). */
import { describe, expect } from "vitest";
import { ip } from "../../src/ip/address.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { State } from "../../src/tcp/state.js";
import { KERNEL, OURS, wireTest } from "./kernel.js";
import { type Converse, connect, listen, type Ours, type OursOptions, type Outcome, withStack } from "./ours.js";
import { patternHash } from "./pattern.js";

interface PeerOutcome {
  readonly sent: number;
  readonly received: { readonly octets: number; readonly hash: string; readonly ended: boolean; readonly error: string | null } | null;
  readonly error: string | null;
}

/** The kernel connects to us; both ends' outcomes, in no particular order of connections. */
const kernelConnects = async (ours: Ours, we: Converse, they: Record<string, unknown>, count = 1): Promise<[Outcome[], PeerOutcome[]]> => {
  const peer = await ours.kernel.peer();
  const listener = listen(ours, we);
  const told = peer.tell<{ results: PeerOutcome[] }>("connect", { host: OURS, port: listener.port, count, ...they });
  const outcomes = await listener.outcomes(count);
  return [outcomes, (await told).results];
};

/** We connect to the kernel. */
const weConnect = async (ours: Ours, we: Converse, they: Record<string, unknown>, count = 1): Promise<[Outcome[], PeerOutcome[]]> => {
  const peer = await ours.kernel.peer();
  const { port } = await peer.tell<{ port: number }>("listen", { host: KERNEL, each: they });
  const outcomes = await connect(ours, KERNEL, port, we, count);
  const { results } = await peer.tell<{ results: PeerOutcome[] }>("results", { port, count });
  return [outcomes, results];
};

/** Every stream arrived whole and ended in order: which connection carried which does not matter. */
const expectStreams = (received: readonly { octets: number; hash: string; ended: boolean }[], seed: number, octets: number): void => {
  const hashes = received.map(({ hash }) => hash).sort();
  expect(received.map((one) => [one.octets, one.ended])).toEqual(received.map(() => [octets, true]));
  expect(hashes).toEqual(received.map((_, i) => patternHash(seed + i, octets)).sort());
};

const MEGABYTE = 1 << 20;
const mtu = (octets: number): OursOptions => ({ tap: { mtu: octets } });
const nobodyErred = (outcomes: readonly { error: string | null }[]): void =>
  expect(outcomes.map(({ error }) => error)).toEqual(outcomes.map(() => null));

/** Packets that hold the longest super-segment. */
const offload = (octets: number): OursOptions => ({ tap: { mtu: octets, offload: true }, memory: { packets: 256, packetSize: 65_600 } });

describe("bulk with super-segments and checksums left to the kernel", () => {
  for (const size of [576, 1500, 9000])
    for (const small of [false, true]) {
      const options = small ? { tap: { mtu: size, offload: true } } : offload(size);
      wireTest(`MTU ${size}, packets of ${small ? "one frame" : "64 KiB"}: 32 MiB both ways at once`, async () => {
        await withStack(options, async (ours) => {
          const both = { send: { seed: 5, octets: 32 * MEGABYTE }, receive: {} };
          const [outcomes, results] = await kernelConnects(ours, both, both);
          nobodyErred([...outcomes, ...results]);
          for (const received of [outcomes[0]!.received, results[0]!.received!]) expectStreams([received], 5, 32 * MEGABYTE);
        });
      });
    }
});

describe("bulk, by MTU", () => {
  for (const [size, octets] of [
    [68, MEGABYTE / 8],
    [296, MEGABYTE],
    [576, 4 * MEGABYTE],
    [1280, 8 * MEGABYTE],
    [1500, 32 * MEGABYTE],
    [9000, 64 * MEGABYTE],
  ] as const) {
    wireTest(`MTU ${size}: up, the kernel sends ${octets} octets`, async () => {
      await withStack(mtu(size), async (ours) => {
        const [outcomes, results] = await kernelConnects(ours, { receive: {} }, { send: { seed: 5, octets } });
        nobodyErred([...outcomes, ...results]);
        expectStreams(
          outcomes.map(({ received }) => received),
          5,
          octets,
        );
      });
    });

    wireTest(`MTU ${size}: down, we send ${octets} octets`, async () => {
      await withStack(mtu(size), async (ours) => {
        const [outcomes, results] = await kernelConnects(ours, { send: { seed: 7, octets } }, { receive: {} });
        nobodyErred([...outcomes, ...results]);
        expectStreams(
          results.map(({ received }) => received!),
          7,
          octets,
        );
      });
    });
  }

  wireTest("both ways at once, we opening", async () => {
    await withStack({}, async (ours) => {
      const octets = 8 * MEGABYTE;
      const send = { seed: 9, octets };
      const [outcomes, results] = await weConnect(ours, { send, receive: {} }, { send, receive: {} });
      nobodyErred([...outcomes, ...results]);
      expectStreams([outcomes[0]!.received], 9, octets);
      expectStreams([results[0]!.received!], 9, octets);
    });
  });
});

describe("many at once", () => {
  wireTest("200 transfers that the kernel opens, both ways", async () => {
    await withStack({}, async (ours) => {
      const send = { seed: 100, octets: MEGABYTE / 8 };
      const [outcomes, results] = await kernelConnects(ours, { send, receive: {} }, { send, receive: {} }, 200);
      nobodyErred([...outcomes, ...results]);
      for (const side of [outcomes, results]) {
        expectStreams(
          side.map(({ received }) => received!),
          100,
          send.octets,
        );
      }
    });
  });

  wireTest("200 transfers that we open, both ways", async () => {
    await withStack({}, async (ours) => {
      const send = { seed: 100, octets: MEGABYTE / 8 };
      const [outcomes, results] = await weConnect(ours, { send, receive: {} }, { send, receive: {} }, 200);
      nobodyErred([...outcomes, ...results]);
      for (const side of [outcomes, results]) {
        expectStreams(
          side.map(({ received }) => received!),
          100,
          send.octets,
        );
      }
    });
  });
});

describe("small and slow", () => {
  for (const noDelay of [false, true]) {
    wireTest(`one-octet writes from us, ${noDelay ? "without" : "with"} Nagle`, async () => {
      await withStack({}, async (ours) => {
        const send = { seed: 3, octets: 5000, chunk: 1 };
        const [outcomes, results] = await weConnect(ours, { send, options: { noDelay } }, { receive: {} });
        nobodyErred([...outcomes, ...results]);
        expectStreams([results[0]!.received!], 3, 5000);
      });
    });

    wireTest(`one-octet writes from the kernel, ${noDelay ? "without" : "with"} Nagle`, async () => {
      await withStack({}, async (ours) => {
        const [outcomes, results] = await kernelConnects(ours, { receive: {} }, { send: { seed: 4, octets: 5000, chunk: 1 }, noDelay });
        nobodyErred([...outcomes, ...results]);
        expectStreams([outcomes[0]!.received], 4, 5000);
      });
    });
  }

  wireTest("s3.8.6: we read slowly, the window closes and opens", async () => {
    await withStack({}, async (ours) => {
      const octets = 2 * MEGABYTE;
      const we = { receive: { slow: 65_536, pause: 20 }, options: { receiveBuffer: 65_536 } };
      const [outcomes, results] = await kernelConnects(ours, we, { send: { seed: 11, octets } });
      nobodyErred([...outcomes, ...results]);
      expectStreams([outcomes[0]!.received], 11, octets);
    });
  });

  wireTest("s3.8.6.1: the kernel reads slowly, we probe its closed window", async () => {
    await withStack({}, async (ours) => {
      const octets = 8 * MEGABYTE;
      const [outcomes, results] = await weConnect(ours, { send: { seed: 12, octets } }, { receive: { slow: 262_144, pause: 15 } });
      nobodyErred([...outcomes, ...results]);
      expectStreams([results[0]!.received!], 12, octets);
    });
  });

  wireTest("slow writers at both ends", async () => {
    await withStack({}, async (ours) => {
      const send = { seed: 13, octets: 20_000, chunk: 100, pause: 2 };
      const [outcomes, results] = await weConnect(ours, { send, receive: {} }, { send, receive: {} });
      nobodyErred([...outcomes, ...results]);
      expectStreams([results[0]!.received!], 13, 20_000);
      expectStreams([outcomes[0]!.received], 13, 20_000);
    });
  });
});

describe("endings", () => {
  wireTest("s3.6: the kernel half-closes first and still gets all of ours", async () => {
    await withStack({}, async (ours) => {
      const we = { send: { seed: 20, octets: 300_000, chunk: 10_000, pause: 1 }, receive: {} };
      const [outcomes, results] = await kernelConnects(ours, we, { send: { seed: 21, octets: 10 }, receive: {} });
      nobodyErred([...outcomes, ...results]);
      expectStreams([outcomes[0]!.received], 21, 10);
      expectStreams([results[0]!.received!], 20, 300_000);
    });
  });

  wireTest("s3.6: we half-close first and still get all of the kernel's", async () => {
    await withStack({}, async (ours) => {
      const they = { send: { seed: 22, octets: 300_000, chunk: 10_000, pause: 1 }, receive: {} };
      const [outcomes, results] = await weConnect(ours, { receive: {} }, they);
      nobodyErred([...outcomes, ...results]);
      expectStreams([outcomes[0]!.received], 22, 300_000);
    });
  });

  wireTest("s3.6: connections without a single octet, opened and closed", async () => {
    await withStack({}, async (ours) => {
      const [outcomes, results] = await weConnect(ours, { receive: {} }, { receive: {} }, 50);
      nobodyErred([...outcomes, ...results]);
      expectStreams(
        outcomes.map(({ received }) => received),
        0,
        0,
      );
    });
  });

  wireTest("s3.10.7.4: the kernel resets", async () => {
    await withStack({}, async (ours) => {
      const [outcomes] = await kernelConnects(ours, { receive: {}, end: false }, { send: { seed: 1, octets: 1000 }, reset: true });
      expect(outcomes[0]!.error).toBe("ECONNRESET");
    });
  });

  wireTest("s3.10.5: we reset", async () => {
    await withStack({}, async (ours) => {
      const [, results] = await weConnect(ours, { send: { seed: 1, octets: 1000 }, reset: true }, { receive: {}, end: false });
      expect(results[0]!.error ?? results[0]!.received!.error).toBe("ECONNRESET");
    });
  });

  wireTest("s3.10.7.1: nobody listens with us: the kernel's connect is refused", async () => {
    await withStack({}, async (ours) => {
      const peer = await ours.kernel.peer();
      const { results } = await peer.tell<{ results: PeerOutcome[] }>("connect", { host: OURS, port: 81 });
      expect(results[0]!.error).toBe("ECONNREFUSED");
    });
  });

  wireTest("s3.10.7.3: nobody listens with the kernel: our connect is refused", async () => {
    await withStack({}, async (ours) => {
      const [outcome] = await connect(ours, KERNEL, 81, {});
      expect(outcome!.error).toBe("ECONNREFUSED");
    });
  });

  wireTest("RFC 1122 s4.2.3.9: nobody has the address: our connect is told, and goes on trying", async () => {
    await withStack({}, async (ours) => {
      const { tcp } = ours.stack;
      const error = await new Promise((resolve) => {
        tcp.connect(
          { remote: ip("10.9.0.77"), remotePort: 80 },
          { onEvents: (handle, events) => (events & TcpEvent.SoftError) !== 0 && resolve([tcp.softErrorOf(handle), tcp.stateOf(handle)]) },
          ours.drive.now(),
        );
      });
      expect(error).toEqual(["EHOSTUNREACH", State.SynSent]);
    });
  });
});

describe("in the kernel's books", () => {
  wireTest("no segment of ours had a bad checksum, a bad header or a bad sequence", async () => {
    await withStack({}, async (ours) => {
      const before = ours.kernel.counters();
      const send = { seed: 30, octets: 4 * MEGABYTE };
      await weConnect(ours, { send, receive: {} }, { send, receive: {} }, 4);
      const after = ours.kernel.counters();
      for (const name of ["InErrs", "InCsumErrors"]) expect(after["Tcp"]![name]).toBe(before["Tcp"]![name]);
      for (const name of ["InHdrErrors", "InAddrErrors"]) expect(after["Ip"]![name]).toBe(before["Ip"]![name]);
      for (const name of ["PAWSEstab", "TCPOFOMerge", "TCPChallengeACK"]) expect(after["TcpExt"]![name] ?? 0).toBe(0);
      expect(ours.stack.ip.routes.lookup(ip(KERNEL), -1, ours.drive.now())).not.toBeNull();
    });
  });
});
