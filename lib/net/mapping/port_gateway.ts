/** What a router that maps ports can be asked, whichever protocol it speaks. */

/** A port of this machine under which the outside shall reach it. */
export type MappedPort = {
  /** Own address in the router's network. */
  internalAddress: string;
  internalPort: number;
  externalPort: number;
};

/** A router found. Every call ends, at the latest, with `signal`. */
export type PortGateway = {
  readonly kind: "UPnP" | "NAT-PMP";
  readonly host: string;
  /** The router's address outside, as it says: a dotted quad. */
  externalAddress(signal: AbortSignal): Promise<string>;
  /**
   * Maps for `leaseS` seconds, or renews; returns the external port, which may be another one.
   * Throws `PortTakenError` when the port belongs to another machine or program.
   */
  map(port: MappedPort, leaseS: number, signal: AbortSignal): Promise<number>;
  /** Removes the mapping if it is ours. */
  unmap(port: MappedPort, signal: AbortSignal): Promise<void>;
};

/** The external port is mapped to somebody else, who keeps it. */
export class PortTakenError extends Error {
  constructor(readonly port: number) {
    super(`Port ${port} of the router is mapped to somebody else`);
    this.name = "PortTakenError";
  }
}
