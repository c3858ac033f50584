/** What the codes of why.ts mean: a name for machines, the section of the standard that is followed, and a sentence for people.
 *
 *  Each table has exactly the codes of its group: a code without a row, or a row without a code, does not compile. */
import { Arp, Cc, Dhcp, Dns, Drop, Eth, Hold, Icmp, Ip, Loss, Rtx, St, Tm, Tx, Udp, type WhyEntry, Wire } from "./why.js";

/** Name behind the group's prefix, source, text. */
type Row = readonly [name: string, source: string, text: string];
type Table<Group> = { readonly [code in keyof Group]: Row };

// biome-ignore-start format: a table reads better in lines
const tx: Table<typeof Tx> = {
  ActiveOpen: ["active_open", "RFC 9293 s3.10.1", "SYN: the application opens a connection; it carries our initial sequence number."],
  SynAck: ["syn_ack", "RFC 9293 s3.10.7.2", "SYN,ACK: a listener answers a SYN with its own and acknowledges the peer's."],
  AckSyn: ["ack_syn", "RFC 9293 s3.10.7.3", "The acknowledgment of the peer's SYN completes the three-way handshake."],
  NewData: ["new_data", "RFC 9293 s3.7", "Text sent for the first time, as far as the windows of peer and network allow."],
  Fin: ["fin", "RFC 9293 s3.10.4", "FIN: the application has closed; nothing follows what was queued before."],
  RstNoConnection: ["rst_no_conn", "RFC 9293 s3.10.7.1", "RST: the segment belongs to no connection here."],
  RstUnacceptableAck: ["rst_unacceptable_ack", "RFC 9293 s3.5.2", "RST: in a handshake, the peer acknowledges what we never sent."],
  RstAbort: ["rst_abort", "RFC 9293 s3.10.5", "RST: the application aborts the connection."],
  ChallengeAck: [
    "challenge_ack",
    "RFC 5961 s3.2",
    "A challenge: only the real peer can answer it with an exact RST, a blind attacker cannot.",
  ],
  AckEverySecond: ["ack_every_2", "RFC 9293 s3.8.6.3", "Two full-sized segments have arrived: an acknowledgment must not wait any longer."],
  AckDelayTimer: ["ack_delack_timer", "RFC 9293 s3.8.6.3", "The delayed acknowledgment found nothing to travel on in time."],
  AckOutOfOrder: [
    "dup_ack_ooo",
    "RFC 5681 s4.2",
    "Text arrived beyond a gap: a duplicate acknowledgment at once tells the sender where the gap begins.",
  ],
  AckFill: ["ack_fill", "RFC 5681 s4.2", "Text filled a gap, all or in part: acknowledged at once."],
  WindowUpdate: ["window_update", "RFC 9293 s3.8.6.2.2", "The application has read enough to open the window by a worthwhile step."],
  ZeroWindowProbe: [
    "zero_probe",
    "RFC 9293 s3.8.6.1",
    "The peer's window is closed: one octet asks whether it has opened, as the update may have been lost.",
  ],
  KeepAlive: ["keepalive", "RFC 9293 s3.8.4", "Nothing was heard for long: a segment below the window makes a living peer answer."],
  LimitedTransmit: [
    "limited_transmit",
    "RFC 3042 s2",
    "New text on the first and second duplicate acknowledgment, so that the third can come.",
  ],
  AckDuplicate: ["dup_ack_dsack", "RFC 9293 s3.10.7.4", "All of the text was here already: the sender has missed our acknowledgment."],
  AckRead: [
    "ack_read",
    "RFC 9293 s3.8.6.3",
    "The application has read what was pushed and has not answered: the sender may have nothing more to send before it hears of it.",
  ],
  AckQuick: ["ack_quick", "RFC 5681 s4.2", "Acknowledged at once while the sender's window is still small; a delay would only hold it up."],
  AckUnacceptable: [
    "ack_unacceptable",
    "RFC 9293 s3.10.7.4",
    "The segment lies outside the receive window: the answer says what is expected.",
  ],
  AckFin: ["ack_fin", "RFC 9293 s3.10.7.4", "The peer's FIN is acknowledged at once, also when it comes again."],
  AckPaws: ["ack_paws", "RFC 7323 s5.3", "The segment's timestamp is older than the last one accepted: the answer shows the newest."],
  SynCookie: [
    "syn_cookie",
    "RFC 4987 s3.6",
    "SYN,ACK whose sequence number holds all there is of the connection: nothing is stored before the peer answers.",
  ],
  SimultaneousOpen: ["simultaneous_open", "RFC 9293 s3.10.7.3", "SYN,ACK: both ends opened at the same time and their SYNs crossed."],
  RstUnread: ["rst_unread", "RFC 9293 s3.6.1", "RST: closed with received text unread; the peer must learn that it was lost."],
  RstTimeout: ["rst_timeout", "RFC 9293 s3.8.3", "RST: the connection is given up after too long without an answer."],
  AckSynRetransmitted: ["ack_syn_again", "RFC 9293 s3.10.7.4", "The peer's SYN,ACK came again: our acknowledgment of it was lost."],
  SwsOverride: ["sws_override", "RFC 9293 s3.8.6.2.1", "A small segment after all: waiting for a larger window has lasted long enough."],
  RstListenBacklog: ["rst_backlog", "RFC 9293 s3.9.1.4", "RST: the listener was closed before the application accepted the connection."],
  AckZeroWindow: ["ack_zero_window", "RFC 9293 s3.8.6.1", "An answer to a probe of our closed window keeps the connection open (MUST-37)."],
  AckUnsent: ["ack_unsent", "RFC 9293 s3.10.7.4", "The peer acknowledges what was not sent yet: the answer says what was."],
  RstUnlingering: [
    "rst_unlingering",
    "RFC 9293 s3.6",
    "The peer knows all we had to say, and its application does not wait for the other half.",
  ],
  RstDataAfterClose: [
    "rst_data_after_close",
    "RFC 9293 s3.6.1",
    "RST: text arrived after the application had closed, and nobody can read it.",
  ],
  AckMarkChanged: [
    "ack_mark_changed",
    "RFC 8257 s3.2",
    "Marks have begun or ended: the sender learns exactly where, by an acknowledgment at once.",
  ],
  PathProbe: ["path_probe", "RFC 4821 s7.4", "A segment larger than the rest: it arrives if the path takes packets of its size."],
  Urgent: ["urgent", "RFC 9293 s3.8.5", "The urgent pointer goes ahead, whatever the window allows."],
  SynData: ["syn_data", "RFC 7413 s4.2.1", "SYN with text: the server has given a cookie before, and may believe that it is us."],
  LossProbe: ["loss_probe", "RFC 8985 s7.3", "An acknowledgment is overdue: a new segment asks for one, before the timeout."],
};

