import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Capture } from "../../src/inspect/capture.js";
import { openCapture } from "../../src/inspect/capture-file.js";
import { readCapture } from "../../src/inspect/capture-reader.js";
import { Direction } from "../../src/inspect/pcapng.js";
import { ip } from "../../src/ip/address.js";
import { collector } from "./collector.js";
import { conversation } from "./frames.js";
import { device, load, packet, segment, tcb } from "./playing.js";
import { expertComplaints, tshark, tsharkMissing } from "./tshark.js";

const frame = (i: number): typeof packet => load(conversation[i]![1]);

describe("capture", () => {
  test("what is sent says why; what is received says what became of it", () => {
    const { sink, octets } = collector();
    const capture = new Capture(sink, { names: [{ address: ip("10.0.0.2"), name: "b" }] });
    const { probe } = capture;
    const eth = device();
    const connection = tcb();
    probe.frameSent!(eth, frame(2), 1, 1, 0);
    probe.frameReceived!(eth, frame(3), 2, 100);
    connection.state = 4;
    probe.stateChanged!(connection, 2, 173, 2, 100);
    probe.frameSent!(eth, frame(4), 3, 2, 101);
    probe.frameReceived!(eth, frame(6), 3, 200);
    probe.segmentDropped!(connection, segment({}), 84, 3, 200);
    probe.dropped!(eth, 240, 2, 200); // of an event that is over: there is nothing to say it of
    capture.close();
    probe.frameReceived!(eth, frame(6), 4, 200);
    const read = readCapture(octets());
    expect(read.problem).toBeNull();
    expect(read.interfaces).toMatchObject([{ name: "eth0", linkType: 1 }]);
    expect(read.frames.map((frame) => [frame.direction, Number(frame.id), frame.comment?.replace(/(\.\w+): RFC[^,]*/, "$1")])).toEqual([
      [Direction.Outbound, 0, "tx.active_open, cause 1"],
      [Direction.Inbound, 2, expect.stringMatching(/^SYN-SENT -> ESTABLISHED: st\.rcv_syn_ack/)],
      [Direction.Outbound, 0, "tx.ack_syn, cause 2"],
      [Direction.Inbound, 3, expect.stringMatching(/^drop\.old_seq/)],
    ]);
  });

  test("a reset goes out before the drop is told: the drop still stands in the frame that it is about, and the order holds", () => {
    const { sink, octets } = collector();
    const capture = new Capture(sink);
    capture.probe.frameReceived!(device(), frame(3), 7, 100);
    capture.probe.frameSent!(device(), frame(4), 6, 7, 100);
    capture.probe.segmentDropped!(null, segment({}), 82, 7, 100);
    expect(capture.frames).toBe(2);
    capture.close();
    expect(readCapture(octets()).frames.map((frame) => frame.comment?.split(":")[0])).toEqual(["drop.no_socket", "tx.rst_no_conn"]);
  });

  test("frames are copied at once: the stack's memory may change", () => {
    const { sink, octets } = collector();
    const capture = new Capture(sink);
    capture.probe.frameReceived!(device(), frame(3), 7, 100);
    packet.pool.arena.bytes.fill(0xa5, packet.base, packet.limit);
    capture.flush();
    expect(readCapture(octets()).frames[0]!.octets).toEqual(conversation[3]![1]);
  });

  test("raw IP and Ethernet devices, or only one of them", () => {
    const both = collector();
    const one = collector();
    const eth = device();
    const tun = device("ip", "tun0");
    const captures = [new Capture(both.sink), new Capture(one.sink, { device: tun })];
    for (const capture of captures) {
      capture.probe.frameReceived!(eth, frame(3), 1, 0);
      const bare = frame(3);
      bare.start += 14;
      capture.probe.frameReceived!(tun, bare, 2, 0);
      bare.start -= 14;
      capture.close();
    }
    expect(readCapture(both.octets()).interfaces).toMatchObject([
      { name: "eth0", linkType: 1 },
      { name: "tun0", linkType: 101 },
    ]);
    expect(readCapture(one.octets()).frames).toHaveLength(1);
    if (!tsharkMissing) expect(tshark(both.octets(), "-T", "fields", "-e", "frame.protocols")).toBe("eth:ethertype:ip:tcp\nraw:ip:tcp\n");
    expect(tsharkMissing || expertComplaints(both.octets()).length === 0).toBe(true);
  });

  test("into a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "onwire-capture-"));
    try {
      const path = join(folder, "x.pcapng");
      const { probe, flush, close } = openCapture(path, 5, { epoch: 1_000_000, comment: "seed 7" });
      probe.frameSent!(device(), frame(2), 1, 1, 5);
      flush();
      expect(readCapture(readFileSync(path)).frames).toMatchObject([{ at: 1_000_005_000n }]);
      close();
      close();
      expect(readCapture(readFileSync(path)).problem).toBeNull();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
