/** Property tests draw the same cases in every run, so that a green tree stays green. SEED=n draws others; SEED=random draws new ones each
 *  time. A failing property prints its seed, and runs again with it. */
import fc from "fast-check";

const wanted = process.env["SEED"] ?? "20261121";
if (wanted !== "random") {
  const seed = Number(wanted);
  if (!Number.isInteger(seed)) throw new Error(`SEED=${wanted}: use an integer, or "random"`);
  fc.configureGlobal({ seed });
}
