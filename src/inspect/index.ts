/** `onwire/inspect`: seeing what a stack does, and why. */
export { Capture, type CaptureOptions } from "./capture.js";
export { CaptureFile, type CaptureFileOptions, type OpenCapture, openCapture } from "./capture-file.js";
export { type CapturedFrame, CaptureReader, readCapture } from "./capture-reader.js";
export { ALL_KINDS, type EventOptions, eventProbe, Kind, TraceEvent } from "./event.js";
export { formatEvent, formatWhy, type LineOptions } from "./format.js";
export { Ladder, type LadderOptions } from "./ladder.js";
export { type PcapngOptions, PcapngWriter, type Sink } from "./pcapng.js";
export { attachProbe, fanOut } from "./probes.js";
export { type DumpOptions, Recorder } from "./recorder.js";
export { connectionSummary, formatRecords, formatTable, lifeProbe } from "./show.js";
export { type TraceOptions, traceProbe } from "./trace.js";
export { WhyCheck, type WhyCheckOptions } from "./why-check.js";