const rtx: Table<typeof Rtx> = {
  Fast: ["fast", "RFC 5681 s3.2", "Fast retransmit: the third duplicate acknowledgment says that a segment is lost and later ones arrive."],
  PartialAck: ["partial_ack", "RFC 6582 s3.2", "An acknowledgment in recovery covers only a part: the next segment is lost too."],
  Rto: ["rto", "RFC 6298 s5", "The retransmission timer expired: the earliest segment not acknowledged goes again (5.4)."],
  Syn: ["syn_rto", "RFC 9293 s3.8.1", "SYN again: no answer before the retransmission timeout."],
  SynAck: [
    "syn_ack_rto",
    "RFC 9293 s3.8.1",
    "SYN,ACK again: no acknowledgment before the retransmission timeout, or the peer's SYN came again.",
  ],
  Fin: ["fin_rto", "RFC 9293 s3.8.1", "FIN again: no acknowledgment before the retransmission timeout."],
  PathMtu: ["pmtu", "RFC 1191 s6.4", "Too big for a link on the path: the same text again, in smaller segments."],
  Reopened: ["reopened", "RFC 9293 s3.8.6.1", "The peer's window has opened again: what did not fit goes again."],
  PathProbe: [
    "path_probe",
    "RFC 4821 s7.6.2",
    "A probe of the path's MTU was lost: its text goes again in segments of the size that is known.",
  ],
  ProbeAgain: [
    "path_probe_again",
    "RFC 8899 s5.3",
    "The path's MTU is tried with text that goes again: the black hole may have been none.",
  ],
  BlackHole: ["blackhole", "RFC 2923 s2.1", "Full segments vanish without a word: the same text in smaller ones."],
  LossProbe: ["loss_probe", "RFC 8985 s7.3", "An acknowledgment is overdue: the last segment again asks for one, before the timeout."],
  LastResort: [
    "last_resort",
    "RFC 6675 s4",
    "In recovery, and nothing new may be sent: what may be lost goes again, so that acknowledgments keep coming (NextSeg 3, 4).",
  ],
  AfterRto: ["after_rto", "RFC 5681 s3.1", "What was in flight at a timeout goes again, by slow start."],
};

const hold: Table<typeof Hold> = {
  Application: ["app", "RFC 9293 s3.10.2", "Nothing is held back: the application has nothing to send."],
  Cwnd: ["cwnd", "RFC 5681 s3.1", "The congestion window is full: the network may not be able to carry more."],
  Rwnd: ["rwnd", "RFC 9293 s3.8.6", "The peer's window is full: it has no room for more."],
  Nagle: ["nagle", "RFC 9293 s3.7.4", "A small segment waits until all that was sent is acknowledged, or until it is full-sized."],
  Sws: ["sws", "RFC 9293 s3.8.6.2.1", "The usable window is too small to be worth a segment."],
  SendBuffer: ["sndbuf", "RFC 9293 s3.10.2", "The send buffer is full: the application must wait."],
  NotEstablished: ["not_established", "RFC 9293 s3.10.2", "Queued until the connection is established."],
  NoBuffers: ["no_buffers", "RFC 9293 s3.9.2", "No free packet, or no room at the device: tried again when there is."],
  Recovery: ["recovery", "RFC 9937 s4", "What was lost goes again first, and what leaves is paced by what has arrived: new text waits."],
  Neighbor: ["neighbor", "RFC 1122 s2.3.2.2", "The hardware address of the next hop is not known yet."],
  Pacing: ["pacing", "RFC 9002 s7.7", "The next segment leaves when its time has come: a burst would fill queues on the way."],
};

