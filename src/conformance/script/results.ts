/** What a call was to give, and what it gave. */
import { errnoNamed } from "../../bsd/errno.js";
import type { ControlMessage, OptionValue } from "../../bsd/message.js";
import type { Arguments } from "./arguments.js";
import { field } from "./arguments.js";
import { controlMessages, epollEvent, optionValue } from "./calls.js";
import type { Difference } from "./compare.js";
import { printExpr } from "./print.js";
import type { Outcome } from "./system-call.js";

/** Calls whose result names something new: any that is not negative will do. */
const opening = new Set(["socket", "accept", "accept4", "open", "epoll_create", "epoll_create1"]);

export const opens = (name: string): boolean => opening.has(name);

/** How far times in control messages may be from those of the script. */
export interface Times {
  /** Microseconds. */
  readonly tolerance: number;
}

export function compareResult(args: Arguments, outcome: Outcome, times: Times): Difference[] {
  const { call } = args;
  const differences: Difference[] = [];
  const add = (field: string, expected: string | number, actual: string | number): void => {
    if (expected !== actual) differences.push({ field, expected: String(expected), actual: String(actual) });
  };
  const { errno, value } = outcome;
  const shown = errno === null ? String(value) : `${value} ${errno}`;
  if (call.result.type !== "ellipsis") {
    const expected = args.value(call.result);
    const right = opens(call.name) && expected >= 0 ? value >= 0 : value === expected;
    if (!right) add("result", call.errno === null ? printExpr(call.result) : `${printExpr(call.result)} ${call.errno}`, shown);
  }
  if (call.errno !== null && differences.length === 0) {
    const expected = errnoNamed(call.errno);
    if (expected === null) args.unsupported(`the error ${call.errno}`);
    add("errno", expected, errno ?? "none");
  }
  if (differences.length > 0 || errno !== null) return differences;
  compareGiven(args, outcome, times, add);
  return differences;
}

type Add = (field: string, expected: string | number, actual: string | number) => void;

function compareGiven(args: Arguments, { value, given }: Outcome, times: Times, add: Add): void {
  switch (args.call.name) {
    case "getsockopt": {
      const expected = optionValue(args, args.at(3));
      if (expected === null) return;
      const length = args.value(args.at(4));
      add("option value", describeOption(expected), describeOption(given.option ?? null));
      if (given.optionLength !== undefined) add("option length", length, given.optionLength);
      return;
    }
    case "ioctl":
      if (args.has(2) && args.at(2).type !== "ellipsis" && given.value !== undefined) add("third argument", args.number(2), given.value);
      return;
    case "poll": {
      const list = args.at(0);
      if (list.type !== "list") return;
      for (const [i, item] of list.items.entries()) {
        const revents = item.type === "record" ? field(item.fields, "revents") : null;
        if (revents !== null) add(`revents of number ${i + 1}`, bits(args.value(revents)), bits(given.revents?.[i] ?? 0));
      }
      return;
    }
    case "epoll_wait": {
      const expected = args.at(1);
      const first = given.events?.[0];
      if (expected.type !== "record" || value <= 0 || first === undefined) return;
      const { events, data } = epollEvent(args, expected);
      add("events", bits(events), bits(first.events));
      if (expected.fields.some(({ name }) => name !== "events")) add("event data", data, first.data);
      return;
    }
    case "recvmsg": {
      const fields = args.record(1);
      const flags = field(fields, "msg_flags");
      if (flags !== null && flags.type !== "ellipsis") add("msg_flags", bits(args.value(flags)), bits(given.flags ?? 0));
      const control = field(fields, "msg_control");
      if (control === null || control.type === "ellipsis") return;
      const expected = controlMessages(args, control);
      const actual = given.control ?? [];
      const equal = expected.length === actual.length && expected.every((one, i) => sameControl(one, actual[i]!, times));
      if (!equal) add("control messages", describeControl(expected), describeControl(actual));
      return;
    }
    default:
      return;
  }
}

const bits = (n: number): string => `0x${(n >>> 0).toString(16)}`;

function describeOption(value: OptionValue): string {
  if (value === null) return "nothing";
  // As C reads it: up to the first zero octet.
  if (typeof value === "string") return JSON.stringify(value.replace(/\0[\s\S]*$/, ""));
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

/** IPPROTO_TCP and SOL_TCP are one level. */
const levelOf = ({ level }: ControlMessage): string => level.replace(/^IPPROTO_/, "SOL_");

function sameControl(expected: ControlMessage, actual: ControlMessage, times: Times): boolean {
  if (levelOf(expected) !== levelOf(actual) || expected.type !== actual.type) return false;
  const one = expected.data;
  const other = actual.data;
  if (typeof one === "object" && "seconds" in one && typeof other === "object" && "seconds" in other) {
    const micros = (one.seconds - other.seconds) * 1e6 + (one.fraction - other.fraction) / 1e3;
    return Math.abs(micros) <= times.tolerance;
  }
  return JSON.stringify(one) === JSON.stringify(other);
}

const describeControl = (messages: readonly ControlMessage[]): string =>
  `[${messages.map(({ level, type, data }) => `${level} ${type} ${JSON.stringify(data)}`).join("; ")}]`;
