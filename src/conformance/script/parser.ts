/** A packet script, parsed: options, events with their times, and the commands around them. */
import type { Micros } from "../../base/environment.js";
import type { Action, Call, Command, Event, Expr, Option, Script, Time } from "./ast.js";
import { type Defines, tokenize } from "./lexer.js";
import { parseExpression, parseExpressions } from "./parse-expression.js";
import { parsePacket } from "./parse-packet.js";
import { Tokens } from "./tokens.js";

/** The longest time that a script may name: 24 days, as a signed count of milliseconds has it. */
const MOST_SECONDS = 2_147_483;

/** Parses a script; `file` is for messages. Throws ScriptError, and Unsupported for protocols that are not here. */
export function parseScript(source: string, file: string, defines: Defines = new Map()): Script {
  const inScript = optionsOf(source, file, defines);
  // What a script defines itself counts from its first line; the command line has the last word.
  const all = new Map<string, string>();
  for (const { name, value } of inScript) if (name === "define" && value !== null) define(all, value);
  for (const [name, value] of defines) all.set(name, value);
  const tokens = new Tokens(file, tokenize(file, source, all));
  const options = parseOptions(tokens);
  const init = parseCommand(tokens);
  const events: Event[] = [];
  while (!tokens.is("end") && !tokens.is("command")) events.push(parseEvent(tokens, events.length));
  if (events.length === 0) tokens.fail("an event: a time, and a packet, a system call, a command or code");
  const cleanup = parseCommand(tokens);
  if (!tokens.is("end")) tokens.fail("the end of the script, or a time");
  return { name: file, options, init, events, cleanup };
}

function define(defines: Map<string, string>, text: string): void {
  const equals = text.indexOf("=");
  if (equals > 0) defines.set(text.slice(0, equals), text.slice(equals + 1));
}

/** The options, before what they define is known. */
function optionsOf(source: string, file: string, defines: Defines): Option[] {
  return /--define\b/.test(source) ? parseOptions(new Tokens(file, tokenize(file, source, defines))) : [];
}

function parseOptions(tokens: Tokens): Option[] {
  const options: Option[] = [];
  while (tokens.is("option")) {
    const at = tokens.take();
    const name = at.text.slice(2);
    if (!tokens.skipMark("=")) {
      options.push({ name, value: null, at });
      continue;
    }
    let value = optionValue(tokens, name);
    if (tokens.skipMark("="))
      value += `=${tokens.is("string") ? JSON.stringify(tokens.take().text) : tokens.is("command") ? `\`${tokens.take().text}\`` : optionValue(tokens, name)}`;
    options.push({ name, value, at });
  }
  return options;
}

function optionValue(tokens: Tokens, name: string): string {
  const { kind } = tokens.next;
  const simple =
    kind === "integer" || kind === "float" || kind === "hex" || kind === "word" || kind === "string" || kind === "ipv4" || kind === "ipv6";
  if (!simple) tokens.fail(`the value of --${name}`);
  return tokens.take().text;
}

function parseCommand(tokens: Tokens): Command | null {
  if (!tokens.is("command")) return null;
  const at = tokens.take();
  return { kind: "command", text: at.text, at };
}

function parseEvent(tokens: Tokens, index: number): Event {
  const at = tokens.next;
  const time = parseTime(tokens);
  if (index === 0 && time.from !== 0) tokens.wrong(at, "found a later time, expected that the first event is at 0");
  const action = parseAction(tokens, time);
  if (time.kind !== "absolute" && time.kind !== "relative" && !(action.kind === "packet" && action.direction === "out"))
    tokens.wrong(at, 'found a range or "*", which only a packet that is expected (">") can have');
  return { at: { line: at.line, column: at.column }, time, action };
}

function parseTime(tokens: Tokens): Time {
  if (tokens.skipMark("*")) return { kind: "any", from: 0, to: 0 };
  const relative = tokens.skipMark("+");
  const from = seconds(tokens);
  const at = tokens.next;
  if (!tokens.skipMark("~")) return { kind: relative ? "relative" : "absolute", from, to: from };
  if (tokens.skipMark("+") !== relative) tokens.wrong(at, 'found a range with "+" at one end only');
  const to = seconds(tokens);
  if (to < from) tokens.wrong(at, "found a range that ends before it begins");
  return { kind: relative ? "relative-range" : "absolute-range", from, to };
}

function seconds(tokens: Tokens): Micros {
  const { kind, text } = tokens.next;
  const value = (kind === "integer" || kind === "float") && text.length <= 32 ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= MOST_SECONDS)) tokens.fail(`a time in seconds, 0 to ${MOST_SECONDS}`);
  tokens.take();
  return Math.round(value * 1e6);
}

function parseAction(tokens: Tokens, time: Time): Action {
  if (tokens.is("code")) {
    const at = tokens.take();
    return { kind: "code", text: at.text, at };
  }
  if (tokens.isMark("<") || tokens.isMark(">")) return parsePacket(tokens);
  const command = parseCommand(tokens);
  if (command !== null) return command;
  if (tokens.is("ellipsis") || tokens.is("word")) return parseCall(tokens, time);
  return tokens.fail('a packet ("<" or ">"), a system call, a command in ` ` or code in %{ }%');
}

/** `... T name(args) = result ERRNO (words)`. */
function parseCall(tokens: Tokens, time: Time): Call {
  let blocksFor: Micros | null = null;
  const from = tokens.next;
  if (tokens.skip("ellipsis")) {
    tokens.skipMark("+");
    const until = seconds(tokens);
    if (until < time.from) tokens.wrong(from, "found a call that ends before it begins");
    blocksFor = until - time.from;
  }
  const name = tokens.word("the name of a system call").text;
  tokens.mark("(", `behind ${name}`);
  const args = parseExpressions(tokens, ")");
  tokens.mark(")", `behind the arguments of ${name}`);
  tokens.mark("=", `and the result of ${name}`);
  const result: Expr = parseExpression(tokens);
  const errno = tokens.is("word") ? tokens.take().text : null;
  return { kind: "call", name, args, result, errno, note: parseNote(tokens), blocksFor };
}

function parseNote(tokens: Tokens): string | null {
  if (!tokens.skipMark("(")) return null;
  const words: string[] = [];
  while (!tokens.isMark(")")) {
    if (tokens.is("end")) tokens.fail('")" behind a remark');
    words.push(tokens.take().text);
  }
  tokens.take();
  return words.join(" ");
}
