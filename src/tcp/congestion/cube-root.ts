/** The cube root by Newton's method: only operations that IEEE 754 rounds exactly, so that every engine has the same last bit. */
export function cubeRoot(x: number): number {
  if (!(x > 0)) return 0;
  let y = 1;
  while (y * y * y < x) y *= 2;
  // From above it falls until it can fall no more.
  for (;;) {
    const next = (2 * y + x / (y * y)) / 3;
    if (next >= y) return y;
    y = next;
  }
}
