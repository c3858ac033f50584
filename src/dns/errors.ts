/** Errors of the resolver, with the codes, the texts and the properties of Node's: `dns.resolve*` and `dns.lookup`. */

/** The codes of c-ares that can happen here. */
export type QueryCode =
  | "ENODATA"
  | "EFORMERR"
  | "ESERVFAIL"
  | "ENOTFOUND"
  | "ENOTIMP"
  | "EREFUSED"
  | "EBADNAME"
  | "EBADRESP"
  | "ECONNREFUSED"
  | "ETIMEOUT"
  | "ECANCELLED"
  | "ENOSERVERS";

export interface DnsError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly hostname: string;
  readonly errno?: number | undefined;
}

const remedies: Partial<Record<QueryCode, string>> = {
  ENOSERVERS: "no DNS server is configured: give `servers`, or take them from a lease",
  ECANCELLED: "the resolver was closed, or has too many questions under way",
  EBADNAME: "a name has labels of 1 to 63 letters, digits and hyphens, and 253 characters at most",
};
const withRemedy = (message: string, code: QueryCode): string => (remedies[code] === undefined ? message : `${message}: ${remedies[code]}`);

/** "queryA ENOTFOUND example.org". */
export const queryError = (code: QueryCode, syscall: string, hostname: string): DnsError =>
  Object.assign(new Error(withRemedy(`${syscall} ${code} ${hostname}`, code)), { errno: undefined, code, syscall, hostname });

/** "getaddrinfo ENOTFOUND example.org": whether the name has no address, or nobody could be asked, as the C library tells them apart. */
export const lookupError = (code: QueryCode, hostname: string): DnsError => {
  const final = code === "ENOTFOUND" || code === "ENODATA" || code === "EBADNAME";
  const named = final ? { errno: -3008, code: "ENOTFOUND" } : { errno: -3001, code: "EAI_AGAIN" };
  const message = withRemedy(`getaddrinfo ${named.code} ${hostname}`, code);
  return Object.assign(new Error(message), { ...named, syscall: "getaddrinfo", hostname });
};
