/** What a segment may break, each with its RFC and section. */

/** "illegal" breaks a MUST, or the protocol's arithmetic; "discouraged" a SHOULD. */
export type Severity = "illegal" | "discouraged";

export interface Rule {
  readonly rfc: string;
  readonly section: string;
  readonly severity: Severity;
  readonly text: string;
}

const illegal = (rfc: number, section: string, text: string): Rule => ({ rfc: `RFC ${rfc}`, section, severity: "illegal", text });
const discouraged = (rfc: number, section: string, text: string): Rule => ({ rfc: `RFC ${rfc}`, section, severity: "discouraged", text });

export const rules = {
  header: illegal(9293, "3.1", "a header is 20 octets at least, and no longer than the segment"),
  checksum: illegal(9293, "3.1", "the sender must generate the checksum (MUST-2)"),
  reserved: illegal(9293, "3.1", "reserved bits must be zero where the feature that uses them is not implemented"),
  optionList: illegal(9293, "3.2", "options but EOL and NOP carry their length (MUST-68), and zeros follow the end (MUST-69)"),
  flags: illegal(9293, "3.5", "a SYN opens, a FIN closes, a RST ends: no segment does two of them"),
  noFlags: illegal(9293, "3.1", "once a connection is established every segment carries an ACK"),
  mssOption: illegal(9293, "3.2", "the MSS option is for segments with SYN only (MUST-65)"),
  scaleOption: illegal(7323, "2.2", "the window scale option is for segments with SYN only"),
  scaleUninvited: illegal(7323, "2.2", "a SYN,ACK has a window scale only if the SYN had one"),
  sackPermittedOption: illegal(2018, "2", "SACK-permitted must not be sent on other segments than SYNs"),
  sackUninvited: illegal(2018, "4", "no SACK option unless SACK-permitted was received"),
  sackBlocks: illegal(2018, "4", "SACK blocks report text that has been received, left edge before right edge"),
  sackBelow: illegal(2883, "4", "a block at or below the acknowledgment is a D-SACK, and comes first"),
  timestampsUninvited: illegal(7323, "3.2", "timestamps only if both SYNs had them"),
  timestampsMissing: illegal(7323, "3.2", "once agreed, every segment but a RST carries timestamps"),
  timestampEcho: illegal(7323, "3.2", "TSecr is a timestamp that has been received, zero where there is no ACK"),
  timestampBackwards: illegal(7323, "4.1", "the timestamp clock does not run backwards"),
  echoBackwards: illegal(7323, "5.2", "TS.Recent, which is echoed, never goes back"),
  scaleTooLarge: illegal(7323, "2.3", "the shift count is 14 at most"),
  synState: illegal(9293, "3.10.1", "a SYN opens a connection: none is open"),
  synAckState: illegal(9293, "3.10.7.2", "a SYN,ACK answers a SYN"),
  synNumber: illegal(9293, "3.4.1", "a SYN that is sent again has the number of the first"),
  synAcknowledgment: illegal(9293, "3.10.7.2", "a SYN,ACK acknowledges the SYN"),
  beforeHandshake: illegal(9293, "3.5", "no text and no acknowledgment before the handshake"),
  gap: illegal(9293, "3.4", "numbers are used in order: a segment begins where the last one ended, or before"),
  textChanged: illegal(2525, "2.4", "what is sent again is what was sent before"),
  beyondWindow: illegal(9293, "3.8.6", "text is sent within the window that the peer has offered, a probe of one octet apart"),
  initialWindow: illegal(6928, "2", "the first flight is ten segments, or 14 600 octets, at most"),
  mss: illegal(9293, "3.7.1", "text and options fit the MSS that the peer announced (MUST-16), 536 octets where it said nothing (MUST-15)"),
  textState: illegal(9293, "3.10.2", "text is sent in ESTABLISHED and CLOSE-WAIT, and what is queued behind a CLOSE"),
  finMoved: illegal(9293, "3.10.4", "a FIN is the last number of a stream: nothing follows it, and it stays where it was"),
  finState: illegal(9293, "3.10.4", "a FIN is sent from ESTABLISHED, SYN-RECEIVED and CLOSE-WAIT"),
  ackUnreceived: illegal(9293, "3.4", "an acknowledgment covers what has been received, and no more"),
  ackBackwards: illegal(9293, "3.4", "RCV.NXT does not go back"),
  ackStale: illegal(9293, "3.10.7.4", "an acknowledgment says RCV.NXT: all text in order that has arrived"),
  ackDelay: illegal(9293, "3.8.6.3", "an ACK must not be delayed for 0.5 seconds (MUST-40)"),
  ackMissing: illegal(9293, "3.10.7.4", "the segment that arrived must be acknowledged"),
  ackUnasked: illegal(5681, "4.2", "no more than one ACK for each segment that arrives, window updates apart"),
  synAckMissing: illegal(9293, "3.10.7.2", "a SYN that is taken is answered by a SYN,ACK"),
  windowShrunk: discouraged(9293, "3.8.6", "a receiver does not take back what it has offered (SHLD-14)"),
  resetNumber: illegal(9293, "3.5.2", "a RST has the number that makes it acceptable: SND.NXT, or SEG.ACK of what it answers"),
  afterReset: illegal(9293, "3.10.7.4", "after a RST there is no connection"),
  state: illegal(9293, "3.3.2", "states change along the edges of figure 5, by what has happened"),
  timeWait: illegal(9293, "3.6.1", "who closed first stays in TIME-WAIT for 2 MSL (MUST-13)"),
  ace: illegal(9768, "3.2.2", "the ACE field counts the marked segments that have arrived, from 5 on"),
  ecn: illegal(3168, "6.1.1", "ECE and CWR mean something only where ECN was agreed"),
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;

/** A rule that a segment, or the lack of one, has broken. */
export interface Breach {
  readonly rule: RuleName;
  /** The numbers of the case. */
  readonly detail: string;
}

export const breachText = ({ rule, detail }: Breach): string => {
  const { rfc, section, text } = rules[rule];
  return `${rule}: ${detail} (${rfc} s${section}: ${text})`;
};
