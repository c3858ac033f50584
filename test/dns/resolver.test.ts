import { encode } from "dns-packet";
import { describe, expect, test } from "vitest";
import { leaseConfiguration } from "../../src/dns/configuration.js";
import { ip } from "../../src/ip/address.js";
import { connect } from "../../src/net/socket.js";
import { a, cname, DnsLab, rcode, SECOND_SERVER, SERVER, soa, truncated, type Zone } from "./lab.js";

const zone =
  (names: Readonly<Record<string, string>>): Zone =>
  ({ name, type }) =>
    type === "A" && names[name] !== undefined ? { answers: [a(name, names[name])] } : rcode("NXDOMAIN", [soa("test", 60)]);

describe("records", () => {
  test("RFC 1035 s4: a question of one name, recursion desired, by UDP from a random port; the answer's addresses", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name }) => ({ answers: [a(name, "192.0.2.1"), a(name, "192.0.2.2")] });
    expect(await lab.settle(lab.resolver.promises.resolve4("Example.TEST"))).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(lab.heard).toMatchObject([{ server: SERVER, by: "udp", name: "example.test", type: "A" }]);
    expect(lab.heard[0]!.port).toBeGreaterThanOrEqual(32_768);
  });

  test("each type in the form that Node gives it", async () => {
    const lab = new DnsLab();
    const data: Record<string, unknown> = {
      A: "192.0.2.7",
      AAAA: "2001:db8::7",
      CNAME: "alias.test",
      MX: { preference: 10, exchange: "mail.test" },
      NS: "ns.test",
      PTR: "host.test",
      SOA: soa("x.test", 5).data,
      SRV: { priority: 1, weight: 2, port: 443, target: "srv.test" },
      TXT: ["v=1", "b"],
    };
    lab.zone = ({ name, type }) => ({ answers: [{ name, type, ttl: 9, data: data[type] }] });
    const got: Record<string, unknown> = {};
    for (const type of ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] as const)
      got[type] = await lab.settle(lab.resolver.promises.resolve("x.test", type));
    expect(got).toEqual({
      A: ["192.0.2.7"],
      AAAA: ["2001:db8::7"],
      CNAME: ["alias.test"],
      MX: [{ exchange: "mail.test", priority: 10 }],
      NS: ["ns.test"],
      PTR: ["host.test"],
      SOA: { nsname: "ns.x.test", hostmaster: "root.x.test", serial: 1, refresh: 2, retry: 3, expire: 4, minttl: 5 },
      SRV: [{ name: "srv.test", port: 443, priority: 1, weight: 2 }],
      TXT: [["v=1", "b"]],
    });
  });

  test("reverse: RFC 1035 s3.5", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name, type }) => ({ answers: [{ name, type, ttl: 9, data: "host.test" }] });
    expect(await lab.settle(lab.resolver.promises.reverse("192.0.2.7"))).toEqual(["host.test"]);
    expect(lab.names()).toEqual(["PTR 7.2.0.192.in-addr.arpa"]);
  });

  test("RFC 1034 s3.6.2: aliases in one answer, and over several; the least TTL counts", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name }) => {
      if (name === "www.test") return { answers: [cname("www.test", "b.test", 100), cname("b.test", "c.test", 30)] };
      return { answers: [a("c.test", "192.0.2.3", 90)] };
    };
    const found = await lab.settle(
      new Promise((resolve) => lab.resolver.resolve4("www.test", { ttl: true }, (_, addresses) => resolve(addresses))),
    );
    expect(found).toEqual([{ address: "192.0.2.3", ttl: 30 }]);
    // The first answer had no address, and the alias at its end is asked for by itself.
    expect(lab.names()).toEqual(["A www.test", "A c.test"]);
  });

  test("S-175: aliases in a circle, in one answer and over many, end", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name }) => (name === "a.test" ? { answers: [cname("a.test", "b.test"), cname("b.test", "a.test")] } : { answers: [] });
    expect(await lab.code(lab.resolver.promises.resolve4("a.test"))).toMatch(/EBADRESP|ENODATA/);
    lab.heard.length = 0;
    lab.zone = ({ name }) => ({ answers: [cname(name, `x${name}`, 0)] });
    expect(await lab.code(lab.resolver.promises.resolve4("y.test"))).toBe("EBADRESP");
    expect(lab.heard.length).toBe(17);
  });

  test("S-175: records of names that were not asked for are not believed", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name }) => ({ answers: [a("bank.test", "192.0.2.66"), a(name, "192.0.2.1")] });
    expect(await lab.settle(lab.resolver.promises.resolve4("mine.test"))).toEqual(["192.0.2.1"]);
    lab.zone = () => rcode("NXDOMAIN");
    expect(await lab.code(lab.resolver.promises.resolve4("bank.test"))).toBe("ENOTFOUND");
  });
});

