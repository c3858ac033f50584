/** `onwire/node`: what turns a stack's crank in Node. */
export { cryptoRandom, monotonicMicros } from "./drive/clock.js";
export { NodeDrive, type NodeDriveOptions } from "./drive/node.js";
export { CaptureFile, type CaptureFileOptions, type OpenCapture, openCapture } from "./inspect/capture-file.js";
