/** Text that may be shown: whatever came from a wire, a file or a user is escaped before it reaches a terminal or a log. */

/** Control characters (C0, DEL, C1), separators that terminals obey, and what reorders text (bidi controls) become \xNN or \uNNNN. */
const unsafe = /[\x00-\x1f\x7f-\x9f\\\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;

/** `text` on one line, harmless to a terminal, at most `limit` characters before the escapes. */
export function plain(text: string, limit = 256): string {
  const cut = text.length > limit ? text.slice(0, limit) : text;
  return cut.replace(unsafe, escapeCharacter) + (text.length > limit ? "…" : "");
}

/** Octets as ASCII, everything else as \xNN; at most `limit` octets of them. */
export function plainOctets(octets: Uint8Array, start: number, end: number, limit = 32): string {
  const stop = Math.min(end, start + limit, octets.length);
  let shown = "";
  for (let i = start; i < stop; i++) {
    const octet = octets[i]!;
    shown += octet >= 0x20 && octet < 0x7f && octet !== 0x5c ? String.fromCharCode(octet) : octet === 0x5c ? "\\\\" : `\\x${hex(octet, 2)}`;
  }
  return stop < end ? `${shown}…` : shown;
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0x5c) return "\\\\";
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}
