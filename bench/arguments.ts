/** Arguments of a bench: as `node:util` parses them, but what is wrong is said in one line, with status 2. */
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
