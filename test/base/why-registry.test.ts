import { describe, expect, test } from "vitest";
import * as why from "../../src/base/why.js";
import { registry, whyEntry, whyName, whyNamed } from "../../src/base/why-registry.js";

const { WHY_CODES, ...groups } = why;
const codes = Object.entries(groups).flatMap(([group, members]) => Object.entries(members).map(([key, code]) => ({ group, key, code })));

/** RFCs without numbered sections, and standards that are no RFCs. */
const WHOLE = new Set(["RFC 768", "RFC 792", "RFC 826", "RFC 894", "IEEE 802.3", "IEEE 802.1Q", "draft-ietf-ccwg-bbr"]);

describe("the registry of reasons", () => {
  test("every code has exactly one entry, and every entry a code", () => {
    expect(codes.length).toBeGreaterThan(200);
    expect(registry.map((entry) => entry.code)).toEqual(codes.map(({ code }) => code).sort((a, b) => a - b));
    for (const { code } of codes) expect(whyEntry(code)?.code).toBe(code);
  });

  test("codes are unique, positive integers below WHY_CODES", () => {
    expect(new Set(registry.map((entry) => entry.code)).size).toBe(registry.length);
    for (const { code } of registry) {
      expect(Number.isInteger(code)).toBe(true);
      expect(code).toBeGreaterThan(0);
      expect(code).toBeLessThan(WHY_CODES);
    }
  });

  test("names are unique, stable in form, and carry their group's prefix", () => {
    expect(new Set(registry.map((entry) => entry.name)).size).toBe(registry.length);
    for (const { group, code } of codes) expect(whyName(code)).toMatch(new RegExp(`^${group.toLowerCase()}\\.[a-z0-9]+(_[a-z0-9]+)*$`));
    expect(whyName(1)).toBe("tx.active_open");
    expect(whyNamed("st.rcv_fin")?.code).toBe(why.St.RcvFin);
    expect(whyNamed("nothing")).toBe(undefined);
  });

  test("what is no code says so", () => {
    expect(whyName(0)).toBe("why.0");
    expect(whyName(WHY_CODES)).toBe(`why.${WHY_CODES}`);
    expect(whyEntry(0)).toBe(undefined);
  });

  test.each(registry.map((entry) => [entry.name, entry] as const))("%s cites a section and says one sentence", (_, { source, text }) => {
    if (!WHOLE.has(source)) expect(source).toMatch(/^RFC \d{3,4} s\d+(\.\d+)*$/);
    expect(text).toMatch(/^[A-Z0-9].*[.?)]$/);
    expect(text.length).toBeGreaterThan(8);
    expect(text.length).toBeLessThanOrEqual(130);
    expect(text).not.toContain("\n");
  });
});
