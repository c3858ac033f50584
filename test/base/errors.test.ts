import { getSystemErrorName } from "node:util";
import { describe, expect, test } from "vitest";
import { type ErrorCode, networkError } from "../../src/base/errors.js";

const CODES: ErrorCode[] = [
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNABORTED",
  "EPIPE",
  "EADDRINUSE",
  "EADDRNOTAVAIL",
  "EINVAL",
  "ENOTCONN",
  "EISCONN",
  "EMSGSIZE",
  "ENOBUFS",
  "EBADF",
  "EACCES",
  "EPERM",
];

describe("networkError", () => {
  test("words itself as Node does", () => {
    const error = networkError("ECONNREFUSED", "connect", "", undefined, "10.0.0.1", 80);
    expect(error.message).toBe("connect ECONNREFUSED 10.0.0.1:80");
    expect({ ...error }).toEqual({ errno: -111, code: "ECONNREFUSED", syscall: "connect", address: "10.0.0.1", port: 80 });
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe("Error: connect ECONNREFUSED 10.0.0.1:80");
  });

  test("names the bad value and the remedy", () => {
    const error = networkError("EINVAL", "bind", "port 70000", "use 0 to 65535");
    expect(error.message).toBe("bind EINVAL port 70000: use 0 to 65535");
    expect("address" in error).toBe(false);
    expect("port" in error).toBe(false);
    expect(networkError("EPIPE", "write", "").message).toBe("write EPIPE");
    expect(networkError("EHOSTUNREACH", "send", "", undefined, "10.0.0.9").message).toBe("send EHOSTUNREACH 10.0.0.9");
  });

  test.skipIf(process.platform !== "linux").each(CODES)("%s has the errno that libuv gives it", (code) => {
    expect(getSystemErrorName(networkError(code, "x", "").errno)).toBe(code);
  });
});
