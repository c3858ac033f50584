/** A reader of tokens: looks ahead, takes, and says what it found and what it expected. */
import type { Position } from "./ast.js";
import { ScriptError } from "./error.js";
import type { Token, TokenKind } from "./lexer.js";

/** Numbers in scripts are those of 64-bit fields at most. */
const MOST_DIGITS = 20;

export class Tokens {
  readonly file: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(file: string, tokens: readonly Token[]) {
    this.file = file;
    this.#tokens = tokens;
  }

  get next(): Token {
    return this.#tokens[this.#at]!;
  }

  /** The token `ahead` places behind the next one; the end is never passed. */
  peek(ahead: number): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== "end") this.#at += 1;
    return token;
  }

  is(kind: TokenKind, text?: string): boolean {
    return this.next.kind === kind && (text === undefined || this.next.text === text);
  }

  isMark(mark: string): boolean {
    return this.is("mark", mark);
  }

  isWord(word: string): boolean {
    return this.is("word", word);
  }

  skip(kind: TokenKind, text?: string): boolean {
    if (!this.is(kind, text)) return false;
    this.#at += 1;
    return true;
  }

  skipMark(mark: string): boolean {
    return this.skip("mark", mark);
  }

  skipWord(word: string): boolean {
    return this.skip("word", word);
  }

  mark(mark: string, where: string): Token {
    if (!this.isMark(mark)) this.fail(`"${mark}" ${where}`);
    return this.take();
  }

  word(what: string): Token {
    if (this.next.kind !== "word") this.fail(what);
    return this.take();
  }

  /** An integer from `least` to `most`, decimal or hexadecimal. */
  integer(what: string, least: number, most: number): number {
    const token = this.next;
    const value = token.kind === "integer" || token.kind === "hex" ? Number(token.text) : Number.NaN;
    if (!(token.text.length <= MOST_DIGITS && value >= least && value <= most)) this.fail(`${what}, ${least} to ${most}`);
    this.take();
    return value;
  }

  fail(expected: string): never {
    throw new ScriptError(this.file, this.next, `found ${describe(this.next)}, expected ${expected}`);
  }

  wrong(at: Position, message: string): never {
    throw new ScriptError(this.file, at, message);
  }
}

const SHOWN = 40;

function describe(token: Token): string {
  if (token.kind === "end") return "the end of the script";
  const text = token.text.length > SHOWN ? `${token.text.slice(0, SHOWN)}…` : token.text;
  return token.kind === "mark" || token.kind === "word" || token.kind === "ellipsis"
    ? JSON.stringify(text)
    : `${token.kind} ${JSON.stringify(text)}`;
}
