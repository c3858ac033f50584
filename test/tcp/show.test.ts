/** A connection as JSON: what people debug with (RFC 4898 is the longer list of the kind). */
import { expect, test } from "vitest";
import { Exchange } from "./exchange.js";

const leaves = (value: unknown): number =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? Object.values(value).reduce((sum: number, inner) => sum + leaves(inner), 0)
    : 1;

test("a connection shows at least 70 facts as plain JSON, in the RFC's words", () => {
  const x = new Exchange({ irs: -5 });
  x.accept();
  x.write(3_000);
  const shown = x.tcp.show(x.handle, x.now);
  expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
  expect(leaves(shown)).toBeGreaterThanOrEqual(70);
  expect(shown).toMatchObject({
    form: "live",
    state: "ESTABLISHED",
    local: "10.0.0.1:80",
    remote: "10.0.0.2:5000",
    role: "passive",
    irs: 0xffff_fffb, // unsigned, as it stands on the wire
    snd: { flight: 3_000, queued: 3_000, unsent: 0 },
    congestion: { controller: "newreno", phase: "open" },
    limitedBy: "hold.app",
  });
});

test("looking at a frozen connection leaves it frozen, and finds the same", () => {
  const x = new Exchange();
  x.accept();
  const before = x.tcp.show(x.handle, x.now) as { snd: object; rcv: object; iss: number };
  x.advance(10_000_000);
  expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
  const shown = x.tcp.show(x.handle, x.now);
  expect(shown).toMatchObject({ form: "frozen", state: "ESTABLISHED", iss: before.iss });
  expect((shown as { snd: { una: number } }).snd.una).toBe((before.snd as { una: number }).una);
  expect(x.tcp.summary()).toMatchObject({ live: 0, frozen: 1 });
  expect(x.tcp.showAll(x.now).map((s) => s.form)).toEqual(["listener", "frozen"]);
  // It still works.
  x.inject({ flags: "P.", seq: 1, ack: 1, text: 5 });
  expect(x.read()).toHaveLength(5);
});