describe("errors have Node's codes, texts and properties", () => {
  const queries: readonly (readonly [string, Zone, string])[] = [
    ["NXDOMAIN", () => rcode("NXDOMAIN"), "ENOTFOUND"],
    ["no record of the type", () => ({ answers: [] }), "ENODATA"],
    ["SERVFAIL", () => rcode("SERVFAIL"), "ESERVFAIL"],
    ["REFUSED", () => rcode("REFUSED"), "EREFUSED"],
    ["NOTIMP", () => rcode("NOTIMP"), "ENOTIMP"],
    ["FORMERR", () => rcode("FORMERR"), "EFORMERR"],
    ["silence", () => null, "ETIMEOUT"],
  ];
  test.each(queries)("resolve4: %s", async (_, says, code) => {
    const lab = new DnsLab();
    lab.zone = says;
    const failure = await lab.settle(lab.resolver.promises.resolve4("x.test").catch((error: Error) => error));
    expect(failure).toMatchObject({ code, syscall: "queryA", hostname: "x.test", message: `queryA ${code} x.test` });
  });

  test.each(queries)("lookup: %s", async (_, says, code) => {
    const lab = new DnsLab();
    lab.zone = says;
    const failure = await lab.settle(lab.resolver.promises.lookup("x.test").catch((error: Error) => error));
    const absent = code === "ENOTFOUND" || code === "ENODATA";
    expect(failure).toMatchObject({
      code: absent ? "ENOTFOUND" : "EAI_AGAIN",
      errno: absent ? -3008 : -3001,
      syscall: "getaddrinfo",
      hostname: "x.test",
      message: `getaddrinfo ${absent ? "ENOTFOUND" : "EAI_AGAIN"} x.test`,
    });
  });

  test("no server there: ICMP says so at once", async () => {
    const lab = new DnsLab({ servers: ["10.0.0.53:54"] });
    const began = lab.clock.now;
    expect(await lab.code(lab.resolver.promises.resolve4("x.test"))).toBe("ECONNREFUSED");
    expect(lab.clock.now - began).toBeLessThan(1_000_000);
  });

  test("no server is named: the message says what to do", async () => {
    const lab = new DnsLab({ servers: [] });
    await expect(lab.settle(lab.resolver.promises.lookup("x.test"))).rejects.toThrow(/EAI_AGAIN x.test: no DNS server is configured: give/);
  });

  test.each(["a..b", "x".repeat(64), `${"a.".repeat(130)}a`, "a b", "\u001b[31m"])(
    "a name that is none is asked of nobody: %j",
    async (name) => {
      const lab = new DnsLab();
      expect(await lab.code(lab.resolver.promises.resolve4(name))).toBe("EBADNAME");
      expect(await lab.code(lab.resolver.promises.lookup(name))).toBe("ENOTFOUND");
      expect(lab.heard).toEqual([]);
    },
  );

  test("wrong arguments are told at once", () => {
    const { resolver } = new DnsLab();
    expect(() => resolver.lookup("x", { family: 5 }, () => {})).toThrow(/family 5: use 0, 4 or 6/);
    expect(() => resolver.lookup(7 as never, () => {})).toThrow(/hostname 7: use a string/);
    expect(() => resolver.lookup("x", {}, undefined as never)).toThrow(/a callback is needed/);
    expect(() => resolver.resolve("x", "HINFO" as never, () => {})).toThrow(/record type "HINFO"/);
    expect(() => resolver.reverse("::1", () => {})).toThrow(/no IPv4 address/);
    expect(() => resolver.setServers(["nonsense"])).toThrow(/DNS server "nonsense": use A.B.C.D/);
    expect(() => new DnsLab({ timeout: 0 })).toThrow(/timeout 0 is out of range: use an integer from 1 to 60000/);
  });
});

