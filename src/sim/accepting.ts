/** The listening side of simulated applications. */
import type { Micros } from "../base/environment.js";
import { type Application, TcpEvent } from "../tcp/events.js";
import type { Tcp } from "../tcp/tcp.js";
import { type Behaviour, Peer, type Registry, type Surroundings } from "./application.js";

/** Accepts whatever comes, `after` a while. */
export class Accepting implements Application {
  readonly #name: string;
  readonly #tcp: Tcp;
  readonly #around: Surroundings;
  readonly #registry: Registry;
  readonly #behaviour: Behaviour;
  readonly #graceful: boolean;
  readonly #after: Micros;
  #ended = false;

  constructor(name: string, tcp: Tcp, around: Surroundings, registry: Registry, behaviour: Behaviour, graceful: boolean, after: Micros) {
    this.#name = name;
    this.#tcp = tcp;
    this.#around = around;
    this.#registry = registry;
    this.#behaviour = behaviour;
    this.#graceful = graceful;
    this.#after = after;
  }

  onEvents(listener: number, events: number): void {
    if ((events & TcpEvent.Acceptable) === 0) return;
    if (this.#after === 0) this.#accept(listener);
    else this.#around.at(this.#after, () => this.#accept(listener));
  }

  /** The listener has been closed. */
  end(): void {
    this.#ended = true;
  }

  #accept(listener: number): void {
    if (this.#ended) return;
    for (let handle = this.#tcp.accept(listener); handle !== 0; handle = this.#tcp.accept(listener)) {
      const peer = new Peer(this.#name, this.#tcp, handle, this.#behaviour, this.#around, this.#registry, this.#graceful);
      this.#tcp.attach(handle, peer);
      peer.start();
    }
  }
}
