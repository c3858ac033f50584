import { describe, expect, test } from "vitest";
import { createMemory } from "../../src/base/memory.js";
import { SeededRandom } from "../../src/base/prng.js";
import { Capture } from "../../src/inspect/capture.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { ALL_KINDS } from "../../src/inspect/event.js";
import { Ladder } from "../../src/inspect/ladder.js";
import { attachProbe } from "../../src/inspect/probes.js";
import { Recorder } from "../../src/inspect/recorder.js";
import { lifeProbe } from "../../src/inspect/show.js";
import { traceProbe } from "../../src/inspect/trace.js";
import { WhyCheck } from "../../src/inspect/why-check.js";
import { ip } from "../../src/ip/address.js";
import type { WireOptions } from "../../src/sim/wire-options.js";
import { World } from "../../src/sim/world.js";
import { Stack } from "../../src/stack/stack.js";
import { TcpEvent } from "../../src/tcp/events.js";
import { collector } from "./collector.js";
import { expertComplaints, tshark, tsharkMissing } from "./tshark.js";

const MILLISECONDS = 1_000;
const ORIGIN = 5_000_000;

/** A stack with every kind of probe on it. */
function observed(world: World, name: string, address: string) {
  const memory = createMemory({ packets: 256, packetSize: 2_048, chunks: 256 });
  const stack = new Stack({ name, random: new SeededRandom(world.random.int32()), memory }, world.now);
  const host = world.addHost(name, stack);
  const link = world.addLink(host);
  const trace: string[] = [];
  const lives: string[] = [];
  const kept = collector();
  const check = new WhyCheck({ name });
  const detail = { kinds: ALL_KINDS };
  const recorder = new Recorder(4_096, { ...detail, timers: "all" });
  const ladder = new Ladder();
  const capture = new Capture(kept.sink, {
    epoch: 1_785_000_000_000_000,
    names: [
      { address: ip("10.0.0.1"), name: "a" },
      { address: ip("10.0.0.2"), name: "b" },
    ],
  });
  for (const probe of [
    check.probe,
    recorder.probe,
    ladder.probe,
    capture.probe,
    traceProbe((line) => trace.push(line), detail),
    lifeProbe((line) => lives.push(line)),
  ])
    attachProbe(stack, probe);
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, world.now);
  const file = (): Uint8Array => {
    capture.close();
    return kept.octets();
  };
  return { stack, link, trace, lives, check, recorder, ladder, file };
}

/** A sends `size` octets, B answers as many and both close; over a wire of 10 ms. */
function exchange(seed: number, size: number, wire: Partial<WireOptions> = {}) {
  const world = new World(seed, { origin: ORIGIN });
  const a = observed(world, "a", "10.0.0.1");
  const b = observed(world, "b", "10.0.0.2");
  world.connect(a.link, b.link, { delay: 10 * MILLISECONDS, ...wire });
  const octets = new Uint8Array(size).map((_, i) => i);
  const scratch = new Uint8Array(65_536);
  let done = 0;
  const speaker = (stack: Stack, first: boolean) => {
    let sent = 0;
    let received = 0;
    const push = (handle: number): void => {
      while (sent < size) {
        const taken = stack.tcp.send(handle, octets, sent, size - sent, world.now);
        if (taken <= 0) return;
        sent += taken;
      }
      stack.tcp.shutdown(handle, world.now);
      sent = Number.POSITIVE_INFINITY;
    };
    return {
      onEvents(handle: number, events: number): void {
        if (first && events & TcpEvent.Established) push(handle);
        if (events & TcpEvent.Readable)
          for (let got = stack.tcp.receive(handle, scratch, 0, scratch.length, world.now); got > 0; ) {
            received += got;
            got = stack.tcp.receive(handle, scratch, 0, scratch.length, world.now);
          }
        if (received === size && (first || sent === 0)) push(handle);
        if (events & TcpEvent.Writable && Number.isFinite(sent)) push(handle);
        if (events & TcpEvent.Closed) done += stack.tcp.errorOf(handle) === null ? 1 : 100;
      },
    };
  };
  const server = speaker(b.stack, false);
  const listener = b.stack.tcp.listen(
    { port: 80 },
    {
      onEvents(): void {
        const handle = b.stack.tcp.accept(listener);
        if (handle !== 0) b.stack.tcp.attach(handle, server);
      },
    },
  );
  a.stack.tcp.connect({ remote: ip("10.0.0.2"), remotePort: 80 }, speaker(a.stack, true), world.now);
  world.runUntil(() => false, ORIGIN + 200_000_000);
  return { a, b, done };
}

