import { describe, expect, test } from "vitest";
import { seq } from "../../src/base/seq.js";
import { ALL_KINDS, Kind } from "../../src/inspect/event.js";
import { traceProbe } from "../../src/inspect/trace.js";
import { ip } from "../../src/ip/address.js";
import { arpFrame, conversation, ipFrame } from "./frames.js";
import { datagram, device, load, play, segment, tcb } from "./playing.js";

/** The lines, with the registry's source left out: it is the registry's business. */
function traced(run: (probe: ReturnType<typeof traceProbe>) => void, options: Parameters<typeof traceProbe>[1] = {}): string[] {
  const lines: string[] = [];
  run(traceProbe((line) => lines.push(line), options));
  return lines.map((line) => line.replace(/ +([a-z0-9]+\.[a-z0-9_]+) RFC[^^#]*/, "  $1 ").trimEnd());
}

describe("trace", () => {
  test("a connection: relative numbers, repeats, drops, states, timers, windows, reasons, causes", () => {
    expect(traced((probe) => play(probe), { kinds: ALL_KINDS, text: 16 })).toMatchInlineSnapshot(`
      [
        "                       c1   10.0.0.1:49152 10.0.0.2:80",
        "    0.000000        +0 c1   state CLOSED -> SYN-SENT  st.open_active ^1",
        "    0.000000        +0 c1   send  SYN      seq 0 win 64240 <mss 1460, sackok, ts, ws 7>  tx.active_open ^1",
        "    0.000000        +0 c1   timer rto in 1000ms  tm.syn_rto ^1",
        "    0.020000    +20000 c1   recv  SYN,ACK  seq 0 ack 1 win 65535 <mss 1400, ws 8>                  #2",
        "    0.020000        +0 c1   state SYN-SENT -> ESTABLISHED  st.rcv_syn_ack ^2",
        "    0.020000        +0 c1   rtt   20ms srtt 20ms rttvar 10ms rto 220ms                             ^2",
        "    0.020010       +10 c1   send  ACK      seq 1 ack 1 win 64256  tx.ack_syn ^2",
        "    0.020500      +490 c1   send  PSH,ACK  seq 1:101 (100) ack 1 win 64256  tx.new_data ^3",
        "    1.020500  +1000000 c1   timer rto expired  tm.rto_backoff ^4",
        "    1.020500        +0 c1   lost  seq 1:101 (100)  loss.rto ^4",
        "    1.020500        +0 c1   cwnd  cwnd 14600 ssthresh none flight 0 snd.wnd 65535  cc.rto_collapse ^4",
        "    1.020500        +0 c1   again PSH,ACK  seq 1:101 (100) ack 1 win 64256  rtx.rto ^4",
        "    1.020500        +0 c1   hold  cwnd 14600 flight 0 snd.wnd 65535  hold.rwnd ^4",
        "    1.040500    +20000 c1   recv  PSH,ACK  seq 1:10 (9) ack 101 win 65536 <sack 1:101> "200\\x0d\\x0a\\x1b[2J" #5",
        "    1.040600      +100 c1   recv  ACK      seq -9:-6 (3) ack 101 win 16445440                      #6",
        "    1.040600        +0 c1   drop  ACK      seq -9:-6 (3) ack 101 win 16445440  drop.old_seq ^6",
        "    1.050000     +9400 c1   state ESTABLISHED -> FIN-WAIT-1  st.close_send_fin ^7",
        "    1.050000        +0 c1   send  FIN,ACK  seq 101 ack 13 win 64256  tx.fin ^7",
        "    1.070000    +20000 c1   recv  ACK      seq 13 ack 102 win 65536                                #8",
        "    1.070000        +0 c1   state FIN-WAIT-1 -> FIN-WAIT-2  st.rcv_ack_of_fin ^8",
        "    1.071000     +1000 c1   recv  FIN,ACK  seq 13 ack 102 win 65536                                #9",
        "    1.071000        +0 c1   state FIN-WAIT-2 -> TIME-WAIT  st.rcv_fin ^9",
        "    1.071010       +10 c1   send  ACK      seq 102 ack 14 win 64256  tx.ack_fin ^9",
        "    1.071010        +0 c1   timer time-wait in 60000ms  tm.2msl ^9",
        "   61.071010 +60000000 c1   state TIME-WAIT -> CLOSED  st.time_wait_over ^10",
      ]
    `);
  });

  test("round-trip samples are left out unless asked for", () => {
    expect(traced((probe) => play(probe)).some((line) => line.includes("srtt"))).toBe(false);
  });

  test("by port", () => {
    expect(traced((probe) => play(probe), { port: 81 })).toEqual([]);
    expect(traced((probe) => play(probe), { port: 80 }).length).toBeGreaterThan(10);
  });

  test("connections have names in the order in which they appear, and a name is not used again", () => {
    const lines = traced((probe) => {
      play(probe, tcb(7));
      play(probe, tcb(9));
      play(probe, tcb(7));
    });
    expect(lines.filter((line) => /^ {20,}c/.test(line)).map((line) => line.trim().slice(0, 2))).toEqual(["c1", "c2", "c3"]);
  });

  test("a segment of no connection: absolute numbers, marked, and both endpoints", () => {
    const stray = segment({ srcPort: 80, dstPort: 9, seq: seq(-1), flags: 2, len: 1 });
    const reset = segment({ srcPort: 9, dstPort: 80, ack: seq(0), flags: 0x14 });
    const lines = traced((probe) => {
      probe.segmentReceived?.(null, stray, datagram(), 1, 5);
      probe.segmentSent?.(null, reset, 6, 1, 5);
    });
    expect(lines).toMatchInlineSnapshot(`
      [
        "    0.000005           -    recv  SYN      seq =4294967295 win 64240 10.0.0.2:80 > 10.0.0.1:9      #1",
        "    0.000005           -    send  RST,ACK  seq =0 ack =0 win 64240 :9 > :80  tx.rst_no_conn ^1",
      ]
    `);
  });

  test("an unacceptable segment before the peer's SYN: its sequence number counts from nowhere", () => {
    const [, line] = traced((probe) =>
      probe.segmentReceived?.(tcb(), segment({ seq: seq(77), ack: seq(-15), flags: 0x14 }), datagram(), 1, 5),
    );
    expect(line).toContain("seq =77 ack 1 ");
  });

  test("frames that are not TCP's; TCP's own are told as segments", () => {
    const a = ip("10.0.0.1");
    const b = ip("10.0.0.2");
    const echo = Uint8Array.of(8, 0, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4);
    const needed = Uint8Array.of(3, 4, 0, 0, 0, 0, 5, 120, 0x45, 0, 0, 0);
    const udp = Uint8Array.of(0, 53, 0x30, 0x39, 0, 9, 0, 0, 65);
    const fragment = ipFrame(a, b, 17, new Uint8Array(16));
    fragment[21] = 10;
    const lines = traced(
      (probe) => {
        const say = (octets: Uint8Array, why: number): void => probe.frameSent?.(device(), load(octets), why, 3, 1_000);
        say(arpFrame(1, a, b), 260);
        say(arpFrame(2, b, a), 261);
        say(arpFrame(1, a, a), 263);
        say(ipFrame(a, b, 1, echo), 341);
        say(ipFrame(a, b, 1, needed), 342);
        say(ipFrame(b, a, 17, udp), 380);
        say(fragment, 380);
        say(ipFrame(a, b, 89, new Uint8Array(8)), 380);
        say(conversation[2]![1], 1);
        probe.frameReceived?.(device(), load(Uint8Array.of(1, 2, 3)), 4, 2_000);
        probe.dropped?.(device(), 240, 4, 2_000);
        probe.frameReceived?.(device(), load(conversation[3]![1]), 5, 3_000);
        probe.dropped?.(device(), 80, 5, 3_000);
        probe.dropped?.(null, 311, 6, 4_000);
      },
      { deviceName: () => "eth\x1b0" },
    );
    expect(lines).toMatchInlineSnapshot(`
      [
        "    0.001000           -    send  eth\\x1b0 ARP who-has 10.0.0.2 tell 10.0.0.1  arp.request ^3",
        "    0.001000           -    send  eth\\x1b0 ARP 10.0.0.2 is-at (to 10.0.0.1)  arp.reply ^3",
        "    0.001000           -    send  eth\\x1b0 ARP announce 10.0.0.1  arp.announce ^3",
        "    0.001000           -    send  eth\\x1b0 ICMP 10.0.0.1 > 10.0.0.2 echo request id 7 seq 1 (12)  icmp.echo_request ^3",
        "    0.001000           -    send  eth\\x1b0 ICMP 10.0.0.1 > 10.0.0.2 fragmentation needed mtu 1400 (12)  icmp.port_unreachable ^3",
        "    0.001000           -    send  eth\\x1b0 UDP 10.0.0.2:53 > 10.0.0.1:12345 (9)  udp.datagram ^3",
        "    0.001000           -    send  eth\\x1b0 IP 10.0.0.1 > 10.0.0.2 protocol 17 fragment at 80 (16)  udp.datagram ^3",
        "    0.001000           -    send  eth\\x1b0 IP 10.0.0.1 > 10.0.0.2 protocol 89 (8)  udp.datagram ^3",
        "    0.002000           -    recv  eth\\x1b0 frame (3)                                               #4",
        "    0.002000           -    drop  eth\\x1b0 frame (3)  eth.runt ^4",
        "    0.003000           -    drop  eth\\x1b0 TCP 10.0.0.2:80 > 10.0.0.1:49152 (40)  drop.bad_checksum ^5",
        "    0.004000           -    drop  ip.no_route ^6",
      ]
    `);
  });

  test("the values of timestamps on demand", () => {
    expect(traced((probe) => play(probe), { timestamps: true })[2]).toContain("<mss 1460, sackok, ts 1/0, ws 7>");
  });

  test("the reason's sentence on demand", () => {
    const lines: string[] = [];
    play(
      traceProbe((line) => lines.push(line), { explain: true, kinds: 1 << Kind.Sent }),
      tcb(),
    );
    expect(lines[1]).toMatch(/tx\.active_open RFC 9293 .*: .+ \^1$/);
  });
});
