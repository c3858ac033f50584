/** Error numbers by name. The names are what programs and packet scripts use; the numbers differ from system to system. */

/** [Linux, FreeBSD]; 0: the system has none of that name. */
const numbers = {
  EPERM: [1, 1],
  ENOENT: [2, 2],
  EINTR: [4, 4],
  EIO: [5, 5],
  EBADF: [9, 9],
  EAGAIN: [11, 35],
  ENOMEM: [12, 12],
  EACCES: [13, 13],
  EFAULT: [14, 14],
  EBUSY: [16, 16],
  EEXIST: [17, 17],
  ENODEV: [19, 19],
  EINVAL: [22, 22],
  EMFILE: [24, 24],
  ENOTTY: [25, 25],
  EPIPE: [32, 32],
  ERANGE: [34, 34],
  ENONET: [64, 0],
  EPROTO: [71, 92],
  ENOMSG: [42, 83],
  ENOTSOCK: [88, 38],
  EDESTADDRREQ: [89, 39],
  EMSGSIZE: [90, 40],
  EPROTOTYPE: [91, 41],
  ENOPROTOOPT: [92, 42],
  EPROTONOSUPPORT: [93, 43],
  ESOCKTNOSUPPORT: [94, 44],
  EOPNOTSUPP: [95, 45],
  ENOTSUP: [95, 45],
  EAFNOSUPPORT: [97, 47],
  EADDRINUSE: [98, 48],
  EADDRNOTAVAIL: [99, 49],
  ENETDOWN: [100, 50],
  ENETUNREACH: [101, 51],
  ECONNABORTED: [103, 53],
  ECONNRESET: [104, 54],
  ENOBUFS: [105, 55],
  EISCONN: [106, 56],
  ENOTCONN: [107, 57],
  ETIMEDOUT: [110, 60],
  ECONNREFUSED: [111, 61],
  EHOSTDOWN: [112, 64],
  EHOSTUNREACH: [113, 65],
  EALREADY: [114, 37],
  EINPROGRESS: [115, 36],
} as const;

export type Errno = keyof typeof numbers;

export type System = "linux" | "freebsd";

/** EWOULDBLOCK is another name of EAGAIN on both. */
export function errnoNamed(name: string): Errno | null {
  const known = name === "EWOULDBLOCK" ? "EAGAIN" : name;
  return Object.hasOwn(numbers, known) ? (known as Errno) : null;
}

/** The name of an error number; null: the system has none of that number. */
export function errnoNumbered(number: number, system: System): Errno | null {
  for (const name of Object.keys(numbers) as Errno[]) if (errnoNumber(name, system) === number) return name;
  return null;
}

export const errnoNumber = (name: Errno, system: System): number => numbers[name][system === "linux" ? 0 : 1];
