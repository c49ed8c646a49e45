/** autonat: peers dial our public addresses back and tell what they found; we do it for them. */
import type { Connection } from "@libp2p/interface";
import type { Host } from "./libp2p_host.ts";

/** Starts client and server. Loads the module only now: nothing needs it in the first seconds. */
export async function startAutonat(host: Host): Promise<void> {
  const { autoNAT } = await import("@libp2p/autonat");
  const { connectionManager } = host.internals;
  await host.addService(autoNAT(), {
    // The server dials and then closes what it gets: where a connection to that peer exists already
    // it would get, and close, the one that a session lives on.
    connectionManager: new Proxy(connectionManager, {
      get(target, name) {
        if (name === "openConnection") {
          return (peer: unknown, options: object = {}): Promise<Connection> =>
            target.openConnection(peer, { ...options, force: true });
        }
        const member = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    }),
  });
}