describe("servers, rounds, connections", () => {
  test("RFC 1035 s4.2.1: a silent server is followed by the next, and each round waits twice as long", async () => {
    const lab = new DnsLab({ servers: [SERVER, SECOND_SERVER], timeout: 1000, attempts: 2 });
    const began = lab.clock.now;
    expect(await lab.code(lab.resolver.promises.resolve4("x.test"))).toBe("ETIMEOUT");
    const asked = lab.heard.map(({ server, at }) => [server, Math.round((at - began) / 1_000_000)]);
    expect(asked).toEqual([
      [SERVER, 0],
      [SECOND_SERVER, 1],
      [SERVER, 2],
      [SECOND_SERVER, 4],
    ]);
    expect(lab.count("dns.timed_out")).toBe(4);
    // RFC 5452 s9.2: each with a port and an identifier of its own.
    expect(new Set(lab.heard.map(({ port }) => port)).size).toBe(4);
    expect(new Set(lab.heard.map(({ id }) => id)).size).toBe(4);
  });

  test("a server that fails or refuses is followed by the next at once", async () => {
    const lab = new DnsLab({ servers: [SERVER, SECOND_SERVER] });
    lab.zone = ({ server, name }) => (server === SERVER ? rcode("SERVFAIL") : { answers: [a(name, "192.0.2.9")] });
    expect(await lab.settle(lab.resolver.promises.resolve4("x.test"))).toEqual(["192.0.2.9"]);
    expect(lab.count("dns.no_answer")).toBe(1);
  });

  test("RFC 1035 s4.2.1, RFC 7766 s5: a truncated answer is asked for again by TCP", async () => {
    const lab = new DnsLab();
    const many = Array.from({ length: 200 }, (_, i) => a("x.test", `192.0.2.${i}`));
    lab.zone = ({ by }) => (by === "udp" ? truncated : { answers: many });
    expect(await lab.settle(lab.resolver.promises.resolve4("x.test"))).toHaveLength(200);
    expect(lab.heard.map(({ by }) => by)).toEqual(["udp", "tcp"]);
    lab.clock.advance(300_000_000);
    expect(lab.client.stack.tcp.showAll(lab.clock.now)).toEqual([]);
    expect(lab.client.stack.udp.count).toBe(0);
  });

  test("S-175: by TCP: an answer that is cut off, too long, to another question, or never comes", async () => {
    for (const answer of [null, new Uint8Array(20_000), new Uint8Array(3), { questions: [{ name: "y.test", type: "A" }] }]) {
      const lab = new DnsLab({ timeout: 500, attempts: 1 });
      lab.zone = ({ by }) => (by === "udp" ? truncated : answer);
      expect(await lab.code(lab.resolver.promises.resolve4("x.test"))).toMatch(/ECONNREFUSED|ETIMEOUT/);
      expect(lab.client.stack.udp.count).toBe(0);
    }
  });

  test("the same question of many at one time is asked once", async () => {
    const lab = new DnsLab();
    lab.zone = zone({ "x.test": "192.0.2.1" });
    const all = Promise.all(Array.from({ length: 50 }, () => lab.resolver.promises.resolve4("x.test")));
    expect(await lab.settle(all)).toHaveLength(50);
    expect(lab.heard).toHaveLength(1);
  });

  test("S-175: no more questions are under way than is allowed", async () => {
    const lab = new DnsLab({ questions: 10, timeout: 100, attempts: 1 });
    const codes = await lab.settle(
      Promise.all(
        Array.from({ length: 30 }, (_, i) => lab.resolver.promises.resolve4(`x${i}.test`).catch((e: { code: string }) => e.code)),
      ),
    );
    expect(codes.filter((code) => code === "ECANCELLED")).toHaveLength(20);
    expect(lab.heard).toHaveLength(10);
  });

  test("close ends every question, and leaves nothing in the stack", async () => {
    const lab = new DnsLab();
    const question = lab.resolver.promises.resolve4("x.test");
    lab.clock.settle();
    lab.resolver.close();
    expect(await lab.code(question)).toBe("ECANCELLED");
    expect(await lab.code(lab.resolver.promises.resolve4("y.test"))).toBe("ECANCELLED");
    expect(lab.client.stack.udp.count).toBe(0);
    expect(lab.client.stack.agents).toEqual([]);
  });

  test("a stack that closes ends them too", async () => {
    const lab = new DnsLab();
    const question = lab.resolver.promises.lookup("x.test");
    lab.clock.settle();
    lab.client.stack.close(lab.clock.now);
    expect(await lab.code(question)).toBe("EAI_AGAIN");
    expect(await lab.code(lab.resolver.promises.lookup("y.test"))).toBe("EAI_AGAIN");
  });
});

