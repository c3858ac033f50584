/** DHCP and DNS against servers that others have written, in the kernel's namespace. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, expect } from "vitest";
import { DhcpClient, type DhcpOptions } from "../../src/dhcp/client.js";
import type { Lease } from "../../src/dhcp/lease.js";
import { leaseConfiguration } from "../../src/dns/configuration.js";
import { Resolver } from "../../src/dns/resolver.js";
import { formatIp, ip } from "../../src/ip/address.js";
import { KERNEL, type Kernel, wireTest, withKernel } from "./kernel.js";
import { type Ours, withStack } from "./ours.js";
import { needProgram } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "onwire-names-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text = ""): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Starts a server and waits for it to say so on standard error. */
const server = async (kernel: Kernel, command: string, args: readonly string[], ready: RegExp): Promise<ChildProcess> => {
  const program = kernel.spawn(command, args, "pipe");
  const lines: string[] = [];
  const said = new Promise<void>((resolve, reject) => {
    createInterface({ input: program.stderr! }).on("line", (line) => {
      lines.push(line);
      if (ready.test(line)) resolve();
    });
    program.once("exit", () => reject(new Error(`${command} ended: ${lines.join("; ")}`)));
  });
  await said;
  return program;
};

const dnsmasq = (kernel: Kernel, path: string, leases: string): Promise<ChildProcess> => {
  const names = [
    "--address=/db.home.test/10.9.0.7",
    `--address=/gateway.home.test/${KERNEL}`,
    "--cname=www.home.test,db.home.test",
    `--txt-record=long.home.test,${"x".repeat(200)}`,
  ];
  const long = Array.from({ length: 40 }, (_, i) => `--host-record=many.home.test,10.9.1.${i + 1}`);
  const options = [
    "--no-daemon",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--user=root",
    "--pid-file=",
    "--local=/home.test/",
  ];
  const dhcp = ["--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,2m", `--dhcp-leasefile=${leases}`, "--no-ping", "--domain=home.test"];
  return server(kernel, path, [...options, ...dhcp, "--dhcp-authoritative", "--log-dhcp", ...names, ...long], /started/);
};

/** A client that has a lease, released at the end. */
const leased = async (ours: Ours, options: DhcpOptions, body: (client: DhcpClient, lease: Lease) => Promise<void>): Promise<void> => {
  const lease = new Promise<Lease>((resolve) => {
    const client = new DhcpClient(ours.device, { ...options, onChange: (got) => got !== null && resolve(got) });
    client.start(ours.drive.now());
    clients.set(ours, client);
  });
  const got = await lease;
  await body(clients.get(ours)!, got);
};
const clients = new WeakMap<Ours, DhcpClient>();

