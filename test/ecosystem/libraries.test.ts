/** Libraries that know nothing of onwire, client and server: in one process on our stack, where the kernel has no TCP; and across a TAP device, one
 *  side ours and the other the kernel's. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Preload } from "../node/preload.js";
import { KERNEL, OURS } from "../wire/kernel.js";
import { findProgram } from "../wire/programs.js";
import { missing, withWire } from "./running.js";

/** Not programs of their own: what others use. */
const shared = new Set(["servers", "resp-server"]);
const libraries = readdirSync("test/ecosystem/libraries")
  .map((file) => file.replace(/\.mjs$/, ""))
  .filter((name) => !shared.has(name));

const preload = new Preload();
beforeAll(async () => {
  if (missing === null) await preload.prepare();
});
afterAll(() => preload.remove());

describe.each(libraries)("%s", (name) => {
  test("both sides on our stack, in one process that ends by itself; the kernel has no TCP", async (context) => {
    if (missing !== null) context.skip(missing);
    const ip = findProgram("ip") ?? context.skip("ip is not installed: apt-get install iproute2");
    await withWire(preload.register, async (wire) => {
      // Without local routes no address is the kernel's.
      await wire.program(ip, "route", "flush", "table", "local").ended;
      const { status, out, err } = await wire.library("memory", "both", name, "127.0.0.1").ended;
      expect([status, out], err).toEqual([0, "ok\n"]);
      const { Tcp } = wire.kernel.counters();
      expect([Tcp?.["ActiveOpens"], Tcp?.["PassiveOpens"]]).toEqual([0, 0]);
    });
  });

  test("the server on our stack, the client on the kernel's", async (context) => {
    if (missing !== null) context.skip(missing);
    await withWire(preload.register, async (wire) => {
      const server = wire.library("tap", "serve", name, OURS);
      const [, port] = await server.said(/^listening (\d+)/);
      const { status, out, err } = await wire.library("kernel", "use", name, OURS, Number(port)).ended;
      expect([status, out], err).toEqual([0, "ok\n"]);
    });
  });

  test("the server on the kernel's stack, the client on ours", async (context) => {
    if (missing !== null) context.skip(missing);
    await withWire(preload.register, async (wire) => {
      // The address is there when the device is, so the server listens on all of them.
      const server = wire.library("kernel", "serve", name, "0.0.0.0");
      const [, port] = await server.said(/^listening (\d+)/);
      const { status, out, err } = await wire.library("tap", "use", name, KERNEL, Number(port)).ended;
      expect([status, out], err).toEqual([0, "ok\n"]);
    });
  });
});
