/** Runs programs under the preload, each in a process of its own: in this one, net was there first. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Preload {
  readonly folder = mkdtempSync(join(tmpdir(), "onwire-preload-"));

  /** Bundles the preload as its users' tools may. */
  async prepare(): Promise<void> {
    await build({
      entryPoints: { register: "src/register.ts" },
      outdir: this.folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      external: ["koffi", "commander"],
      logLevel: "silent",
    });
  }

  /** Runs the text of an ES module to its end. */
  async run(program: string, options: { readonly flags?: readonly string[]; readonly env?: Record<string, string> } = {}): Promise<Ended> {
    const file = join(this.folder, `program-${Math.abs(hash(program))}.mjs`);
    writeFileSync(file, program);
    const child = spawn(process.execPath, ["--import", this.register, ...(options.flags ?? []), file], {
      cwd: this.folder,
      env: { ...process.env, NODE_OPTIONS: "", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { status, stdout, stderr };
  }

  get register(): string {
    return join(this.folder, "register.mjs");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const hash = (text: string): number => {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum;
};
