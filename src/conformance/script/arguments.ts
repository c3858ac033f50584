/** The arguments of a call in a script, and what they come to. */
import { constantNamed } from "../../bsd/constants.js";
import type { System } from "../../bsd/errno.js";
import { errnoNamed, errnoNumber } from "../../bsd/errno.js";
import type { SocketAddress } from "../../bsd/message.js";
import { type IpAddress, parseIp } from "../../ip/address.js";
import type { Call, Expr, Field, Position } from "./ast.js";
import { ScriptError, Unsupported } from "./error.js";
import { printExpr } from "./print.js";
import type { Extent } from "./system-call.js";

/** Octets of one buffer. */
const MOST_OCTETS = 1 << 30;

/** Reads the arguments of one call. What it does not know by name is unsupported; what cannot be is an error of the script. */
export class Arguments {
  readonly call: Call;
  readonly #file: string;
  readonly #at: Position;
  readonly #system: System;

  constructor(call: Call, file: string, at: Position, system: System) {
    this.call = call;
    this.#file = file;
    this.#at = at;
    this.#system = system;
  }

  /** Throws unless there are from `least` to `most` of them. */
  count(least: number, most = least): void {
    const { length } = this.call.args;
    if (length < least || length > most)
      this.fail(`found ${length} arguments of ${this.call.name}, expected ${least === most ? least : `${least} to ${most}`}`);
  }

  at(index: number): Expr {
    return this.call.args[index] ?? this.fail(`found no argument ${index + 1} of ${this.call.name}`);
  }

  has(index: number): boolean {
    return index < this.call.args.length;
  }

  number(index: number): number {
    return this.value(this.at(index));
  }

  /** An integer; a name of the socket interface; several of them with `|`. */
  value(expr: Expr): number {
    switch (expr.type) {
      case "integer":
        return Number(expr.value);
      case "word":
        return this.named(expr.name);
      case "or":
        // As numbers of 32 bits without a sign.
        return expr.items.reduce((bits, item) => bits | this.value(item), 0) >>> 0;
      case "apply":
        if ((expr.name === "htons" || expr.name === "htonl") && expr.args.length === 1) return this.value(expr.args[0]!);
        break;
      case "list":
        if (expr.items.length === 1) return this.value(expr.items[0]!);
        break;
      default:
        break;
    }
    return this.fail(`found ${printExpr(expr)} in ${this.call.name}, expected a number or a name`);
  }

  named(name: string): number {
    if (name === "NULL") return 0;
    const constant = constantNamed(name, this.#system);
    if (constant !== null) return constant;
    const errno = errnoNamed(name);
    if (errno !== null) return errnoNumber(errno, this.#system);
    throw new Unsupported(`the name ${name} in ${this.call.name}`, this.#at);
  }

  /** A name that is used by its letters, or a number of it. */
  word(index: number): string {
    const expr = this.at(index);
    return expr.type === "word" ? expr.name : this.fail(`found ${printExpr(expr)} in ${this.call.name}, expected a name`);
  }

  /** A count of octets that goes with a buffer written `...`. */
  octets(index: number): number {
    const value = this.number(index);
    if (!(value >= 0 && value <= MOST_OCTETS)) this.fail(`found ${value} octets in ${this.call.name}, expected 0 to ${MOST_OCTETS}`);
    return value;
  }

  /** `...`, or a null pointer: true for that. */
  isNowhere(expr: Expr): boolean {
    if (expr.type === "ellipsis") return false;
    if (isNull(expr)) return true;
    return this.fail(`found ${printExpr(expr)} as a buffer of ${this.call.name}, expected ... or NULL`);
  }

  /** The address at `index`: `...` stands for `usual`, AF_UNSPEC for null. */
  address(index: number, usual: SocketAddress): SocketAddress | null {
    const expr = this.at(index);
    if (expr.type === "ellipsis") return usual;
    if (isNull(expr)) return usual;
    if (expr.type === "word" && expr.name === "AF_UNSPEC") return null;
    if (expr.type !== "record")
      return this.fail(
        `found ${printExpr(expr)} as an address, expected ... or {sa_family=AF_INET, sin_port=htons(N), sin_addr=inet_addr("A.B.C.D")}`,
      );
    const family = field(expr.fields, "sa_family");
    if (family?.type === "word" && family.name === "AF_UNSPEC") return null;
    if (family?.type === "word" && family.name === "AF_INET6") throw new Unsupported("IPv6 (AF_INET6)", this.#at);
    const port = field(expr.fields, "sin_port");
    const address = field(expr.fields, "sin_addr");
    return { address: address === null ? usual.address : this.#ip(address), port: port === null ? usual.port : this.value(port) };
  }

  #ip(expr: Expr): IpAddress {
    const inner = expr.type === "apply" && expr.name === "inet_addr" ? expr.args[0] : expr;
    const text =
      inner?.type === "string" || inner?.type === "address"
        ? inner.value
        : inner?.type === "word" && inner.name === "INADDR_ANY"
          ? "0.0.0.0"
          : null;
    const address = text === null ? null : parseIp(text);
    return address ?? this.fail(`found ${printExpr(expr)}, expected inet_addr("A.B.C.D")`);
  }

  /** `[{..., 100}, {NULL, 200}]`. */
  vector(expr: Expr | null): Extent[] {
    if (expr?.type !== "list")
      return this.fail(`found ${expr === null ? "nothing" : printExpr(expr)} in ${this.call.name}, expected [{..., LENGTH}]`);
    return expr.items.map((item) => {
      const [base, length] = item.type === "record" ? item.fields : [];
      if (base === undefined || length === undefined) return this.fail(`found ${printExpr(item)} in a vector, expected {..., LENGTH}`);
      return { length: this.value(length.value), nowhere: this.isNowhere(base.value) };
    });
  }

  record(index: number): readonly Field[] {
    const expr = this.at(index);
    return expr.type === "record" ? expr.fields : this.fail(`found ${printExpr(expr)} in ${this.call.name}, expected a record in { }`);
  }

  fail(message: string): never {
    throw new ScriptError(this.#file, this.#at, message);
  }

  unsupported(what: string): never {
    throw new Unsupported(what, this.#at);
  }
}

export const isNull = (expr: Expr): boolean =>
  (expr.type === "integer" && Number(expr.value) === 0) || (expr.type === "word" && expr.name === "NULL");

export function field(fields: readonly Field[], name: string): Expr | null {
  return fields.find((one) => one.name === name)?.value ?? null;
}
