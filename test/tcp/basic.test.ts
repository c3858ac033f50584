import { expect, test } from "vitest";
import { Exchange, octets } from "./exchange.js";

test("s3.5: passive open, text both ways, close by them", () => {
  const x = new Exchange();
  x.listen();
  x.inject({ flags: "S", mss: 1460, sackPermitted: true, ts: [100, 0], windowScale: 7 });
  expect(x.lines()).toEqual(["S. 0:0(0) ack 1"]);
  x.inject({ seq: 1, ack: 1, ts: [101, 0] });
  expect(x.events).toEqual(["Acceptable"]);
  expect(x.state).toBe("ESTABLISHED");
  x.inject({ flags: "P.", seq: 1, ack: 1, text: 100, ts: [102, 0] });
  expect(x.read()).toEqual(octets(100));
  expect(x.lines()).toEqual([". 1:1(0) ack 101"]);
  x.write(10);
  expect(x.lines()).toEqual(["P. 1:11(10) ack 101"]);
  x.inject({ seq: 101, ack: 11, ts: [103, 0] });
  x.inject({ flags: "F.", seq: 101, ack: 11, ts: [104, 0] });
  expect(x.state).toBe("CLOSE-WAIT");
  expect(x.read()).toBeNull();
  x.tcp.close(x.handle, x.now);
  x.turn();
  expect(x.lines()).toEqual([". 11:11(0) ack 102", "F. 11:11(0) ack 102"]);
  x.inject({ seq: 102, ack: 12, ts: [105, 0] });
  expect(x.transitions.at(-1)).toBe("LAST-ACK>CLOSED");
  expect(x.tcp.summary()).toMatchObject({ slots: 1, live: 0, frozen: 0 });
});

test("s3.5: active open and 1 MB out against a peer that acknowledges everything", () => {
  const x = new Exchange();
  x.open();
  const total = 1 << 20;
  let sent = 0;
  let acked = 1;
  const chunk = octets(65_536);
  while (acked <= total) {
    while (sent < total) {
      const n = x.tcp.send(x.handle, chunk, 0, Math.min(chunk.length, total - sent), x.now);
      if (n <= 0) break;
      sent += n;
    }
    x.turn();
    for (const s of x.take()) acked = Math.max(acked, s.seq + s.length);
    x.advance(10_000);
    x.inject({ seq: 1, ack: acked, wnd: 0xffff });
  }
  expect(acked).toBe(total + 1);
  expect(x.tcb.segmentsRetransmitted).toBe(0);
});
