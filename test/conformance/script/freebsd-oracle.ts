/** What FreeBSD does with a segment without options and with at most a few octets of text, in each state: an oracle, written from how FreeBSD 14
 *  is known to process segments, that knows nothing of src/tcp. Numbers are as scripts have them: both ends begin at 0. */

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export type StateName =
  | "CLOSED"
  | "LISTEN"
  | "SYN_SENT"
  | "SYN_RCVD"
  | "ESTABLISHED"
  | "FIN_WAIT_1"
  | "FIN_WAIT_2"
  | "CLOSE_WAIT"
  | "CLOSING"
  | "LAST_ACK"
  | "TIME_WAIT";

/** A connection before the segment comes. */
export interface Before {
  readonly state: StateName;
  /** SND.UNA, SND.NXT, RCV.NXT and RCV.WND. */
  readonly una: number;
  readonly nxt: number;
  readonly rcv: number;
  readonly window: number;
  /** Somebody listens on its port. */
  readonly listens: boolean;
}

export interface Arrival {
  readonly flags: number;
  readonly seq: number;
  readonly length: number;
  readonly ack: number;
}

/** The sysctls that matter: insecure_rst, insecure_syn and drop_synfin. */
export interface Administrator {
  readonly insecure: boolean;
  readonly dropsSynFin: boolean;
}

export interface Verdict {
  readonly state: StateName;
  /** What is sent, as a line of a script has it; null: nothing. */
  readonly reply: string | null;
  /** What SO_ERROR says. */
  readonly error: string;
}

const FULL = "win 65535";
const SYN_OPTIONS = "<mss 1460,sackOK,eol,eol>";
const synAck = (ack: number): string => `S. 0:0(0) ack ${ack} ${FULL} ${SYN_OPTIONS}`;

const received = (state: StateName): boolean => ["CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"].includes(state);

export function judge(before: Before, arrival: Arrival, administrator: Administrator): Verdict {
  const { flags, ack } = arrival;
  const is = (bit: number): boolean => (flags & bit) !== 0;
  const stay = (reply: string | null = null): Verdict => ({ state: before.state, reply, error: "0" });
  const synFin = is(SYN) && is(FIN) && administrator.dropsSynFin;
  const end = arrival.seq + arrival.length + (is(SYN) ? 1 : 0) + (is(FIN) ? 1 : 0);
  const reset = is(ACK) ? `R ${ack}:${ack}(0) win 0` : `R. 0:0(0) ack ${end} win 0`;

  switch (before.state) {
    case "CLOSED":
      return stay(is(RST) ? null : reset);
    case "LISTEN":
      if (is(RST)) return stay();
      if (is(ACK)) return stay(reset);
      if (!is(SYN) || synFin) return stay();
      return { state: "SYN_RCVD", reply: synAck(arrival.seq + 1), error: "0" };
    case "SYN_SENT":
      if (synFin) return stay();
      if (is(ACK) && (ack <= 0 || ack > before.nxt)) return stay(is(RST) ? null : reset);
      if (is(RST)) return is(ACK) ? { state: "CLOSED", reply: null, error: "ECONNREFUSED" } : stay();
      if (!is(SYN)) return stay();
      // Text waits, and a FIN does not count, until the handshake is over.
      if (!is(ACK)) return { state: "SYN_RCVD", reply: synAck(arrival.seq + 1), error: "0" };
      return { state: is(FIN) ? "CLOSE_WAIT" : "ESTABLISHED", reply: `. 1:1(0) ack ${end} ${FULL}`, error: "0" };
    case "SYN_RCVD":
      return cached(before, arrival, administrator, reset);
    case "TIME_WAIT":
      if (is(RST) || synFin) return stay();
      if (is(SYN) && !is(ACK) && arrival.seq > before.rcv) {
        const next: Before = { ...before, state: before.listens ? "LISTEN" : "CLOSED" };
        return judge(next, arrival, administrator);
      }
      if (!is(ACK)) return stay();
      return flags === ACK && arrival.length === 0 && arrival.seq === before.rcv && ack === before.nxt ? stay() : stay(plain(before));
    default:
      return synFin ? stay() : synchronized(before, arrival, administrator);
  }
}

