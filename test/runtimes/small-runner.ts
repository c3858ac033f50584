/** As much of vitest as the suites of `onwire/net` use, for runtimes in which vitest does not run: tests one after the other, a line for each. */
import { isDeepStrictEqual } from "node:util";

type Body = () => unknown;
interface Scope {
  readonly name: string;
  readonly before: Body[];
  readonly after: Body[];
}

const TIMEOUT = 60_000;
const scopes: Scope[] = [{ name: "", before: [], after: [] }];
const cases: { readonly name: string; readonly body: Body; readonly scopes: readonly Scope[] }[] = [];

export const describe = (name: string, body: Body): void => {
  scopes.push({ name, before: [], after: [] });
  body();
  scopes.pop();
};
export const test = (name: string, body: Body): void => {
  cases.push({ name: [...scopes.map((scope) => scope.name), name].filter(Boolean).join(" > "), body, scopes: [...scopes] });
};
export const beforeEach = (body: Body): void => void scopes.at(-1)!.before.push(body);
export const afterEach = (body: Body): void => void scopes.at(-1)!.after.push(body);

const show = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

/** What `toEqual` does not distinguish: properties that are undefined, and prototypes. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, plain(each)]),
  );
};
const contains = (actual: unknown, wanted: unknown): boolean => {
  if (wanted instanceof RegExp) return wanted.test(String(actual));
  if (typeof wanted !== "object" || wanted === null || Array.isArray(wanted)) return isDeepStrictEqual(plain(actual), plain(wanted));
  return Object.entries(wanted).every(([key, each]) => contains((actual as Record<string, unknown> | null)?.[key], each));
};

const matchers = (actual: unknown, note: string | undefined) => {
  const hold = (isSo: boolean, what: string, wanted: unknown): void => {
    if (!isSo) throw new Error(`${note === undefined ? "" : `${note}: `}${show(actual)} ${what} ${show(wanted)}`);
  };
  return {
    toBe: (wanted: unknown) => hold(Object.is(actual, wanted), "is not", wanted),
    toEqual: (wanted: unknown) => hold(isDeepStrictEqual(plain(actual), plain(wanted)), "does not equal", wanted),
    toMatchObject: (wanted: object) => hold(contains(actual, wanted), "does not match", wanted),
    toBeInstanceOf: (wanted: abstract new (...rest: never[]) => unknown) => hold(actual instanceof wanted, "is no", wanted.name),
    toBeGreaterThan: (wanted: number) => hold((actual as number) > wanted, "is not greater than", wanted),
    toBeLessThan: (wanted: number) => hold((actual as number) < wanted, "is not less than", wanted),
    toThrow: (wanted: RegExp) => {
      try {
        (actual as Body)();
      } catch (error) {
        return hold(wanted.test(String((error as Error).message)), "throws not", wanted);
      }
      hold(false, "does not throw", wanted);
    },
  };
};

export const expect = (actual: unknown, note?: string) => ({
  ...matchers(actual, note),
  rejects: {
    toMatchObject: async (wanted: object) => {
      const error = await (actual as Promise<unknown>).then(
        () => null,
        (reason: unknown) => reason,
      );
      matchers(error, note).toMatchObject(wanted);
    },
  },
});

/** Runs what was declared, but for what the runtime itself cannot do: a part of the name, and why. Resolves with how many have failed. */
export const run = async (beyond: Readonly<Record<string, string>>): Promise<number> => {
  let failed = 0;
  for (const { name, body, scopes: around } of cases) {
    const [, reason] = Object.entries(beyond).find(([part]) => name.includes(part)) ?? [];
    if (reason !== undefined) {
      console.log(`not here ${name}: ${reason}`);
      continue;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      for (const scope of around) for (const each of scope.before) await each();
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("timed out")), TIMEOUT);
      });
      await Promise.race([body(), late]);
      for (const scope of around) for (const each of scope.after) await each();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${name}: ${(error as Error).stack}`);
    } finally {
      clearTimeout(timer);
    }
  }
  console.log(`${cases.length - failed} of ${cases.length}`);
  return failed;
};
