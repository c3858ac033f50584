/** A datagram socket: RFC 1122 s4.1.4 as 4.4BSD has it. */
import { type Micros, NEVER, SECOND } from "../base/environment.js";
import { UNSPECIFIED } from "../ip/address.js";
import { type DatagramApplication, DatagramEvent } from "../ip/application.js";
import type { UdpOptions } from "../udp/endpoint.js";
import type { Outcome } from "./call.js";
import { Msg, Poll } from "./constants.js";
import { type Errno, errnoNamed, errnoNumber } from "./errno.js";
import type { Message, OptionValue, SocketAddress } from "./message.js";
import { Edges, type OptionGot, type Socket } from "./socket.js";
import { guarded, type SocketEnvironment } from "./tcp-socket.js";

const SHUT_RD = 0;
const SHUT_WR = 1;

export class UdpSocket implements Socket, DatagramApplication {
  readonly stream = false;
  readonly edges = new Edges();
  receiveTimeout: Micros = 0;
  sendTimeout: Micros = 0;
  readonly #environment: SocketEnvironment;
  #handle = 0;
  #bound: SocketAddress = { address: UNSPECIFIED, port: 0 };
  #isBound = false;
  #error: Errno | null = null;
  #connected = false;
  #shut = 0;
  #full = false;
  #options: Partial<UdpOptions> = {};
  readonly #stored = new Map<string, number>();

  constructor(environment: SocketEnvironment) {
    this.#environment = environment;
  }

