/** The arguments and results of system calls. */
import type { Expr, Field } from "./ast.js";
import type { Tokens } from "./tokens.js";

/** How deep lists and records may nest. */
const DEPTH = 32;

/** `expr{','expr}` up to a closing mark that stays. */
export function parseExpressions(tokens: Tokens, closing: string, depth = 0): Expr[] {
  const items: Expr[] = [];
  if (tokens.isMark(closing)) return items;
  do items.push(parseExpression(tokens, depth));
  while (tokens.skipMark(","));
  return items;
}

export function parseExpression(tokens: Tokens, depth = 0): Expr {
  if (depth > DEPTH) tokens.fail(`less nesting: ${DEPTH} lists in each other are the most`);
  const first = parseOperand(tokens, depth);
  if (!tokens.isMark("|")) return first;
  const items = [first];
  while (tokens.skipMark("|")) items.push(parseOperand(tokens, depth));
  return { type: "or", items };
}

function parseOperand(tokens: Tokens, depth: number): Expr {
  const token = tokens.next;
  switch (token.kind) {
    case "ellipsis":
      tokens.take();
      return { type: "ellipsis" };
    case "integer":
    case "hex":
      tokens.take();
      return { type: "integer", value: numberOf(token.text), hex: token.kind === "hex" };
    case "string": {
      let value = tokens.take().text;
      // As in C, strings beside each other are one.
      while (tokens.is("string")) value += tokens.take().text;
      // As strace abbreviates them: the length that the call names says how much counts.
      tokens.skip("ellipsis");
      return { type: "string", value };
    }
    case "ipv4":
    case "ipv6":
      return { type: "address", value: tokens.take().text };
    case "word":
      return parseWord(tokens, depth);
    default:
      break;
  }
  if (tokens.skipMark("[")) {
    const items = parseExpressions(tokens, "]", depth + 1);
    tokens.mark("]", "behind a list");
    return { type: "list", items };
  }
  if (tokens.skipMark("{")) return parseRecord(tokens, depth + 1);
  return tokens.fail("a value: a number, a name, a string, a list in [ ], a record in { } or ...");
}

function parseWord(tokens: Tokens, depth: number): Expr {
  const name = tokens.take().text;
  if (tokens.skipMark("(")) {
    const args = parseExpressions(tokens, ")", depth + 1);
    tokens.mark(")", `behind the arguments of ${name}`);
    return { type: "apply", name, args };
  }
  if (tokens.skipMark("=")) return { type: "assign", name, value: parseExpression(tokens, depth + 1) };
  return { type: "word", name };
}

/** `{name=value, name(argument)=value, value}`. */
function parseRecord(tokens: Tokens, depth: number): Expr {
  const fields: Field[] = [];
  if (!tokens.isMark("}"))
    do fields.push(parseField(tokens, depth));
    while (tokens.skipMark(","));
  tokens.mark("}", "behind a record");
  return { type: "record", fields };
}

function parseField(tokens: Tokens, depth: number): Field {
  const value = parseExpression(tokens, depth);
  if (value.type === "assign") return { name: value.name, argument: null, value: value.value };
  if (value.type === "apply" && value.args.length === 1 && tokens.skipMark("="))
    return { name: value.name, argument: value.args[0]!, value: parseExpression(tokens, depth) };
  return { name: null, argument: null, value };
}

function numberOf(text: string): number | bigint {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}
