/** The judge of captures, where it is installed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const tsharkMissing = spawnSync("tshark", ["--version"], { stdio: "ignore" }).status !== 0;
if (tsharkMissing) console.warn("skipped: tests that read captures with tshark (apt-get install tshark)");

/** Runs tshark over the capture; returns its standard output. Anything on standard error but the warning about root is an error. */
export function tshark(capture: Uint8Array, ...options: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "onwire-inspect-"));
  try {
    const file = join(folder, "capture.pcapng");
    writeFileSync(file, capture);
    return tsharkFile(file, ...options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function tsharkFile(file: string, ...options: string[]): string {
  const run = spawnSync("tshark", ["-r", file, ...options], { encoding: "utf8", maxBuffer: 1 << 26 });
  const complaints = run.stderr
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("Running as user"))
    .join("\n");
  if (run.status !== 0 || complaints !== "") throw new Error(`tshark: status ${run.status}: ${complaints}`);
  return run.stdout;
}

/** The expert information of severity warning or error, one line a kind; comments are of a lower severity. */
export function expertComplaints(file: Uint8Array): string[] {
  const output = tshark(file, "-q", "-z", "expert,warn", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE");
  return output.split("\n").filter((line) => /^\s+\d+\s/.test(line));
}