/** An ACK alone. */
const plain = ({ nxt, rcv }: Before): string => `. ${nxt}:${nxt}(0) ack ${rcv} ${FULL}`;

/** What listens has a cache of what SYNs have begun. */
function cached(before: Before, { flags, seq, ack }: Arrival, administrator: Administrator, reset: string): Verdict {
  const is = (bit: number): boolean => (flags & bit) !== 0;
  const stay = (reply: string | null = null): Verdict => ({ state: "SYN_RCVD", reply, error: "0" });
  const forgotten = (reply: string | null): Verdict => ({ state: "LISTEN", reply, error: "0" });
  if (is(RST)) {
    if (seq < 1 || seq > before.window) return stay();
    return administrator.insecure || seq === 1 ? forgotten(null) : stay(plain({ ...before, nxt: 1, rcv: 1 }));
  }
  if (!is(ACK)) return is(SYN) && !(is(FIN) && administrator.dropsSynFin) ? stay(synAck(1)) : stay();
  if (is(SYN) || ack !== 1 || seq < 1 || seq > before.window) return forgotten(reset);
  if (is(FIN))
    return seq === 1 ? { state: "CLOSE_WAIT", reply: `. 1:1(0) ack 2 ${FULL}`, error: "0" } : established(`. 1:1(0) ack 1 ${FULL}`);
  return established(null);
}

const established = (reply: string | null): Verdict => ({ state: "ESTABLISHED", reply, error: "0" });

function synchronized(before: Before, arrival: Arrival, administrator: Administrator): Verdict {
  const { flags, seq, ack, length } = arrival;
  const is = (bit: number): boolean => (flags & bit) !== 0;
  const { nxt, rcv, window } = before;
  const inside = seq >= rcv && seq < rcv + window;
  const stay = (reply: string | null = null): Verdict => ({ state: before.state, reply, error: "0" });
  const ended: Verdict = { state: "CLOSED", reply: null, error: "ECONNRESET" };

  if (is(RST)) {
    if (!inside) return stay();
    return administrator.insecure || seq === rcv ? ended : stay(plain(before));
  }
  if (is(SYN)) return administrator.insecure && inside ? { ...ended, reply: `R. ${nxt}:${nxt}(0) ack ${rcv} win 0` } : stay(plain(before));

  const finSent = before.state === "FIN_WAIT_1" || before.state === "CLOSING" || before.state === "LAST_ACK";
  const finAcked = finSent && is(ACK) && ack === nxt;
  // An ACK carries the FIN again as long as nobody has acknowledged it.
  const answer = (acked: number, fin: boolean): string =>
    fin ? `F. ${nxt - 1}:${nxt - 1}(0) ack ${acked} ${FULL}` : `. ${nxt}:${nxt}(0) ack ${acked} ${FULL}`;

  const old = rcv - seq;
  const repeats = old > 0 && (old > length || (old === length && !is(FIN)));
  if (old <= 0 && seq + length > rcv + window && seq + length - rcv - window >= length) return stay(answer(rcv, finSent));
  if (!is(ACK)) return repeats ? stay(answer(rcv, finSent)) : stay();
  if (ack > nxt) return stay(answer(rcv, finSent));

  let { state } = before;
  if (finAcked && state === "FIN_WAIT_1") state = "FIN_WAIT_2";
  else if (finAcked && state === "CLOSING") return { state: "TIME_WAIT", reply: repeats ? answer(rcv, false) : null, error: "0" };
  else if (finAcked && state === "LAST_ACK") return { state: "CLOSED", reply: null, error: "0" };
  const fin = finSent && !finAcked;
  if (repeats) return { state, reply: answer(rcv, fin), error: "0" };
  if (!is(FIN) || received(state)) return { state, reply: null, error: "0" };
  if (seq > rcv) return { state, reply: answer(rcv, fin), error: "0" };
  const after = ({ ESTABLISHED: "CLOSE_WAIT", FIN_WAIT_1: "CLOSING", FIN_WAIT_2: "TIME_WAIT" } as const)[state as "ESTABLISHED"];
  return { state: after, reply: answer(rcv + 1, fin), error: "0" };
}
