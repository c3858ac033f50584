import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inPrefix, ip, ipFromInt, netmask } from "../../src/ip/address.js";
import { DEAD_GATEWAY_TIME, RouteTable } from "../../src/ip/route.js";

describe("RFC 1122 s3.3.1: routes", () => {
  test("the longest prefix wins, then the least metric, then the oldest", () => {
    const table = new RouteTable(100);
    const route = fc.record({ address: fc.nat(7), prefixLength: fc.integer({ min: 29, max: 32 }), metric: fc.nat(2), device: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(route, { maxLength: 20 }), fc.nat(7), fc.integer({ min: -1, max: 2 }), (list, to, by) => {
        table.removeAll(() => true);
        const routes = list.map(({ address, prefixLength, metric, device }) =>
          table.add({ prefix: ipFromInt(address & netmask(prefixLength)), prefixLength, metric, device, gateway: ipFromInt(99) }),
        );
        const fits = routes.filter((one) => inPrefix(ipFromInt(to), one.prefix, one.prefixLength) && (by < 0 || one.device === by));
        const best = fits.sort(
          (a, b) => b.prefixLength - a.prefixLength || a.metric - b.metric || routes.indexOf(a) - routes.indexOf(b),
        )[0];
        expect(table.lookup(ipFromInt(to), by, 0)).toBe(best ?? null);
      }),
    );
  });

  test("a dead gateway is passed over for a while, unless it is the only one; a shorter prefix is no substitute", () => {
    const table = new RouteTable(10);
    const first = table.add({ prefix: ip("10.0.0.0"), prefixLength: 8, gateway: ip("1.0.0.1"), device: 1 });
    const second = table.add({ prefix: ip("10.0.0.0"), prefixLength: 8, gateway: ip("1.0.0.2"), device: 1, metric: 5 });
    table.add({ prefix: ip("0.0.0.0"), prefixLength: 0, gateway: ip("1.0.0.3"), device: 1 });
    const to = ip("10.1.1.1");
    let changes = 0;
    table.onChange = () => void (changes += 1);
    table.alive(ip("1.0.0.1"), 1, false, 1000);
    expect(table.lookup(to, -1, 1000)).toBe(second);
    table.alive(ip("1.0.0.2"), 1, false, 1000);
    expect(table.lookup(to, -1, 1000)).toBe(first);
    table.alive(ip("1.0.0.2"), 1, true, 2000);
    expect(table.lookup(to, -1, 2000)).toBe(second);
    expect(table.lookup(to, -1, 1000 + DEAD_GATEWAY_TIME)).toBe(first);
    expect(changes).toBe(3);
  });

  test("a lookup among ten thousand routes costs no more than twice what it costs among ten", () => {
    const cost = (count: number): number => {
      const table = new RouteTable(20_000);
      table.add({ prefix: ip("0.0.0.0"), prefixLength: 0, device: 1, gateway: ip("10.0.0.1") });
      for (let i = 1; i < count; i++) {
        const prefixLength = 16 + (i % 9);
        table.add({
          prefix: ipFromInt((0x0b00_0000 + i * 0x1_0000) & netmask(prefixLength)),
          prefixLength,
          device: 1,
          gateway: ipFromInt(i),
        });
      }
      const before = table.steps;
      for (let i = 0; i < 1_000; i++) table.lookup(ipFromInt(0x0b00_0001 + ((i * 7919) % count) * 0x1_0000), -1, 0);
      expect(table.lookup(ip("8.8.8.8"), -1, 0)?.prefixLength).toBe(0);
      return table.steps - before;
    };
    expect(cost(10_000)).toBeLessThanOrEqual(2 * cost(10));
  });

  test("many routes come and go, and the table finds what a search of all of them finds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ address: fc.nat(255), prefixLength: fc.integer({ min: 20, max: 32 }), keep: fc.boolean() })),
        (list) => {
          const table = new RouteTable(1_000);
          const made = list.map(({ address, prefixLength, keep }, device) => {
            const prefix = ipFromInt((address << 4) & netmask(prefixLength));
            return { keep, route: table.add({ prefix, prefixLength, device }) };
          });
          for (const { keep, route } of made) if (!keep) expect(table.remove(route)).toBe(true);
          const left = made.filter(({ keep }) => keep).map(({ route }) => route);
          const best = [...left].sort((a, b) => b.prefixLength - a.prefixLength || a.device - b.device);
          expect(table.all).toEqual(best);
          for (let to = 0; to < 4_096; to += 97) {
            const found = best.find((route) => inPrefix(ipFromInt(to), route.prefix, route.prefixLength));
            expect(table.lookup(ipFromInt(to), -1, 0)).toBe(found ?? null);
          }
          table.removeAll(({ device }) => device % 2 === 0);
          expect(table.all).toEqual(best.filter(({ device }) => device % 2 === 1));
          expect(table.lookup(ipFromInt(0), -1, 0)?.device ?? 1).toSatisfy((device: number) => device % 2 === 1);
        },
      ),
    );
  });

  test("what is no route is refused", () => {
    const table = new RouteTable(1);
    expect(() => table.add({ prefix: ip("10.0.0.1"), prefixLength: 24, device: 0 })).toThrow("10.0.0.1/24 has bits beyond its length");
    expect(() => table.add({ prefix: ip("10.0.0.0"), prefixLength: 33, device: 0 })).toThrow("prefix length 33");
    const route = table.add({ prefix: ip("10.0.0.0"), prefixLength: 24, device: 0 });
    expect(() => table.add({ prefix: ip("10.0.1.0"), prefixLength: 24, device: 0 })).toThrow("1 routes");
    expect([table.remove(route), table.remove(route), table.all.length]).toEqual([true, false, 0]);
  });
});