const drop: Table<typeof Drop> = {
  BadChecksum: ["bad_checksum", "RFC 9293 s3.1", "The checksum does not fit the octets: damaged on the way (MUST-3)."],
  Malformed: ["malformed", "RFC 9293 s3.1", "The header does not fit into the segment, or an option does not fit into the header."],
  NoSocket: ["no_socket", "RFC 9293 s3.10.7.1", "No connection and no listener has this address and port."],
  Paws: [
    "paws",
    "RFC 7323 s5.3",
    "The timestamp is older than the last one accepted: a late copy from before the sequence numbers wrapped.",
  ],
  OldSequence: ["old_seq", "RFC 9293 s3.10.7.4", "All of it lies before the receive window: a duplicate."],
  OutOfWindow: ["out_of_window", "RFC 9293 s3.10.7.4", "All of it lies beyond the receive window."],
  BadAck: ["bad_ack", "RFC 9293 s3.10.7.3", "In a handshake, it does not acknowledge our SYN."],
  AckUnsent: ["ack_unsent", "RFC 9293 s3.10.7.4", "It acknowledges what was not sent yet."],
  TooOldAck: ["too_old_ack", "RFC 5961 s5.2", "Its acknowledgment is older than any window the peer has offered: a guess, not the peer."],
  SynInWindow: ["syn_in_window", "RFC 5961 s4.2", "A SYN on a connection that has one: answered by a challenge, never by a reset."],
  RstNotExact: ["rst_not_exact", "RFC 5961 s3.2", "A RST in the window but not at RCV.NXT: answered by a challenge."],
  RstInTimeWait: [
    "rst_in_time_wait",
    "RFC 1337 s3",
    "A RST must not end TIME-WAIT early: old duplicates could then enter a new connection.",
  ],
  ZeroWindow: ["zero_window", "RFC 9293 s3.10.7.4", "Text for a closed window is not taken; acknowledgments in it are."],
  OutOfOrderLimit: ["ofo_limit", "RFC 9293 s3.10.7.4", "No room is left for text beyond a gap; it will be sent again."],
  Deferred: [
    "deferred",
    "RFC 9293 s3.9.1.4",
    "The listener takes connections with their first text only: the ACK of the SYN is not enough.",
  ],
  ListenOverflow: ["listen_overflow", "RFC 4987 s2.2", "The listener's queue is full: the peer will try again."],
  NoAck: ["no_ack", "RFC 9293 s3.10.7.4", "Every segment after the handshake carries an acknowledgment; this one does not."],
  RstInListen: ["rst_in_listen", "RFC 9293 s3.10.7.2", "A RST cannot answer anything that a listener has sent."],
  NotSyn: ["not_syn", "RFC 9293 s3.10.7.3", "Neither SYN nor RST, where only these mean something."],
  ToGroup: ["to_group", "RFC 9293 s3.9.2.3", "Sent to a broadcast or multicast address: a connection has one peer (MUST-57)."],
  BadSource: ["bad_source", "RFC 9293 s3.9.2.3", "A SYN from an address that no single host can have (MUST-63)."],
  RstBadAck: ["rst_bad_ack", "RFC 9293 s3.10.7.3", "A RST that does not acknowledge our SYN: not an answer to it."],
  TimestampMissing: ["timestamp_missing", "RFC 7323 s3.2", "No timestamp on a connection that agreed on them."],
  AfterClose: ["after_close", "RFC 9293 s3.6.1", "Text for an application that has closed and will not read it."],
  PortZero: ["port_zero", "RFC 9293 s3.1", "Port 0 stands for no port: nothing can answer to it."],
  Land: ["land", "RFC 9293 s3.9.2.3", "Source and destination are the same endpoint: it would answer itself."],
  ResetLimited: ["reset_limited", "RFC 5961 s7", "No reset is sent: enough have been in this second."],
  ChallengeLimited: ["challenge_limited", "RFC 5961 s7", "No challenge is sent: enough have been in this time."],
  AckLimited: ["ack_limited", "RFC 5961 s7", "Not answered: another unacceptable segment was, a moment ago."],
  BadCookie: ["bad_cookie", "RFC 4987 s3.6", "The acknowledgment of a cookie that we did not send, or that is too old."],
  TableFull: ["table_full", "RFC 4987 s2.2", "No room for another connection."],
  Signed: ["signed", "RFC 2385 s2.0", "The segment is signed, and nobody has agreed on a key with the peer."],
  SourceShare: ["source_share", "RFC 4987 s2.2", "The peer has as many connections already as there is room for: the rest is for others."],
  NoBuffers: ["no_buffers", "RFC 9293 s3.10.7.4", "No memory left to keep the text; it will be sent again."],
  SynFin: ["syn_fin", "RFC 9293 s3.10.7.2", "SYN and FIN together: no connection begins with its end."],
  TextIgnored: [
    "text_ignored",
    "RFC 9293 s3.10.7.4",
    "Text or FIN where none is taken: in a handshake it comes again, after the peer's FIN it means nothing.",
  ],
  DuplicateText: ["duplicate_text", "RFC 9293 s3.10.7.4", "The part of the text that was here already; only the new part is taken."],
  RstInClosed: ["rst_in_closed", "RFC 9293 s3.10.7.1", "A RST for no connection: a reset is never answered by a reset."],
  SynAckBacklog: ["syn_ack_backlog", "RFC 4987 s3.2", "So many handshakes are under way at this listener that no other may begin."],
};

const loss: Table<typeof Loss> = {
  DupThresh: ["dupthresh", "RFC 5681 s3.2", "Three duplicate acknowledgments: later segments have arrived, this one has not."],
  PartialAck: ["partial_ack", "RFC 6582 s3.2", "A partial acknowledgment in recovery: the next hole begins where it ends."],
  Rto: ["rto", "RFC 6298 s5", "The retransmission timer expired: nothing that was sent is known to have arrived."],
  PathProbe: [
    "path_probe",
    "RFC 4821 s7.6.2",
    "A probe of the path's MTU, and nothing else: it was too large, which says nothing of congestion.",
  ],
  BlackHole: ["blackhole", "RFC 8899 s4.3", "Timeouts in a row, all of full segments: packets of their size may not get through."],
  PathMtu: ["icmp", "RFC 1191 s6.4", "A router says that it was too big to forward."],
  Rack: ["rack", "RFC 8985 s6.2", "What was sent later has arrived, and the time for reordering is over."],
  Probe: ["probe", "RFC 8985 s7.4.2", "The loss probe has repaired it: the peer reports no second copy."],
};