  bind(to: SocketAddress): Outcome {
    if (this.#isBound) return "EINVAL";
    this.#bound = to;
    return this.#open();
  }

  listen(): Outcome {
    return "EOPNOTSUPP";
  }

  connect(to: SocketAddress | null): Outcome {
    const { udp } = this.#environment.stack;
    return guarded(() => {
      if (to === null) {
        if (this.#connected) udp.disconnect(this.#handle);
        this.#connected = false;
        return 0;
      }
      const opened = this.#open();
      if (typeof opened === "string") return opened;
      udp.connect(this.#handle, to.address, to.port);
      this.#connected = true;
      return 0;
    });
  }

  connected(): Outcome {
    return 0;
  }

  accept(): Socket | Errno {
    return "EOPNOTSUPP";
  }

  send(octets: Uint8Array, _flags: number, to: SocketAddress | null): Outcome {
    const { stack, now } = this.#environment;
    if (this.#error !== null) return this.#takeError()!;
    if (this.#shut & 2) return "EPIPE";
    if (to === null && !this.#connected) return "EDESTADDRREQ";
    return guarded(() => {
      const opened = this.#open();
      if (typeof opened === "string") return opened;
      const sent = stack.udp.send(this.#handle, octets, 0, octets.length, to?.address ?? UNSPECIFIED, to?.port ?? 0, now());
      this.#full = sent < 0;
      return sent < 0 ? "EAGAIN" : sent;
    });
  }

  receive(octets: Uint8Array, flags: number, message: Message): Outcome {
    const { udp } = this.#environment.stack;
    message.flags = 0;
    if (flags & Msg.ERRQUEUE) return "EAGAIN";
    if (this.#error !== null) return this.#takeError()!;
    if (this.#handle === 0 || udp.readable(this.#handle) === 0) return this.#shut & 1 ? 0 : "EAGAIN";
    const count = flags & Msg.PEEK ? udp.peek(this.#handle, octets, 0, octets.length) : udp.receive(this.#handle, octets, 0, octets.length);
    message.name = { address: udp.from, port: udp.fromPort };
    if (udp.fullLength > octets.length) message.flags |= Msg.TRUNC;
    return flags & Msg.TRUNC ? udp.fullLength : count;
  }

  spliceOut(): Outcome {
    return "EINVAL";
  }

  shutdown(how: number): Outcome {
    if (!this.#connected) return "ENOTCONN";
    if (how !== SHUT_WR) this.#shut |= 1;
    if (how !== SHUT_RD) this.#shut |= 2;
    return 0;
  }

  close(): Outcome {
    if (this.#handle !== 0) this.#environment.stack.udp.close(this.#handle);
    this.#handle = 0;
    return 0;
  }

  lingerUntil(): Micros {
    return NEVER;
  }

  ioctl(request: string): Outcome {
    if (request === "FIONREAD" || request === "SIOCINQ")
      return this.#handle === 0 ? 0 : this.#environment.stack.udp.nextLength(this.#handle);
    return request === "SIOCOUTQ" || request === "TIOCOUTQ" ? 0 : "ENOTTY";
  }

  setOption(level: string, name: string, value: OptionValue): Outcome {
    if (name === "SO_RCVTIMEO" || name === "SO_SNDTIMEO") {
      if (typeof value !== "object" || value === null || !("seconds" in value)) return "EINVAL";
      const micros = (value.seconds as number) * SECOND + (value.fraction as number);
      if (name === "SO_RCVTIMEO") this.receiveTimeout = micros;
      else this.sendTimeout = micros;
      return 0;
    }
    if (typeof value !== "number") return "EINVAL";
    switch (`${level}/${name}`) {
      case "SOL_SOCKET/SO_RCVBUF":
        return this.#change({ receiveBuffer: value * this.#environment.personality.bufferFactor });
      case "SOL_SOCKET/SO_BROADCAST":
        return this.#change({ broadcast: value !== 0 });
      case "IPPROTO_IP/IP_TTL":
        return this.#change({ ttl: value });
      case "IPPROTO_IP/IP_TOS":
        return this.#change({ trafficClass: value });
      case "IPPROTO_IP/IP_MTU_DISCOVER":
        this.#stored.set(name, value);
        return this.#change({ dontFragment: value >= 2 });
      default:
        if (!stored.has(name)) return "ENOPROTOOPT";
        this.#stored.set(name, value);
        return 0;
    }
  }

  getOption(level: string, name: string): OptionGot | Errno {
    const four = (value: number): OptionGot => ({ value, length: 4 });
    switch (`${level}/${name}`) {
      case "SOL_SOCKET/SO_ERROR": {
        const error = this.#takeError();
        return four(error === null ? 0 : errnoNumber(error, this.#environment.personality.system));
      }
      case "SOL_SOCKET/SO_TYPE":
        return four(2);
      case "SOL_SOCKET/SO_PROTOCOL":
        return four(17);
      case "SOL_SOCKET/SO_RCVBUF":
        return four(this.#options.receiveBuffer ?? this.#environment.stack.profile.lower.udpReceiveBuffer);
      case "SOL_SOCKET/SO_BROADCAST":
        return four(this.#options.broadcast === true ? 1 : 0);
      case "IPPROTO_IP/IP_TTL":
        return four(this.#options.ttl ?? this.#environment.stack.profile.lower.ttl);
      case "IPPROTO_IP/IP_TOS":
        return four(this.#options.trafficClass ?? 0);
      default:
        return stored.has(name) ? four(this.#stored.get(name) ?? 0) : "ENOPROTOOPT";
    }
  }

  localName(): SocketAddress | Errno {
    if (this.#handle === 0) return this.#bound;
    const { local, localPort } = this.#environment.stack.udp.endpointsOf(this.#handle);
    return { address: local, port: localPort };
  }

  remoteName(): SocketAddress | Errno {
    if (!this.#connected) return "ENOTCONN";
    const { remote, remotePort } = this.#environment.stack.udp.endpointsOf(this.#handle);
    return { address: remote, port: remotePort };
  }

  readiness(): number {
    const { udp } = this.#environment.stack;
    let events = this.#full ? 0 : Poll.OUT | Poll.WRNORM | Poll.WRBAND;
    if (this.#error !== null) events |= Poll.ERR;
    if (this.#handle !== 0 && udp.readable(this.#handle) > 0) events |= Poll.IN | Poll.RDNORM;
    if (this.#shut & 1) events |= Poll.IN | Poll.RDNORM | Poll.RDHUP;
    if (this.#shut === 3) events |= Poll.HUP;
    return events;
  }

  onEvents(handle: number, events: number): void {
    if (events & DatagramEvent.Error) {
      const error = this.#environment.stack.udp.errorOf(handle);
      // An unconnected socket hears of errors only if it asks (RFC 1122 s4.1.3.3 leaves the how to us).
      if (error !== null && (this.#connected || this.#stored.get("IP_RECVERR") === 1)) this.#error = errnoNamed(error.code);
    }
    if (events & DatagramEvent.Writable) {
      this.#full = false;
      this.edges.out += 1;
    }
    this.edges.in += 1;
    this.#environment.news();
  }

  #open(): Outcome {
    if (this.#handle !== 0) return 0;
    const { address, port } = this.#bound;
    return guarded(() => {
      const reuse = this.#stored.get("SO_REUSEADDR") === 1 || this.#stored.get("SO_REUSEPORT") === 1;
      this.#handle = this.#environment.stack.udp.bind({ address, port, reuse, ...this.#options }, this);
      this.#isBound = true;
      return 0;
    });
  }

  #change(options: Partial<UdpOptions>): Outcome {
    return guarded(() => {
      if (this.#handle !== 0) this.#environment.stack.udp.configure(this.#handle, options);
      this.#options = { ...this.#options, ...options };
      return 0;
    });
  }

  #takeError(): Errno | null {
    const error = this.#error;
    this.#error = null;
    return error;
  }
}

/** Options that are kept and given back. */
const stored = new Set([
  "SO_REUSEADDR",
  "SO_REUSEPORT",
  "SO_SNDBUF",
  "SO_PRIORITY",
  "SO_MARK",
  "IP_RECVERR",
  "IP_MTU_DISCOVER",
  "SO_TIMESTAMP",
]);
