/** Cells of `npm run bench:netsim`, the quick ones: what recovery and congestion control achieve is what its snapshot says. Who changes it on
 *  purpose runs it with --update, looks at the difference, and explains it in the commit. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sections } from "../../bench/netsim/table.js";

const lines = readFileSync(new URL("../../bench/netsim/snapshot.txt", import.meta.url), "utf8").split("\n");

/** The lines of a section. */
function linesOf(title: string): string[] {
  const from = lines.indexOf(title);
  expect(from, `${title}: it is not in the snapshot, run npm run bench:netsim -- --update`).toBeGreaterThanOrEqual(0);
  const to = lines.indexOf("", from);
  return lines.slice(from + 2, to < 0 ? undefined : to);
}

describe("the snapshot of bench:netsim", () => {
  test("has every cell of the table, in its order", () => {
    for (const { title, header, rows } of sections) {
      expect(lines[lines.indexOf(title) + 1]).toBe(header);
      const known = linesOf(title).filter((line) => line !== "");
      expect(known.map((line, i) => (line.startsWith(`${rows[i]?.name} `) ? rows[i]!.name : line))).toEqual(rows.map(({ name }) => name));
    }
  });

  test.each([
    [0, /^(newreno|cubic|bbr) +32 KiB 100 ms +(2|20) % +0 %$/, 6],
    [0, /^cubic +4096 KiB +10 ms +2 % +2 %$/, 1],
    [1, /^(cubic|bbr) +208$/, 2],
  ])("section %i, cells %s are what they were", { timeout: 60_000 }, (section, cells, count) => {
    const { title, rows } = sections[section]!;
    const chosen = rows.filter(({ name }) => cells.test(name));
    expect(chosen.length).toBe(count);
    const known = linesOf(title);
    for (const { name, figures } of chosen) expect(known).toContain(`${name} ${figures()}`);
  });

  // Goodput of a sender without congestion control on the same path (32 KiB of buffers, 100 ms, loss in both directions), octets a second.
  test.each([
    ["cubic", "0", 322_945],
    ["bbr", "2", 166_588],
    ["bbr", "5", 76_627],
    ["cubic", "20", 6_079],
    ["bbr", "20", 6_079],
  ])("%s with %s %% of loss delivers more than who knows no congestion", (controller, loss, least) => {
    const line = linesOf(sections[0]!.title).find((text) => new RegExp(`^${controller} +32 KiB 100 ms +${loss} % +0 % `).test(text))!;
    expect(Number(/ s +(\d+)/.exec(line)![1])).toBeGreaterThan(least);
  });
});
