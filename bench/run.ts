/** `npm run bench -- NAME ...`: runs bench/NAME.ts with the rest of the arguments; without a name, says which there are. */
const benches: Readonly<Record<string, string>> = {
  bulk: "throughput of one connection, over each link",
  rr: "requests and responses over 1, 64 and 1 000 connections",
  crr: "connections a second",
  churn: "connections a second, second by second, while TIME-WAITs pile up",
  leak: "what 100 000 connections of http leave behind, under the preload",
  idle: "memory of an idle connection",
  resp: "PING, GET and SET by redis-benchmark",
  http: "HTTP by wrk",
  workers: "requests on one core and on several; a stack beside the application",
  c10m: "up to ten million connections of one stack",
  syn: "SYN floods: what a SYN costs beside an exchange",
  gc: "what a million segments leave to the collector",
  trace: "what a flight recorder costs, and a subscriber",
  xdp: "frames a second on AF_XDP, against a program in C",
  memory: "stack to stack in memory: nanoseconds for a segment",
};
const [name = "", ...rest] = process.argv.slice(2);
if (!Object.hasOwn(benches, name)) {
  console.error("usage: npm run bench -- NAME [--rounds N] [--seconds N] [--only REGEXP] [--test REGEXP] [--json]\n");
  for (const [each, what] of Object.entries(benches)) console.error(`  ${each.padEnd(8)} ${what}`);
  process.exitCode = 2;
} else {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(new URL(`${name}.ts`, import.meta.url).href);
}
