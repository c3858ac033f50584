/** RFC 2131, the client's side: section 4.4 and what it refers to. */
import { describe, expect, test } from "vitest";
import { DhcpClient } from "../../src/dhcp/client.js";
import { Type } from "../../src/dhcp/message.js";
import { Option, readInt32, writeInt32 } from "../../src/dhcp/options.js";
import { formatIp, ip, ipFromInt } from "../../src/ip/address.js";
import { addressOctets, Household, LEASED, SERVER, SERVER_MAC } from "../dhcp/household.js";
import { arp, decodeArp, OTHER_MAC, OUR_MAC, TestLink } from "../stack/lab.js";

const SECOND = 1_000_000;
const option = (heard: { message: { options: ReadonlyMap<number, Uint8Array> } }, code: number): string | null => {
  const value = readInt32(heard.message.options.get(code));
  return value === null ? null : formatIp(ipFromInt(value));
};

describe("s3.1, s4.4.1: from nothing to an address", () => {
  test("discover, offer, request, acknowledgment; then the address is probed for, and in use", () => {
    const house = new Household().start();
    house.run(100_000);
    expect(house.types()).toEqual(["Discover", "Request"]);
    expect(house.client.state).toBe("CHECKING");
    expect(house.client.lease).toBe(null);
    house.run(12 * SECOND);
    expect(house.client.state).toBe("BOUND");
    const { stack, device } = house.lab;
    expect(device.addresses).toMatchObject([{ address: ip(LEASED), prefixLength: 24, tentative: false }]);
    expect(stack.routes.all.map(({ prefixLength, gateway }) => [prefixLength, formatIp(gateway)])).toEqual([
      [24, "0.0.0.0"],
      [0, SERVER],
    ]);
    expect(house.changes).toHaveLength(1);
    expect(house.client.lease?.dnsServers.map(formatIp)).toEqual(["10.0.0.253", SERVER]);
    expect(house.client.lease?.search).toEqual(["home.example"]);
    // RFC 5227 s2.1.1: probes with no sender address; s2.3: then announcements.
    const asked = house.others.map(({ frame }) => decodeArp(frame));
    expect(asked.filter(({ spa, tpa }) => spa === "0.0.0.0" && tpa === LEASED)).toHaveLength(3);
  });

  test("table 5: what DHCPDISCOVER and DHCPREQUEST hold, and hold not", () => {
    const house = new Household({ hostname: "onwire" }).start();
    house.run(100_000);
    const discover = house.last(Type.Discover);
    const request = house.last(Type.Request);
    for (const heard of [discover, request]) {
      expect(heard).toMatchObject({ source: "0.0.0.0", destination: "255.255.255.255", to: "ff:ff:ff:ff:ff:ff" });
      expect(heard.message).toMatchObject({ op: 1, ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0, broadcast: true });
      expect([...heard.message.chaddr]).toEqual([...OUR_MAC]);
      expect(heard.message.options.get(Option.MaximumMessageSize)).toEqual(Uint8Array.of(5, 220));
      // RFC 3442: code 121 stands before code 3.
      const wanted = [...heard.message.options.get(Option.ParameterRequestList)!];
      expect(wanted.indexOf(Option.ClasslessRoutes)).toBeLessThan(wanted.indexOf(Option.Routers));
    }
    expect(option(discover, Option.ServerIdentifier)).toBe(null);
    expect(option(discover, Option.RequestedAddress)).toBe(null);
    expect(option(request, Option.ServerIdentifier)).toBe(SERVER);
    expect(option(request, Option.RequestedAddress)).toBe(LEASED);
    // s4.4.1: the same 'xid' as the offer, the same 'secs' as the DHCPDISCOVER.
    expect(request.message.xid).toBe(discover.message.xid);
    expect(request.message.secs).toBe(discover.message.secs);
  });

  test("s4.1: nobody answers: 4, 8, 16, 32 and 64 seconds, each a second more or less, and never more", () => {
    const house = new Household();
    house.answer = () => [];
    house.start().run(400 * SECOND);
    const gaps = house.gaps(Type.Discover);
    expect(gaps.length).toBeGreaterThan(6);
    gaps.forEach((gap, i) => {
      const expected = Math.min(4 * 2 ** i, 64);
      expect(Math.abs(gap - expected)).toBeLessThanOrEqual(1);
    });
    expect(gaps.some((gap) => gap !== Math.round(gap))).toBe(true);
    expect(house.heard.at(-1)!.message.secs).toBeGreaterThan(60);
    expect(new Set(house.heard.map(({ message }) => message.xid)).size).toBe(1);
  });

  test("s4.4.1: a server that offers and then is silent is asked five times, and then all begins anew", () => {
    const house = new Household();
    house.answer = (heard) => (heard.type === Type.Discover && house.heard.length === 1 ? [{ type: Type.Offer }] : []);
    house.start().run(150 * SECOND);
    expect(house.types().slice(0, 7)).toEqual(["Discover", "Request", "Request", "Request", "Request", "Request", "Discover"]);
    expect(house.heard[6]!.message.xid).not.toBe(house.heard[0]!.message.xid);
  });

  test("two clients on two devices of one stack have each its own lease", () => {
    const house = new Household();
    const link = new TestLink("second");
    const device = house.lab.stack.addDevice(link, { hardwareAddress: Uint8Array.from(OTHER_MAC) }, house.lab.now);
    const other = new DhcpClient(device);
    other.start(house.lab.now);
    house.bind();
    expect(other.state).toBe("SELECTING");
    expect(house.lab.stack.inspect(house.lab.now).agents.map(({ name }) => name)).toEqual(["dhcp second", "dhcp test"]);
  });

  test("a device without Ethernet is refused", () => {
    expect(() => new Household({}, { link: { medium: "ip" } })).toThrow(/EINVAL.*choose another device/);
  });
});

