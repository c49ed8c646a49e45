/** Which TCP port to listen on, found out before libp2p is loaded. */

/** The port that was asked for is in use by another program. */
export class PortBusyError extends Error {
  constructor(readonly port: number) {
    super(`Cannot listen on port ${port}: another program uses it`);
    this.name = "PortBusyError";
  }
}

/**
 * The port itself when it is free, and for 0 one that is. Another program may still take it before
 * it is listened on. Throws `PortBusyError`.
 */
export function freePort(port: number): number {
  try {
    const listener = Deno.listen({ hostname: "0.0.0.0", port });
    listener.close();
    return listener.addr.port;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw new PortBusyError(port);
    return port; // Whatever else is wrong is told by the listening that follows.
  }
}
