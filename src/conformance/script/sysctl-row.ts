/** What a row of a table of `sysctl` keys is made of (sysctls.ts, sysctls-freebsd.ts). */
import type { TcpPolicy } from "../../tcp/policy.js";

/** What a value comes to; null: nothing is to be done, because it is so already or means nothing here. "unsupported": it is not so. */
export type Meaning = Partial<TcpPolicy> | null | "unsupported";
export type Row = (value: string) => Meaning;

/** Nothing here depends on it. */
export const nothing: Row = () => null;

/** The stack does this and nothing else. */
export const only =
  (...values: readonly string[]): Row =>
  (value) =>
    values.includes(value) ? null : "unsupported";

type Switch = { [Name in keyof TcpPolicy]: TcpPolicy[Name] extends boolean ? Name : never }[keyof TcpPolicy];

export const flag =
  (name: Switch): Row =>
  (value) =>
    value === "0" ? { [name]: false } : value === "1" ? { [name]: true } : "unsupported";

export const choice = (values: Readonly<Record<string, Partial<TcpPolicy>>>, value: string): Meaning => values[value] ?? "unsupported";

export const integer =
  (to: (value: number) => Partial<TcpPolicy>, least = 0): Row =>
  (value) => {
    const number = Number(value);
    return /^-?\d+$/.test(value) && number >= least ? to(number) : "unsupported";
  };
