/** Endpoints as an application uses and abuses them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECOND } from "../../src/base/environment.js";
import { ip, LIMITED_BROADCAST, UNSPECIFIED } from "../../src/ip/address.js";
import { DatagramEvent } from "../../src/ip/application.js";
import { BROADCAST_MAC, decodeUdp, Lab, listener, OURS, PEER, udpFrame } from "../stack/lab.js";

const code = (call: () => unknown): string => {
  try {
    call();
    return "";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("bind", () => {
  test("one endpoint for a port and address; a wildcard shuts out all", () => {
    const { stack, device, now } = new Lab();
    stack.addAddress(device, ip("10.0.0.9"), 24, now);
    const bind = (address: string, port = 5) => code(() => stack.udp.bind({ address: ip(address), port }, listener()));
    expect([bind(OURS), bind(OURS), bind("10.0.0.9"), bind("0.0.0.0"), bind("0.0.0.0", 6), bind(OURS, 6)]).toEqual([
      "",
      "EADDRINUSE",
      "",
      "EADDRINUSE",
      "",
      "EADDRINUSE",
    ]);
  });

  test("bad arguments are named", () => {
    const { stack } = new Lab();
    for (const port of [-1, 65_536, 1.5, Number.NaN]) expect(code(() => stack.udp.bind({ port }, listener()))).toBe("EINVAL");
    expect(() => stack.udp.bind({ address: ip("1.2.3.4"), port: 7 }, listener())).toThrow("bind EADDRNOTAVAIL 1.2.3.4:7");
    expect(code(() => stack.udp.bind({ trafficClass: 256 }, listener()))).toBe("EINVAL");
  });

  test("handles end with close and are not mistaken for later ones; ports become free", () => {
    const { stack, memory } = new Lab({ limits: { udpEndpoints: 4 } });
    const seen = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const handle = stack.udp.bind({ port: 9 }, listener());
      expect(seen.has(handle)).toBe(false);
      seen.add(handle);
      stack.udp.close(handle);
      for (const call of [() => stack.udp.close(handle), () => stack.udp.readable(handle), () => stack.udp.errorOf(handle)])
        expect(code(call)).toBe("EBADF");
    }
    const open = Array.from({ length: 4 }, () => stack.udp.bind({}, listener()));
    expect(code(() => stack.udp.bind({}, listener()))).toBe("ENOBUFS");
    for (const handle of open) stack.udp.close(handle);
    expect(stack.udp.count).toBe(0);
    expect(memory.chunks.available).toBe(memory.chunks.count);
  });
});

describe("send", () => {
  test("what cannot be sent is refused with the reason", () => {
    const { stack, now } = new Lab();
    const handle = stack.udp.bind({}, listener());
    const send = (to: string, port = 9, length = 1) =>
      code(() => stack.udp.send(handle, new Uint8Array(length), 0, length, ip(to), port, now));
    expect(send("0.0.0.0")).toBe("ENOTCONN");
    expect(send(PEER, 0)).toBe("EINVAL");
    expect(send(PEER, 9, 65_508)).toBe("EMSGSIZE");
    expect(send("9.9.9.9")).toBe("ENETUNREACH");
    expect(send("10.0.0.255")).toBe("EACCES");
    expect(send("255.255.255.255")).toBe("EACCES");
    expect(send("250.0.0.1")).toBe("EACCES");
    expect(send(PEER, 9, 65_507)).toBe("");
  });

  test("without packets it says so, and Writable follows", () => {
    const lab = new Lab();
    const told = listener();
    const handle = lab.stack.udp.bind({}, told);
    const held = [];
    for (let packet = lab.memory.packets.take(); packet !== null; packet = lab.memory.packets.take()) held.push(packet);
    expect(lab.stack.udp.send(handle, new Uint8Array(1), 0, 1, ip(PEER), 9, lab.now)).toBe(-1);
    lab.turn();
    expect(told.events).toEqual([]);
    for (const packet of held) packet.release();
    lab.turn();
    expect(told.events).toEqual([DatagramEvent.Writable]);
  });

  test("a host without an address may call out to all, as DHCP does", () => {
    const lab = new Lab({ device: { addresses: [] }, known: false });
    const handle = lab.stack.udp.bind({ port: 68, broadcast: true, multicastDevice: lab.device.index }, listener());
    lab.stack.udp.send(handle, Uint8Array.of(1), 0, 1, LIMITED_BROADCAST, 67, lab.now);
    expect(decodeUdp(lab.turn()[0]!)).toMatchObject({ source: "0.0.0.0", destination: "255.255.255.255", checksumGood: true });
  });
});

describe("receive", () => {
  test("datagrams come whole and in order, cut to the target, whatever their sizes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1400 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 1400 }),
        (lengths, room) => {
          const lab = new Lab();
          const handle = lab.stack.udp.bind({ port: 2000 }, listener());
          for (const [i, length] of lengths.entries()) lab.frame(udpFrame({ sourcePort: i + 1 }, new Array(length).fill(i)));
          const target = new Uint8Array(1500);
          for (const [i, length] of lengths.entries()) {
            expect(lab.stack.udp.receive(handle, target, 3, room)).toBe(Math.min(room, length));
            expect(lab.stack.udp).toMatchObject({ fromPort: i + 1, fullLength: length });
            expect(target.subarray(3, 3 + Math.min(room, length)).every((octet) => octet === i)).toBe(true);
          }
          expect(lab.stack.udp.receive(handle, target, 0, room)).toBe(-1);
          expect(lab.memory.chunks.available).toBe(lab.memory.chunks.count);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("a broadcast reaches every endpoint of the port", () => {
    const lab = new Lab();
    lab.stack.addAddress(lab.device, ip("10.0.0.9"), 24, lab.now);
    const wild = lab.stack.udp.bind({ port: 5, reuse: true }, listener());
    lab.stack.udp.connect(wild, ip(PEER), 1000);
    const other = lab.stack.udp.bind({ port: 5, address: ip("10.0.0.255"), reuse: true }, listener());
    const specific = lab.stack.udp.bind({ port: 5, address: ip("10.0.0.9"), reuse: true }, listener());
    expect(code(() => lab.stack.udp.bind({ port: 5 }, listener()))).toBe("EADDRINUSE");
    lab.frame(udpFrame({ port: 5, destination: "10.0.0.255" }, [1], BROADCAST_MAC));
    lab.frame(udpFrame({ port: 5, destination: "10.0.0.255", sourcePort: 1001 }, [1], BROADCAST_MAC));
    expect([wild, other, specific].map((handle) => lab.stack.udp.readable(handle))).toEqual([1, 2, 0]);
  });

  test("an endpoint whose address goes is told", () => {
    const lab = new Lab();
    const told = listener();
    const handle = lab.stack.udp.bind({ address: ip(OURS), port: 5 }, told);
    lab.stack.removeAddress(lab.device, ip(OURS), lab.now);
    lab.turn();
    expect(told.events).toEqual([DatagramEvent.Closed | DatagramEvent.Error]);
    expect(lab.stack.udp.errorOf(handle)?.code).toBe("EADDRNOTAVAIL");
  });

  test("no events come after close, and a callback may close", () => {
    const lab = new Lab();
    let calls = 0;
    const handles: number[] = [];
    for (let i = 0; i < 3; i++) {
      handles.push(
        lab.stack.udp.bind(
          { port: 10 + i },
          {
            onEvents: () => {
              calls += 1;
              for (const handle of handles.splice(0)) lab.stack.udp.close(handle);
            },
          },
        ),
      );
    }
    for (let i = 0; i < 3; i++) lab.link.waiting.push({ frame: Uint8Array.from(udpFrame({ port: 10 + i }, [1])), checksum: 0 });
    lab.turn();
    lab.advance(SECOND);
    expect(calls).toBe(1);
  });
});

test("join and leave: what is no group, twice, or not joined is refused", () => {
  const { stack } = new Lab({ limits: { memberships: 2, groups: 1 } });
  const handle = stack.udp.bind({}, listener());
  expect(code(() => stack.udp.join(handle, ip(PEER)))).toBe("EINVAL");
  stack.udp.join(handle, ip("239.0.0.1"));
  expect(code(() => stack.udp.join(handle, ip("239.0.0.1")))).toBe("EADDRINUSE");
  expect(code(() => stack.udp.join(handle, ip("239.0.0.2")))).toBe("EADDRNOTAVAIL");
  expect(code(() => stack.udp.join(handle, ip("239.0.0.3"), 77))).toBe("EADDRNOTAVAIL");
  expect(code(() => stack.udp.leave(handle, ip("239.0.0.9")))).toBe("EADDRNOTAVAIL");
  stack.udp.leave(handle, ip("239.0.0.1"));
  expect(stack.udp.show()[0]).toMatchObject({ memberships: "", local: "0.0.0.0", remotePort: 0 });
  expect(stack.udp.endpointsOf(handle).remote).toBe(UNSPECIFIED);
});
