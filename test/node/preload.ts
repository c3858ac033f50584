/** Runs programs under the preload, each in a process of its own: in this one, net was there first. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Preload {
  readonly folder = mkdtempSync(join(tmpdir(), "onwire-preload-"));

  /** Compiles the package: a process under the preload must not load a compiler of its own, which would load net. */
  async prepare(): Promise<void> {
    const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => /(?<!\.d)\.ts$/.test(name));
    await build({
      entryPoints: sources.map((name) => join("src", name)),
      outdir: join(this.folder, "dist"),
      format: "esm",
      platform: "node",
      target: "node20",
      logLevel: "silent",
    });
    writeFileSync(join(this.folder, "package.json"), JSON.stringify({ name: "onwire", version: "0.0.0", type: "module" }));
    symlinkSync(resolve("node_modules"), join(this.folder, "node_modules"));
  }

  /** Runs the text of an ES module to its end. */
  async run(program: string, options: { readonly flags?: readonly string[]; readonly env?: Record<string, string> } = {}): Promise<Ended> {
    const file = join(this.folder, `program-${Math.abs(hash(program))}.mjs`);
    writeFileSync(file, program);
    return this.#spawn([...(options.flags ?? ["--import", this.register]), file], options.env);
  }

  /** Runs the command `onwire`. */
  command(args: readonly string[]): Promise<Ended> {
    return this.#spawn([join(this.folder, "dist", "cli", "main.js"), ...args], {});
  }

  async #spawn(args: readonly string[], env: Record<string, string> | undefined): Promise<Ended> {
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...process.env, NODE_OPTIONS: "", ...env },
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
    return join(this.folder, "dist", "register.js");
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
