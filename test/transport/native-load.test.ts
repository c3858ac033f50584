import { describe, expect, test } from "vitest";
import { loadNativePort } from "../../src/transport/native-load.js";
import { systemError } from "../../src/transport/native-port.js";
import { checkInterfaceName } from "../../src/transport/network-interface.js";
import { openTap } from "../../src/transport/tap.js";

const missing = (): never => {
  throw new Error("Cannot find module 'koffi'\nRequire stack:\n- here");
};

describe("what is missing is named, and why it is needed", () => {
  test("not Linux", () => {
    expect(() => loadNativePort("darwin", missing)).toThrow(/^load ENOTSUP native port on darwin: .*Linux kernel.*createPair/);
  });

  test("no koffi", () => {
    expect(() => loadNativePort("linux", missing)).toThrow(/^load ENOTSUP koffi \(Cannot find module 'koffi'\): .*npm install koffi$/);
  });

  test("a koffi that cannot wait for descriptors", () => {
    expect(() => loadNativePort("linux", () => ({ load: () => ({}) }))).toThrow(/^load ENOTSUP koffi without node.poll: .*koffi@3$/);
  });
});

describe("errors of system calls", () => {
  test("code, errno, syscall and the remedy for the case", () => {
    const error = systemError("ioctl", -16, "TAP x", { EBUSY: "choose another name" });
    expect(error).toMatchObject({ code: "EBUSY", errno: -16, syscall: "ioctl", message: "ioctl EBUSY TAP x: choose another name" });
  });

  test("a lack of privilege has a remedy of its own", () => {
    expect(systemError("ioctl", -1, "TAP x").message).toMatch(/run as root.*cap_net_admin/);
  });

  test("an errno without a code of ours is told by name", () => {
    expect(systemError("read", -24, "x")).toMatchObject({ code: "EIO", message: expect.stringContaining("(EMFILE)") });
  });
});

describe("names and sizes that the kernel would refuse are refused with a reason", () => {
  test.each(["", "sixteen-octets-x", "a/b", "a b", "..", "%d", "a%d%d", "é"])("interface name %j", (name) => {
    expect(() => checkInterfaceName(name)).toThrow(/EINVAL interface name/);
  });

  test.each(["a", "onwire0", "onwire%d", "fifteen-octets0", "eth0.100"])("interface name %j is one", (name) => {
    expect(() => checkInterfaceName(name)).not.toThrow();
  });

  test.skipIf(process.platform !== "linux").each([67, 65522, 1.5e6])("MTU %d", (mtu) => {
    expect(() => openTap({ name: "x", mtu })).toThrow(/EINVAL MTU/);
  });
});