const cc: Table<typeof Cc> = {
  SlowStart: [
    "ss_ack",
    "RFC 5681 s3.1",
    "Slow start: the window grows by what was acknowledged, at most one segment for each acknowledgment.",
  ],
  Avoidance: ["ca_ack", "RFC 5681 s3.1", "Congestion avoidance: the window grows by about one segment for each round trip."],
  FastRetransmit: ["md_loss", "RFC 5681 s3.2", "A loss that later segments revealed: half of what is in flight becomes the threshold."],
  RtoCollapse: ["rto_collapse", "RFC 5681 s3.1", "A timeout: the window falls to one segment, and slow start begins again."],
  Recovered: [
    "recovered",
    "RFC 6582 s3.2",
    "All that was in flight when the loss was found is acknowledged: recovery ends at the threshold.",
  ],
  IdleRestart: [
    "idle_restart",
    "RFC 5681 s4.1",
    "Nothing was sent for longer than a timeout: what the window knew of the network is stale.",
  ],
  Undo: ["undo_spurious", "RFC 5682 s4", "Nothing was lost after all: the reduction is taken back."],
  MssChange: ["mss_change", "RFC 1191 s6.4", "The path carries another size of segment: the window is counted in it."],
  SynLost: ["syn_lost", "RFC 5681 s3.1", "A SYN was lost: the first window is one segment."],
  CubicConcave: [
    "cubic_concave",
    "RFC 9438 s4.4",
    "CUBIC below W_max: the window returns, the slower the closer, to where congestion was met.",
  ],
  CubicConvex: ["cubic_convex", "RFC 9438 s4.5", "CUBIC beyond W_max: the window grows, slowly first, in search of a new one."],
  CubicReno: ["cubic_reno", "RFC 9438 s4.3", "CUBIC in its Reno-friendly region: the window is what Reno's would be, for that is more."],
  ConservativeStart: ["css_ack", "RFC 9406 s4.2", "Conservative slow start: the window grows by a quarter of what slow start would add."],
  HystartConservative: ["hystart_css", "RFC 9406 s4.2", "Round trips have grown longer in slow start: it goes on conservatively."],
  HystartResume: ["hystart_resume", "RFC 9406 s4.2", "Round trips are shorter again: they had grown by chance, and slow start goes on."],
  HystartExit: ["hystart_exit", "RFC 9406 s4.2", "Five conservative rounds with longer round trips: slow start ends here, without a loss."],
  EcnReduction: [
    "md_ecn",
    "RFC 3168 s6.1.2",
    "The peer echoes that a router has marked a segment: a reduction as for a loss, once for each window.",
  ],
  Unused: ["unused", "RFC 7661 s4.4.3", "The window was not used for long: what is not tried is given up by and by."],
  BbrStartup: ["bbr_startup", "draft-ietf-ccwg-bbr", "BBR doubles its rate each round trip, until the bottleneck delivers no more."],
  BbrDrain: ["bbr_drain", "draft-ietf-ccwg-bbr", "BBR takes the pipe for full, and drains what its startup has put into the queue."],
  BbrDown: ["bbr_down", "draft-ietf-ccwg-bbr", "BBR sends a little less than the bandwidth: the queue of its last probe drains."],
  BbrCruise: ["bbr_cruise", "draft-ietf-ccwg-bbr", "BBR sends at the bandwidth that it has measured, and leaves room for others."],
  BbrRefill: ["bbr_refill", "draft-ietf-ccwg-bbr", "BBR fills the pipe for a round trip, before it asks for more than the bandwidth."],
  BbrUp: ["bbr_up", "draft-ietf-ccwg-bbr", "BBR sends a quarter more than the bandwidth, to see whether there is more of it."],
  BbrProbeRtt: ["bbr_probe_rtt", "draft-ietf-ccwg-bbr", "BBR empties the pipe for a moment to see the least round trip again."],
  BbrModel: [
    "bbr_model",
    "draft-ietf-ccwg-bbr",
    "BBR's window follows its model: what bandwidth and least round trip can hold, times a gain.",
  ],
  UndoTimestamp: [
    "undo_timestamp",
    "RFC 4015 s3.1",
    "The echoed timestamp is of the first copy: it was sent again for nothing, and the reduction is taken back.",
  ],
  UndoDuplicate: ["undo_dsack", "RFC 3708 s3", "The peer has got twice all that was sent again: the reduction is taken back."],
  UndoFrto: [
    "undo_frto",
    "RFC 5682 s3.1",
    "After the timeout what was sent before it arrives: nothing was lost, and the reduction is taken back.",
  ],
  LostAgain: ["lost_again", "RFC 5681 s4.3", "What was sent again is lost too: a second sign of congestion."],
  ProbeRepaired: ["probe_repaired", "RFC 8985 s7.4.2", "A loss probe has repaired a loss: the window answers for it as for any other."],
  Recalled: ["recalled", "RFC 9040 s6.1", "Slow start is to end where it did on earlier connections to this peer."],
  RtoAdapted: [
    "rto_adapted",
    "RFC 4015 s3.1",
    "A timeout was spurious, and the first round trip of new text since says how patient the timer is to be.",
  ],
  SizeUnverified: ["size_unverified", "RFC 4821 s7.8", "Losses have risen sharply since segments grew: the size before holds again."],
  Swapped: ["swapped", "RFC 9293 s3.8.2", "Another controller takes over this connection, with the window as it is."],
};

