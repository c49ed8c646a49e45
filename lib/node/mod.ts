/**
 * A whole node, and the ways to reach one: configuration, the calls a node answers (`NodeApi`),
 * opening a data folder (`openNode`), or asking the node that runs in it (`connect`). The
 * composition root is node.ts, loaded when a folder is opened: importing this file is cheap.
 * @module
 */
export * from "./api.ts";
export * from "./api_file.ts";
export * from "./config.ts";
export * from "./connect.ts";
export * from "./open.ts";
export { checkPeerAddress } from "./peer_address.ts";
export { flagOf, SETTINGS } from "./settings.ts";
export * from "./version.ts";
