/** The options of a TCP line: `<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>`. */
import type { SackBlock, TcpOption } from "./ast.js";
import { Unsupported } from "./error.js";
import type { Tokens } from "./tokens.js";

const WORD = 0xffff_ffff;
/** Three octets: draft-ietf-tcpm-accurate-ecn s3.2.3. */
const COUNTER = 0xff_ffff;
/** Octets of a TFO cookie that fit an option at all. */
const MOST_COOKIE = 38;
/** What other tools know beside this: options of protocols that are not here. */
const foreign = new Set([
  "mp_capable",
  "mp_join",
  "mp_fastclose",
  "mp_fail",
  "mp_prio",
  "mp_reset",
  "mp_tcprst",
  "add_address",
  "remove_address",
  "dss",
  "dack4",
  "dack8",
  "tcp_ao",
  "ao",
  "tarr",
  "generic",
  "exp_tarr",
]);

/** Behind the "<". `<...>` compares nothing. */
export function parseTcpOptions(tokens: Tokens, outbound: boolean): readonly TcpOption[] | "any" {
  if (tokens.is("ellipsis")) {
    if (!outbound) tokens.fail('options: only a packet that is expected can have "<...>"');
    tokens.take();
    tokens.mark(">", 'behind "..."');
    return "any";
  }
  const options: TcpOption[] = [];
  if (tokens.skipMark(">")) return options;
  do options.push(parseOption(tokens));
  while (tokens.skipMark(","));
  tokens.mark(">", 'behind the options, or "," and another option');
  return options;
}

function parseOption(tokens: Tokens): TcpOption {
  const at = tokens.next;
  if (at.kind === "integer" || at.kind === "hex") throw new Unsupported("TCP options that are written as octets", at);
  const { text: name } = tokens.word("an option: mss, wscale, sackOK, sack, TS, nop, eol, md5, FO, FOEXP or ECN");
  switch (name) {
    case "mss":
      return { kind: "mss", value: tokens.integer("a segment size", 0, 0xffff) };
    case "wscale":
      return { kind: "wscale", value: tokens.integer("a shift count", 0, 0xff) };
    case "sackOK":
    case "nop":
    case "eol":
      return { kind: name };
    case "sack":
      return { kind: "sack", blocks: parseBlocks(tokens) };
    case "TS":
      return parseTimestamps(tokens);
    case "md5":
      if (tokens.isWord("valid") || tokens.isWord("invalid")) throw new Unsupported("signatures that the tool computes (md5 valid)", at);
      return { kind: "md5", digest: hexDigits(tokens, 32) };
    case "FO":
    case "FOEXP":
      return { kind: name, cookie: hexDigits(tokens, 2 * MOST_COOKIE) };
    case "EXP":
      tokens.mark("-", 'between "EXP" and "FO"');
      if (tokens.next.kind === "word" && !tokens.isWord("FO")) throw new Unsupported(`the TCP option EXP-${tokens.next.text}`, at);
      if (!tokens.skipWord("FO")) tokens.fail('"FO" behind "EXP-"');
      return { kind: "FOEXP", cookie: hexDigits(tokens, 2 * MOST_COOKIE) };
    case "ECN":
      return parseEcn(tokens);
    case "AccECN0":
    case "AccECN1":
      return parseAccEcn(tokens, name === "AccECN0" ? ["e0b", "ceb", "e1b"] : ["e1b", "ceb", "e0b"]);
    default:
      if (foreign.has(name.toLowerCase())) throw new Unsupported(`the TCP option ${name}`, at);
      return tokens.wrong(
        at,
        `found the option ${JSON.stringify(name)}, expected mss, wscale, sackOK, sack, TS, nop, eol, md5, FO, FOEXP or ECN`,
      );
  }
}

function parseBlocks(tokens: Tokens): SackBlock[] {
  const blocks: SackBlock[] = [];
  do {
    const left = tokens.integer("the left edge of a block", 0, WORD);
    tokens.mark(":", "between the edges of a block");
    blocks.push({ left, right: tokens.integer("the right edge of a block", 0, WORD) });
  } while (tokens.is("integer"));
  return blocks;
}

function parseTimestamps(tokens: Tokens): TcpOption {
  if (!tokens.skipWord("val")) tokens.fail('"val" behind "TS"');
  const value = tokens.skip("ellipsis") ? null : tokens.integer("a timestamp", 0, WORD);
  if (!tokens.skipWord("ecr")) tokens.fail('"ecr" behind the value of a timestamp');
  const echo = tokens.integer("a timestamp", 0, WORD);
  return { kind: "TS", value, echo, echoAbsolute: tokens.skipMark("!") };
}

const isCounter = (name: string): name is "e0b" | "ceb" | "e1b" => name === "e0b" || name === "ceb" || name === "e1b";

/** `ECN e0b 1 ceb 0 e1b 1`: the order says which of the two kinds it is, and fields at the end may be missing. */
function parseEcn(tokens: Tokens): TcpOption {
  const fields: { name: "e0b" | "ceb" | "e1b"; value: number }[] = [];
  const orders = [
    ["e0b", "ceb", "e1b"],
    ["e1b", "ceb", "e0b"],
  ];
  while (tokens.next.kind === "word" && isCounter(tokens.next.text) && fields.length < 3) {
    const at = tokens.take();
    fields.push({ name: at.text as "e0b", value: tokens.integer("a counter", 0, COUNTER) });
    if (!orders.some((order) => fields.every(({ name }, i) => order[i] === name)))
      tokens.wrong(at, `found ${at.text} as number ${fields.length}, expected e0b ceb e1b or e1b ceb e0b`);
  }
  if (fields.length === 0) tokens.fail('"e0b" or "e1b" behind "ECN"');
  return { kind: "ECN", fields };
}

/** `AccECN0 1 0 1`: the same option by the name that the other dialect gives it. */
function parseAccEcn(tokens: Tokens, order: readonly ("e0b" | "ceb" | "e1b")[]): TcpOption {
  const fields: { name: "e0b" | "ceb" | "e1b"; value: number }[] = [];
  for (const name of order) {
    if (tokens.next.kind === "word" && isCounter(tokens.next.text)) {
      if (!tokens.skipWord(name)) tokens.fail(`"${name}"`);
    }
    if (tokens.next.kind !== "integer" && tokens.next.kind !== "hex") break;
    fields.push({ name, value: tokens.integer("a counter", 0, COUNTER) });
  }
  return { kind: "ECN", fields };
}

/** Hexadecimal digits, an even number up to `most`; none are "". The lexer may have seen a number in them. */
function hexDigits(tokens: Tokens, most: number): string {
  const { kind, text } = tokens.next;
  if (kind !== "word" && kind !== "integer" && kind !== "hex") return "";
  const digits = kind === "hex" ? text.slice(2) : text;
  if (!/^[0-9a-fA-F]*$/.test(digits) || digits.length % 2 !== 0 || digits.length > most)
    tokens.fail(`an even number of hexadecimal digits, ${most} at most`);
  tokens.take();
  return digits.toLowerCase();
}