describe("s4.4.1, RFC 5227: an address that somebody has", () => {
  test("is declined, by broadcast and with the server's identifier, and asked for again after ten seconds at least", () => {
    const house = new Household();
    house.owners.set(LEASED, OTHER_MAC);
    house.start().run(5 * SECOND);
    const decline = house.last(Type.Decline);
    expect(option(decline, Option.RequestedAddress)).toBe(LEASED);
    expect(option(decline, Option.ServerIdentifier)).toBe(SERVER);
    expect(decline.message.ciaddr).toBe(0);
    expect(decline).toMatchObject({ source: "0.0.0.0", destination: "255.255.255.255" });
    expect(house.lab.device.addresses).toEqual([]);
    expect(house.changes).toEqual([]);
    house.owners.delete(LEASED);
    house.run(60 * SECOND);
    expect(house.client.state).toBe("BOUND");
    const [, second] = house.heard.filter(({ type }) => type === Type.Discover);
    expect(second!.at - decline.at).toBeGreaterThanOrEqual(10 * SECOND);
  });

  test("RFC 5227 s2.4: one that is lost while in use is declined too, and everything that came with it goes", () => {
    const house = new Household().bind();
    house.lab.stack.addressing.denied(house.lab.device, ip(LEASED), true, house.lab.now);
    house.run(1);
    expect(house.types()).toEqual(["Discover", "Request", "Decline"]);
    expect(house.lab.device.addresses).toEqual([]);
    expect(house.lab.stack.routes.all).toEqual([]);
    expect(house.changes.at(-1)).toBe(null);
  });

  test("the stack has the address on another device: declined", () => {
    const house = new Household();
    house.lab.stack.addDevice(new TestLink("other"), { addresses: [{ address: ip(LEASED), prefixLength: 24 }] }, house.lab.now);
    house.start().run(1 * SECOND);
    expect(house.types()).toEqual(["Discover", "Request", "Decline"]);
  });
});

