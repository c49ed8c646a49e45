/** Which P2P port a node takes: the one asked for, else the next that is free. */
import { EXIT, UserError } from "../base/errors.ts";
import { freePort, PortBusyError } from "../net/libp2p/free_port.ts";
import type { NodeConfig } from "./config.ts";

/** An unrequested port that is busy moves on by one, so often. */
const PORTS_TRIED_MAX = 100;

/** A port that is free now. Throws `UserError` (failed) when the one that was asked for is not. */
export function chooseP2pPort(config: NodeConfig): number {
  for (let port = config.port;; port = portAfter(config, port)) {
    try {
      return freePort(port);
    } catch (error) {
      if (!(error instanceof PortBusyError)) throw error;
    }
  }
}

/** What to try after a busy port. Throws `UserError` (failed) when no other will do. */
export function portAfter(config: NodeConfig, busy: number): number {
  if (config.port === 0) return 0; // The system picks another.
  if (!config.portRequested && busy < config.port + PORTS_TRIED_MAX && busy < 65535) {
    return busy + 1;
  }
  throw new UserError(
    EXIT.failed,
    `Cannot listen on port ${busy}: it is in use; end the other program, or give another ` +
      "--port (0 picks a free one)",
  );
}
