import { describe, expect, test } from "vitest";
import { seq } from "../../src/base/seq.js";
import { Ladder } from "../../src/inspect/ladder.js";
import { datagram, IRS, ISS, play, segment, tcb } from "./playing.js";

describe("ladder", () => {
  test("handshake, text with a repeat and a drop, close", () => {
    const ladder = new Ladder({ head: 20 });
    play(ladder.probe);
    expect(`\n${ladder.render().join("\n")}\n`).toMatchInlineSnapshot(`
      "
                   10.0.0.1:49152                       10.0.0.2:80
          0.000000 |--- SYN seq 0 win 64240 --------------------->|  tx.active_open SYN-SENT
          0.020000 |<--- SYN,ACK seq 0 ack 1 win 65535 -----------|  ESTABLISHED
          0.020010 |--- ACK seq 1 ack 1 win 64256 --------------->|  tx.ack_syn
          0.020500 |--- PSH,ACK seq 1:101 ack 1 win 64256 ------->|  tx.new_data
          1.020500 |=== PSH,ACK seq 1:101 ack 1 win 64256 =======>|  rtx.rto
          1.040500 |<--- PSH,ACK seq 1:10 ack 101 win 65536 ------|
          1.040600 |X--- ACK seq -9:-6 ack 101 win 16445440 ------|  drop.old_seq
          1.050000 |--- FIN,ACK seq 101 ack 13 win 64256 -------->|  tx.fin FIN-WAIT-1
          1.070000 |<--- ACK seq 13 ack 102 win 65536 ------------|  FIN-WAIT-2
          1.071000 |<--- FIN,ACK seq 13 ack 102 win 65536 --------|  TIME-WAIT
          1.071010 |--- ACK seq 102 ack 14 win 64256 ------------>|  tx.ack_fin
      "
    `);
  });

  test("the middle is counted, the ends are drawn, and marks are kept", () => {
    const ladder = new Ladder({ head: 3, tail: 2 });
    const connection = tcb();
    play(ladder.probe, connection);
    expect(`\n${ladder.render().join("\n")}\n`).toMatchInlineSnapshot(`
      "
                   10.0.0.1:49152                     10.0.0.2:80
          0.000000 |--- SYN seq 0 win 64240 ------------------->|  tx.active_open SYN-SENT
          0.020000 |<--- SYN,ACK seq 0 ack 1 win 65535 ---------|  ESTABLISHED
          0.020010 |--- ACK seq 1 ack 1 win 64256 ------------->|  tx.ack_syn
                   : 4 segments: 200 octets sent, 12 received, in 1.030 s :
          1.050000 |--- FIN,ACK seq 101 ack 13 win 64256 ------>|  tx.fin FIN-WAIT-1
                   : 1 segment: 0 octets sent, 0 received, in 0.021 s :
          1.071000 |<--- FIN,ACK seq 13 ack 102 win 65536 ------|  TIME-WAIT
          1.071010 |--- ACK seq 102 ack 14 win 64256 ---------->|  tx.ack_fin
      "
    `);
    expect(ladder.segments).toBe(11);
  });

  test("a passive open begins with the SYN that came before there was a connection", () => {
    const ladder = new Ladder();
    const connection = tcb();
    Object.assign(connection, { localPort: 80, remotePort: 49_152, irs: seq(IRS), state: 3 });
    const other = segment({ srcPort: 5, dstPort: 80, seq: seq(1), flags: 2, len: 1 });
    const syn = segment({ seq: seq(IRS), flags: 2, len: 1 });
    ladder.probe.segmentReceived?.(null, other, datagram(), 1, 0);
    ladder.probe.segmentReceived?.(null, syn, datagram(), 2, 10);
    ladder.probe.stateChanged?.(connection, 0, 172, 2, 10);
    const answer = segment({ srcPort: 80, dstPort: 49_152, seq: seq(ISS), ack: seq(IRS + 1), flags: 0x12, len: 1 });
    ladder.probe.segmentSent?.(connection, answer, 2, 2, 11);
    expect(`\n${ladder.render().join("\n")}\n`).toMatchInlineSnapshot(`
      "
                   10.0.0.1:80                  10.0.0.2:49152
          0.000000 |<--- SYN seq 0 win 64240 ----------------|  SYN-RECEIVED
          0.000001 |--- SYN,ACK seq 0 ack 1 win 64240 ------>|  tx.syn_ack
      "
    `);
  });

  test("only the connection that is wanted, and only the first such", () => {
    const ladder = new Ladder({ match: (event) => event.handle > 1 });
    for (const handle of [1, 2, 3]) play(ladder.probe, tcb(handle));
    expect(ladder.handle).toBe(2);
    expect(ladder.segments).toBe(11);
    expect(new Ladder().render()).toEqual([]);
  });
});