describe("dnsmasq", () => {
  wireTest(
    "a lease with a probe, names from the server it names, aliases, TCP for what is long; then the lease is given back",
    async (context) => {
      const path = needProgram(context, "dnsmasq", "dnsmasq-base");
      await withStack({ unaddressed: true }, async (ours) => {
        const leases = file("dnsmasq.leases");
        await dnsmasq(ours.kernel, path, leases);
        await leased(ours, { hostname: "onwire" }, async (client, lease) => {
          expect(formatIp(lease.address)).toMatch(/^10\.9\.0\.(5\d|60)$/);
          expect(lease).toMatchObject({ prefixLength: 24, server: ip(KERNEL), duration: 120_000_000, domain: "home.test" });
          expect(lease.dnsServers).toEqual([ip(KERNEL)]);
          expect(readFileSync(leases, "utf8")).toContain(`${formatIp(lease.address)} onwire`);

          const resolver = new Resolver(ours.drive, { configuration: () => leaseConfiguration(client.lease), hosts: null });
          const { promises } = resolver;
          expect(await promises.lookup("db")).toEqual({ address: "10.9.0.7", family: 4 });
          expect(await promises.resolve4("www.home.test")).toEqual(["10.9.0.7"]);
          expect(await promises.resolve("long.home.test", "TXT")).toEqual([["x".repeat(200)]]);
          expect((await promises.resolve4("many.home.test")).length).toBe(40);
          expect(ours.stack.tally.show()["dns.truncated"]).toBe(1);
          await expect(promises.lookup("nobody.home.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
          resolver.close();

          client.release(ours.drive.now());
          for (let i = 0; readFileSync(leases, "utf8").includes("onwire") && i < 100; i++) await new Promise((r) => setTimeout(r, 20));
          expect(readFileSync(leases, "utf8")).not.toContain("onwire");
          expect(ours.device.addresses).toEqual([]);
        });
      });
    },
  );

  wireTest("an address that somebody has is declined, and another one leased", async (context) => {
    const path = needProgram(context, "dnsmasq", "dnsmasq-base");
    await withStack({ unaddressed: true, tap: { name: "taken0" } }, async (ours) => {
      const leases = file("declined.leases");
      await dnsmasq(ours.kernel, path, leases);
      let first = "";
      await leased(ours, { claim: "announce" }, async (client, lease) => {
        first = formatIp(lease.address);
        client.release(ours.drive.now());
      });
      // The kernel takes it, and the server does not know.
      const ipCommand = needProgram(context, "ip", "iproute2");
      await once(ours.kernel.spawn(ipCommand, ["addr", "add", `${first}/24`, "dev", "taken0"]), "exit");
      await leased(ours, {}, async (client, lease) => {
        expect(formatIp(lease.address)).not.toBe(first);
        expect(client.inspect(ours.drive.now()).conflicts).toBe(1);
      });
    });
  });
});

describe("udhcpd", () => {
  wireTest("a lease with a router and a DNS server; the address from before is asked for again", async (context) => {
    const path = needProgram(context, "udhcpd", "udhcpd");
    await withStack({ unaddressed: true, tap: { name: "udhcp0" } }, async (ours) => {
      const options = ["option subnet 255.255.255.0", "option router 10.9.0.1", "option dns 10.9.0.1", "option lease 600"];
      const range = ["start 10.9.0.70", "end 10.9.0.80", "interface udhcp0", "max_leases 11", `lease_file ${file("udhcpd.leases")}`];
      const configuration = file("udhcpd.conf", [...range, "pidfile /dev/null", ...options, ""].join("\n"));
      await server(ours.kernel, path, ["-f", configuration], /started/);
      let address = ip("0.0.0.0");
      await leased(ours, { claim: "announce" }, async (client, lease) => {
        address = lease.address;
        expect(formatIp(address)).toMatch(/^10\.9\.0\.(7\d|80)$/);
        expect(lease.routes).toMatchObject([{ prefixLength: 0, gateway: ip(KERNEL) }]);
        client.stop(ours.drive.now());
      });
      await leased(ours, { claim: "announce", previous: address }, async (client, lease) => {
        expect(lease.address).toBe(address);
        client.release(ours.drive.now());
      });
    });
  });
});

describe("the command line", () => {
  wireTest("--address dhcp: ping and resolve have an address, a name and a server from the network", async (context) => {
    const path = needProgram(context, "dnsmasq", "dnsmasq-base");
    await withKernel(async (kernel) => {
      const namespace = `/proc/${kernel.spawn("cat").pid}/ns/net`;
      const run = async (...args: string[]): Promise<{ status: number | null; out: string; err: string }> => {
        const common = ["--tap", "dhcp0", "--kernel", `${KERNEL}/24`, "--netns", namespace, "--address", "dhcp"];
        const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args, ...common], {
          stdio: ["ignore", "pipe", "pipe"],
        });
        const text = { out: "", err: "" };
        child.stdout.on("data", (data) => void (text.out += data));
        child.stderr.on("data", (data) => void (text.err += data));
        const [status] = (await once(child, "close")) as [number | null];
        return { status, ...text };
      };
      await dnsmasq(kernel, path, file("cli.leases"));
      const ping = await run("ping", "gateway", "-c", "1");
      expect(ping.err).toMatch(/10\.9\.0\.\d+\/24 leased from 10\.9\.0\.1/);
      expect(ping.out).toContain("1 sent, 1 answered");
      expect(ping.status).toBe(0);
      const resolved = await run("resolve", "www.home.test", "-t", "cname");
      expect(resolved).toMatchObject({ status: 0, out: "db.home.test\n" });
      expect(resolved.err).not.toContain("is over");
    });
  });
});
