/** Links by name: "tap:onwire0", "packet:eth1", "xdp:eth1", "auto:eth1". */

const linkKinds = ["tap", "packet", "xdp", "auto"] as const;

export interface LinkChoice {
  readonly kind: (typeof linkKinds)[number];
  /** Of the device or interface; absent with "auto": a TAP. */
  readonly name?: string;
}

/** What can be written where a link is to be named. */
export const LINK_FORMS = "tap[:NAME], packet:INTERFACE, xdp:INTERFACE or auto[:INTERFACE]";

/** Null: it is not of the form `LINK_FORMS`. */
export const parseLink = (text: string): LinkChoice | null => {
  const [kind, name] = text.split(":", 2) as [string, string | undefined];
  if (!linkKinds.includes(kind as LinkChoice["kind"]) || name === "" || (name === undefined && kind !== "auto" && kind !== "tap"))
    return null;
  return { kind: kind as LinkChoice["kind"], ...(name === undefined ? {} : { name }) };
};
