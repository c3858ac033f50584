/** Finds the native port of this process, or says what is missing. */
import { createRequire } from "node:module";
import { networkError } from "../base/errors.js";
import { type Koffi, koffiPort } from "./native-koffi.js";
import type { NativePort } from "./native-port.js";

let loaded: NativePort | null = null;

/** The port of this process, loaded when first wanted. Throws ENOTSUP with what is missing and why it is needed. */
export const nativePort = (): NativePort => {
  loaded ??= loadNativePort(process.platform, createRequire(import.meta.url));
  return loaded;
};

/** As `nativePort`, for a platform and a module loader of the caller's choice. */
export const loadNativePort = (platform: string, load: (name: string) => unknown): NativePort => {
  if (platform !== "linux") {
    const remedy = "TAP devices and packet sockets are made by the Linux kernel; the in-memory link (createPair) works everywhere";
    throw networkError("ENOTSUP", "load", `native port on ${platform}`, remedy);
  }
  let koffi: Koffi;
  try {
    koffi = load("koffi") as Koffi;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw networkError("ENOTSUP", "load", `koffi (${reason})`, "it makes the system calls for TAP devices: npm install koffi");
  }
  if (koffi.node?.poll === undefined) {
    throw networkError("ENOTSUP", "load", "koffi without node.poll", "waiting for frames needs version 3 or later: npm install koffi@3");
  }
  return koffiPort(koffi);
};
