/** Opening the P2P port of a node. */
import { PortBusyError } from "../net/libp2p/free_port.ts";
import { Libp2pTransport, type Libp2pTransportOptions } from "../net/libp2p/transport.ts";
import type { NodeConfig } from "./config.ts";
import { updateState } from "./ledger.ts";
import { portAfter } from "./p2p_port.ts";

/**
 * A transport on port `first`, free a moment ago; one that nobody asked for may be the next free
 * one, which is remembered. Throws as `portAfter`.
 */
export async function listen(
  config: NodeConfig,
  first: number,
  options: Omit<Libp2pTransportOptions, "port">,
): Promise<Libp2pTransport> {
  for (let port = first;; port = portAfter(config, port)) {
    try {
      const transport = await Libp2pTransport.start({ ...options, port });
      if (!config.portRequested && port !== config.port) await updateState(config, { port });
      return transport;
    } catch (error) {
      if (!(error instanceof PortBusyError)) throw error;
    }
  }
}
