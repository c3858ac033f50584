/** The import rules of ARCHITECTURE.md, "Who may import whom".
 *
 *  A file imports from lower layers, from its own folder, and downwards in its own tree. `npm run deps` checks it. */

const layers = [
  ["base"],
  ["ethernet"],
  ["arp", "ip"],
  ["udp", "tcp"],
  ["stack"],
  ["transport", "drive", "net", "bsd", "sim", "conformance", "inspect", "dhcp", "dns", "proxy"],
  ["node", "workers"],
  ["cli"],
];
const core = "^src/(base|ethernet|arp|ip|udp|tcp|stack)/";
const folders = (names) => `^src/(${names.join("|")})/`;

/** Nobody below imports from above. The stack knows a link by its type alone. */
const upwards = layers.slice(0, -1).map((names, i) => ({
  name: `layer-${i}-imports-downwards`,
  comment: `${names.join(", ")} may import only from lower layers`,
  severity: "error",
  from: { path: folders(names) },
  to: { path: folders(layers.slice(i + 1).flat()), ...(names[0] === "stack" ? { pathNot: "^src/transport/link\\.ts$" } : {}) },
}));

module.exports = {
  forbidden: [
    ...upwards,
    {
      name: "link-is-a-type",
      comment: "the stack may name transport/link.ts, but only as a type",
      severity: "error",
      from: { path: "^src/stack/" },
      to: { path: "^src/transport/link\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "arp-and-ip-are-strangers",
      comment: "stack/ introduces arp/ and ip/ to each other; an address is a noun that everybody knows",
      severity: "error",
      from: { path: "^src/(arp|ip)/" },
      to: { path: "^src/(arp|ip)/", pathNot: ["^src/$1/", "^src/ip/address\\.ts$"] },
    },
    {
      name: "udp-and-tcp-are-strangers",
      severity: "error",
      from: { path: "^src/(udp|tcp)/" },
      to: { path: "^src/(udp|tcp)/", pathNot: "^src/$1/" },
    },
    {
      name: "transports-see-ip-as-network",
      comment: "tcp/ and udp/ know IP by its interface, so that a test can give them a stub",
      severity: "error",
      from: { path: "^src/(udp|tcp)/" },
      to: {
        path: "^src/(ethernet|arp|ip)/",
        pathNot: "^src/ip/(network|address|application|datagram-queue|handles|recent-destinations|icmp/error)\\.ts$",
      },
    },
    {
      name: "datagram-endpoints-are-for-udp",
      comment: "what UDP shares with the echo endpoint is nothing to TCP",
      severity: "error",
      from: { path: "^src/tcp/" },
      to: { path: "^src/ip/(application|datagram-queue|handles|recent-destinations)\\.ts$" },
    },
    {
      name: "plugs-see-base-only",
      comment: "recovery/ and congestion/ import base/ and each other's interface, nothing else of tcp/",
      severity: "error",
      from: { path: "^src/tcp/(recovery|congestion)/" },
      to: {
        path: "^src/",
        pathNot: ["^src/base/", "^src/tcp/$1/", "^src/tcp/congestion/controller\\.ts$", "^src/tcp/recovery/recovery\\.ts$"],
      },
    },
    {
      name: "layer-5-folders-are-strangers",
      comment: "net/ may name drive/, conformance/ may name sim/ and bsd/, tools may name inspect/; a link is known by its interface",
      severity: "error",
      from: { path: folders(layers[5]) },
      to: {
        path: folders(layers[5]),
        pathNot: ["^src/$1/", "^src/transport/link\\.ts$", "^src/drive/", "^src/bsd/", "^src/sim/", "^src/inspect/"],
      },
    },
    {
      name: "the-model-is-no-stack",
      comment: "the model judges the stack: it shares nothing with it but types, and how addresses are written",
      severity: "error",
      from: { path: "^src/conformance/model/" },
      to: {
        path: "^src/(base|ethernet|arp|ip|udp|tcp|stack|bsd|sim|net|drive|transport)/",
        pathNot: "^src/ip/address\\.ts$",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "only-net-names-drive",
      severity: "error",
      from: { path: folders(layers[5]), pathNot: "^src/(net|dns|drive)/" },
      to: { path: "^src/drive/" },
    },
    {
      name: "handles-before-net",
      comment: "what a preload loads must not load net, dgram or what builds on them: they would have the kernel's handles for good",
      severity: "error",
      from: { path: ["^src/(base|ip|tcp|udp|stack|drive|transport|inspect|net)/", "^src/node/(?!embedded/)", "^src/register\\.ts$"] },
      to: { path: "^(node:)?(net|dgram|tls|http|https|http2|child_process|cluster|worker_threads|dns)$", dependencyTypes: ["core"] },
    },
    {
      name: "node-and-workers-are-strangers",
      comment: "a preload starts no threads, and a stack in a thread replaces nothing of Node's",
      severity: "error",
      from: { path: "^src/(node|workers)/" },
      to: { path: "^src/(node|workers)/", pathNot: "^src/$1/" },
    },
    {
      name: "only-conformance-names-sim",
      severity: "error",
      from: { path: folders(layers[5]), pathNot: "^src/(conformance|sim)/" },
      to: { path: "^src/sim/" },
    },
    {
      name: "only-conformance-names-bsd",
      severity: "error",
      from: { path: folders(layers[5]), pathNot: "^src/(conformance|bsd)/" },
      to: { path: "^src/bsd/" },
    },
    {
      name: "only-tools-name-inspect",
      severity: "error",
      from: { path: folders(layers[5]), pathNot: "^src/(sim|conformance|inspect)/" },
      to: { path: "^src/inspect/" },
    },
    {
      name: "entry-points-are-for-users",
      comment: "re-exports live in the package's entry points, and nothing inside goes through them",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^src/([^/]+|(net|sim|inspect|dhcp|dns|proxy|workers)/index)\\.ts$" },
    },
    {
      name: "core-has-no-node",
      comment: "the core runs where there is no Node",
      severity: "error",
      from: { path: [core, "^src/index\\.ts$"] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "core-has-no-dependency",
      severity: "error",
      from: { path: [core, "^src/index\\.ts$"] },
      to: { path: "node_modules" },
    },
    {
      name: "koffi-in-the-native-port",
      comment: "what only a kernel can do goes through one interface",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/transport/native-" },
      to: { path: "node_modules/(koffi|raw-socket)/" },
    },
    {
      name: "commander-in-the-cli",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/cli/" },
      to: { path: "node_modules/commander/" },
    },
    {
      name: "dns-packet-in-the-resolver",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/dns/codec\\.ts$" },
      to: { path: "node_modules/dns-packet/" },
    },
    {
      name: "no-development-dependencies",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "node_modules/@types/" },
    },
    {
      name: "no-unresolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^(koffi|raw-socket)$" },
    },
    {
      name: "no-cycles",
      comment: "imports of types only are tolerated: they are gone after compilation",
      severity: "error",
      from: { path: "^src/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
    combinedDependencies: false,
  },
};
