/** All stimuli, by subject. */
import type { Draw, Stimulus } from "../words.js";
import { ecn } from "./ecn.js";
import { closing, intruders, opening } from "./ends.js";
import { fastOpen } from "./fast-open.js";
import { fastOpenClient } from "./fast-open-client.js";
import { fastOpenServer } from "./fast-open-server.js";
import { info } from "./info.js";
import { keepAlive } from "./keep-alive.js";
import { loss, probes, recovery, undo } from "./loss.js";
import { marks } from "./marks.js";
import { segmentSizes } from "./mss.js";
import { oddOptions } from "./options.js";
import { pathMtu } from "./path-mtu.js";
import { polling } from "./polling.js";
import { reassembly, receiveMemory } from "./receive-memory.js";
import { windows } from "./receive-window.js";
import { receiving } from "./receiving.js";
import { sending } from "./sending.js";
import { stamps } from "./timestamps.js";
import { urgent } from "./urgent.js";
import { growth } from "./window.js";
import { wrongCalls } from "./wrong-calls.js";
import { zeroWindow } from "./zero-window.js";

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
  ecn,
  urgent,
  keepAlive,
  pathMtu,
  segmentSizes,
  oddOptions,
  fastOpen,
  fastOpenClient,
  fastOpenServer,
  polling,
  wrongCalls,
  info,
  receiveMemory,
  reassembly,
];

export const stimuli = (draw: Draw): Stimulus[] => subjects.flatMap((subject) => subject(draw));
