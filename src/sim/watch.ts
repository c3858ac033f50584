/** All that is checked of one stack: give `probe` to it, call `tcp.afterTurn` after each of its turns. */
import type { Micros } from "../base/environment.js";
import { registry } from "../base/why-registry.js";
import { fanOut } from "../inspect/probes.js";
import { WhyCheck } from "../inspect/why-check.js";
import { isDelivered } from "../stack/fate.js";
import type { Probe } from "../stack/probe.js";
import type { Stack } from "../stack/stack.js";
import type { TcpPolicy } from "../tcp/policy.js";
import { FrameCheck } from "./frame-check.js";
import { TcpInvariants } from "./invariants.js";
import type { Violations } from "./violations.js";

export class Watch {
  readonly name: string;
  readonly probe: Probe;
  readonly tcp: TcpInvariants;
  readonly whys: WhyCheck;
  readonly #violations: Violations;
  #now: Micros = 0;

  constructor(name: string, policy: TcpPolicy, violations: Violations) {
    this.name = name;
    this.#violations = violations;
    this.tcp = new TcpInvariants(name, policy, violations);
    this.whys = new WhyCheck({ name, onViolation: (message) => this.#report("why", message, this.#now) });
    const tcp = this.tcp;
    const frames = new FrameCheck(name, violations);
    const probe: Probe = {
      segmentSent: (tcb, seg, why, cause, now) => tcp.segmentSent(tcb, seg, why, cause, now),
      segmentReceived: (tcb, seg, datagram, event, now) => tcp.segmentReceived(tcb, seg, datagram, event, now),
      segmentDropped: (tcb, seg, why, event, now) => tcp.segmentDropped(tcb, seg, why, event, now),
      stateChanged: (tcb, old, why, cause, now) => tcp.stateChanged(tcb, old, why, cause, now),
      timerUpdated: (tcb, timer, event, at, why, cause, now) => tcp.timerUpdated(tcb, timer, event, at, why, cause, now),
      congestionChanged: (tcb, why, cause, now) => tcp.congestionChanged(tcb, why, cause, now),
      rttSampled: (tcb, rtt, cause, now) => tcp.rttSampled(tcb, rtt, cause, now),
      frameReceived: (_device, _packet, _event, now) => {
        this.#now = now;
      },
      frameSent: (device, packet, _why, cause, now) => {
        this.#now = now;
        if (device.ethernet) frames.check(packet.pool.arena.bytes, packet.start, packet.end, device.mtu, cause, now);
      },
    };
    this.probe = fanOut([probe, this.whys.probe])!;
  }

  /** I-19: frames in are frames delivered and dropped, and every drop was told and counted once. `received`: what its links gave it. */
  checkConservation(stack: Stack, received: number, now: Micros): void {
    const { frames } = stack;
    if (frames.in !== frames.delivered + frames.dropped)
      this.#report("I-19", `${frames.in} frames in, ${frames.delivered} delivered, ${frames.dropped} dropped`, now);
    let dropped = 0;
    let delivered = 0;
    for (const { code, name } of registry) {
      if (isDelivered(code)) delivered += stack.tally.counts[code]!;
      else if (/^(eth|arp|ip|icmp|udp)\./.test(name)) dropped += stack.tally.counts[code]!;
    }
    if (frames.dropped > dropped || frames.delivered > delivered)
      this.#report(
        "I-19",
        `${frames.dropped} frames dropped and ${frames.delivered} delivered, counted by reason ${dropped} and ${delivered}`,
        now,
      );
    const counted = stack.devices.reduce(
      (sum, device) => sum + (device.ethernet && device.parent === null ? device.counters.framesIn : 0),
      0,
    );
    if (received !== counted) this.#report("I-19", `links gave ${received} frames, devices counted ${counted}`, now);
    for (const wrong of this.whys.disagreements(stack.tally)) this.#report("why", wrong, now);
  }

  #report(id: string, text: string, now: Micros): void {
    this.#violations.report(id, this.name, 0, now, text);
  }
}
