/** A capture's file: synchronous, buffered writes. The stack's turn must never fail because a disk is full, so a write that
 *  fails stops the capture and is reported once, beside the stack. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { Micros } from "../base/environment.js";
import type { Probe } from "../stack/probe.js";
import { Capture, type CaptureOptions } from "./capture.js";
import type { Sink } from "./pcapng.js";

export interface CaptureFileOptions {
  /** Octets gathered before a write; default 256 KiB. */
  readonly buffer?: number;
  /** The file grows no further than this, octets; default: unlimited. */
  readonly limit?: number;
  /** Called once, when writing stops before `close`. */
  readonly onError?: (error: Error) => void;
}

/** How long a full pipe (standard output into Wireshark) may block before the capture stops, milliseconds. */
const PIPE_PATIENCE = 1_000;

export class CaptureFile {
  /** "-" is standard output. */
  readonly path: string;
  /** Where a `PcapngWriter` writes. */
  readonly sink: Sink;
  readonly #limit: number;
  readonly #onError: ((error: Error) => void) | null;
  readonly #buffer: Uint8Array;
  #filled = 0;
  #descriptor: number;
  #octets = 0;
  #error: Error | null = null;

  /** Creates or empties the file. Throws an error that names it and the remedy. */
  constructor(path: string, options: CaptureFileOptions = {}) {
    this.path = path;
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY;
    this.#onError = options.onError ?? null;
    this.#buffer = new Uint8Array(Math.max(options.buffer ?? 262_144, 4_096));
    try {
      this.#descriptor = path === "-" ? 1 : openSync(path, "w", 0o644);
    } catch (error) {
      throw fileError("open", path, error);
    }
    this.sink = (octets) => this.#take(octets);
  }

  /** Octets given so far, written or waiting. */
  get octets(): number {
    return this.#octets;
  }

  /** Why the capture stopped early, or null. */
  get error(): Error | null {
    return this.#error;
  }

  /** Everything gathered goes to the file now. */
  flush(): void {
    if (this.#filled > 0) this.#write(this.#buffer, this.#filled);
    this.#filled = 0;
  }

  /** Flushes and closes; closing twice does nothing. */
  close(): void {
    if (this.#descriptor < 0) return;
    this.flush();
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    if (descriptor === 1) return;
    try {
      closeSync(descriptor);
    } catch (error) {
      this.#stop(fileError("close", this.path, error));
    }
  }

  #take(octets: Uint8Array): void {
    if (this.#descriptor < 0 || this.#error !== null) return;
    // A block is written whole or not at all, so that what is there can be read.
    if (this.#octets + octets.length > this.#limit) {
      this.flush();
      this.#stop(
        new Error(`capture ${JSON.stringify(this.path)} has reached its limit of ${this.#limit} octets: raise the limit, or capture less`),
      );
      return;
    }
    this.#octets += octets.length;
    if (this.#filled + octets.length > this.#buffer.length) this.flush();
    if (octets.length > this.#buffer.length) this.#write(octets, octets.length);
    else {
      this.#buffer.set(octets, this.#filled);
      this.#filled += octets.length;
    }
  }

  #write(octets: Uint8Array, length: number): void {
    let patience = PIPE_PATIENCE;
    for (let at = 0; at < length && this.#error === null; ) {
      try {
        at += writeSync(this.#descriptor, octets, at, length - at);
      } catch (error) {
        if (codeOf(error) === "EAGAIN" && patience-- > 0) Atomics.wait(pause, 0, 0, 1);
        else this.#stop(fileError("write", this.path, error));
      }
    }
  }

  #stop(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#onError?.(error);
  }
}

export interface OpenCapture {
  /** Give this to the stack, or to `fanOut`. */
  readonly probe: Probe;
  readonly capture: Capture;
  readonly file: CaptureFile;
  /** Everything captured goes to the file now. */
  flush(): void;
  /** Writes the rest and closes the file; closing twice does nothing. */
  close(): void;
}

/** How often a file that somebody may be watching is brought up to date, milliseconds. */
const FRESHNESS = 500;

/** A capture into a file, kept fresh while it grows. `now` is what the stack's clock reads at this moment: it sets the file's epoch
 *  unless `epoch` does. Throws an error that names the file and the remedy. */
export function openCapture(path: string, now: Micros, options: CaptureOptions & CaptureFileOptions = {}): OpenCapture {
  const file = new CaptureFile(path, options);
  const capture = new Capture(file.sink, { epoch: Date.now() * 1_000 - now, ...options });
  const flush = (): void => {
    capture.flush();
    file.flush();
  };
  const fresh = setInterval(flush, FRESHNESS);
  fresh.unref();
  const close = (): void => {
    clearInterval(fresh);
    capture.close();
    file.close();
  };
  return { probe: capture.probe, capture, file, flush, close };
}

const pause = new Int32Array(new SharedArrayBuffer(4));

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

const remedies: Readonly<Record<string, string>> = {
  ENOENT: "make the folder first",
  EACCES: "choose a folder that you may write to",
  EPERM: "choose a folder that you may write to",
  EROFS: "choose a folder that you may write to",
  EISDIR: "name a file, not a folder",
  ENOTDIR: "name a file in a folder",
  ENOSPC: "make room on the disk; the file is good up to its last whole block",
  EDQUOT: "make room in your quota; the file is good up to its last whole block",
  EPIPE: "the program that read it has gone",
  EAGAIN: "the program that reads it is too slow",
  EMFILE: "raise the limit of open files",
};

function fileError(syscall: string, path: string, error: unknown): Error {
  const code = codeOf(error);
  const remedy = remedies[code] ?? (error instanceof Error ? error.message : String(error));
  return Object.assign(new Error(`cannot ${syscall} capture ${JSON.stringify(path)}: ${code}: ${remedy}`), { code, syscall, path });
}
