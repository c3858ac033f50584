/** `onwire ping HOST`: ICMP echo over our stack (RFC 792). */
import type { Command } from "commander";
import { NEVER } from "../base/environment.js";
import { formatIp, type IpAddress } from "../ip/address.js";
import { IcmpError } from "../ip/icmp/error.js";
import { type AttachOptions, attach, withCommonOptions } from "./attach.js";
import { runCommand, type Undo } from "./exit.js";
import { parseDuration, parseInteger } from "./parse.js";

interface PingOptions extends AttachOptions {
  readonly count?: number;
  readonly interval: number;
  readonly timeout: number;
  readonly size: number;
}

export const addPing = (program: Command): void => {
  withCommonOptions(program.command("ping").argument("<host>", "address or name"))
    .description("ask a host to answer; status 0 when it did at least once")
    .option("-c, --count <n>", "requests; default: until interrupted", parseInteger("count", 1, 1_000_000))
    .option("-i, --interval <time>", "time between requests", parseDuration, 1_000_000)
    .option("-W, --timeout <time>", "how long to wait for the last answer", parseDuration, 1_000_000)
    .option("-s, --size <octets>", "octets of each request", parseInteger("size", 0, 65_507), 56)
    .addHelpText("after", EXAMPLES)
    .action((host: string, options: PingOptions) => runCommand((undo) => ping(host, options, undo)));
};

const ping = async (host: string, options: PingOptions, undo: Undo): Promise<void> => {
  const { drive, resolve } = await attach(options, undo);
  const { stack } = drive;
  const to = await resolve(host);
  const count = options.count ?? NEVER;
  const text = new Uint8Array(options.size).map((_, i) => i & 0xff);
  const reply = new Uint8Array(65_536);
  const sentAt = new Map<number, number>();
  const times: number[] = [];
  let sent = 0;
  let done: () => void = () => {};
  const finished = new Promise<void>((finish) => {
    done = finish;
  });

  const handle = stack.icmp.open(
    {},
    {
      onEvents: () => {
        for (
          let got = stack.icmp.receive(handle, reply, 0, reply.length);
          got >= 0;
          got = stack.icmp.receive(handle, reply, 0, reply.length)
        ) {
          const { sequence, from, ttl } = stack.icmp;
          const began = sentAt.get(sequence);
          const same = reply.subarray(0, got).every((octet, i) => octet === text[i]) && got === text.length;
          const time = began === undefined ? Number.NaN : (drive.now() - began) / 1000;
          const note = began === undefined ? " (again)" : same ? "" : " (octets changed)";
          print(`${got + 8} octets from ${formatIp(from)}: seq ${sequence} ttl ${ttl} time ${time.toFixed(3)} ms${note}`);
          if (began === undefined || !same) continue;
          sentAt.delete(sequence);
          times.push(time);
          if (times.length === count) done();
        }
        for (let error = stack.icmp.errorOf(handle); error !== null; error = stack.icmp.errorOf(handle))
          print(`from ${formatIp(error.reporter)}: seq ${error.sequence} ${errorText(error.kind)} (code ${error.code})`);
      },
    },
  );
  print(`ping ${host} (${formatIp(to)}): ${options.size} octets`);
  const ask = (): void => {
    const sequence = sent & 0xffff;
    sentAt.set(sequence, drive.now());
    stack.icmp.send(handle, sequence, text, 0, text.length, to, drive.now());
    sent += 1;
    if (sent < count) return;
    clearInterval(timer);
    setTimeout(done, options.timeout / 1000);
  };
  const timer = setInterval(ask, options.interval / 1000);
  undo.add(() => {
    clearInterval(timer);
    summarize(to, sent, times);
  });
  ask();
  await finished;
  if (times.length === 0) throw new Error(`${host} did not answer: is it up, and is --gateway right?`);
};

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const summarize = (to: IpAddress, sent: number, times: readonly number[]): void => {
  const loss = sent === 0 ? 0 : Math.round((1 - times.length / sent) * 100);
  print(`${formatIp(to)}: ${sent} sent, ${times.length} answered, ${loss}% lost`);
  if (times.length === 0) return;
  const mean = times.reduce((a, b) => a + b, 0) / times.length;
  print(`round trip least/mean/most ${Math.min(...times).toFixed(3)}/${mean.toFixed(3)}/${Math.max(...times).toFixed(3)} ms`);
};

const errorNames = new Map<number, string>(Object.entries(IcmpError).map(([name, kind]) => [kind as number, name]));
const errorText = (kind: number): string => (errorNames.get(kind) ?? `error ${kind}`).replace(/(?<=.)([A-Z])/g, " $1").toLowerCase();

const EXAMPLES = `
Example:
  sudo onwire ping 10.9.0.1 -c 3 --tap onwire0 --address 10.9.0.2/24 --kernel 10.9.0.1/24`;
