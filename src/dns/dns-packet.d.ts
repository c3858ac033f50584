/** What `codec.ts` uses of dns-packet, which brings no types of its own. */
declare module "dns-packet" {
  interface Question {
    name: string;
    type: string;
    class?: string;
  }
  interface Resource extends Question {
    ttl?: number;
    data?: unknown;
  }
  interface Message {
    id?: number;
    type?: string;
    flags?: number;
    flag_tc?: boolean;
    opcode?: string;
    rcode?: string;
    questions?: Question[];
    answers?: Resource[];
    authorities?: Resource[];
  }
  export function encode(message: Message): Uint8Array;
  export function decode(octets: Uint8Array): Message;
  export const RECURSION_DESIRED: number;
}
