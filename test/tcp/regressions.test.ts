/** Defects that simulated worlds have found, each as the shortest exchange that shows it. */
import { expect, test } from "vitest";
import { rfc } from "../../src/stack/profile.js";
import { Exchange } from "./exchange.js";

const SECOND = 1_000_000;

test("s3.8.4: a half-closed connection in FIN-WAIT-2 is still kept alive when the application asked for it (world 10)", () => {
  const x = new Exchange();
  x.open({ keepAlive: 60 * SECOND, keepAliveInterval: 10 * SECOND, keepAliveCount: 3 });
  x.tcp.shutdown(x.handle, x.now);
  x.turn();
  x.inject({ seq: 1, ack: 2 });
  expect(x.state).toBe("FIN-WAIT-2");
  x.take();
  x.advance(95 * SECOND);
  expect(x.take().map((s) => s.why)).toEqual(["tx.keepalive", "tx.keepalive", "tx.keepalive", "tx.rst_timeout"]);
  expect(x.tcp.errorOf(x.handle)).toBe("ETIMEDOUT");
});

test("s3.10.4: a keep-alive deadline does not end a connection that is closing (world 1325)", () => {
  const x = new Exchange();
  x.open({ keepAlive: 5 * SECOND });
  x.tcp.shutdown(x.handle, x.now);
  x.turn();
  x.advance(20 * SECOND);
  expect(x.state).toBe("FIN-WAIT-1");
  expect(x.lines().every((l) => l.startsWith("F."))).toBe(true);
});

test("s3.8.6.1: a probe's octet acknowledged by an old segment leaves the persist timer running (world 285)", () => {
  const x = new Exchange({ profile: rfc });
  x.open();
  x.inject({ seq: 101, ack: 1, wnd: 0, flags: "P.", text: 10 }); // ahead of its time
  x.write(100);
  x.advance(SECOND);
  expect(x.take().at(-1)).toMatchObject({ why: "tx.zero_probe", length: 1 });
  // The octet's ACK comes with the text that was missing, whose sequence number is the older one.
  x.inject({ seq: 1, ack: 2, wnd: 0, flags: "P.", text: 100 });
  x.advance(5 * SECOND);
  expect(x.take().some((s) => s.why === "tx.zero_probe" && s.seq === 2)).toBe(true);
});

test("s3.10.7.4: the right edge is where the last window put it, not where the last ACK pushed it (worlds 518, 628, 917)", () => {
  const x = new Exchange();
  x.open({}, { mss: 1000, windowScale: 0 });
  x.inject({ flags: "P.", seq: 1, ack: 1, wnd: 4_000, text: 100 });
  x.inject({ flags: "P.", seq: 101, ack: 1, wnd: 4_000, text: 100 });
  x.write(8_000);
  expect(x.take().at(-1)).toMatchObject({ seq: 3001, length: 1000 });
  // Text that was sent again acknowledges 1000 and says that the window is 3000 now: nothing new may go.
  x.inject({ flags: "P.", seq: 1, ack: 1001, wnd: 3_000, text: 100 });
  expect(x.lines().filter((l) => !l.includes("(0)"))).toEqual([]);
});

test("s3.5.2: a reset has no length, whatever was sent before it", () => {
  const lengths: number[] = [];
  const x = new Exchange();
  x.open();
  x.write(500);
  x.probe = { segmentSent: (_tcb, seg) => lengths.push(seg.len) };
  x.tcp.abort(x.handle, x.now);
  expect(lengths).toEqual([0]);
});

test("RFC 6191 s2: a stack without timestamps does not take an old SYN that has some for a new connection (world 300029)", () => {
  const x = new Exchange({ policy: { timestamps: false } });
  x.listen();
  const syn = { flags: "S", mss: 1460, ts: [5, 0] as [number, number] };
  x.inject(syn);
  x.inject({ seq: 1, ack: 1 });
  x.tcp.close(x.handle, x.now);
  x.turn();
  x.inject({ flags: "F.", seq: 1, ack: 2 });
  x.take();
  x.inject(syn);
  expect(x.tcp.summary()).toMatchObject({ timeWait: 1 });
  expect(x.take().some((s) => s.flags === "S.")).toBe(false);
});

test("RFC 6675 s5.1: a loss right behind the recovery point is repaired by duplicates that name what has arrived", () => {
  const x = new Exchange();
  x.accept({ mss: 1000, sackPermitted: true, windowScale: 7 });
  x.write(10_000);
  x.take();
  for (let i = 1; i <= 3; i++) x.inject({ seq: 1, ack: 1, sack: [1001, 1001 + 1000 * i] });
  expect(x.take().map((s) => `${s.why} ${s.seq}`)).toContain("rtx.fast 1");
  x.inject({ seq: 1, ack: 10_001 });
  x.write(5_000);
  x.take();
  for (let i = 1; i <= 3; i++) x.inject({ seq: 1, ack: 10_001, sack: [11_001, 11_001 + 1000 * i] });
  expect(x.take().map((s) => `${s.why} ${s.seq}`)).toContain("rtx.fast 10001");
});

test("s3.8.6: a reset offers no window: what it would have offered is not taken (hostile schedule, seed 19)", () => {
  const x = new Exchange({ policy: { timestamps: false } });
  x.connect({ receiveBuffer: 200_000 });
  // The window of a SYN is never scaled: 65 535 octets are all that has been offered when the bad ACK draws a RST.
  x.inject({ flags: "S", mss: 1_460, windowScale: 7 }, true);
  x.inject({ seq: 1, ack: 3 }, true);
  x.inject({ seq: 100_000, ack: 1 });
  expect(x.take().map((s) => s.why)).toContain("tx.rst_unacceptable_ack");
  expect(x.state).toBe("SYN-RECEIVED");
  x.inject({ seq: 65_536, ack: 1 });
  expect(x.state).toBe("ESTABLISHED");
});