const st: Table<typeof St> = {
  OpenActive: ["open_active", "RFC 9293 s3.10.1", "An active OPEN: CLOSED to SYN-SENT."],
  OpenPassive: ["open_passive", "RFC 9293 s3.10.1", "A passive OPEN: CLOSED to LISTEN."],
  RcvSyn: ["rcv_syn", "RFC 9293 s3.10.7.2", "A SYN for a listener: LISTEN to SYN-RECEIVED."],
  RcvSynAck: ["rcv_syn_ack", "RFC 9293 s3.10.7.3", "The peer's SYN acknowledges ours: SYN-SENT to ESTABLISHED."],
  RcvSynSimultaneous: ["rcv_syn_simultaneous", "RFC 9293 s3.5", "The SYNs of both ends cross: SYN-SENT to SYN-RECEIVED."],
  RcvAckOfSyn: ["rcv_ack_of_syn", "RFC 9293 s3.10.7.4", "Our SYN is acknowledged: SYN-RECEIVED to ESTABLISHED."],
  CloseSendFin: ["close_send_fin", "RFC 9293 s3.10.4", "The application closes: ESTABLISHED to FIN-WAIT-1, CLOSE-WAIT to LAST-ACK."],
  RcvFin: ["rcv_fin", "RFC 9293 s3.10.7.4", "The peer will send no more: its FIN arrived in order."],
  RcvAckOfFin: [
    "rcv_ack_of_fin",
    "RFC 9293 s3.10.7.4",
    "Our FIN is acknowledged: FIN-WAIT-1 to FIN-WAIT-2, CLOSING to TIME-WAIT, LAST-ACK to CLOSED.",
  ],
  RcvRst: ["rcv_rst", "RFC 9293 s3.5.3", "The peer resets the connection."],
  Forgotten: ["forgotten", "RFC 9293 s3.3.2", "Another stack goes on with the connection: this one says nothing of it any more."],
  UserAbort: ["user_abort", "RFC 9293 s3.10.5", "The application aborts the connection."],
  UserTimeout: [
    "user_timeout",
    "RFC 9293 s3.10.8",
    "The user timeout: what was sent stayed unacknowledged for longer than the application allows.",
  ],
  TimeWaitOver: ["time_wait_over", "RFC 9293 s3.10.8", "Two maximum segment lifetimes have passed: no old duplicate is left on the way."],
  Refused: ["refused", "RFC 9293 s3.10.7.3", "A RST that acknowledges our SYN: the connection is refused."],
  SynTimeout: ["syn_timeout", "RFC 9293 s3.8.3", "No answer to any SYN (R2, MUST-23)."],
  RetransmitTimeout: ["retransmit_timeout", "RFC 9293 s3.8.3", "No answer to any retransmission (R2): the connection is closed."],
  KeepAliveTimeout: ["keepalive_timeout", "RFC 9293 s3.8.4", "No answer to any keep-alive: the peer is gone."],
  FinWait2Timeout: ["fin_wait_2_timeout", "RFC 9293 s3.6.1", "The application has closed, and the peer did not follow in time."],
  LingerTimeout: ["linger_timeout", "RFC 9293 s3.9.1.6", "Not all was acknowledged within the time the application would wait for it."],
  IcmpHard: ["icmp_hard", "RFC 9293 s3.9.2.2", "An ICMP error while connecting says that the peer cannot be reached."],
  TimeWaitReused: ["time_wait_reused", "RFC 6191 s2", "A new SYN, surely younger than the old connection, ends its TIME-WAIT."],
  CloseUnread: ["close_unread", "RFC 9293 s3.6.1", "Closed with received text unread: the connection is reset."],
  DeviceGone: ["device_gone", "RFC 5227 s2.4", "The local address is no longer ours; its connections cannot go on."],
  CloseBeforeOpen: ["close_before_open", "RFC 9293 s3.10.4", "Closed before the connection was established."],
  RcvFinAndAck: ["rcv_fin_and_ack", "RFC 9293 s3.10.7.4", "The peer's FIN, and the acknowledgment of ours: FIN-WAIT-1 to TIME-WAIT."],
  CookieAccepted: ["cookie_accepted", "RFC 4987 s3.6", "The peer returns a cookie that we sent: the connection is rebuilt from it."],
  ResourceLimit: ["resource_limit", "RFC 4987 s3.4", "The oldest makes room for a new one: the table is full."],
  DataAfterClose: ["data_after_close", "RFC 9293 s3.6.1", "Text arrived after the application had closed: the connection is reset."],
  SynAgain: ["syn_again", "RFC 9293 s3.10.7.4", "Another SYN in SYN-RECEIVED: the passive open returns to LISTEN."],
};

const tm: Table<typeof Tm> = {
  Rto: ["rto", "RFC 6298 s5", "Text is in flight and no timer ran: one is started (5.1)."],
  RtoBackoff: ["rto_backoff", "RFC 6298 s5", "It expired without an answer: the next wait is twice as long (5.5)."],
  RtoRestart: ["rto_restart", "RFC 6298 s5", "New text was acknowledged and more is in flight: the wait begins anew (5.3)."],
  RtoStop: ["rto_stop", "RFC 6298 s5", "All is acknowledged: there is nothing to wait for (5.2)."],
  SynRto: ["syn_rto", "RFC 6298 s2", "A SYN is in flight; the round trip is not known yet, so the wait is the initial one (2.1)."],
  Persist: ["persist", "RFC 9293 s3.8.6.1", "The peer's window is closed: time until it is probed."],
  PersistBackoff: ["persist_backoff", "RFC 9293 s3.8.6.1", "The window is still closed: the time to the next probe doubles."],
  DelayedAck: ["delack", "RFC 9293 s3.8.6.3", "An acknowledgment may wait for text to travel on, less than half a second."],
  KeepAlive: ["keepalive", "RFC 9293 s3.8.4", "Time until a silent peer is asked whether it lives."],
  TimeWait: ["2msl", "RFC 9293 s3.6.1", "TIME-WAIT: twice the maximum segment lifetime, until no old duplicate can arrive (MUST-13)."],
  FinWait2: ["fin_wait_2", "RFC 9293 s3.6.1", "Time for the peer to close after the application has."],
  UserTimeout: ["user_timeout", "RFC 5482 s3", "Time that sent text may stay unacknowledged before the connection is given up."],
  SwsOverride: ["sws_override", "RFC 9293 s3.8.6.2.1", "Time that a small segment waits for a better window."],
  Linger: ["linger", "RFC 9293 s3.9.1.6", "Time that a closed connection may take to get its text acknowledged."],
  RtoAfterSyn: ["syn_rto_3s", "RFC 6298 s5", "A SYN was retransmitted after less than 3 s: text begins with a timeout of 3 s (5.7)."],
  Pacing: ["pacing", "RFC 9002 s7.7", "So long until the next segment leaves, at the rate that the sender paces by."],
  RttRecalled: [
    "rtt_recalled",
    "RFC 9040 s6.1",
    "The round trip to this peer is known from earlier connections: the estimator goes on from there.",
  ],
  LossProbe: ["pto", "RFC 8985 s7.2", "Two round trips and no acknowledgment: a probe is due."],
  Reordering: ["reorder", "RFC 8985 s6.2", "Reordered segments have had their time to arrive: the rest is lost."],
};

