/** `onwire/node`: what turns a stack's crank in Node, and Node's own modules on top of it. */
export { cryptoRandom, monotonicMicros } from "./drive/clock.js";
export { NodeDrive, type NodeDriveOptions } from "./drive/node.js";
export { CaptureFile, type CaptureFileOptions, type OpenCapture, openCapture } from "./inspect/capture-file.js";
export type { UserConfiguration } from "./node/configuration.js";
export type { StackDgram } from "./node/embedded/dgram.js";
export type { StackHttp, UndiciConnectOptions } from "./node/embedded/http.js";
export type { Lookup, StackNet } from "./node/embedded/net.js";
export { type AttachOptions, attachNode, type NodeStack, nodeStack } from "./node/embedded/node-stack.js";
