/** Tables and lines for people, from what `inspect()` and a connection say. */
import type { Micros } from "../base/environment.js";
import { Hold } from "../base/why.js";
import { whyName } from "../base/why-registry.js";
import type { Probe } from "../stack/probe.js";
import { lifetime } from "../tcp/hold.js";
import { showHolds } from "../tcp/show.js";
import { State, stateNames } from "../tcp/state.js";
import type { Tcb } from "../tcp/tcb.js";
import { formatEndpoint, milliseconds } from "./format.js";
import { plain } from "./plain.js";

/** Columns of cells, the widest decides; numbers are flush right. No trailing blanks. */
export function formatTable(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = titles.map((title, column) => rows.reduce((widest, row) => Math.max(widest, (row[column] ?? "").length), title.length));
  const right = titles.map((_, column) => rows.length > 0 && rows.every((row) => numeric.test(row[column] ?? "")));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (right[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(titles), ...rows.map(line)];
}

/** An address is not a number: at most one point. */
const numeric = /^(-|-?[0-9]+(\.[0-9]+)?)$/;

/** A table of plain records, as `inspect()` returns them: of all their fields in the order of the first that has each, or of `columns`.
 *  Nested values are written as JSON; everything is escaped. */
export function formatRecords(records: readonly Readonly<Record<string, unknown>>[], columns?: readonly string[]): string[] {
  const titles = columns ?? [...new Set(records.flatMap((record) => Object.keys(record)))];
  return formatTable(
    titles.map((title) => plain(title)),
    records.map((record) => titles.map((title) => cell(record[title]))),
  );
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === "" || value === Number.POSITIVE_INFINITY) return "-";
  if (typeof value === "string") return plain(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  return plain(JSON.stringify(value) ?? "-");
}

/** "1.5 MiB". */
export function formatOctets(octets: number): string {
  if (octets < 1_024) return `${octets} B`;
  const power = Math.min(Math.floor(Math.log2(octets) / 10), units.length);
  return `${(octets / 2 ** (10 * power)).toFixed(1)} ${units[power - 1]}`;
}

const units: readonly string[] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** A connection's life in one line: who, how it stands, what went each way, for how long, what was sent again.
 *
 *      10.0.0.1:49152 10.0.0.2:80 TIME-WAIT out 1.2 KiB in 256.0 MiB 2131ms srtt 20.1ms held: cwnd 71% again 3 of 182531 */
export function connectionSummary(tcb: Tcb, now: Micros): string {
  const again = tcb.segmentsRetransmitted === 0 ? "" : ` again ${tcb.segmentsRetransmitted} of ${tcb.segmentsSent}`;
  const timeouts = tcb.timeouts === 0 ? "" : ` timeouts ${tcb.timeouts}`;
  const srtt = tcb.srtt === 0 ? "" : ` srtt ${milliseconds(tcb.srtt)}`;
  const held = formatHolds(tcb, now);
  const between = `${formatEndpoint(tcb.local, tcb.localPort)} ${formatEndpoint(tcb.remote, tcb.remotePort)}`;
  return `${between} ${stateNames[tcb.state]} out ${formatOctets(tcb.octetsAcked)} in ${formatOctets(tcb.octetsReceived)} ${milliseconds(now - tcb.openedAt)}${srtt}${held}${again}${timeouts}`;
}

/** Of what the sender was held back by for at least half a percent of its life: how much of it. */
function formatHolds(tcb: Tcb, now: Micros): string {
  const whole = lifetime(tcb, now);
  const shown = Object.entries(showHolds(tcb, now))
    .filter(([name, spent]) => name !== whyName(Hold.Application) && spent * 200 >= whole)
    .map(([name, spent]) => ` ${name.slice("hold.".length)} ${((spent * 100) / whole).toFixed(0)}%`);
  return shown.length === 0 ? "" : ` held:${shown.join("")}`;
}

/** A probe that gives one line to `print` whenever a connection ends, or begins its TIME-WAIT. */
export function lifeProbe(print: (line: string) => void): Probe {
  return {
    stateChanged: (tcb, old, _why, _cause, now) => {
      if (tcb.state === State.TimeWait || (tcb.state === State.Closed && old !== State.TimeWait)) print(connectionSummary(tcb, now));
    },
  };
}