describe("S-175: answers of others", () => {
  const askFor = (lab: DnsLab): { question: Promise<string[]>; port: number; id: number } => {
    const question = lab.resolver.promises.resolve4("x.test");
    question.catch(() => {});
    lab.clock.settle();
    const { port, id } = lab.heard.at(-1)!;
    return { question, port, id };
  };
  const forged = (id: number, name = "x.test", type = "A"): Uint8Array =>
    encode({ id, type: "response", questions: [{ name, type }], answers: [a(name, "192.0.2.66")] });

  test("RFC 5452 s9.1: another identifier, another question, another source are not believed", async () => {
    const lab = new DnsLab();
    const { question, port, id } = askFor(lab);
    lab.spoof(SERVER, 53, port, forged(id ^ 1));
    lab.spoof(SERVER, 53, port, forged(id, "y.test"));
    lab.spoof(SERVER, 53, port, forged(id, "x.test", "AAAA"));
    lab.spoof(SECOND_SERVER, 53, port, forged(id));
    lab.spoof(SERVER, 54, port, forged(id));
    lab.spoof(SERVER, 53, port, encode({ id, type: "query", questions: [{ name: "x.test", type: "A" }] }));
    lab.spoof(SERVER, 53, port, Uint8Array.of(1, 2, 3));
    expect(await lab.code(question)).toBe("ETIMEOUT");
    expect(lab.count("dns.other_id")).toBe(1);
    expect(lab.count("dns.other_question")).toBe(2);
    expect(lab.count("dns.malformed")).toBe(2);
    expect(lab.count("udp.no_port")).toBe(2);
  });

  test("the right answer behind wrong ones is taken", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name, id }) => [forged(id ^ 5), { answers: [a(name, "192.0.2.1")] }];
    expect(await lab.settle(lab.resolver.promises.resolve4("x.test"))).toEqual(["192.0.2.1"]);
  });

  test("RFC 5452 s9.3: who guesses by the dozen drives us to TCP", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name, by }) => (by === "tcp" ? { answers: [a(name, "192.0.2.1")] } : null);
    const { question, port, id } = askFor(lab);
    for (let i = 1; i <= 16; i++) lab.spoof(SERVER, 53, port, forged((id + i) & 0xffff));
    expect(await lab.settle(question)).toEqual(["192.0.2.1"]);
    expect(lab.heard.map(({ by }) => by)).toEqual(["udp", "tcp"]);
  });

  test("mixed case: letters at random, and only who repeats them is believed", async () => {
    const lab = new DnsLab({ mixedCase: true, timeout: 500, attempts: 1 });
    lab.zone = ({ name }) => ({ answers: [a(name, "192.0.2.1")] });
    expect(await lab.settle(lab.resolver.promises.resolve4("mixedcaselabel.test"))).toEqual(["192.0.2.1"]);
    const { name } = lab.heard[0]!;
    expect(name.toLowerCase()).toBe("mixedcaselabel.test");
    expect(name).not.toBe("mixedcaselabel.test");
    lab.zone = () => ({ questions: [{ name: "othercaselabel.test", type: "A" }] });
    expect(await lab.code(lab.resolver.promises.resolve4("othercaselabel.test"))).toBe("ETIMEOUT");
  });
});

