/** What a bench wants before it begins: arguments as `node:util` parses them, and who may run it. What is wrong is said in one line, with status 2. */
import { parseArgs as parse } from "node:util";

export const parseArgs: typeof parse = (config) => {
  try {
    return parse(config);
  } catch (error) {
    const known = Object.keys(config?.options ?? {}).map((name) => `--${name}`);
    return refuse(`${(error as Error).message}: use ${known.join(", ")}`);
  }
};

/** Ends the process with what is wrong with its arguments. */
export const refuse = (message: string): never => {
  console.error(`bench: ${message}`);
  process.exit(2);
};

/** Namespaces, devices and raw sockets are the superuser's to make. */
export const wantRoot = (): void => {
  if (process.getuid?.() !== 0) refuse("it makes network namespaces and devices: run it as root, on Linux");
};
