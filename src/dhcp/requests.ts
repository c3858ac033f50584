/** What a client says — RFC 2131 s4.4.1 to s4.4.6, table 5: which fields and options which message has. */
import { type IpAddress, UNSPECIFIED } from "../ip/address.js";
import { type DhcpMessage, Op, Type } from "./message.js";
import { Option, writeInt32 } from "./options.js";

/** Who the client is, the same in all its messages. */
export interface Identity {
  /** Six octets. */
  readonly chaddr: Uint8Array;
  /** RFC 2132 s9.14; absent: the hardware address identifies it. */
  readonly clientIdentifier?: Uint8Array | undefined;
  readonly hostname?: string | undefined;
  /** The largest message that it takes, octets. */
  readonly largest: number;
}

/** What a message is about. Only what is said belongs in it: table 5 has a MUST NOT for most of the rest. */
interface Request {
  readonly type: Type;
  readonly xid: number;
  readonly secs: number;
  /** Our address, when we use it and can answer for it. */
  readonly ciaddr?: IpAddress;
  readonly requested?: IpAddress;
  readonly server?: IpAddress;
  readonly message?: string;
}

/** RFC 3442: code 121 stands before 3, so that a server which runs out of room leaves out the latter. */
const PARAMETERS = Uint8Array.of(
  Option.SubnetMask,
  Option.ClasslessRoutes,
  Option.Routers,
  Option.DnsServers,
  Option.DomainName,
  Option.DomainSearch,
  Option.LeaseTime,
  Option.RenewalTime,
  Option.RebindingTime,
);

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 0x7f);

export function requestOf(identity: Identity, request: Request): DhcpMessage {
  const { type, xid, secs, ciaddr = UNSPECIFIED, requested, server, message } = request;
  const { chaddr, clientIdentifier, hostname, largest } = identity;
  const asks = type === Type.Discover || type === Type.Request;
  const options = new Map<number, Uint8Array>([[Option.MessageType, Uint8Array.of(type)]]);
  if (clientIdentifier !== undefined) options.set(Option.ClientIdentifier, clientIdentifier);
  if (requested !== undefined) options.set(Option.RequestedAddress, writeInt32(requested));
  if (server !== undefined) options.set(Option.ServerIdentifier, writeInt32(server));
  if (message !== undefined) options.set(Option.Message, ascii(message));
  if (asks) {
    options.set(Option.MaximumMessageSize, Uint8Array.of(largest >>> 8, largest));
    options.set(Option.ParameterRequestList, PARAMETERS);
    if (hostname !== undefined) options.set(Option.HostName, ascii(hostname));
  }
  return {
    op: Op.Request,
    xid,
    secs,
    // RFC 2131 s4.1: "A client that cannot receive unicast IP datagrams until its protocol software has been configured with an IP address SHOULD
    // set the BROADCAST bit". Our IP takes nothing for an address that it does not have yet.
    broadcast: asks && ciaddr === UNSPECIFIED,
    ciaddr,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr,
    options,
  };
}