describe("s4.4.5: renewal, rebinding, expiry", () => {
  test("at T1 the server is asked by unicast from the address, without the options that table 5 forbids", () => {
    const house = new Household().bind();
    const leased = house.heard[1]!.at;
    house.run(1800 * SECOND);
    const renewal = house.heard[2]!;
    expect(renewal.at - leased).toBe(1800 * SECOND);
    expect(renewal).toMatchObject({ source: LEASED, destination: SERVER, type: Type.Request });
    expect(renewal.to).toBe(SERVER_MAC.map((octet) => octet.toString(16).padStart(2, "0")).join(":"));
    expect(renewal.message.ciaddr).toBe(ip(LEASED));
    expect(renewal.message.broadcast).toBe(false);
    expect(option(renewal, Option.RequestedAddress)).toBe(null);
    expect(option(renewal, Option.ServerIdentifier)).toBe(null);
    expect(house.client.state).toBe("BOUND");
    expect(house.changes).toHaveLength(2);
    // The lease counts from the request: the next renewal is half an hour later.
    house.run(1800 * SECOND);
    expect(house.heard[3]!.at - renewal.at).toBe(1800 * SECOND);
  });

  test("what a renewal says anew is taken: routes go and come, those that stay are left alone", () => {
    const house = new Household().bind();
    const before = house.lab.stack.routes.all.find((route) => route.prefixLength === 0)!;
    const routes = Uint8Array.of(0, ...addressOctets(SERVER), 16, 172, 16, ...addressOctets("10.0.0.253"));
    house.extra = [...house.extra, [Option.ClasslessRoutes, routes]];
    house.run(1801 * SECOND);
    const shown = house.lab.stack.routes.all.map(({ prefix, prefixLength }) => `${formatIp(prefix)}/${prefixLength}`);
    expect(shown).toEqual(["10.0.0.0/24", "172.16.0.0/16", "0.0.0.0/0"]);
    expect(house.lab.stack.routes.all).toContain(before);
  });

  test("a silent server: asked in halves of the time that is left, then anybody by broadcast, then the address goes", () => {
    const house = new Household().bind();
    const leased = house.heard[1]!.at;
    house.answer = () => [];
    house.run(leased + 3599 * SECOND - house.lab.now);
    const asked = house.heard.slice(2);
    const unicast = asked.filter(({ destination }) => destination === SERVER).map(({ at }) => (at - leased) / SECOND);
    const broadcast = asked.filter(({ destination }) => destination === "255.255.255.255");
    // T2 is 3150 s after the request: half of what is left, but no less than a minute.
    expect(unicast).toEqual([1800, 2475, 2812.5, 2981.25, 3065.625, 3125.625]);
    expect(broadcast.map(({ at }) => (at - leased) / SECOND)).toEqual([3150, 3375, 3487.5, 3547.5]);
    for (const { source, message } of broadcast) expect([source, message.ciaddr]).toEqual([LEASED, ip(LEASED)]);
    expect(house.client.state).toBe("REBINDING");
    house.run(2 * SECOND);
    expect(house.lab.device.addresses).toEqual([]);
    expect(house.lab.stack.routes.all).toEqual([]);
    expect(house.changes.at(-1)).toBe(null);
    expect(house.client.state).toBe("SELECTING");
  });

  test("another server may extend the lease in REBINDING, but not in RENEWING", () => {
    const house = new Household().bind();
    const other = "10.0.0.253";
    house.answer = (heard) => [{ type: Type.Ack, server: other, unicast: heard.message.ciaddr !== 0 }];
    house.run(1900 * SECOND);
    expect(house.client.state).toBe("RENEWING");
    expect(house.lab.count("dhcp.bad_server")).toBeGreaterThan(0);
    house.run(1300 * SECOND);
    expect(house.client.state).toBe("BOUND");
    expect(formatIp(house.client.lease!.server)).toBe(other);
  });

  test("s3.3: a lease for ever is never renewed", () => {
    const house = new Household();
    house.leaseSeconds = -1;
    house.bind();
    house.run(10 * 365 * 86_400 * SECOND);
    expect(house.types()).toEqual(["Discover", "Request"]);
    expect(house.client.state).toBe("BOUND");
  });

  test.each([
    [600, 800, 600],
    [600, 500, 450],
    [0, 900, 450],
    [100, 1000, 450],
    [300, 200, 450],
  ])("T1 %i and T2 %i of a lease of 900 s: renewed after %i", (t1, t2, expected) => {
    const house = new Household();
    house.leaseSeconds = 900;
    house.extra = [...house.extra, [Option.RenewalTime, writeInt32(t1)], [Option.RebindingTime, writeInt32(t2)]];
    house.bind();
    house.run(700 * SECOND);
    expect(house.heard[2]!.at - house.heard[1]!.at).toBe(expected * SECOND);
  });
});

