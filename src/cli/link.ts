/** `--link KIND:NAME`: the links that commands run on, and which of them this host can make. */
import { networkInterfaces } from "node:os";
import { createMemory } from "../base/memory.js";
import type { Link } from "../transport/link.js";
import { LINK_FORMS, type LinkChoice, parseLink } from "../transport/link-choice.js";
import { Namespace } from "../transport/namespace.js";
import { openPacket } from "../transport/packet.js";
import { openRawIp } from "../transport/raw-ip.js";
import { openTap } from "../transport/tap.js";
import { openXdp } from "../transport/xdp/xdp.js";
import { UsageError } from "./exit.js";

/** "tap:onwire0", "packet:eth1", "xdp:eth1", "auto:eth1", "auto". */
export const linkChoice = (text: string): LinkChoice => {
  const choice = parseLink(text);
  if (choice === null) throw new UsageError(`link ${JSON.stringify(text)}: use ${LINK_FORMS}`);
  return choice;
};

/** RFC 3692: a protocol that nobody speaks. */
const EXPERIMENT = 253;

/** One thing that this host can do, or why not. */
export interface Ability {
  readonly link: string;
  readonly possible: boolean;
  readonly remark: string;
}

/** Tries each kind where it disturbs nobody: in a namespace made for it, on a device made for it. */
export const abilities = (): Ability[] => {
  const found: Ability[] = [];
  const attempt = (link: string, remark: string, body: () => Link): Link | null => {
    try {
      const opened = body();
      found.push({ link, possible: true, remark });
      return opened;
    } catch (error) {
      found.push({ link, possible: false, remark: error instanceof Error ? error.message : String(error) });
      return null;
    }
  };
  let namespace: Namespace | null = null;
  try {
    namespace = Namespace.create();
  } catch {
    // Without the privilege for namespaces the tries below say what they lack.
  }
  const inside = namespace === null ? {} : { namespace };
  const opened: (Link | null)[] = [];
  try {
    const plain = attempt("tap", "a device of its own; --offload for super-segments", () =>
      openTap({ ...inside, name: "owprobe%d", offload: true }),
    );
    opened.push(plain);
    if (plain === null) {
      for (const kind of ["packet", "xdp"])
        found.push({ link: kind, possible: false, remark: "not tried: there is no device to try it on" });
    } else {
      const name = plain.name.slice("tap:".length);
      opened.push(attempt("packet", "any interface that is up", () => openPacket({ ...inside, interface: name })));
      const memory = createMemory({ packets: 256, packetSize: 3_944, packetAlignment: 4_096, chunks: 1 });
      opened.push(
        attempt("xdp", "native where the driver has it, generic elsewhere", () =>
          openXdp({ ...inside, interface: name, memory, rings: 64 }),
        ),
      );
    }
  } finally {
    for (const link of opened.reverse()) link?.close();
    namespace?.close();
  }
  attempt("rawip", "bare IP; the kernel must have the address, and be kept from answering", () =>
    openRawIp({ protocols: [EXPERIMENT] }),
  )?.close();
  found.push({ link: "pair, messages, replay, bond, VLAN", possible: true, remark: "in the process: they need nothing of the host" });
  return found;
};

/** The host's interfaces, with the addresses that the kernel has on them. */
export const interfaceRows = (): string[][] =>
  Object.entries(networkInterfaces()).map(([name, addresses]) => [
    name,
    addresses?.[0]?.mac ?? "-",
    (addresses ?? []).map(({ cidr }) => cidr).join(" "),
  ]);
