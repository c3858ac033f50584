/** Names of ICMP types and codes: RFC 792, RFC 1122 s3.2.2, RFC 1812 s5.2.7. */

export const icmpTypes: Readonly<Record<string, number>> = {
  echo_reply: 0,
  unreachable: 3,
  source_quench: 4,
  redirect: 5,
  echo_request: 8,
  time_exceeded: 11,
  parameter_problem: 12,
  timestamp_request: 13,
  timestamp_reply: 14,
};

export const icmpCodes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  unreachable: {
    net_unreachable: 0,
    host_unreachable: 1,
    protocol_unreachable: 2,
    port_unreachable: 3,
    frag_needed: 4,
    source_route_failed: 5,
    net_unknown: 6,
    host_unknown: 7,
    source_host_isolated: 8,
    net_prohibited: 9,
    host_prohibited: 10,
    net_unreachable_for_tos: 11,
    host_unreachable_for_tos: 12,
    packet_filtered: 13,
    precedence_violation: 14,
    precedence_cutoff: 15,
  },
  redirect: { net_redirect: 0, host_redirect: 1, tos_net_redirect: 2, tos_host_redirect: 3 },
  time_exceeded: { ttl_exceeded: 0, exceeded_ttl: 0, reassembly_exceeded: 1, exceeded_fragment_reassembly: 1 },
  parameter_problem: { pointer: 0, unknown_next_header: 1, missing_option: 1, bad_length: 2 },
};

export const icmpType = (name: string): number => icmpTypes[name] ?? Number(name.slice("type_".length));
export const icmpCode = (type: string, name: string | null): number =>
  name === null ? 0 : (icmpCodes[type]?.[name] ?? Number(name.slice("code_".length)));
