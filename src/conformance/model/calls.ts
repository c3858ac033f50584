/** User calls, RFC 9293 s3.10.1 to s3.10.6, and timeouts, s3.10.8, as far as they change the state. */
import type { End, StateName } from "./end.js";

/** OPEN, active. */
export function opens(end: End): void {
  end.states = new Set(["SYN-SENT"]);
}

const afterClose: Readonly<Record<StateName, readonly StateName[]>> = {
  CLOSED: ["CLOSED"],
  LISTEN: ["CLOSED"],
  "SYN-SENT": ["CLOSED", "SYN-SENT"], // deleted; or, half-closed, it waits for the handshake
  "SYN-RECEIVED": ["SYN-RECEIVED", "FIN-WAIT-1"], // a FIN, or queued until ESTABLISHED
  ESTABLISHED: ["FIN-WAIT-1"],
  "FIN-WAIT-1": ["FIN-WAIT-1"],
  "FIN-WAIT-2": ["FIN-WAIT-2"],
  "CLOSE-WAIT": ["CLOSE-WAIT", "LAST-ACK"], // when what is queued has gone, the FIN
  CLOSING: ["CLOSING"],
  "LAST-ACK": ["LAST-ACK"],
  "TIME-WAIT": ["TIME-WAIT"],
};

/** CLOSE: s3.10.4. `released`: nobody reads any more; what was not read makes a RST of it (s3.6.1). */
export function closes(end: End, released: boolean): void {
  end.closing = true;
  end.released ||= released;
  const after = [...end.states].flatMap((state) => afterClose[state]);
  end.states = new Set(released ? [...after, "CLOSED"] : after);
}

/** ABORT: s3.10.5. */
export function aborts(end: End): void {
  end.states = new Set(["CLOSED"]);
}

/** A timer ends it: user timeout, R2, TIME-WAIT, or nobody owns it any more (s3.10.8, s3.8.3). */
export function timesOut(end: End): void {
  end.states.add("CLOSED");
}
