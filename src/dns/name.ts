/** Domain names as text — RFC 1035 s2.3 and s3.1, RFC 1123 s2.1 — and where those without a domain are looked for. */

/** RFC 1035 s2.3.4: 255 octets with lengths and root; as text two less. */
const LONGEST_NAME = 253;
const LABEL = /^[a-z0-9_*/-]{1,63}$/;

/** A name in the one form that names are compared by: lower case, no dot at the end; null when it could be nobody's. */
export function canonicalName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.length > LONGEST_NAME || name === "") return null;
  return name.split(".").every((label) => LABEL.test(label)) ? name : null;
}

/** The names to ask for, in order: `ndots` dots make a name likely to be whole, a dot at its end makes it so. */
export function candidates(text: string, search: readonly string[], ndots: number): string[] {
  const name = canonicalName(text);
  if (name === null) return [];
  if (text.endsWith(".")) return [name];
  const longer = search.map((domain) => canonicalName(`${name}.${domain}`)).filter((candidate) => candidate !== null);
  const dots = name.split(".").length - 1;
  return [...new Set(dots >= ndots ? [name, ...longer] : [...longer, name])];
}

/** "10.0.0.1" -> "1.0.0.10.in-addr.arpa": RFC 1035 s3.5. */
export const reverseName = (address: string): string => `${address.split(".").reverse().join(".")}.in-addr.arpa`;

/** RFC 6761 s6.3: these never leave the host. */
export const isLocalhost = (name: string): boolean => name === "localhost" || name.endsWith(".localhost");

/** The name with letters in upper or lower case as the bits have it: an answer must repeat them (draft-vixie-dnsext-dns0x20). */
export const mixedCase = (name: string, bits: () => number): string =>
  name.replace(/[a-z]/g, (letter) => ((bits() & 1) === 0 ? letter : letter.toUpperCase()));
