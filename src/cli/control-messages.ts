/** Control messages as Linux lays them out behind a msghdr: <linux/socket.h>, <linux/errqueue.h>. */
import { errnoNumbered } from "../bsd/errno.js";
import type { ControlMessage } from "../bsd/message.js";

const HEADER = 16;
const aligned = (octets: number): number => (octets + 7) & ~7;

type Reader = (view: DataView) => ControlMessage["data"];

const number: Reader = (view) => (view.byteLength >= 4 ? view.getInt32(0, true) : view.getUint8(0));

/** The first of several times that is set. `unit`: nanoseconds of what the second half counts. */
const time =
  (unit: number): Reader =>
  (view) => {
    let at = 0;
    while (at + 32 <= view.byteLength && view.getBigInt64(at, true) === 0n) at += 16;
    return { seconds: Number(view.getBigInt64(at, true)), fraction: Number(view.getBigInt64(at + 8, true)) * unit };
  };

const extendedError: Reader = (view) => ({
  errno: errnoNumbered(view.getUint32(0, true), "linux") ?? "",
  origin: view.getUint8(4),
  type: view.getUint8(5),
  code: view.getUint8(6),
  info: view.getUint32(8, true),
  data: view.getUint32(12, true),
});

/** By level and type. */
const known: Readonly<Record<string, readonly [string, string, Reader]>> = {
  "0 1": ["SOL_IP", "IP_TOS", number],
  "0 2": ["SOL_IP", "IP_TTL", number],
  "0 11": ["SOL_IP", "IP_RECVERR", extendedError],
  "1 29": ["SOL_SOCKET", "SCM_TIMESTAMP", time(1_000)],
  "1 35": ["SOL_SOCKET", "SCM_TIMESTAMPNS", time(1)],
  "1 37": ["SOL_SOCKET", "SCM_TIMESTAMPING", time(1)],
  "6 36": ["SOL_TCP", "TCP_CM_INQ", number],
};

/** The control messages in the first `length` octets. */
export function readControl(octets: Uint8Array, length: number): ControlMessage[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const messages: ControlMessage[] = [];
  for (let at = 0; at + HEADER <= length; ) {
    const size = Number(view.getBigUint64(at, true));
    if (size < HEADER || at + size > length) break;
    const level = view.getInt32(at + 8, true);
    const type = view.getInt32(at + 12, true);
    const body = new DataView(octets.buffer, octets.byteOffset + at + HEADER, size - HEADER);
    const [levelName, typeName, reader] = known[`${level} ${type}`] ?? [String(level), String(type), number];
    messages.push({ level: levelName, type: typeName, data: reader(body) });
    at += aligned(size);
  }
  return messages;
}