describe("s3.1, s3.2: refusals and restarts", () => {
  test("DHCPNAK: the client starts again", () => {
    const house = new Household();
    house.answer = (heard) => (heard.type === Type.Request && house.heard.length === 2 ? [{ type: Type.Nak }] : house.honest(heard));
    house.bind();
    expect(house.types()).toEqual(["Discover", "Request", "Discover", "Request"]);
  });

  test("DHCPNAK for an address in use takes it away at once", () => {
    const house = new Household().bind();
    house.answer = (heard) => (heard.type === Type.Request ? [{ type: Type.Nak }] : []);
    house.run(1801 * SECOND);
    expect(house.lab.device.addresses).toEqual([]);
    expect(house.client.state).toBe("SELECTING");
  });

  test("INIT-REBOOT: the address from before is asked for, of nobody in particular", () => {
    const house = new Household({ previous: ip(LEASED) }).bind();
    expect(house.types()).toEqual(["Request"]);
    const [request] = house.heard;
    expect(option(request!, Option.RequestedAddress)).toBe(LEASED);
    expect(option(request!, Option.ServerIdentifier)).toBe(null);
    expect(request!.message.ciaddr).toBe(0);
  });

  test("INIT-REBOOT in another network: refused, and then the long way", () => {
    const house = new Household({ previous: ip("192.168.7.7") });
    house.answer = (heard) => (house.heard.length === 1 ? [{ type: Type.Nak }] : house.honest(heard));
    house.bind();
    expect(house.types()).toEqual(["Request", "Discover", "Request"]);
    expect(formatIp(house.client.lease!.address)).toBe(LEASED);
  });

  test("s4.4.6: release tells the server by unicast, and leaves nothing", () => {
    const house = new Household().bind();
    house.client.release(house.lab.now);
    house.run(SECOND);
    const release = house.last(Type.Release);
    expect(release).toMatchObject({ source: LEASED, destination: SERVER });
    expect(release.message.ciaddr).toBe(ip(LEASED));
    expect(option(release, Option.ServerIdentifier)).toBe(SERVER);
    expect(house.client.state).toBe("STOPPED");
    expect(house.lab.device.addresses).toEqual([]);
    expect(house.lab.stack.routes.all).toEqual([]);
    expect(house.lab.stack.udp.count).toBe(0);
    expect(house.lab.stack.agents).toEqual([]);
  });

  test("a client that has stopped can start again; closing its stack stops it", () => {
    const house = new Household().bind();
    house.client.stop(house.lab.now);
    house.bind();
    house.lab.stack.close(house.lab.now);
    expect(house.client.state).toBe("STOPPED");
  });
});

