import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CaptureFile } from "../../src/inspect/capture-file.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { LinkType, PcapngWriter } from "../../src/inspect/pcapng.js";
import { conversation } from "./frames.js";

const folder = mkdtempSync(join(tmpdir(), "onwire-capture-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(file: CaptureFile): PcapngWriter {
  const writer = new PcapngWriter(file.sink);
  const id = writer.addInterface({ name: "x", linkType: LinkType.Ethernet });
  for (const [, octets] of conversation) writer.frame(id, octets, 0, octets.length, { at: 0, direction: 1 });
  return writer;
}

describe("capture file", () => {
  test("gathers, and writes on flush and close", () => {
    const path = join(folder, "a.pcapng");
    const file = new CaptureFile(path);
    const writer = write(file);
    expect(statSync(path).size).toBe(0);
    file.flush();
    expect(readCapture(readFileSync(path)).frames).toHaveLength(conversation.length);
    writer.close();
    file.close();
    file.close();
    expect(statSync(path).size).toBe(file.octets);
    expect(readCapture(readFileSync(path)).problem).toBeNull();
  });

  test("blocks longer than the buffer go through", () => {
    const path = join(folder, "b.pcapng");
    const file = new CaptureFile(path, { buffer: 4_096 });
    const writer = new PcapngWriter(file.sink);
    const id = writer.addInterface({ name: "x", linkType: LinkType.Ethernet });
    for (let i = 0; i < 5; i++) writer.frame(id, new Uint8Array(3_000 * i).fill(i), 0, 3_000 * i, { at: i, direction: 1 });
    file.close();
    expect(readCapture(readFileSync(path)).frames.map((frame) => frame.octets.length)).toEqual([0, 3_000, 6_000, 9_000, 12_000]);
  });

  test("stops at its limit, at a whole block, and says so once", () => {
    const path = join(folder, "c.pcapng");
    const errors: Error[] = [];
    const file = new CaptureFile(path, { limit: 1_000, onError: (error) => errors.push(error) });
    write(file);
    file.close();
    expect(errors.map((error) => error.message)).toEqual([
      `capture ${JSON.stringify(path)} has reached its limit of 1000 octets: raise the limit, or capture less`,
    ]);
    expect(readCapture(readFileSync(path)).problem).toBeNull();
    expect(statSync(path).size).toBeLessThanOrEqual(1_000);
  });

  test("a path that cannot be opened: an error with its code and the remedy", () => {
    expect(() => new CaptureFile(join(folder, "none", "a.pcapng"))).toThrow(/cannot open capture .*none.*: ENOENT: make the folder first/);
    expect(() => new CaptureFile(folder)).toThrow(/EISDIR: name a file, not a folder/);
  });

  test.skipIf(process.platform !== "linux")("a full disk stops the capture, not the stack", () => {
    const errors: (Error & { code?: string })[] = [];
    const file = new CaptureFile("/dev/full", { buffer: 4_096, onError: (error) => errors.push(error) });
    for (let i = 0; i < 100; i++) file.sink(new Uint8Array(1_000));
    file.close();
    expect(errors).toHaveLength(1);
    expect(errors[0]!.code).toBe("ENOSPC");
    expect(errors[0]!.message).toMatch(/make room on the disk/);
  });
});
