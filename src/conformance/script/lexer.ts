/** Packet scripts as tokens: the longest match wins, white space and comments separate. */
import type { Position } from "./ast.js";
import { ScriptError } from "./error.js";

export type TokenKind =
  | "option"
  | "float"
  | "integer"
  | "hex"
  | "word"
  | "string"
  | "command"
  | "code"
  | "ellipsis"
  | "ipv4"
  | "ipv6"
  | "mark"
  | "end";

export interface Token extends Position {
  readonly kind: TokenKind;
  /** As it stands in the script; of strings, commands and code what is inside. */
  readonly text: string;
}

export type Defines = ReadonlyMap<string, string>;

/** Octets of a script: none that a person wrote comes near. */
const MOST_OCTETS = 4 << 20;

const hextet = "[0-9a-fA-F]{1,4}";
const few = `${hextet}(?::${hextet}){0,6}`;
const dotted = "(?:[0-9]{1,3}\\.){3}[0-9]{1,3}";
/** In this order: of equally long matches the first counts. */
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ["option", /--[A-Za-z0-9_]+/y],
  ["float", /-?[0-9]*\.[0-9]+/y],
  ["integer", /-?[0-9]+/y],
  ["hex", /0[xX][0-9a-fA-F]+/y],
  ["ipv4", /[0-9]{1,3}(?:\.[0-9]{1,3}){3}/y],
  ["ipv6", new RegExp(`(?:${hextet}:){7}${hextet}|(?:${few})?::(?:(?:${few}:)?${dotted}|${few})?`, "y")],
  ["word", /[A-Za-z0-9_]+/y],
  ["ellipsis", /\.\.\./y],
];
const skipped = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const stringPattern = /"((?:\\[\s\S]|[^"\\])*)"/y;
const commandPattern = /`((?:\\[\s\S]|[^`\\])*)`/y;
const codePattern = /%\{([\s\S]*?)\}%/y;
const marks = "+*~<>()[]{},:|=.!-/";

/** The tokens of a script, ending in one of kind "end". `defines` name words that stand for something else. */
export function tokenize(file: string, source: string, defines: Defines): Token[] {
  if (source.length > MOST_OCTETS)
    throw new ScriptError(file, { line: 1, column: 1 }, `the script has ${source.length} octets, the most is ${MOST_OCTETS}`);
  const text = conditionals(file, source, defines);
  const tokens: Token[] = [];
  const lines = lineStarts(text);
  let line = 0;
  let at = 0;
  const place = (): Position => {
    while (line + 1 < lines.length && lines[line + 1]! <= at) line += 1;
    return { line: line + 1, column: at - lines[line]! + 1 };
  };
  for (;;) {
    skipped.lastIndex = at;
    if (skipped.test(text)) at = skipped.lastIndex;
    const position = place();
    if (at >= text.length) {
      tokens.push({ kind: "end", text: "", ...position });
      return tokens;
    }
    if (text.startsWith("/*", at)) throw new ScriptError(file, position, "found a comment that has no end");
    const quoted = quotedToken(file, text, at, position);
    if (quoted !== null) {
      tokens.push(quoted.token);
      at = quoted.end;
      continue;
    }
    let kind: TokenKind = "mark";
    let length = 0;
    for (const [candidate, pattern] of patterns) {
      pattern.lastIndex = at;
      if (pattern.test(text) && pattern.lastIndex - at > length) {
        kind = candidate;
        length = pattern.lastIndex - at;
      }
    }
    if (length === 0) {
      if (!marks.includes(text[at]!)) throw new ScriptError(file, position, `found ${JSON.stringify(text[at])}, which begins nothing`);
      length = 1;
    }
    const found: Token = { kind, text: text.slice(at, at + length), ...position };
    tokens.push(kind === "word" ? defined(found, defines) : found);
    at += length;
  }
}

/** Strings, commands and code. */
function quotedToken(file: string, text: string, at: number, position: Position): { token: Token; end: number } | null {
  const first = text[at];
  const [kind, pattern] =
    first === '"'
      ? (["string", stringPattern] as const)
      : first === "`"
        ? (["command", commandPattern] as const)
        : text.startsWith("%{", at)
          ? (["code", codePattern] as const)
          : [null, null];
  if (kind === null) return null;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) throw new ScriptError(file, position, `found a ${kind} that has no end`);
  const inside = match[1]!;
  return { token: { kind, text: kind === "string" ? unescaped(file, inside, position) : inside, ...position }, end: pattern.lastIndex };
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unescaped(file: string, inside: string, position: Position): string {
  return inside.replace(/\\(x[0-9a-fA-F]{1,2}|[\s\S])/g, (_, sequence: string) => {
    if (sequence.length > 1) return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
    const plain = escapes[sequence];
    if (plain === undefined)
      throw new ScriptError(file, position, `found the escape \\${sequence}, expected one of \\\\ \\" \\f \\n \\r \\t \\v \\xHH`);
    return plain;
  });
}

/** A word that a definition replaces: by a string, a command, an integer or another word. */
function defined(token: Token, defines: Defines): Token {
  const value = defines.get(token.text);
  if (value === undefined) return token;
  const quoted = /^(["`])([\s\S]*)\1$/.exec(value);
  if (quoted !== null) return { ...token, kind: quoted[1] === '"' ? "string" : "command", text: quoted[2]! };
  if (/^-?[0-9]+$/.test(value)) return { ...token, kind: "integer", text: value };
  if (/^0[xX][0-9a-fA-F]+$/.test(value)) return { ...token, kind: "hex", text: value };
  return { ...token, kind: "word", text: value };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** `#ifdef NAME`, `#ifndef NAME`, `#else`, `#endif`, each on a line of its own: what does not apply becomes empty, so that lines keep their numbers. */
function conditionals(file: string, source: string, defines: Defines): string {
  if (!/^[ \t]*#[ \t]*(?:ifdef|ifndef)/m.test(source)) return source;
  const open: { readonly applies: boolean; readonly line: number }[] = [];
  const applies = (): boolean => open.every((one) => one.applies);
  const lines = source.split("\n").map((text, index) => {
    const line = index + 1;
    const match = /^[ \t]*#[ \t]*(ifdef|ifndef|else|endif)\b(.*)$/.exec(text);
    if (match === null) return applies() ? text : "";
    const directive = match[1]!;
    const name = match[2]!.trim();
    const position = { line, column: 1 };
    if (directive === "ifdef" || directive === "ifndef") {
      if (!/^\w+$/.test(name)) throw new ScriptError(file, position, `found #${directive} ${JSON.stringify(name)}, expected a name`);
      open.push({ applies: defines.has(name) === (directive === "ifdef"), line });
      return "";
    }
    const last = open.pop();
    if (last === undefined) throw new ScriptError(file, position, `found #${directive} without #ifdef`);
    if (directive === "else") open.push({ applies: !last.applies, line });
    return "";
  });
  const last = open.pop();
  if (last !== undefined) throw new ScriptError(file, { line: last.line, column: 1 }, "found #ifdef without #endif");
  return lines.join("\n");
}
