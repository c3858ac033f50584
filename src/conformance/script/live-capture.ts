/** A capture of a script that is played in real time: the packets that went to the host, and those that came from it. */
import type { Micros } from "../../base/environment.js";
import { Direction, LinkType, PcapngWriter } from "../../inspect/pcapng.js";
import type { Reply, Request, Sent } from "./host.js";

interface Noted {
  readonly at: Micros;
  readonly octets: Uint8Array;
  readonly direction: Direction;
}

export class LiveCapture {
  readonly #noted: Noted[] = [];

  /** Takes note of what was asked of the host, and what it replied. */
  note(request: Request, reply: Reply, now: Micros): void {
    if (request.type === "begin") this.#noted.length = 0;
    else if (request.type === "inject") this.#noted.push({ at: now, octets: request.octets, direction: Direction.Inbound });
    else if (request.type === "packet" && reply !== null) {
      const { at, octets } = reply as Sent;
      this.#noted.push({ at, octets, direction: Direction.Outbound });
    }
  }

  /** The file. Times count from the script's begin, directions are the host's. */
  octets(comment: string): Uint8Array {
    const pieces: Uint8Array[] = [];
    const writer = new PcapngWriter((octets) => pieces.push(octets.slice()), { comment });
    const wire = writer.addInterface({ name: "wire", linkType: LinkType.RawIp });
    // What the host has sent is looked at when the script comes to it.
    for (const { at, octets, direction } of this.#noted.sort((a, b) => a.at - b.at))
      writer.frame(wire, octets, 0, octets.length, { at, direction });
    writer.close();
    return concat(pieces);
  }
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