describe("S-175: hostile servers", () => {
  const offers: readonly (readonly [string, Partial<{ yiaddr: number }>, (readonly [number, Uint8Array])[], string])[] = [
    ["no address", { yiaddr: 0 }, [], "dhcp.bad_lease"],
    ["a group's address", { yiaddr: ip("224.0.0.5") }, [], "dhcp.bad_lease"],
    ["a loopback address", { yiaddr: ip("127.0.0.2") }, [], "dhcp.bad_lease"],
    ["the subnet's broadcast address", { yiaddr: ip("10.0.0.255") }, [], "dhcp.bad_lease"],
    ["a mask with holes", {}, [[Option.SubnetMask, addressOctets("255.0.255.0")]], "dhcp.bad_lease"],
    ["a lease of no time", {}, [[Option.LeaseTime, writeInt32(0)]], "dhcp.bad_lease"],
    ["a lease time of three octets", {}, [[Option.LeaseTime, Uint8Array.of(0, 1, 0)]], "dhcp.bad_lease"],
    ["no server identifier", {}, [[Option.ServerIdentifier, new Uint8Array(0)]], "dhcp.bad_lease"],
    ["another hardware address", { chaddr: Uint8Array.from(OTHER_MAC) } as object, [], "dhcp.other_hardware"],
    ["another transaction", { xid: 1 } as object, [], "dhcp.other_transaction"],
    ["a request for an answer", { op: 1 } as object, [], "dhcp.unexpected"],
  ];
  test.each(offers)("an offer with %s is counted and ignored", (_, message, options, fate) => {
    const house = new Household();
    house.answer = (heard) => (heard.type === Type.Discover ? [{ type: Type.Offer, message, options }] : []);
    house.start().run(2 * SECOND);
    expect(house.client.state).toBe("SELECTING");
    expect(house.lab.count(fate)).toBe(1);
    expect(house.lab.conserved).toBe(true);
  });

  test("acknowledgments and refusals that nobody waits for change nothing", () => {
    const house = new Household().bind();
    const request = house.last(Type.Request);
    for (const type of [Type.Offer, Type.Ack, Type.Nak]) house.reply(request, { type, message: { yiaddr: ip("10.0.0.66") } });
    house.run(SECOND);
    expect(house.client.state).toBe("BOUND");
    expect(formatIp(house.client.lease!.address)).toBe(LEASED);
    expect(house.lab.count("dhcp.other_transaction")).toBe(3);
  });

  test("a refusal, or an acknowledgment of another address, by another server than the one that was chosen", () => {
    const house = new Household();
    house.answer = (heard) =>
      heard.type === Type.Discover
        ? [{ type: Type.Offer }]
        : [
            { type: Type.Nak, server: "10.0.0.66" },
            { type: Type.Ack, server: "10.0.0.66" },
            { type: Type.Ack, message: { yiaddr: ip("10.0.0.66") } },
          ];
    house.start().run(2 * SECOND);
    expect(house.client.state).toBe("REQUESTING");
    expect(house.lab.count("dhcp.bad_server")).toBe(2);
    expect(house.lab.count("dhcp.bad_lease")).toBe(1);
  });

  test("a server that refuses for ever is asked ever less often", () => {
    const house = new Household();
    house.answer = (heard) => (heard.type === Type.Request ? [{ type: Type.Nak }] : house.honest(heard));
    house.start().run(3600 * SECOND);
    expect(house.heard.length).toBeLessThan(140);
    expect(Math.min(...house.gaps(Type.Discover).slice(-20))).toBeGreaterThan(60);
  });

  test("an address that is always taken does not make a storm of declines", () => {
    const house = new Household();
    house.owners.set(LEASED, OTHER_MAC);
    house.start().run(3600 * SECOND);
    expect(house.heard.filter(({ type }) => type === Type.Decline).length).toBeLessThan(70);
    expect(house.lab.stack.udp.count).toBe(1);
  });

  test("a short lease is renewed no more often than a second, and one of a second is refused", () => {
    const house = new Household({ claim: "announce" });
    house.leaseSeconds = 4;
    house.start().run(100 * SECOND);
    expect(house.heard.length).toBeLessThan(60);
    house.leaseSeconds = 3;
    house.run(100 * SECOND);
    expect(house.client.lease).toBe(null);
    expect(house.lab.count("dhcp.bad_lease")).toBeGreaterThan(0);
  });

  test("octets of any kind to port 68, in every state", () => {
    const house = new Household();
    const noise = (seed: number): Uint8Array => Uint8Array.from({ length: 600 }, (_, i) => Math.imul(i + seed, 2_654_435_761) >>> 24);
    house.answer = (heard) => {
      for (let i = 0; i < 5; i++) house.inject(noise(i));
      return house.honest(heard);
    };
    house.bind();
    expect(house.lab.count("dhcp.malformed")).toBe(10);
    expect(house.lab.conserved).toBe(true);
  });

  test("routes by the hundred, to itself, to groups: what is sound is taken, and all of it goes again", () => {
    const house = new Household({ claim: "announce" });
    const many = Array.from({ length: 150 }, (_, i) => [24, 172, 16, i, 10, 0, 0, 254]).flat();
    house.extra = [
      [Option.SubnetMask, addressOctets("255.255.255.0")],
      [Option.ClasslessRoutes, Uint8Array.from([...many])],
    ];
    house.bind();
    expect(house.lab.stack.routes.all.length).toBe(65);
    house.client.release(house.lab.now);
    expect(house.lab.stack.routes.all).toEqual([]);
  });

  test("a gateway off the subnet, where every host has a /32, is reached on the link", () => {
    const house = new Household({ claim: "announce" });
    house.extra = [
      [Option.SubnetMask, addressOctets("255.255.255.255")],
      [Option.Routers, addressOctets("10.0.0.254")],
    ];
    house.bind();
    const shown = house.lab.stack.routes.all.map(({ prefix, prefixLength, gateway }) => [
      formatIp(prefix),
      prefixLength,
      formatIp(gateway),
    ]);
    expect(shown).toEqual([
      ["10.0.0.254", 32, "0.0.0.0"],
      ["0.0.0.0", 0, "10.0.0.254"],
    ]);
  });
});

test("S-164: a listener that throws loses no lease, and leaves the client whole", () => {
  const errors: unknown[] = [];
  const house = new Household({}, {}, () => {
    throw new Error("the listener's");
  });
  house.lab.stack.onApplicationError = (error) => errors.push(error);
  house.bind();
  house.answer = () => [];
  house.run(3601 * SECOND);
  expect(house.client.state).toBe("SELECTING");
  house.answer = (heard) => house.honest(heard);
  house.run(100 * SECOND);
  expect(house.client.state).toBe("BOUND");
  house.lab.turn();
  expect(errors).toHaveLength(3);
});

test("the state is there to see", () => {
  const house = new Household().bind();
  const [agent] = house.lab.stack.inspect(house.lab.now).agents;
  expect(agent).toMatchObject({
    name: "dhcp test",
    state: {
      state: "BOUND",
      lease: { address: `${LEASED}/24`, server: SERVER, routes: [`0.0.0.0/0 by ${SERVER}`], domain: "home.example" },
    },
  });
  expect(() => JSON.stringify(agent)).not.toThrow();
});

test("a probe for our address by another host while we probe is a conflict (RFC 5227 s2.1.1)", () => {
  const house = new Household().start();
  house.run(100_000);
  house.frame(arp({ op: 1, sha: OTHER_MAC, spa: "0.0.0.0", tpa: LEASED }));
  expect(house.types()).toContain("Decline");
});
