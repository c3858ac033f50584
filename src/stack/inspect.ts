/** A stack as plain JSON: every table, every connection, every counter that is not zero. For people and tools; it costs what it costs. */
import { claimStateNames } from "../arp/claims.js";
import { neighborStateNames } from "../arp/neighbor.js";
import type { Micros } from "../base/environment.js";
import { formatHardware } from "../ethernet/hardware-address.js";
import { formatIp, ipFromInt } from "../ip/address.js";
import type { Device } from "./device.js";
import type { Stack } from "./stack.js";

const showDevice = (device: Device, now: Micros) => ({
  name: device.name,
  index: device.index,
  link: device.link.name,
  medium: device.link.capabilities.medium,
  hardwareAddress: device.ethernet ? device.hardwareAddress : null,
  mtu: device.mtu,
  vlan: device.vlan,
  parent: device.parent?.name ?? null,
  addresses: device.addresses.map(({ address, prefixLength, tentative }) => ({
    address: `${formatIp(address)}/${prefixLength}`,
    tentative,
  })),
  groups: device.groups.map(({ group, members }) => ({ group: formatIp(group), members })),
  claims: device.arp.claims.all.map(({ address, state }) => ({ address: formatIp(ipFromInt(address)), state: claimStateNames[state] })),
  neighbors: showNeighbors(device, now),
  counters: { ...device.counters },
  queued: device.queued,
});

/** Ages in microseconds; null: never. */
function showNeighbors(device: Device, now: Micros) {
  const shown: {
    address: string;
    hardwareAddress: string | null;
    state: string;
    confirmedAgo: Micros | null;
    usedAgo: Micros | null;
    solicits: number;
    waiting: number;
  }[] = [];
  device.arp.neighbors.each((neighbor) =>
    shown.push({
      address: formatIp(ipFromInt(neighbor.address)),
      hardwareAddress: neighbor.high === 0 && neighbor.low === 0 ? null : formatHardware(neighbor.high, neighbor.low),
      state: neighborStateNames[neighbor.state],
      confirmedAgo: ago(neighbor.confirmedAt, now),
      usedAgo: ago(neighbor.usedAt, now),
      solicits: neighbor.solicits,
      waiting: neighbor.queue.length,
    }),
  );
  return shown;
}

const ago = (at: Micros, now: Micros): Micros | null => (Number.isFinite(at) ? now - at : null);

function showPathMtus(stack: Stack, now: Micros) {
  const shown: { destination: string; mtu: number; age: Micros; fragmentable: boolean }[] = [];
  stack.ip.pathMtu.each(now, (destination, mtu, age, locked) =>
    shown.push({ destination: formatIp(ipFromInt(destination)), mtu, age, fragmentable: locked }),
  );
  return shown;
}

export type Inspection = ReturnType<typeof inspect>;

export function inspect(stack: Stack, now: Micros) {
  const { packets, chunks, large } = stack.memory;
  return {
    name: stack.name,
    now,
    profile: stack.profile.name,
    event: stack.cause.id,
    frames: { ...stack.frames },
    devices: stack.devices.filter((device) => device.attached).map((device) => showDevice(device, now)),
    routes: stack.routes.all.map((route) => ({
      prefix: `${formatIp(route.prefix)}/${route.prefixLength}`,
      gateway: route.gateway === 0 ? null : formatIp(route.gateway),
      device: stack.devices[route.device]?.name ?? null,
      source: route.source === 0 ? null : formatIp(route.source),
      mtu: route.mtu,
      metric: route.metric,
      dead: route.deadUntil > now,
    })),
    pathMtus: showPathMtus(stack, now),
    reassembly: {
      octets: stack.ip.reassembly.octets,
      datagrams: stack.ip.reassembly.show(now).map(({ source, destination, ...rest }) => ({
        source: formatIp(ipFromInt(source)),
        destination: formatIp(ipFromInt(destination)),
        ...rest,
      })),
    },
    udp: stack.udp.show(),
    ping: stack.icmp.show(),
    tcp: { ...stack.tcp.summary(), paths: stack.tcp.showPaths(now), connections: stack.tcp.showAll(now) },
    agents: stack.agents.map((agent) => ({ name: agent.name, state: agent.inspect(now) })),
    tally: stack.tally.show(),
    limits: { ...stack.limits },
    pools: {
      packets: { size: packets.size, available: packets.available, capacity: packets.capacity },
      large: { size: large.size, available: large.available, capacity: large.capacity },
      chunks: { count: chunks.count, available: chunks.available, size: chunks.size },
    },
  };
}