/** Without what only the seed decides: the ephemeral port. */
const stable = (lines: readonly string[]): string => `\n${lines.join("\n")}\n`.replace(/(10\.0\.0\.1):\d{5}/g, "$1:PORT");

describe("two stacks, seen from one of them", () => {
  test("a quiet exchange: trace, ladder, life", () => {
    const { a, b } = exchange(1, 1_000);
    expect(stable(a.trace)).toMatchInlineSnapshot(`
      "
                             c1   10.0.0.1:PORT 10.0.0.2:80
          5.000000        +0 c1   state CLOSED -> SYN-SENT                                               st.open_active RFC 9293 s3.10.1 ^1
          5.000000        +0 c1   send  SYN      seq 0 win 65535 <mss 1460, sackok, ts, ws 7>            tx.active_open RFC 9293 s3.10.1 ^1
          5.000000           -    send  dev1 ARP who-has 10.0.0.2 tell 10.0.0.1                          arp.request RFC 826 ^1
          5.000000        +0 c1   timer rto in 1000ms                                                    tm.syn_rto RFC 6298 s2 ^1
          5.020000           -    recv  dev1 ARP 10.0.0.2 is-at (to 10.0.0.1)                            #2
          5.040000    +40000 c1   recv  SYN,ACK  seq 0 ack 1 win 65535 <mss 1460, sackok, ts, ws 7>      #3
          5.040000        +0 c1   rtt   40ms srtt 40ms rttvar 20ms rto 240ms                             ^3
          5.040000        +0 c1   timer rto cancelled                                                    tm.rto_stop RFC 6298 s5 ^3
          5.040000        +0 c1   state SYN-SENT -> ESTABLISHED                                          st.rcv_syn_ack RFC 9293 s3.10.7.3 ^3
          5.040000        +0 c1   hold  cwnd 14480 flight 0 snd.wnd 65535                                hold.app RFC 9293 s3.10.2 ^3
          5.040000        +0 c1   send  ACK      seq 1 ack 1 win 65408 <ts>                              tx.ack_syn RFC 9293 s3.10.7.3 ^3
          5.040000        +0 c1   state ESTABLISHED -> FIN-WAIT-1                                        st.close_send_fin RFC 9293 s3.10.4 ^6
          5.040000        +0 c1   send  FIN,PSH,ACK seq 1:1001 (1000) ack 1 win 65408 <ts>               tx.new_data RFC 9293 s3.7 ^6
          5.040000        +0 c1   timer rto in 240ms                                                     tm.rto RFC 6298 s5 ^6
          5.040000        +0 c1   timer loss-probe in 240ms                                              tm.pto RFC 8985 s7.2 ^6
          5.060000    +20000 c1   recv  ACK      seq 1 ack 1002 win 64512 <ts>                           #7
          5.060000        +0 c1   rtt   20ms srtt 37.5ms rttvar 20ms rto 237.5ms                         ^7
          5.060000        +0 c1   timer rto cancelled                                                    tm.rto_stop RFC 6298 s5 ^7
          5.060000        +0 c1   timer loss-probe cancelled                                             tm.rto_stop RFC 6298 s5 ^7
          5.060000        +0 c1   state FIN-WAIT-1 -> FIN-WAIT-2                                         st.rcv_ack_of_fin RFC 9293 s3.10.7.4 ^7
          5.060000        +0 c1   recv  FIN,PSH,ACK seq 1:1001 (1000) ack 1002 win 64512 <ts>            #8
          5.060000        +0 c1   state FIN-WAIT-2 -> TIME-WAIT                                          st.rcv_fin RFC 9293 s3.10.7.4 ^8
          5.060000        +0 c1   timer time-wait in 60000ms                                             tm.2msl RFC 9293 s3.6.1 ^8
          5.060000        +0 c1   send  ACK      seq 1002 ack 1002 win 64512 <ts>                        tx.ack_fin RFC 9293 s3.10.7.4 ^8
         65.060000 +60000000 c1   timer time-wait expired                                                tm.2msl RFC 9293 s3.6.1 ^13
         65.060000        +0 c1   state TIME-WAIT -> CLOSED                                              st.time_wait_over RFC 9293 s3.10.8 ^13
      "
    `);
    expect(stable(a.ladder.render())).toMatchInlineSnapshot(`
      "
                   10.0.0.1:PORT                              10.0.0.2:80
          0.000000 |--- SYN seq 0 win 65535 ---------------------------->|  tx.active_open SYN-SENT
          0.040000 |<--- SYN,ACK seq 0 ack 1 win 65535 ------------------|  ESTABLISHED
          0.040000 |--- ACK seq 1 ack 1 win 65408 ---------------------->|  tx.ack_syn
          0.040000 |--- FIN,PSH,ACK seq 1:1001 ack 1 win 65408 --------->|  tx.new_data FIN-WAIT-1
          0.060000 |<--- ACK seq 1 ack 1002 win 64512 -------------------|  FIN-WAIT-2
          0.060000 |<--- FIN,PSH,ACK seq 1:1001 ack 1002 win 64512 ------|  TIME-WAIT
          0.060000 |--- ACK seq 1002 ack 1002 win 64512 ---------------->|  tx.ack_fin
      "
    `);
    expect(stable(b.ladder.render())).toMatchInlineSnapshot(`
      "
                   10.0.0.2:80                              10.0.0.1:PORT
          0.000000 |<--- SYN seq 0 win 65535 ----------------------------|  SYN-RECEIVED
          0.000000 |--- SYN,ACK seq 0 ack 1 win 65535 ------------------>|  tx.syn_ack
          0.020000 |<--- ACK seq 1 ack 1 win 65408 ----------------------|  ESTABLISHED
          0.020000 |<--- FIN,PSH,ACK seq 1:1001 ack 1 win 65408 ---------|  CLOSE-WAIT
          0.020000 |--- ACK seq 1 ack 1002 win 64512 ------------------->|  tx.ack_fin
          0.020000 |--- FIN,PSH,ACK seq 1:1001 ack 1002 win 64512 ------>|  tx.new_data LAST-ACK
          0.040000 |<--- ACK seq 1002 ack 1002 win 64512 ----------------|  CLOSED
      "
    `);
    expect(stable([...a.lives, ...b.lives])).toMatchInlineSnapshot(`
      "
      10.0.0.1:PORT 10.0.0.2:80 TIME-WAIT out 1000 B in 1000 B 60ms srtt 37.5ms
      10.0.0.2:80 10.0.0.1:PORT CLOSED out 1000 B in 1000 B 40ms srtt 20ms
      "
    `);
  });

  test("nothing is sent, dropped, lost, armed or changed without a reason and a cause; what is told is what is counted", () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { a, b } = exchange(seed, 300_000, { loss: 0.03, duplicate: 0.02, reorder: 0.05 });
      for (const side of [a, b]) {
        expect(side.check.events).toBeGreaterThan(500);
        expect(side.check.disagreements(side.stack.tally)).toEqual([]);
        expect(side.check.untold(side.stack.tally)).toEqual([]);
      }
    }
  });

  test("the recorder's last lines are the trace's", () => {
    const { a } = exchange(7, 100_000, { loss: 0.02 });
    const columns = (lines: readonly string[]): string[] => lines.slice(-100).map((line) => `${line.slice(0, 13)}${line.slice(24)}`);
    expect(columns(a.recorder.dump())).toEqual(columns(a.trace));
  });

  test("the capture: every frame that left has its reason", () => {
    const { a } = exchange(3, 200_000, { loss: 0.03 });
    const read = readCapture(a.file());
    expect(read.problem).toBeNull();
    expect(read.frames.length).toBeGreaterThan(150);
    for (const frame of read.frames) if (frame.direction === 2) expect(frame.comment).toMatch(/^[a-z0-9]+\.[a-z0-9_]+: .+: .+, cause \d+$/);
  });

  test.skipIf(tsharkMissing)(
    "tshark reads the captures clean: no expert warning in a quiet exchange, no malformed frame in a lossy one",
    () => {
      const quiet = exchange(1, 20_000);
      expect(expertComplaints(quiet.a.file())).toEqual([]);
      expect(expertComplaints(quiet.b.file())).toEqual([]);
      const lossy = exchange(3, 200_000, { loss: 0.03 }).a.file();
      expect(
        tshark(
          lossy,
          "-Y",
          "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0",
          "-o",
          "ip.check_checksum:TRUE",
          "-o",
          "tcp.check_checksum:TRUE",
        ),
      ).toBe("");
      const comments = tshark(lossy, "-T", "fields", "-e", "frame.comment", "-Y", "frame.packet_flags_direction == 2")
        .trimEnd()
        .split("\n");
      expect(comments.filter((comment) => !/^[a-z]+\.[a-z0-9_]+: /.test(comment))).toEqual([]);
      expect(comments.some((comment) => comment.startsWith("rtx."))).toBe(true);
    },
  );
});