describe("what is known already", () => {
  test("RFC 1035 s7.4: an answer is true for its TTL, and not a second longer", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name }) => ({ answers: [a(name, "192.0.2.1", 30)] });
    const ask = (): Promise<unknown> =>
      lab.settle(new Promise((resolve) => lab.resolver.resolve4("x.test", { ttl: true }, (_, found) => resolve(found))));
    await ask();
    lab.clock.advance(10_000_000);
    const [{ ttl }] = (await ask()) as [{ ttl: number }];
    expect(ttl).toBeLessThanOrEqual(20);
    expect(lab.heard).toHaveLength(1);
    lab.clock.advance(21_000_000);
    await ask();
    expect(lab.heard).toHaveLength(2);
  });

  test("RFC 2308 s5: what is not there stays unknown for the least of the SOA's TTL and minimum", async () => {
    const lab = new DnsLab();
    lab.zone = () => rcode("NXDOMAIN", [soa("test", 20, 3600)]);
    for (let i = 0; i < 3; i++) expect(await lab.code(lab.resolver.promises.resolve4("x.test"))).toBe("ENOTFOUND");
    expect(lab.heard).toHaveLength(1);
    lab.clock.advance(21_000_000);
    await lab.code(lab.resolver.promises.resolve4("x.test"));
    expect(lab.heard).toHaveLength(2);
  });

  test("RFC 2308 s2.2: without an SOA it is asked again", async () => {
    const lab = new DnsLab();
    lab.zone = () => rcode("NXDOMAIN");
    for (let i = 0; i < 3; i++) await lab.code(lab.resolver.promises.resolve4("x.test"));
    expect(lab.heard).toHaveLength(3);
  });

  test("a failure is not remembered", async () => {
    const lab = new DnsLab();
    lab.zone = () => rcode("SERVFAIL");
    await lab.code(lab.resolver.promises.resolve4("x.test"));
    lab.zone = zone({ "x.test": "192.0.2.1" });
    expect(await lab.settle(lab.resolver.promises.resolve4("x.test"))).toEqual(["192.0.2.1"]);
  });

  test("S-175: the cache is bounded: the one not asked for longest goes first", async () => {
    const lab = new DnsLab({ cacheEntries: 2 });
    lab.zone = ({ name }) => ({ answers: [a(name, "192.0.2.1", 600)] });
    for (const name of ["a.test", "b.test", "a.test", "c.test", "a.test", "b.test"]) await lab.settle(lab.resolver.promises.resolve4(name));
    expect(lab.names()).toEqual(["A a.test", "A b.test", "A c.test", "A b.test"]);
  });

  test("RFC 2181 s8: a TTL with the highest bit set is none", async () => {
    const lab = new DnsLab();
    lab.zone = ({ name }) => ({ answers: [a(name, "192.0.2.1", 2 ** 31)] });
    await lab.settle(lab.resolver.promises.resolve4("x.test"));
    await lab.settle(lab.resolver.promises.resolve4("x.test"));
    expect(lab.heard).toHaveLength(2);
  });
});

