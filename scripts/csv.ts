/** Comma-separated values as RFC 4180 has them: quotes, doubled quotes, line feeds within quotes. */

/** The rows below the heading, each by the heading's names. Throws when a row has more or fewer cells than the heading. */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (const match of text.matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/g)) {
    const [all, cell, end] = match as unknown as [string, string, string];
    if (all === "" && rows.at(-1)!.length === 0) break;
    rows.at(-1)!.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  if (rows.at(-1)!.length === 0) rows.pop();
  const [heading, ...body] = rows;
  if (heading === undefined) throw new Error("the table is empty");
  return body.map((cells, i) => {
    if (cells.length !== heading.length)
      throw new Error(`row ${i + 2} has ${cells.length} cells, the heading ${heading.length}: ${cells[0]}`);
    return Object.fromEntries(heading.map((name, column) => [name, cells[column]!]));
  });
}
