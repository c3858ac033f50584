/** `onwire/inspect`: seeing what a stack does, and why. Nothing here needs Node; writing captures to disk does, and is in `onwire/node`. */
export { Capture, type CaptureOptions } from "./capture.js";
export {
  type CaptureContents,
  type CapturedFrame,
  type CapturedInterface,
  CaptureReader,
  type ReaderLimits,
  readCapture,
} from "./capture-reader.js";
export { ALL_KINDS, type EventOptions, eventProbe, Kind, TraceEvent } from "./event.js";
export { formatEvent, formatWhy, type LineOptions } from "./format.js";
export { Ladder, type LadderOptions } from "./ladder.js";
export {
  Direction,
  type FrameFacts,
  type HostName,
  type InterfaceOptions,
  LinkType,
  type PcapngOptions,
  PcapngWriter,
  type Sink,
} from "./pcapng.js";
export { plain, plainOctets } from "./plain.js";
export { attachProbe, fanOut } from "./probes.js";
export { type DumpOptions, Recorder, type RecorderOptions } from "./recorder.js";
export { type ReplayClock, ReplayLink, type ReplayOptions } from "./replay-link.js";
export { connectionSummary, formatOctets, formatRecords, formatTable, lifeProbe } from "./show.js";
export { type TraceOptions, traceProbe } from "./trace.js";
export { WhyCheck, type WhyCheckOptions } from "./why-check.js";