describe("lookup", () => {
  const hosts = "127.0.0.1 localhost\n192.0.2.10 db db.example # the database\n192.0.2.11 db\n2001:db8::1 db\n\nnonsense here\n";

  test("the hosts file goes first, and needs no server", async () => {
    const lab = new DnsLab({ hosts });
    expect(await lab.settle(lab.resolver.promises.lookup("DB"))).toEqual({ address: "192.0.2.10", family: 4 });
    expect(await lab.settle(lab.resolver.promises.lookup("db", { all: true }))).toEqual([
      { address: "192.0.2.10", family: 4 },
      { address: "192.0.2.11", family: 4 },
    ]);
    expect(await lab.settle(lab.resolver.promises.lookup("db", 6))).toEqual({ address: "2001:db8::1", family: 6 });
    expect(lab.heard).toEqual([]);
  });

  test("addresses are themselves; RFC 6761 s6.3: localhost is here", async () => {
    const lab = new DnsLab();
    expect(await lab.settle(lab.resolver.promises.lookup("192.0.2.1"))).toEqual({ address: "192.0.2.1", family: 4 });
    expect(await lab.settle(lab.resolver.promises.lookup("2001:db8::1"))).toEqual({ address: "2001:db8::1", family: 6 });
    expect(await lab.settle(lab.resolver.promises.lookup("my.localhost"))).toEqual({ address: "127.0.0.1", family: 4 });
    expect(await lab.settle(lab.resolver.promises.lookup("localhost", 6))).toEqual({ address: "::1", family: 6 });
    expect(lab.heard).toEqual([]);
  });

  test("search list and ndots, as resolv.conf(5) has them", async () => {
    const lab = new DnsLab({ search: ["eng.test", "test"], ndots: 2 });
    lab.zone = zone({ "a.b.test": "192.0.2.1" });
    expect(await lab.settle(lab.resolver.promises.lookup("a.b"))).toEqual({ address: "192.0.2.1", family: 4 });
    expect(lab.names()).toEqual(["A a.b.eng.test", "A a.b.test"]);
    lab.heard.length = 0;
    expect(await lab.code(lab.resolver.promises.lookup("x.y.z"))).toBe("ENOTFOUND");
    expect(lab.names()).toEqual(["A x.y.z", "A x.y.z.eng.test", "A x.y.z.test"]);
    lab.heard.length = 0;
    expect(await lab.code(lab.resolver.promises.lookup("q."))).toBe("ENOTFOUND");
    expect(lab.names()).toEqual(["A q"]);
  });

  test("a server that fails ends the search: another domain's host is not the one that was meant", async () => {
    const lab = new DnsLab({ search: ["eng.test", "test"] });
    lab.zone = ({ name }) => (name === "db.eng.test" ? rcode("SERVFAIL") : { answers: [a(name, "192.0.2.66")] });
    expect(await lab.code(lab.resolver.promises.lookup("db"))).toBe("EAI_AGAIN");
  });

  test("its signatures are those of dns.lookup; no callback comes before the call returns", async () => {
    const lab = new DnsLab({ hosts });
    const got: unknown[] = [];
    const { lookup } = lab.resolver;
    lookup("db", (...values) => got.push(values));
    lookup("db", 4, (...values) => got.push(values));
    lookup("db", { family: "IPv4" }, (...values: unknown[]) => got.push(values));
    lookup("db", { all: true }, (...values) => got.push(values));
    lookup("", (...values) => got.push(values));
    expect(got).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    const one = [null, "192.0.2.10", 4];
    const all = [
      null,
      [
        { address: "192.0.2.10", family: 4 },
        { address: "192.0.2.11", family: 4 },
      ],
    ];
    expect(got).toEqual([one, one, one, all, [null, null, 4]]);
  });

  test("servers and search list of a DHCP lease that comes and goes", async () => {
    let lease: { dnsServers: ReturnType<typeof ip>[]; search: string[] } | null = null;
    const lab = new DnsLab({ configuration: () => leaseConfiguration(lease) });
    lab.zone = zone({ "db.home.test": "192.0.2.1" });
    expect(await lab.code(lab.resolver.promises.lookup("db"))).toBe("EAI_AGAIN");
    lease = { dnsServers: [ip(SERVER)], search: ["home.test"] };
    expect(await lab.settle(lab.resolver.promises.lookup("db"))).toEqual({ address: "192.0.2.1", family: 4 });
    expect(lab.resolver.getServers()).toEqual([SERVER]);
  });

  test("net's connect takes it", async () => {
    const lab = new DnsLab();
    lab.zone = zone({ "web.test": SERVER });
    const socket = connect(lab.client, { host: "web.test", port: 53, lookup: lab.resolver.lookup });
    await lab.settle(new Promise((resolve) => socket.once("connect", resolve)));
    expect(socket.remoteAddress).toBe(SERVER);
    socket.destroy();
  });
});

test("the state is there to see", async () => {
  const lab = new DnsLab();
  const question = lab.resolver.promises.resolve4("x.test");
  lab.clock.settle();
  const [agent] = lab.client.stack.inspect(lab.clock.now).agents;
  expect(agent).toMatchObject({
    name: "dns",
    state: { servers: [SERVER], pending: [{ name: "x.test", type: "A", asked: 1, byStream: false }] },
  });
  await lab.code(question);
});
