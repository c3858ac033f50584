/** An address by DHCP, for as long as a program runs. */
import { DhcpClient } from "../dhcp/client.js";
import type { Lease } from "../dhcp/lease.js";
import type { Drive } from "../drive/drive.js";
import { formatIp } from "../ip/address.js";
import type { Device } from "../stack/device.js";

/** Four messages to the server, and the probing of the address. */
const PATIENCE_MILLISECONDS = 45_000;

export interface Leased {
  /** The lease now; null while there is none. */
  readonly lease: () => Lease | null;
  /** Gives it back. */
  readonly release: () => void;
}

/** Waits for a lease, which is renewed until it is given back. `say` hears of addresses that come and go. */
export const leaseAddress = async (drive: Drive, device: Device, say: (text: string) => void): Promise<Leased> => {
  let tell: (lease: Lease) => void = () => {};
  const bound = new Promise<Lease>((resolve) => {
    tell = resolve;
  });
  let last: string | null = null;
  let released = false;
  const onChange = (lease: Lease | null): void => {
    if (released) return;
    if (lease === null) return say(`the lease of ${last} is over: its connections are closed, and the server is asked again`);
    const address = `${formatIp(lease.address)}/${lease.prefixLength}`;
    if (address !== last) say(`${address} leased from ${formatIp(lease.server)}`);
    last = address;
    tell(lease);
  };
  const client = new DhcpClient(device, { onChange, clientIdentifier: identifierOf(device) });
  client.start(drive.now());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const remedy = client.state === "SELECTING" ? "is a DHCP server on that network?" : "look at a capture";
      reject(new Error(`no lease on ${device.name} in ${PATIENCE_MILLISECONDS / 1000} s, state ${client.state}: ${remedy}`));
    }, PATIENCE_MILLISECONDS);
  });
  try {
    await Promise.race([bound, late]);
  } finally {
    clearTimeout(timer);
  }
  return {
    lease: () => client.lease,
    release: () => {
      released = true;
      client.release(drive.now());
    },
  };
};

/** RFC 2132 s9.14: type 0, and what is ours alone: on an interface of the kernel's, our hardware address is the kernel's, and a server would
 *  lease us the kernel's own address. */
const identifierOf = (device: Device): Uint8Array => new TextEncoder().encode(`\0onwire ${device.hardwareAddress}`);
