/** Errors for the user of the stack, of the shape and wording that Node's own network errors have. */

/** The codes, with the errno of Linux as libuv gives it (negative). */
const ERRNO = {
  EPERM: -1,
  ENOENT: -2,
  EIO: -5,
  EBADF: -9,
  EACCES: -13,
  EBUSY: -16,
  EEXIST: -17,
  ENODEV: -19,
  EINVAL: -22,
  EPIPE: -32,
  ENONET: -64,
  EPROTO: -71,
  EMSGSIZE: -90,
  ENOPROTOOPT: -92,
  ENOTSUP: -95,
  EOPNOTSUPP: -95,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  ENETUNREACH: -101,
  ECONNABORTED: -103,
  ECONNRESET: -104,
  ENOBUFS: -105,
  EISCONN: -106,
  ENOTCONN: -107,
  ETIMEDOUT: -110,
  ECONNREFUSED: -111,
  EHOSTDOWN: -112,
  EHOSTUNREACH: -113,
} as const;
export type ErrorCode = keyof typeof ERRNO;

export const isErrorCode = (name: string): name is ErrorCode => Object.hasOwn(ERRNO, name);

/** A network error: `code` for programs, `message` for people. Its `name` stays "Error", as Node's system errors have it. */
export class NetworkError extends Error {
  readonly code: ErrorCode;
  /** Negative, as libuv has it on Linux. */
  readonly errno: number;
  readonly syscall: string;
  /** The remote or local end, when one is at fault; the property is absent otherwise. */
  declare readonly address?: string;
  declare readonly port?: number;

  constructor(code: ErrorCode, syscall: string, message: string, address?: string, port?: number) {
    super(message);
    this.errno = ERRNO[code];
    this.code = code;
    this.syscall = syscall;
    if (address !== undefined) this.address = address;
    if (port !== undefined) this.port = port;
  }
}

/**
 * "connect ECONNREFUSED 10.0.0.1:80", and with a remedy "listen EADDRINUSE 10.0.0.1:80: close the listener, or choose another port".
 * `what` names the bad value or the endpoint; empty: the address and port, when given.
 */
export const networkError = (
  code: ErrorCode,
  syscall: string,
  what: string,
  remedy?: string,
  address?: string,
  port?: number,
): NetworkError => {
  const named = what !== "" || address === undefined ? what : port === undefined ? address : `${address}:${port}`;
  const message = `${syscall} ${code}${named === "" ? "" : ` ${named}`}${remedy === undefined ? "" : `: ${remedy}`}`;
  return new NetworkError(code, syscall, message, address, port);
};
