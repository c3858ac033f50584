/** The titles of all tests, read from their source: what the requirement matrix and the list of robustness cases are found by. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

export interface TestTitle {
  /** The file, relative to the repository. */
  readonly file: string;
  /** The title, with those of the groups around it. */
  readonly title: string;
}

const callers = new Set(["test", "it", "describe"]);

/** Every test below `folder`; of a packet script the title is its first comment. */
export function testTitles(folders: readonly string[] = ["test", "conformance"]): TestTitle[] {
  const found: TestTitle[] = [];
  for (const folder of folders)
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      // The ecosystem tests have dependencies of their own.
      if (name.includes("node_modules")) continue;
      const file = join(folder, name);
      if (name.endsWith(".test.ts")) collect(file, found);
      else if (name.endsWith(".pkt")) found.push({ file, title: /^\/\/ *(.*)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? "" });
    }
  return found;
}

function collect(file: string, found: TestTitle[]): void {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022);
  const visit = (node: ts.Node, around: string): void => {
    let inside = around;
    if (ts.isCallExpression(node)) {
      const name = callerOf(node.expression);
      const title = titleOf(node.arguments[0]);
      if (name !== null && title !== null) {
        inside = `${around} ${title} ${tableOf(node.expression)}`.trim();
        if (name !== "describe") found.push({ file, title: inside });
      }
    }
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(source, "");
}

/** `test(…)`, `test.each(table)(…)`, `describe.skipIf(condition)(…)`: the name it begins with, or null. A skipped test proves nothing. */
function callerOf(expression: ts.Expression): string | null {
  if (ts.isIdentifier(expression)) return callers.has(expression.text) ? expression.text : null;
  if (ts.isCallExpression(expression)) return ts.isPropertyAccessExpression(expression.expression) ? callerOf(expression.expression) : null;
  if (!ts.isPropertyAccessExpression(expression) || expression.name.text === "skip" || expression.name.text === "todo") return null;
  return callerOf(expression.expression);
}

/** The strings in the table of `test.each([…])`: the cases' own names are there. */
function tableOf(expression: ts.Expression): string {
  if (!ts.isCallExpression(expression)) return "";
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) texts.push(node.text);
    ts.forEachChild(node, visit);
  };
  for (const argument of expression.arguments) visit(argument);
  return texts.join(" ");
}

/** The text of a string or template; what is inserted into a template is not known and left out. */
function titleOf(argument: ts.Expression | undefined): string | null {
  if (argument === undefined) return null;
  if (ts.isStringLiteralLike(argument)) return argument.text;
  if (ts.isTemplateExpression(argument)) return argument.head.text + argument.templateSpans.map((span) => span.literal.text).join("…");
  return null;
}
