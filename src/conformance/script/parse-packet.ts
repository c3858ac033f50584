/** One packet of a script: direction, what it says of the IP header, and the TCP, UDP or ICMP of it. */
import type { Ecn, IcmpLine, IpInfo, Packet, Ports, SeqRange, TcpLine, TcpOption, UdpLine } from "./ast.js";
import { ScriptError, Unsupported } from "./error.js";
import { icmpCodes, icmpTypes } from "./icmp-names.js";
import type { Token } from "./lexer.js";
import { parseTcpOptions } from "./parse-tcp-options.js";
import { optionOctets } from "./tcp-options.js";
import type { Tokens } from "./tokens.js";

const WORD = 0xffff_ffff;
/** Octets of text that an IPv4 packet can have. */
const MOST_TEXT = 0xffff;
const MOST_OPTION_OCTETS = 40;

const encapsulations = new Set(["ipv4", "ipv6", "gre", "mpls", "psp", "encap"]);
const foreign: Readonly<Record<string, string>> = { sctp: "SCTP", udplite: "UDP-Lite", dccp: "DCCP", icmpv6: "ICMPv6", psp: "PSP" };

export function parsePacket(tokens: Tokens): Packet {
  const outbound = tokens.take().text === ">";
  const ip = parseIpInfo(tokens, outbound);
  const at = tokens.next;
  if (at.kind === "word" && encapsulations.has(at.text)) throw new Unsupported(`encapsulation (${at.text})`, at);
  if (at.kind === "word" && foreign[at.text] !== undefined) throw new Unsupported(foreign[at.text]!, at);
  if (at.kind === "word" && /^sctp_/i.test(at.text)) throw new Unsupported("SCTP", at);
  const body = tokens.skipWord("udp") ? parseUdp(tokens) : tokens.skipWord("icmp") ? parseIcmp(tokens) : parseTcp(tokens, outbound);
  if (tokens.isMark("/")) throw new Unsupported("UDP encapsulation", tokens.next);
  return { kind: "packet", direction: outbound ? "out" : "in", ip, body };
}

const ecns = new Set(["noecn", "ect0", "ect1", "ect01", "ce"]);
const noIp: IpInfo = { ecn: null, tos: null, ttl: null };

/** `[ect0]`, `(tos 0x10, ttl 64)`: in either kind of bracket. */
function parseIpInfo(tokens: Tokens, outbound: boolean): IpInfo {
  const open = tokens.isMark("(") ? ")" : tokens.isMark("[") && tokens.peek(1).kind === "word" ? "]" : null;
  if (open === null) return noIp;
  tokens.take();
  let info = noIp;
  do {
    const at = tokens.word("ect0, ect1, ect01, ce, noecn, tos, ttl");
    const name = at.text;
    if (name === "ect01" && !outbound) tokens.wrong(at, 'found "ect01" in a packet that is sent: choose ect0 or ect1');
    if (ecns.has(name)) info = { ...info, ecn: name as Ecn };
    else if (name === "ecn") info = { ...info, ecn: ecnWord(tokens) };
    else if (name === "tos" || name === "class") info = { ...info, tos: tosOf(tokens) };
    else if (name === "ttl" || name === "hlim") info = { ...info, ttl: tokens.integer("a time to live", 0, 255) };
    else if (name === "flowlabel") throw new Unsupported("IPv6 (flow labels)", at);
    else if (name === "dscp") info = { ...info, tos: tokens.integer("a code point", 0, 63) << 2 };
    else tokens.wrong(at, `found ${JSON.stringify(name)}, expected ect0, ect1, ect01, ce, noecn, tos or ttl`);
  } while (tokens.skipMark(","));
  tokens.mark(open, "behind what is said of the IP header");
  return info;
}

function ecnWord(tokens: Tokens): Ecn {
  const at = tokens.word("ect0, ect1, ce or noecn");
  if (!ecns.has(at.text)) tokens.wrong(at, `found ${JSON.stringify(at.text)}, expected ect0, ect1, ce or noecn`);
  return at.text as Ecn;
}

