/** Adds up counters of several stacks: numbers by name, at any depth; members of lists each with those in its place. */
export interface Summed {
  [name: string]: number | Summed;
}

export const sum = (all: readonly object[]): Summed => {
  const total: Summed = {};
  for (const one of all) add(total, one);
  return total;
};

const add = (total: Summed, one: object): void => {
  for (const [name, value] of Object.entries(one)) {
    const sofar = total[name];
    if (typeof value === "number") total[name] = (typeof sofar === "number" ? sofar : 0) + value;
    else if (typeof value === "object" && value !== null) {
      const inner = typeof sofar === "object" ? sofar : {};
      total[name] = inner;
      add(inner, value);
    }
  }
};
