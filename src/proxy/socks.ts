/** SOCKS version 5 — RFC 1928, with the user names and passwords of RFC 1929 — from the server's side and without I/O: octets in, octets out.
 *
 *  What a client may send before it is known is a few hundred octets; nothing more is ever kept of it. */

export const Version = { Socks: 5, Password: 1 } as const;
export const Method = { None: 0, Gssapi: 1, Password: 2, NoneAcceptable: 0xff } as const;
export const Command = { Connect: 1, Bind: 2, UdpAssociate: 3 } as const;
export const AddressType = { Ipv4: 1, Name: 3, Ipv6: 4 } as const;
/** RFC 1928 s6. */
export const Status = {
  Succeeded: 0,
  Failure: 1,
  NotAllowed: 2,
  NetworkUnreachable: 3,
  HostUnreachable: 4,
  Refused: 5,
  TtlExpired: 6,
  CommandNotSupported: 7,
  AddressNotSupported: 8,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

export interface SocksRequest {
  /** An IPv4 address, or a name. */
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What came of some octets. `reply` goes to the client in every case. */
export interface Progress {
  readonly reply: Uint8Array;
  /** The client has said what it wants; what it has sent behind that is `rest`. */
  readonly request: SocksRequest | null;
  readonly rest: Uint8Array;
  /** Why the connection is to be closed when the reply is sent; null: it goes on. */
  readonly failure: string | null;
}

const nothing = new Uint8Array(0);
/** A request: four octets, a name of 255 behind its length, a port. No message is longer but RFC 1929's, with two names. */
const LONGEST = 513;

export class SocksHandshake {
  readonly #credentials: Credentials | null;
  #stage: "greeting" | "password" | "request" | "over" = "greeting";
  #octets = nothing;

  /** Null: whoever connects may use it. */
  constructor(credentials: Credentials | null) {
    this.#credentials = credentials;
  }

  /** Takes octets, cut anywhere. */
  push(octets: Uint8Array): Progress {
    let buffered = joined(this.#octets, octets);
    let reply = nothing;
    while (this.#stage !== "over") {
      const step = this.#step(buffered);
      if (step === null) break;
      buffered = buffered.subarray(step.length);
      reply = joined(reply, step.reply ?? nothing);
      if (step.failure !== undefined || step.request !== undefined) this.#stage = "over";
      if (step.failure !== undefined) return { reply, request: null, rest: nothing, failure: step.failure };
      if (step.request !== undefined) return { reply, request: step.request, rest: buffered.slice(), failure: null };
    }
    this.#octets = buffered.slice();
    const failure = this.#octets.length > LONGEST ? "a message longer than any" : null;
    return { reply, request: null, rest: nothing, failure };
  }

  #step(octets: Uint8Array): Step | null {
    switch (this.#stage) {
      case "greeting":
        return this.#greeting(octets);
      case "password":
        return this.#password(octets);
      default:
        return readRequest(octets);
    }
  }

  // Deviation: socks-subset
  /** RFC 1928 s3. */
  #greeting(octets: Uint8Array): Step | null {
    if (octets.length > 0 && octets[0] !== Version.Socks) return { length: 1, failure: `version ${octets[0]} of SOCKS` };
    if (octets.length < 2) return null;
    const length = 2 + octets[1]!;
    if (octets.length < length) return null;
    const wanted = this.#credentials === null ? Method.None : Method.Password;
    if (!octets.subarray(2, length).includes(wanted))
      return { length, reply: Uint8Array.of(Version.Socks, Method.NoneAcceptable), failure: "no acceptable method" };
    this.#stage = this.#credentials === null ? "request" : "password";
    return { length, reply: Uint8Array.of(Version.Socks, wanted) };
  }

  /** RFC 1929 s2. */
  #password(octets: Uint8Array): Step | null {
    if (octets.length > 0 && octets[0] !== Version.Password) return { length: 1, failure: `version ${octets[0]} of passwords` };
    const passwordAt = 2 + (octets[1] ?? 0);
    const length = passwordAt + 1 + (octets[passwordAt] ?? 0);
    if (octets.length < 2 || octets.length <= passwordAt || octets.length < length) return null;
    const { user, password } = this.#credentials!;
    const same = [isSame(octets.subarray(2, passwordAt), user), isSame(octets.subarray(passwordAt + 1, length), password)];
    if (!same[0] || !same[1]) return { length, reply: Uint8Array.of(Version.Password, 1), failure: "wrong name or password" };
    this.#stage = "request";
    return { length, reply: Uint8Array.of(Version.Password, 0) };
  }
}

/** What one message came to. */
interface Step {
  readonly length: number;
  readonly reply?: Uint8Array<ArrayBuffer>;
  readonly request?: SocksRequest;
  readonly failure?: string;
}

/** RFC 1928 s4 and s5. */
function readRequest(octets: Uint8Array): Step | null {
  if (octets.length > 0 && octets[0] !== Version.Socks) return { length: 1, failure: `version ${octets[0]} of SOCKS` };
  if (octets.length < 5) return null;
  const [, command, , type] = octets;
  const size = type === AddressType.Ipv4 ? 4 : type === AddressType.Ipv6 ? 16 : type === AddressType.Name ? 1 + octets[4]! : 0;
  if (size === 0) return { length: 4, ...refusal(Status.AddressNotSupported, `address type ${type}`) };
  const length = 4 + size + 2;
  if (octets.length < length) return null;
  if (command !== Command.Connect) return { length, ...refusal(Status.CommandNotSupported, `command ${command}`) };
  if (type === AddressType.Ipv6) return { length, ...refusal(Status.AddressNotSupported, "an IPv6 address") };
  const port = (octets[length - 2]! << 8) | octets[length - 1]!;
  const host = type === AddressType.Ipv4 ? octets.subarray(4, 8).join(".") : nameIn(octets.subarray(5, length - 2));
  if (host === null || port === 0) return { length, ...refusal(Status.Failure, host === null ? "a name that is none" : "port 0") };
  return { length, request: { host, port } };
}

const refusal = (status: Status, failure: string): { reply: Uint8Array<ArrayBuffer>; failure: string } => ({
  reply: socksReply(status),
  failure,
});

/** RFC 1928 s6: with the address that the connection to the destination has here. */
export function socksReply(status: Status, host = "0.0.0.0", port = 0): Uint8Array<ArrayBuffer> {
  const address = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? host.split(".").map(Number) : [0, 0, 0, 0];
  return Uint8Array.of(Version.Socks, status, 0, AddressType.Ipv4, ...address, port >> 8, port & 255);
}

/** What an error of a connection attempt is called in a reply. */
export function statusOf(code: string | undefined): Status {
  switch (code) {
    case "EACCES":
      return Status.NotAllowed;
    case "ENETUNREACH":
      return Status.NetworkUnreachable;
    case "EHOSTUNREACH":
    case "ETIMEDOUT":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return Status.HostUnreachable;
    case "ECONNREFUSED":
      return Status.Refused;
    default:
      return Status.Failure;
  }
}

function nameIn(octets: Uint8Array): string | null {
  const name = String.fromCharCode(...octets);
  return /^[a-z0-9_.-]{1,253}$/i.test(name) ? name : null;
}

/** In a time that does not tell how much is right. */
function isSame(octets: Uint8Array, text: string): boolean {
  const wanted = new TextEncoder().encode(text);
  let difference = octets.length ^ wanted.length;
  for (let i = 0; i < octets.length; i++) difference |= octets[i]! ^ (wanted[i % Math.max(1, wanted.length)] ?? 0);
  return difference === 0;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