/** RFC 791 s3.1, as <netinet/ip.h> names them. */
const tosNames: Readonly<Record<string, number>> = {
  IPTOS_LOWDELAY: 0x10,
  IPTOS_THROUGHPUT: 0x08,
  IPTOS_RELIABILITY: 0x04,
  IPTOS_MINCOST: 0x02,
};

function tosOf(tokens: Tokens): number {
  const named = tokens.next.kind === "word" ? tosNames[tokens.next.text] : undefined;
  if (named === undefined) return tokens.integer("a type of service", 0, 255);
  tokens.take();
  return named;
}

/** `a > b`, bare or in brackets. */
function parsePorts(tokens: Tokens): Ports | null {
  const bracket = tokens.isMark("[") || tokens.isMark("(");
  const from = bracket ? 1 : 0;
  const next = tokens.peek(from);
  const behind = tokens.peek(from + 1);
  if (next.kind !== "integer" || behind.kind !== "mark" || behind.text !== ">") return null;
  const close = bracket ? (tokens.take().text === "[" ? "]" : ")") : null;
  const source = tokens.integer("a port", 0, 65_535);
  tokens.take();
  const target = tokens.integer("a port", 0, 65_535);
  if (close !== null) tokens.mark(close, "behind the ports");
  return { source, target };
}

const bits: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, ".": 16, U: 32, E: 64, W: 128, A: 256 };
const ACE_BITS = 64 | 128 | 256;

function parseTcp(tokens: Tokens, outbound: boolean): TcpLine {
  const ports = parsePorts(tokens);
  const at = tokens.next;
  const { flags, ace } = parseFlags(tokens);
  const seq = parseSeq(tokens);
  let ack: number | null = null;
  let ackAbsolute = false;
  if (tokens.skipWord("ack")) {
    ack = tokens.integer("an acknowledgment number", 0, WORD);
    ackAbsolute = tokens.skipMark("!");
  }
  let window: number | null = null;
  if (tokens.skipWord("win")) window = tokens.skip("ellipsis") ? null : tokens.integer("a window", 0, 0xffff);
  else if (!outbound) tokens.fail('"win" and a window: a packet that is sent must have one');
  const urgent = tokens.skipWord("urg") ? tokens.integer("an urgent pointer", 0, 0xffff) : null;
  const open = tokens.next;
  let options: TcpLine["options"] = [];
  if (tokens.isMark("<") && behindIsOption(tokens)) {
    tokens.take();
    options = parseTcpOptions(tokens, outbound);
  }
  if (options !== "any") checkOptions(tokens, open, options);
  if (tokens.isMark("[") && /^(cause_code|pen)$/.test(tokens.peek(1).text))
    throw new Unsupported("diagnostic payload of a reset", tokens.next);
  const length = seq.length;
  if (ports === null && flags === 0 && ace === null && length > MOST_TEXT)
    tokens.wrong(at, `found ${length} octets, expected ${MOST_TEXT} at most`);
  return { protocol: "tcp", ports, flags, ace, seq, ack, ackAbsolute, window, urgent, options };
}

const behindIsOption = (tokens: Tokens): boolean => {
  const { kind, text } = tokens.peek(1);
  return kind === "word" || kind === "ellipsis" || (kind === "mark" && text === ">");
};

function checkOptions(tokens: Tokens, open: Token, options: readonly TcpOption[]): void {
  const octets = options.reduce((sum, option) => sum + optionOctets(option), 0);
  if (octets % 4 !== 0) tokens.wrong(open, `found options of ${octets} octets, expected a multiple of 4: add nop or eol`);
  if (octets > MOST_OPTION_OCTETS) tokens.wrong(open, `found options of ${octets} octets, expected ${MOST_OPTION_OCTETS} at most`);
}

