/** The code in scripts: assertions about TCP_INFO in a small part of Python. An evaluator of that part, and of nothing else.
 *
 *  Statements: assert, print, assignment, augmented assignment. Expressions: or, and, not, comparisons (chained), | ^ & << >> + - * / // %,
 *  numbers, strings, names, parentheses. Whatever else Python has is unsupported, and says so. */
import type { Position } from "./ast.js";
import { Unsupported } from "./error.js";

export type Value = number | string | boolean | null;
export type Names = Map<string, Value>;

/** An assertion that does not hold, or an operation that Python would refuse. */
export class SnippetFailure extends Error {
  /** The statement, as it is written. */
  readonly statement: string;
  /** The names in it, with their values. */
  readonly values: string;

  constructor(message: string, statement: string, values: string) {
    super(message);
    this.statement = statement;
    this.values = values;
  }
}

const DEPTH = 64;
const MOST_OCTETS = 1 << 16;

interface Token {
  readonly kind: "number" | "string" | "name" | "mark" | "newline" | "end";
  readonly text: string;
}

const pattern =
  /(?<newline>\n|;)|(?<space>[^\S\n]+|#[^\n]*|\\\n)|(?<number>0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)|(?<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<mark><<=|>>=|\/\/=|\*\*|<<|>>|\/\/|==|!=|<=|>=|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|[-+*/%&|^~<>=(),])/y;

type Node = (scope: Scope) => Value;

/** A statement that was read, to be run later. */
export interface Statement {
  readonly text: string;
  readonly names: ReadonlySet<string>;
  readonly run: (scope: Scope) => void;
}

export interface Scope {
  readonly names: Names;
  readonly print: (line: string) => void;
}

/** Reads a snippet. Throws Unsupported for what is beyond the evaluator. */
export function parseSnippet(source: string, at: Position): Statement[] {
  if (source.length > MOST_OCTETS) throw new Unsupported(`code of ${source.length} octets`, at);
  return new Reader(tokensOf(source, at), at).statements();
}

function tokensOf(source: string, at: Position): Token[] {
  const tokens: Token[] = [];
  let nesting = 0;
  let index = 0;
  while (index < source.length) {
    pattern.lastIndex = index;
    const groups = pattern.exec(source)?.groups;
    if (groups === undefined) throw new Unsupported(`${JSON.stringify(source.slice(index, index + 12))} in code`, at);
    index = pattern.lastIndex;
    const kind = (["newline", "number", "string", "name", "mark"] as const).find((name) => groups[name] !== undefined);
    if (kind === undefined) continue;
    const text = groups[kind]!;
    if (text === "(") nesting += 1;
    else if (text === ")") nesting -= 1;
    // Within parentheses a line goes on.
    if (kind !== "newline" || nesting <= 0) tokens.push({ kind, text });
  }
  tokens.push({ kind: "newline", text: "\n" }, { kind: "end", text: "" });
  return tokens;
}

/** Binary operators by how tightly they bind, the loosest first. */
const levels: readonly (readonly string[])[] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];
const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);
const keywords = new Set([
  "if",
  "elif",
  "else",
  "for",
  "while",
  "def",
  "class",
  "import",
  "from",
  "return",
  "try",
  "with",
  "lambda",
  "del",
  "global",
  "raise",
  "pass",
  "in",
  "is",
  "yield",
  "exec",
]);

class Reader {
  readonly #tokens: readonly Token[];
  readonly #at: Position;
  #index = 0;
  #depth = 0;
  #names = new Set<string>();

  constructor(tokens: readonly Token[], at: Position) {
    this.#tokens = tokens;
    this.#at = at;
  }

