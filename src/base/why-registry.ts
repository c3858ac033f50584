import { Arp, Cc, Drop, Eth, Hold, Icmp, Ip, Loss, Rtx, St, Tm, Tx, Udp, type WhyEntry, Wire } from "./why.js";

const groups = {
  tx: Tx,
  rtx: Rtx,
  hold: Hold,
  drop: Drop,
  loss: Loss,
  cc: Cc,
  st: St,
  tm: Tm,
  eth: Eth,
  arp: Arp,
  ip: Ip,
  icmp: Icmp,
  udp: Udp,
  wire: Wire,
};
const snake = (name: string): string => name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();

export const registry: readonly WhyEntry[] = Object.entries(groups).flatMap(([prefix, group]) =>
  Object.entries(group).map(([name, code]) => ({
    code,
    name: `${prefix}.${snake(name)}`,
    source: "RFC 9293 s3.10.7",
    text: snake(name).replaceAll("_", " "),
  })),
);

const byCode: (WhyEntry | undefined)[] = [];
for (const entry of registry) byCode[entry.code] = entry;

export const whyEntry = (code: number): WhyEntry | undefined => byCode[code];
export const whyName = (code: number): string => byCode[code]?.name ?? `why.${code}`;