const eth: Table<typeof Eth> = {
  Runt: ["runt", "RFC 894", "Shorter than its headers."],
  Oversize: ["oversize", "RFC 894", "Longer than the device takes."],
  NotForUs: ["not_for_us", "RFC 1122 s2.4", "The destination is another station, or a group that nobody here has joined."],
  UnknownType: ["unknown_type", "RFC 1122 s2.3.3", "No protocol here for this type."],
  Length: ["length", "RFC 1122 s2.3.3", "An IEEE 802.3 frame whose length field is larger than the frame."],
  UnknownVlan: ["unknown_vlan", "IEEE 802.1Q", "No device for this VLAN."],
  SourceGroup: ["source_group", "IEEE 802.3", "The source is a group address: no station sends from one."],
  NoDevice: ["no_device", "RFC 1122 s2.4", "The device is no longer there."],
  TransmitFull: ["transmit_full", "RFC 1122 s2.4", "The link and the device's queue for it are full."],
  NoBuffers: ["no_buffers", "RFC 1122 s2.4", "No free packet."],
  LinkClosed: ["link_closed", "RFC 1122 s2.4", "The link was closed with the frame still queued."],
};

const arp: Table<typeof Arp> = {
  Request: ["request", "RFC 826", "Who has this address? Broadcast, at most once a second for each (RFC 1122 s2.3.2.1)."],
  Reply: ["reply", "RFC 826", "We have this address: here is ours."],
  Probe: ["probe", "RFC 5227 s2.1.1", "Does anyone use the address that we want?"],
  Announce: ["announce", "RFC 5227 s2.3", "The address is ours from now on."],
  Defend: ["defend", "RFC 5227 s2.4", "Somebody else uses our address: one announcement in defence."],
  Reprobe: ["reprobe", "RFC 1122 s2.3.2.1", "Are you still there? Unicast, to what the cache has, before it forgets."],
  BadLength: ["bad_length", "RFC 826", "Too short, or its address lengths are not those of Ethernet and IPv4."],
  BadType: ["bad_type", "RFC 826", "Not about Ethernet and IPv4."],
  SenderGroup: ["sender_group", "RFC 1812 s3.3.2", "The sender claims a broadcast or multicast address: never believed."],
  Unasked: ["unasked", "RFC 826", "A reply about an address that we neither asked for nor know: it makes no entry."],
  Conflict: ["conflict", "RFC 5227 s2.4", "Somebody else claims an address of ours."],
  CacheFull: ["cache_full", "RFC 1122 s2.3.2.1", "The cache is full and every entry is in use."],
  QueueFull: ["queue_full", "RFC 1122 s2.3.2.2", "Too many packets wait for this address: the oldest goes."],
  Unresolved: ["unresolved", "RFC 1812 s3.3.2", "Nobody answers for the address: packets that waited for it cannot be sent."],
  SenderIsUs: ["sender_is_us", "RFC 5227 s2.4", "Our own packet has come back: no conflict."],
  BadOperation: ["bad_operation", "RFC 826", "Neither a request nor a reply."],
  ReplyLimited: ["reply_limited", "RFC 1122 s2.3.2.1", "No reply is sent: enough have been in this second."],
  NotForUs: ["not_for_us", "RFC 826", "Somebody asks for another host, and the sender is nobody we know."],
  Expired: ["expired", "RFC 1122 s2.3.2.1", "The entry was not confirmed in time and is forgotten (MUST)."],
  Handled: ["handled", "RFC 826", "Taken in: the sender's addresses are noted, a request for ours is answered."],
  NoBuffers: ["no_buffers", "RFC 1122 s2.3.2.2", "No free packet for a message."],
};

