import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plain, plainOctets } from "../../src/inspect/plain.js";

describe("text that may be shown", () => {
  test("control characters, bidi controls, separators and backslashes are escaped", () => {
    expect(plain("a\x1b[2Jb\r\nc\u202ed\u2028e\\f\x9bg")).toBe("a\\x1b[2Jb\\x0d\\x0ac\\u202ed\\u2028e\\\\f\\x9bg");
    expect(plain("größe €")).toBe("größe €");
  });

  test("it is bounded", () => {
    expect(plain("x".repeat(1_000), 10)).toBe(`${"x".repeat(10)}…`);
    expect(plainOctets(new Uint8Array(100).fill(65), 0, 100, 4)).toBe("AAAA…");
  });

  test("property: no octet gives more than printable ASCII", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), (octets) => {
        expect(plainOctets(octets, 0, octets.length)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });

  test("property: no text gives a control character or a second line", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", size: "small" }), (text) => !/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(plain(text))));
  });
});
