import type { Sink } from "../../src/inspect/pcapng.js";

/** A sink that keeps everything. */
export function collector(): { sink: Sink; octets: () => Uint8Array } {
  const pieces: Uint8Array[] = [];
  return {
    sink: (octets) => void pieces.push(octets.slice()),
    octets: () => {
      const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        whole.set(piece, at);
        at += piece.length;
      }
      return whole;
    },
  };
}
