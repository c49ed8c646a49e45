/**
 * The network: a transport port with a real implementation over libp2p and a simulated one, the
 * discovery sources of the real one (known peers, `--peer`, the local network, the DHT), and above
 * the port, free of libp2p, sessions and the peer manager. One long-lived stream a peer; sources
 * race and none blocks another; only peers of the same genesis count. `hub.ts` is what `sync` sees.
 * libp2p is imported in this room only.
 * @module
 */
export * from "./addresses.ts";
export * from "./discovery.ts";
export * from "./libp2p/free_port.ts";
export * from "./hub.ts";
export * from "./libp2p/transport.ts";
export * from "./libp2p/listening.ts";
export * from "./peer_manager.ts";
export * from "./peer_manager_options.ts";
export * from "./reach/reachability.ts";
export { type LocalVersion, Session, type SessionEnd } from "./session.ts";
export * from "./transport.ts";
