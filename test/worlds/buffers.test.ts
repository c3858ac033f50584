/** A long fat path: buffers that start small and grow carry as much as large ones do. */
import { expect, test } from "vitest";
import { MILLISECOND } from "../../src/base/environment.js";
import { converse, end, send, settled, stage } from "./two-hosts.js";

const wire = { delay: 40 * MILLISECOND, rate: 100_000_000, queueFrames: 1_000 };
const OCTETS = 6 << 20;

/** Virtual microseconds for the transfer. */
function transfer(options: object): number {
  const at = stage({ wire });
  const begun = at.world.now;
  converse(at, [send(OCTETS), ...end], end, { client: options, server: options });
  settled(at);
  return at.world.now - begun;
}

test("100 Mbit/s by 80 ms: growing buffers cost less than a tenth of the time that the largest ones take", () => {
  const large = transfer({ sendBuffer: 4 << 20, receiveBuffer: 6 << 20 });
  expect(transfer({})).toBeLessThan(1.1 * large);
});
