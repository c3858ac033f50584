/** The addresses that the kernel has: none of them can be a stack's as well. */
import { networkInterfaces } from "node:os";
import { networkError } from "../base/errors.js";
import { formatIp, type IpAddress } from "../ip/address.js";
import type { Namespace } from "./namespace.js";

interface Prefix {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

export const refuseKernelAddress = ({ address, prefixLength }: Prefix, namespace: Namespace | null): void => {
  const text = formatIp(address);
  const owner = kernelAddresses(namespace).find((own) => own.address === text);
  if (owner !== undefined)
    throw networkError(
      "EADDRINUSE",
      "attach",
      `${text}: the kernel has this address on ${owner.name}`,
      `choose another in the subnet, or take it away: ip addr del ${text}/${prefixLength} dev ${owner.name}`,
    );
};

export const kernelAddresses = (namespace: Namespace | null, only?: string): { name: string; address: string }[] => {
  const interfaces = namespace === null ? networkInterfaces() : namespace.run(() => networkInterfaces());
  return Object.entries(interfaces).flatMap(([name, addresses]) =>
    only !== undefined && name !== only
      ? []
      : (addresses ?? []).filter((a) => a.family === "IPv4").map((a) => ({ name, address: a.address })),
  );
};
