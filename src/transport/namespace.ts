/** Network namespaces (network_namespaces(7)): where the kernel's side of a link lives, so that no test or demonstration touches the
 *  machine's own interfaces and addresses. */
import { mkdirSync, rmSync } from "node:fs";
import { networkError } from "../base/errors.js";
import { nativePort } from "./native-load.js";
import { type NativePort, systemError } from "./native-port.js";

const O_CLOEXEC = 0o2000000;
const O_CREAT_EXCL = 0o300;
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 0x1000;
const MS_SHARED_REC = 0x104000;
const MNT_DETACH = 2;
/** Where `ip netns` keeps names. */
const NAMES = "/run/netns";
const PRIVILEGE = { EPERM: "run as root, or give node the capability cap_sys_admin" };
const CURRENT = "/proc/thread-self/ns/net";

export class Namespace {
  /** For people, and for `ip netns exec` if the namespace has a name there. */
  readonly name: string;
  readonly #port: NativePort;
  readonly #remove: string | null;
  #fd: number;

  private constructor(port: NativePort, name: string, fd: number, remove: string | null) {
    this.#port = port;
    this.name = name;
    this.#fd = fd;
    this.#remove = remove;
  }

  /** By which another thread of this process opens it, as long as it is open here. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`;
  }

  /** An existing namespace: a name that `ip netns` knows, or a path such as /proc/PID/ns/net. */
  static open(name: string): Namespace {
    const port = nativePort();
    const path = name.includes("/") ? name : `${NAMES}/${name}`;
    const fd = port.open(path, O_CLOEXEC);
    if (fd < 0)
      throw systemError("open", fd, `namespace ${name}`, {
        ENOENT: "there is none of this name: ip netns add NAME",
        EACCES: PRIVILEGE.EPERM,
      });
    return new Namespace(port, name, fd, null);
  }

  /**
   * A new namespace with its loopback down. Without a name it is held by this process alone and dies with it, whatever way
   * the process ends. A name makes it visible to `ip netns`, and then `close` removes it.
   */
  static create(name?: string): Namespace {
    const port = nativePort();
    const path = name === undefined ? null : `${NAMES}/${name}`;
    if (path !== null) claimName(port, path, name!);
    const own = port.open(CURRENT, O_CLOEXEC);
    if (own < 0) throw systemError("open", own, CURRENT);
    const made = port.unshare(CLONE_NEWNET);
    let fd = -1;
    try {
      if (made < 0) throw systemError("unshare", made, "network namespace", PRIVILEGE);
      fd = port.open(CURRENT, O_CLOEXEC);
      const bound = fd < 0 || path === null ? fd : port.mount(CURRENT, path, "none", MS_BIND);
      if (bound < 0) throw systemError("mount", bound, `namespace ${name ?? ""}`, PRIVILEGE);
      return new Namespace(port, name ?? `net:${fd}`, fd, path);
    } catch (error) {
      if (fd >= 0) port.close(fd);
      if (path !== null) rmSync(path, { force: true });
      throw error;
    } finally {
      if (made < 0) port.close(own);
      else returnTo(port, own);
    }
  }

  /**
   * Runs `body` with the calling thread inside the namespace. Sockets and devices opened there stay there, and processes spawned there live
   * there. `body` must be synchronous: the thread is back before this returns, also after an exception.
   */
  run<T>(body: () => T): T {
    if (this.#fd < 0) throw networkError("EBADF", "setns", `namespace ${this.name}`, "it is closed");
    const own = this.#port.open(CURRENT, O_CLOEXEC);
    if (own < 0) throw systemError("open", own, CURRENT);
    const entered = this.#port.setns(this.#fd, CLONE_NEWNET);
    if (entered < 0) {
      this.#port.close(own);
      throw systemError("setns", entered, `namespace ${this.name}`, {
        ...PRIVILEGE,
        EINVAL: "it is not a network namespace",
      });
    }
    try {
      return body();
    } finally {
      returnTo(this.#port, own);
    }
  }

  /** Lets go of the namespace; the kernel removes it once no process, socket or device is in it. Closing twice does nothing. */
  close(): void {
    if (this.#fd < 0) return;
    this.#port.close(this.#fd);
    this.#fd = -1;
    if (this.#remove === null) return;
    this.#port.unmount(this.#remove, MNT_DETACH);
    rmSync(this.#remove, { force: true });
  }
}

/** The calling thread must never stay in a foreign namespace unnoticed: all that it opens later would land there. */
const returnTo = (port: NativePort, own: number): void => {
  const returned = port.setns(own, CLONE_NEWNET);
  port.close(own);
  if (returned < 0)
    throw systemError("setns", returned, "the namespace this thread came from", { "": "the thread is lost: end the process" });
};

/** The file that the namespace is mounted on, made as `ip netns add` makes it: other tools must see our mounts come and go. */
const claimName = (port: NativePort, path: string, name: string): void => {
  if (!/^[\w.-]{1,64}$/.test(name))
    throw networkError("EINVAL", "open", `namespace name ${JSON.stringify(name)}`, "letters, digits, . _ -");
  mkdirSync(NAMES, { recursive: true, mode: 0o755 });
  if (port.mount("", NAMES, "none", MS_SHARED_REC) < 0) {
    const bound = port.mount(NAMES, NAMES, "none", MS_BIND | 0x4000);
    const shared = bound < 0 ? bound : port.mount("", NAMES, "none", MS_SHARED_REC);
    if (shared < 0) throw systemError("mount", shared, NAMES);
  }
  const file = port.open(path, O_CREAT_EXCL | O_CLOEXEC);
  if (file < 0) throw systemError("open", file, `namespace ${name}`, { EEXIST: "the name is taken: choose another, or ip netns del NAME" });
  port.close(file);
};

/** Runs `body` in the namespace, given as one, or by its name or path; absent: where the thread is. */
export const inNamespace = <T>(namespace: Namespace | string | undefined, body: () => T): T => {
  if (namespace === undefined) return body();
  if (namespace instanceof Namespace) return namespace.run(body);
  const named = Namespace.open(namespace);
  try {
    return named.run(body);
  } finally {
    named.close();
  }
};
