/** All stimuli, by subject. */
import type { Draw, Stimulus } from "../words.js";
import { closing, intruders, opening } from "./ends.js";
import { loss, probes, recovery, undo } from "./loss.js";
import { calls, marks, oddities, receiving, sending, stamps, windows, zeroWindow } from "./streams.js";
import { growth } from "./window.js";

const subjects: readonly ((draw: Draw) => Stimulus[])[] = [
  opening,
  closing,
  intruders,
  growth,
  loss,
  recovery,
  undo,
  probes,
  sending,
  zeroWindow,
  receiving,
  windows,
  stamps,
  marks,
  oddities,
  calls,
];

export const stimuli = (draw: Draw): Stimulus[] => subjects.flatMap((subject) => subject(draw));
