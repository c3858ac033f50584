/** Sequence-number arithmetic, modulo 2^32 — RFC 9293 s3.4.
 *
 *  A `Seq` is a signed int32: V8 keeps it as a small integer, and subtraction does the wrapping.
 *  The brand makes `a < b` on two sequence numbers a thing you must go out of your way to write. */
declare const brand: unique symbol;
export type Seq = number & { readonly [brand]: "Seq" };

export const seq = (n: number): Seq => (n | 0) as Seq;
export const seqAdd = (a: Seq, n: number): Seq => ((a + n) | 0) as Seq;
/** Signed distance from `b` to `a`; positive when `a` is after `b`. */
export const seqDiff = (a: Seq, b: Seq): number => (a - b) | 0;
export const seqLt = (a: Seq, b: Seq): boolean => ((a - b) | 0) < 0;
export const seqLeq = (a: Seq, b: Seq): boolean => ((a - b) | 0) <= 0;
export const seqGt = (a: Seq, b: Seq): boolean => ((a - b) | 0) > 0;
export const seqGeq = (a: Seq, b: Seq): boolean => ((a - b) | 0) >= 0;
export const seqMax = (a: Seq, b: Seq): Seq => (((a - b) | 0) >= 0 ? a : b);
export const seqMin = (a: Seq, b: Seq): Seq => (((a - b) | 0) <= 0 ? a : b);
