/** System calls as data: what a script asks for, with every name a number and every `...` what it stands for. An agent in another process
 *  makes them as well as the facade in this one. */
import type { ControlMessage, OptionValue, SocketAddress } from "../../bsd/message.js";

export type SystemCall =
  | { readonly name: "socket"; readonly domain: number; readonly type: number; readonly protocol: number }
  | { readonly name: "bind"; readonly fd: number; readonly address: SocketAddress }
  | { readonly name: "listen"; readonly fd: number; readonly backlog: number }
  | { readonly name: "accept"; readonly fd: number; readonly flags: number }
  /** `address` null: AF_UNSPEC. */
  | { readonly name: "connect"; readonly fd: number; readonly address: SocketAddress | null }
  /** `nowhere`: the buffer is a null pointer. */
  | { readonly name: "read" | "write"; readonly fd: number; readonly length: number; readonly nowhere: boolean }
  | { readonly name: "readv" | "writev"; readonly fd: number; readonly vector: readonly Extent[] }
  | {
      readonly name: "recv" | "send" | "recvfrom";
      readonly fd: number;
      readonly length: number;
      readonly nowhere: boolean;
      readonly flags: number;
    }
  | {
      readonly name: "sendto";
      readonly fd: number;
      readonly length: number;
      readonly nowhere: boolean;
      readonly flags: number;
      readonly address: SocketAddress | null;
    }
  | {
      readonly name: "sendmsg" | "recvmsg";
      readonly fd: number;
      readonly vector: readonly Extent[];
      readonly flags: number;
      readonly address: SocketAddress | null;
      readonly control: readonly ControlMessage[];
    }
  | { readonly name: "shutdown"; readonly fd: number; readonly how: number }
  | { readonly name: "close"; readonly fd: number }
  | { readonly name: "fcntl"; readonly fd: number; readonly command: number; readonly argument: number }
  | { readonly name: "ioctl"; readonly fd: number; readonly request: string; readonly value: number }
  | {
      readonly name: "setsockopt";
      readonly fd: number;
      readonly level: string;
      readonly option: string;
      readonly value: OptionValue;
      readonly length: number;
    }
  | { readonly name: "getsockopt"; readonly fd: number; readonly level: string; readonly option: string; readonly length: number }
  | { readonly name: "poll"; readonly fds: readonly { readonly fd: number; readonly events: number }[]; readonly timeout: number }
  | { readonly name: "pipe" }
  | { readonly name: "open"; readonly path: string; readonly flags: number }
  /** `offset` null: from where the file is. */
  | { readonly name: "sendfile"; readonly to: number; readonly from: number; readonly offset: number | null; readonly length: number }
  | { readonly name: "splice"; readonly from: number; readonly to: number; readonly length: number; readonly flags: number }
  | { readonly name: "epoll_create" }
  | {
      readonly name: "epoll_ctl";
      readonly epfd: number;
      readonly operation: number;
      readonly fd: number;
      readonly events: number;
      readonly data: number;
    }
  | { readonly name: "epoll_wait"; readonly epfd: number; readonly most: number; readonly timeout: number };

/** One buffer of a vector. */
export interface Extent {
  readonly length: number;
  readonly nowhere: boolean;
}

/** What a call gives beside its result. */
export interface Given {
  /** Of getsockopt. */
  option?: OptionValue;
  optionLength?: number;
  /** Of ioctl. */
  value?: number;
  /** Of poll, in the order of its descriptors. */
  revents?: readonly number[];
  /** Of epoll_wait. */
  events?: readonly { readonly events: number; readonly data: number }[];
  /** Of pipe: the end to read from, and the one to write to. */
  fds?: readonly [number, number];
  /** Of recvmsg. */
  flags?: number;
  control?: readonly ControlMessage[];
}

export interface Outcome {
  readonly value: number;
  /** By its name; null: none. */
  readonly errno: string | null;
  readonly finishedAt: number;
  readonly given: Given;
}