const ip: Table<typeof Ip> = {
  Short: ["short", "RFC 791 s3.1", "Shorter than a header."],
  Version: ["version", "RFC 1122 s3.2.1.1", "The version is not 4 (MUST)."],
  HeaderLength: ["header_length", "RFC 791 s3.1", "The header's length is below 20 octets, or above the datagram's."],
  TotalLength: ["total_length", "RFC 791 s3.1", "The total length says more octets than there are."],
  Checksum: ["checksum", "RFC 1122 s3.2.1.2", "The header's checksum is wrong (MUST)."],
  BadSource: ["bad_source", "RFC 1122 s3.2.1.3", "The source is no address of a single host (MUST)."],
  NotForUs: ["not_for_us", "RFC 1122 s3.2.1.3", "The destination is no address of ours, and a host does not forward (MUST)."],
  BadOption: ["bad_option", "RFC 1122 s3.2.1.8", "An option does not fit into the header."],
  SourceRoute: ["source_route", "RFC 7126 s4.3.5", "Source-routed: such datagrams are refused."],
  UnicastInBroadcast: [
    "unicast_in_broadcast",
    "RFC 1122 s3.3.6",
    "Addressed to one host but broadcast on the link: discarded, or a storm could follow.",
  ],
  UnknownProtocol: ["unknown_protocol", "RFC 1122 s3.2.2.1", "No such protocol here."],
  NoRoute: ["no_route", "RFC 1122 s3.3.1.2", "No route leads to the destination."],
  TooBig: ["too_big", "RFC 1191 s3", "Larger than the path carries, and not to be fragmented."],
  FragmentTiny: ["fragment_tiny", "RFC 1858 s3.2", "So small that the transport's header is cut: only attacks look like this."],
  FragmentOverlap: ["fragment_overlap", "RFC 5722 s4", "It overlaps another fragment: the whole datagram is discarded."],
  FragmentTooLong: ["fragment_too_long", "RFC 791 s3.1", "It would end beyond 65 535 octets."],
  FragmentLimit: ["fragment_limit", "RFC 6274 s4.1.2.1", "No room for another fragment or datagram in pieces."],
  FragmentTimeout: ["fragment_timeout", "RFC 1122 s3.3.2", "Not all fragments came in time: those that did are discarded (MUST)."],
  FragmentSize: ["fragment_size", "RFC 791 s3.1", "Empty, or not the last and not a multiple of eight octets."],
  FragmentDuplicate: ["fragment_duplicate", "RFC 791 s3.2", "The same fragment again."],
  FragmentEcn: ["fragment_ecn", "RFC 3168 s5.3", "One fragment met congestion and another is not ECN-capable: the datagram is dropped."],
  NoBuffers: ["no_buffers", "RFC 1122 s3.4", "No free packet."],
  Fragmented: ["fragmented", "RFC 791 s3.2", "Sent in pieces: it is larger than the link carries."],
  WrongDevice: ["wrong_device", "RFC 1122 s3.3.4.2", "The destination is ours, but not on the device it came by."],
  LoopbackOnWire: ["loopback_on_wire", "RFC 1122 s3.2.1.3", "An address of 127/8 must not appear outside a host (MUST)."],
  GroupNotJoined: ["group_not_joined", "RFC 1112 s7.2", "A multicast group that nobody here has joined."],
  Reassembled: ["reassembled", "RFC 791 s3.2", "The last missing fragment: the datagram is whole."],
  FragmentHeld: ["fragment_held", "RFC 791 s3.2", "Kept until the other fragments come."],
  IdExhausted: ["id_exhausted", "RFC 6864 s4.3", "All identifications for this destination are in use for the time a datagram may live."],
  BadDestination: ["bad_destination", "RFC 1122 s3.2.1.3", "Nothing can be sent to this address."],
  Delivered: ["delivered", "RFC 791 s2.2", "Handed to its protocol."],
};

const icmp: Table<typeof Icmp> = {
  EchoReply: ["echo_reply", "RFC 1122 s3.2.2.6", "The answer to an echo request, with the same data (MUST)."],
  EchoRequest: ["echo_request", "RFC 1122 s3.2.2.6", "An echo request of the application's."],
  PortUnreachable: ["port_unreachable", "RFC 1122 s4.1.3.1", "No application has the port that the datagram is for."],
  ProtocolUnreachable: ["protocol_unreachable", "RFC 1122 s3.2.2.1", "The datagram is for a protocol that is not here."],
  ReassemblyTimeExceeded: ["reassembly_time_exceeded", "RFC 1122 s3.3.2", "The first fragment came, the others did not come in time."],
  ParameterProblem: ["parameter_problem", "RFC 1122 s3.2.2.5", "A field of the header makes no sense; the pointer says which."],
  Short: ["short", "RFC 792", "Shorter than its header."],
  Checksum: ["checksum", "RFC 792", "The checksum is wrong."],
  UnknownType: ["unknown_type", "RFC 1122 s3.2.2", "Of unknown type: silently discarded (MUST)."],
  QuoteShort: ["quote_short", "RFC 1122 s3.2.2", "An error must quote the header and eight octets of what it is about; this one does not."],
  QuoteNotOurs: ["quote_not_ours", "RFC 5927 s4.3", "The quoted datagram is none that we sent."],
  Limited: ["limited", "RFC 1812 s4.3.2.8", "Not sent: enough have been in this second."],
  AboutGroup: [
    "about_group",
    "RFC 1122 s3.2.2",
    "No error is sent about a broadcast, a multicast, a fragment but the first, or another error (MUST NOT).",
  ],
  EchoToGroup: [
    "echo_to_group",
    "RFC 1122 s3.2.2.6",
    "An echo request to a broadcast or multicast address is not answered: it would make an amplifier.",
  ],
  SourceQuench: ["source_quench", "RFC 6633 s3", "Source Quench means nothing any more: silently discarded (MUST)."],
  Redirect: ["redirect", "RFC 1122 s3.2.2.2", "The advice to use another gateway, not followed."],
  InfoRequest: ["info_request", "RFC 6918 s2.2", "A deprecated kind of question: not answered."],
  QuoteOutOfWindow: ["quote_out_of_window", "RFC 5927 s4.1", "The quoted sequence number is not in flight: a guess, not an answer to us."],
  PmtuIgnored: ["pmtu_ignored", "RFC 5927 s7.2", "A packet size that is too small to be true, or no reduction at all."],
  PmtuLowered: ["pmtu_lowered", "RFC 1191 s3", "A router on the path carries no more than this size: remembered for the destination."],
  ErrorDelivered: ["error_delivered", "RFC 1122 s3.2.2", "An error, handed to the protocol that sent what it is about."],
  EchoReplyDelivered: ["echo_reply_delivered", "RFC 1122 s3.2.2.6", "The answer to an echo request of ours, handed to who asked."],
  NobodyWaits: ["nobody_waits", "RFC 1122 s3.2.2.6", "An echo reply that nobody here waits for."],
  EchoAnswered: ["echo_answered", "RFC 1122 s3.2.2.6", "An echo request, answered."],
  HostUnreachable: ["host_unreachable", "RFC 1812 s3.3.2", "Nobody on the link answers for the address of the next hop."],
  NoBuffers: ["no_buffers", "RFC 1122 s3.4", "No free packet for a message."],
};