  statements(): Statement[] {
    const all: Statement[] = [];
    while (this.#next.kind !== "end") {
      if (this.#skip("newline")) continue;
      this.#names = new Set();
      const from = this.#index;
      const run = this.#statement();
      const text = this.#tokens
        .slice(from, this.#index)
        .map((token) => token.text)
        .join(" ");
      if (!this.#skip("newline")) this.#unsupported();
      all.push({ text, names: this.#names, run });
    }
    return all;
  }

  get #next(): Token {
    return this.#tokens[this.#index]!;
  }

  #skip(kind: Token["kind"], text?: string): boolean {
    if (this.#next.kind !== kind || (text !== undefined && this.#next.text !== text)) return false;
    this.#index += 1;
    return true;
  }

  #unsupported(): never {
    throw new Unsupported(`${this.#next.kind === "newline" ? "an unfinished line" : JSON.stringify(this.#next.text)} in code`, this.#at);
  }

  #statement(): Statement["run"] {
    if (this.#skip("name", "assert")) return this.#assert();
    if (this.#next.kind === "name" && this.#next.text === "print") return this.#print();
    const target = this.#next;
    const operator = this.#tokens[this.#index + 1]?.text ?? "";
    if (target.kind === "name" && !keywords.has(target.text) && /^(?:|[|^&+\-*/%]|\/\/|<<|>>)=$/.test(operator)) {
      this.#index += 2;
      const value = this.#expression();
      if (operator === "=") return (scope) => void scope.names.set(target.text, value(scope));
      this.#names.add(target.text);
      const apply = operator.slice(0, -1);
      return (scope) => void scope.names.set(target.text, operate(apply, lookUp(scope, target.text, this.#at), value(scope)));
    }
    const value = this.#expression();
    return (scope) => void value(scope);
  }

  #assert(): Statement["run"] {
    const condition = this.#expression();
    const message = this.#skip("mark", ",") ? this.#expression() : null;
    return (scope) => {
      if (truth(condition(scope))) return;
      throw new SnippetFailure(message === null ? "" : show(message(scope)), "", "");
    };
  }

  /** As a function, or as the statement that it once was. */
  #print(): Statement["run"] {
    this.#index += 1;
    const values: Node[] = [];
    if (this.#next.kind !== "newline") {
      do values.push(this.#expression());
      while (this.#skip("mark", ","));
    }
    return (scope) => scope.print(values.map((value) => show(value(scope))).join(" "));
  }

  #expression(): Node {
    this.#depth += 1;
    if (this.#depth > DEPTH) throw new Unsupported("code that nests so deeply", this.#at);
    let left = this.#conjunction();
    while (this.#skip("name", "or")) {
      const one = left;
      const other = this.#conjunction();
      left = (scope) => {
        const value = one(scope);
        return truth(value) ? value : other(scope);
      };
    }
    this.#depth -= 1;
    return left;
  }

  #conjunction(): Node {
    let left = this.#negation();
    while (this.#skip("name", "and")) {
      const one = left;
      const other = this.#negation();
      left = (scope) => {
        const value = one(scope);
        return truth(value) ? other(scope) : value;
      };
    }
    return left;
  }

  #negation(): Node {
    let count = 0;
    while (this.#skip("name", "not")) count += 1;
    const value = this.#comparison();
    if (count === 0) return value;
    return (scope) => truth(value(scope)) === (count % 2 === 0);
  }

  #comparison(): Node {
    const first = this.#binary(0);
    const rest: { operator: string; value: Node }[] = [];
    while (this.#next.kind === "mark" && comparisons.has(this.#next.text)) {
      const operator = this.#next.text;
      this.#index += 1;
      rest.push({ operator, value: this.#binary(0) });
    }
    if (rest.length === 0) return first;
    return (scope) => {
      let left = first(scope);
      for (const { operator, value } of rest) {
        const right = value(scope);
        if (!compare(operator, left, right)) return false;
        left = right;
      }
      return true;
    };
  }

  #binary(level: number): Node {
    const operators = levels[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.#next.kind === "mark" && operators.includes(this.#next.text)) {
      const operator = this.#next.text;
      this.#index += 1;
      const one = left;
      const other = this.#binary(level + 1);
      left = (scope) => operate(operator, one(scope), other(scope));
    }
    return left;
  }

  #unary(): Node {
    let negative = false;
    while (this.#next.kind === "mark" && (this.#next.text === "-" || this.#next.text === "+")) {
      if (this.#next.text === "-") negative = !negative;
      this.#index += 1;
    }
    const value = this.#atom();
    return negative ? (scope) => operate("-", 0, value(scope)) : value;
  }

  #atom(): Node {
    const { kind, text } = this.#next;
    if (this.#skip("mark", "(")) {
      const first = this.#expression();
      const items = [first];
      while (this.#skip("mark", ",")) if (this.#next.text !== ")") items.push(this.#expression());
      if (!this.#skip("mark", ")")) this.#unsupported();
      // A tuple is only good for formatting: its text.
      return items.length === 1 ? first : (scope) => items.map((item) => show(item(scope))).join(", ");
    }
    if (kind === "number") {
      this.#index += 1;
      const value = Number(text);
      return () => value;
    }
    if (kind === "string") {
      this.#index += 1;
      const value = text.slice(1, -1);
      return () => value;
    }
    if (kind !== "name" || keywords.has(text)) return this.#unsupported();
    this.#index += 1;
    if (this.#next.text === "(") throw new Unsupported(`the function ${text} in code`, this.#at);
    if (text === "True" || text === "False") return () => text === "True";
    if (text === "None") return () => null;
    this.#names.add(text);
    return (scope) => lookUp(scope, text, this.#at);
  }
}

function lookUp({ names }: Scope, name: string, at: Position): Value {
  const value = names.get(name);
  if (value === undefined) throw new Unsupported(`the name ${name} in code`, at);
  return value;
}

const truth = (value: Value): boolean => value !== null && value !== 0 && value !== "" && value !== false;
const show = (value: Value): string => (value === null ? "None" : value === true ? "True" : value === false ? "False" : String(value));
const number = (value: Value): number => (typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : Number.NaN);

function compare(operator: string, left: Value, right: Value): boolean {
  const numbers = typeof left !== "string" && typeof right !== "string" && left !== null && right !== null;
  const a = numbers ? number(left) : left;
  const b = numbers ? number(right) : right;
  if (operator === "==") return a === b;
  if (operator === "!=") return a !== b;
  if (typeof a !== typeof b || a === null || b === null) throw new SnippetFailure(`${show(left)} and ${show(right)} have no order`, "", "");
  if (operator === "<") return a < b;
  if (operator === "<=") return a <= b;
  return operator === ">" ? a > b : a >= b;
}

function operate(operator: string, left: Value, right: Value): Value {
  if (typeof left === "string" && operator === "%") return `${left} % ${show(right)}`;
  if (typeof left === "string" && typeof right === "string" && operator === "+") return left + right;
  const a = number(left);
  const b = number(right);
  if (Number.isNaN(a) || Number.isNaN(b)) throw new SnippetFailure(`${show(left)} ${operator} ${show(right)} is no arithmetic`, "", "");
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
    case "//":
    case "%":
      if (b === 0) throw new SnippetFailure("division by zero", "", "");
      if (operator === "/") return a / b;
      return operator === "//" ? Math.floor(a / b) : a - b * Math.floor(a / b);
    default:
      return bitwise(operator, a, b);
  }
}

function bitwise(operator: string, a: number, b: number): number {
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b)) throw new SnippetFailure(`${a} ${operator} ${b} wants integers`, "", "");
  const one = BigInt(a);
  const other = BigInt(b);
  if (operator === "&") return Number(one & other);
  if (operator === "|") return Number(one | other);
  if (operator === "^") return Number(one ^ other);
  if (b < 0 || b > 64) throw new SnippetFailure(`a shift by ${b}`, "", "");
  return operator === "<<" ? a * 2 ** b : Math.floor(a / 2 ** b);
}

/** Runs statements. Throws SnippetFailure with the statement and the values in it, and Unsupported for names that nobody knows. */
export function runStatements(statements: readonly Statement[], scope: Scope): void {
  for (const statement of statements) {
    try {
      statement.run(scope);
    } catch (error) {
      if (!(error instanceof SnippetFailure)) throw error;
      const values = [...statement.names].map((name) => `${name} = ${show(scope.names.get(name) ?? null)}`).join(", ");
      throw new SnippetFailure(error.message, statement.text, values);
    }
  }
}
