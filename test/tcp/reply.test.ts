/** An ACK that takes the reply along: RFC 9293 s3.8.6.3 and MUST-58, aggregate what can be said in one segment. */
import { expect, test } from "vitest";
import { TcpEvent } from "../../src/tcp/events.js";
import { Exchange, octets } from "./exchange.js";

const echo = (x: Exchange): void => {
  x.onEvents = (handle, events) => {
    if (!(events & TcpEvent.Readable)) return;
    const text = new Uint8Array(4_096);
    const length = x.tcp.receive(handle, text, 0, text.length, x.now);
    if (length > 0) x.tcp.send(handle, text, 0, length, x.now);
  };
};

test("s3.8.6.3: the reply of the application takes the ACK along, also while ACKs are quick (MUST-58)", () => {
  const x = new Exchange();
  x.accept();
  echo(x);
  for (let i = 0; i < 5; i++) {
    x.inject({ flags: "P.", seq: 1 + 64 * i, ack: 1 + 64 * i, text: octets(64) });
    expect(x.lines()).toEqual([`P. ${1 + 64 * i}:${65 + 64 * i}(64) ack ${65 + 64 * i}`]);
  }
});

test("s3.8.6.3: an application that does not reply is acknowledged for in the same turn", () => {
  const x = new Exchange();
  x.accept();
  x.inject({ flags: "P.", seq: 1, ack: 1, text: 64 });
  expect(x.take()).toMatchObject([{ why: "tx.ack_quick", ack: 65, at: x.now }]);
});

test("s3.10.7.4: what cannot wait does not: out of order, duplicate", () => {
  const x = new Exchange();
  x.accept();
  const order: string[] = [];
  x.onEvents = () => order.push(`app after ${x.out.length}`);
  x.inject({ flags: "P.", seq: 101, ack: 1, text: 100 });
  expect(x.lines()).toEqual([". 1:1(0) ack 1"]);
  x.inject({ flags: "P.", seq: 1, ack: 1, text: 100 });
  expect(order).toEqual(["app after 1"]); // the gap is filled: the sender hears of it before the application
});

test("s3.10.7.4: the ACK of a FIN goes with the FIN of an application that closes when it hears of it", () => {
  const x = new Exchange();
  x.accept();
  echo(x);
  x.inject({ flags: "P.", seq: 1, ack: 1, text: octets(64) });
  x.take();
  x.onEvents = (handle, events) => {
    if (events & TcpEvent.PeerClosed) x.tcp.close(handle, x.now);
  };
  x.inject({ flags: "F.", seq: 65, ack: 65 });
  expect(x.lines()).toEqual(["F. 65:65(0) ack 66"]);
});

test("s3.10.7.4: of an application that does not close, the FIN is acknowledged in the same turn", () => {
  const x = new Exchange();
  x.accept();
  x.inject({ flags: "F.", seq: 1, ack: 1 });
  expect(x.lines()).toEqual([". 1:1(0) ack 2"]);
});