const udp: Table<typeof Udp> = {
  Datagram: ["datagram", "RFC 768", "A datagram of the application's."],
  Short: ["short", "RFC 768", "Shorter than its header."],
  Length: ["length", "RFC 768", "The length field is below eight, or says more octets than there are."],
  Checksum: ["checksum", "RFC 1122 s4.1.3.4", "The checksum is there and wrong: silently discarded (MUST)."],
  NoPort: ["no_port", "RFC 1122 s4.1.3.1", "No application has this port."],
  QueueFull: ["queue_full", "RFC 1122 s4.1.1", "The application reads too slowly: its queue is full."],
  PortZero: ["port_zero", "RFC 768", "Destination port 0 stands for no port."],
  BadSource: ["bad_source", "RFC 1122 s4.1.3.6", "From an address that no single host can have (MUST)."],
  Delivered: ["delivered", "RFC 768", "Handed to the application."],
  NotConnected: ["not_connected", "RFC 1122 s4.1.3.5", "Not from the peer that the application has connected to."],
  NoBuffers: ["no_buffers", "RFC 8085 s5", "No free packet, or no room at the device."],
};

const dhcp: Table<typeof Dhcp> = {
  Malformed: [
    "malformed",
    "RFC 2131 s2",
    "Shorter than its fixed fields, without the magic cookie, or an option says more octets than there are.",
  ],
  OtherTransaction: ["other_transaction", "RFC 2131 s4.4.1", "Its xid is not that of the request under way: silently discarded (MUST)."],
  OtherHardware: ["other_hardware", "RFC 2131 s4.1", "For a client with another hardware address."],
  Unexpected: ["unexpected", "RFC 2131 s4.4", "A message type that the client does not wait for in this state."],
  BadServer: ["bad_server", "RFC 2131 s4.4.1", "Not from the server that was chosen, or from one without an identifier."],
  BadLease: ["bad_lease", "RFC 2131 s4.3.1", "It offers what no host can use: a broken address, no lease time, or not what was asked for."],
  Accepted: ["accepted", "RFC 2131 s4.4.1", "An answer that was waited for."],
  Refused: ["refused", "RFC 2131 s3.1", "A DHCPNAK: the address is not to be used, and the client starts again."],
};
const dns: Table<typeof Dns> = {
  Malformed: ["malformed", "RFC 1035 s4.1", "No message, or one with a broken name or record."],
  OtherId: ["other_id", "RFC 1035 s4.1.1", "Its identifier is not that of the query."],
  OtherQuestion: ["other_question", "RFC 1035 s4.1.2", "It answers another question, or is no answer."],
  NoAnswer: ["no_answer", "RFC 1035 s4.1.1", "The server says that it failed, refuses or does not understand: another is asked."],
  Accepted: ["accepted", "RFC 1035 s4.1", "An answer that was waited for."],
  Truncated: ["truncated", "RFC 1035 s4.2.1", "The answer did not fit a datagram: asked again by TCP."],
  TimedOut: ["timed_out", "RFC 1035 s4.2.1", "No answer in time: the next server is asked, or the same one again."],
};
const wire: Table<typeof Wire> = {
  Loss: ["loss", "RFC 791 s1.2", "Lost by chance, as configured: datagrams are delivered with best effort only."],
  Rule: ["rule", "RFC 791 s1.2", "Dropped by a rule of the experiment."],
  QueueFull: ["queue_full", "RFC 7567 s2", "The queue in front of the link was full."],
  Corrupted: ["corrupted", "RFC 9293 s3.1", "Octets were changed on the way: what checksums are for."],
  TooBig: ["too_big", "RFC 791 s3.2", "Larger than the link carries."],
  Partition: ["partition", "RFC 791 s1.2", "The link was cut."],
  Duplicated: ["duplicated", "RFC 791 s1.2", "Delivered twice."],
  Reordered: ["reordered", "RFC 791 s1.2", "Overtaken by what was sent later."],
  Delivered: ["delivered", "RFC 791 s2.2", "Came out at the other end."],
  Fragmented: ["fragmented", "RFC 791 s3.2", "Cut into pieces that the link carries, as a router would."],
  ReceiverFull: ["receiver_full", "RFC 791 s1.2", "The receiver took frames too slowly."],
  Marked: ["marked", "RFC 3168 s5", "Marked, for it may be, instead of lost: it met a queue."],
};
// biome-ignore-end format: -

const entriesOf = (prefix: string, group: Readonly<Record<string, number>>, table: Readonly<Record<string, Row>>): WhyEntry[] =>
  Object.entries(table).map(([key, [name, source, text]]) => ({ code: group[key]!, name: `${prefix}.${name}`, source, text }));

/** Every code of why.ts, in order of code. */
export const registry: readonly WhyEntry[] = [
  ...entriesOf("tx", Tx, tx),
  ...entriesOf("rtx", Rtx, rtx),
  ...entriesOf("hold", Hold, hold),
  ...entriesOf("drop", Drop, drop),
  ...entriesOf("loss", Loss, loss),
  ...entriesOf("cc", Cc, cc),
  ...entriesOf("st", St, st),
  ...entriesOf("tm", Tm, tm),
  ...entriesOf("eth", Eth, eth),
  ...entriesOf("arp", Arp, arp),
  ...entriesOf("ip", Ip, ip),
  ...entriesOf("icmp", Icmp, icmp),
  ...entriesOf("udp", Udp, udp),
  ...entriesOf("wire", Wire, wire),
  ...entriesOf("dhcp", Dhcp, dhcp),
  ...entriesOf("dns", Dns, dns),
].sort((a, b) => a.code - b.code);

const byCode: (WhyEntry | undefined)[] = [];
const byName = new Map<string, WhyEntry>();
for (const entry of registry) {
  byCode[entry.code] = entry;
  byName.set(entry.name, entry);
}

/** What the code means; undefined when it is none. */
export const whyEntry = (code: number): WhyEntry | undefined => byCode[code];

/** The entry of that name: "drop.bad_checksum". */
export const whyNamed = (name: string): WhyEntry | undefined => byName.get(name);

/** The code's name; "why.N" when it is none. */
export const whyName = (code: number): string => byCode[code]?.name ?? `why.${code}`;