/** `S`, `S.`, `P.`, `.`, `-`; a number behind the point is the three ECN bits (RFC 9768 s3.2). */
function parseFlags(tokens: Tokens): { flags: number; ace: number | null } {
  const at = tokens.next;
  if (tokens.skipMark("-")) return { flags: 0, ace: null };
  let flags = 0;
  if (tokens.is("word")) {
    for (const letter of tokens.next.text) {
      const bit = bits[letter];
      if (bit === undefined) tokens.fail("flags: letters of S F R P U E W A, then . for ACK; or -");
      flags |= bit;
    }
    tokens.take();
  }
  if (tokens.skipMark(".")) return { flags: flags | 16, ace: null };
  const { kind, text } = tokens.next;
  if (kind === "float" && /^\.[0-7]$/.test(text)) {
    tokens.take();
    if (flags & ACE_BITS) tokens.wrong(at, "found E, W or A beside a number of the same three bits");
    return { flags: flags | 16, ace: Number(text.slice(1)) };
  }
  if (flags === 0) tokens.fail("flags: letters of S F R P U E W A, then . for ACK; or -");
  return { flags, ace: null };
}

/** `start:end(length)`; `start:end(length)!`; `...(length)`. */
function parseSeq(tokens: Tokens): SeqRange {
  if (tokens.skip("ellipsis")) return { start: 0, length: parseLength(tokens), as: "ignored" };
  const at = tokens.next;
  const start = tokens.integer("a sequence number", 0, WORD);
  tokens.mark(":", "between sequence numbers");
  const end = tokens.integer("a sequence number", 0, 2 * WORD);
  const length = parseLength(tokens);
  if ((start + length) % 2 ** 32 !== end % 2 ** 32)
    tokens.wrong(at, `found ${start}:${end}(${length}), expected that start and length make the end`);
  return { start, length, as: tokens.skipMark("!") ? "absolute" : "mapped" };
}

function parseLength(tokens: Tokens): number {
  tokens.mark("(", "and a length");
  const length = tokens.integer("a length", 0, MOST_TEXT);
  tokens.mark(")", "behind a length");
  return length;
}

function parseUdp(tokens: Tokens): UdpLine {
  return { protocol: "udp", ports: parsePorts(tokens), length: parseLength(tokens) };
}

function parseIcmp(tokens: Tokens): IcmpLine {
  const at = tokens.next;
  const type = tokens.word("a type of ICMP message").text;
  if (icmpTypes[type] === undefined && !/^type_[0-9]{1,3}$/.test(type)) {
    if (/^(packet_too_big|router_|neighbor_|dest)/.test(type)) throw new Unsupported("ICMPv6", at);
    throw new ScriptError(
      tokens.file,
      at,
      `found the ICMP type ${JSON.stringify(type)}, expected one of ${Object.keys(icmpTypes).join(", ")}, type_N`,
    );
  }
  let code: string | null = null;
  const codes = icmpCodes[type] ?? {};
  if (tokens.is("word") && !tokens.isWord("mtu") && !tokens.isWord("id")) {
    code = tokens.next.text;
    if (codes[code] === undefined && !/^code_[0-9]{1,3}$/.test(code))
      tokens.fail(`a code of ${type}: ${[...Object.keys(codes), "code_N"].join(", ")}`);
    tokens.take();
  }
  const mtu = tokens.skipWord("mtu") ? tokens.integer("an MTU", 0, 65_535) : null;
  const id = tokens.skipWord("id") ? tokens.integer("an identifier", 0, 65_535) : null;
  return { protocol: "icmp", type, code, mtu, id, quoted: parseQuoted(tokens) };
}

function parseQuoted(tokens: Tokens): IcmpLine["quoted"] {
  if (!tokens.skipMark("[")) return null;
  let quoted: IcmpLine["quoted"];
  if (tokens.skipWord("udp")) quoted = { protocol: "udp", length: parseLength(tokens) };
  else if (tokens.skipWord("raw")) quoted = { protocol: "raw", length: parseLength(tokens) };
  else if (tokens.is("word") && /^(sctp|icmp)/i.test(tokens.next.text)) throw new Unsupported(`quoted ${tokens.next.text}`, tokens.next);
  else quoted = { protocol: "tcp", seq: parseSeq(tokens) };
  tokens.mark("]", "behind what is quoted");
  return quoted;
}
