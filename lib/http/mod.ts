/**
 * The JSON API of a running node, over `NodeApi`: reading is open to this machine, acting needs the
 * token of api.json. `createApp` is the API without a socket, `serveApi` puts it on a port. Nothing
 * here knows the chain, the network or the terminal.
 * @module
 */
export { type AppOptions, createApp } from "./app.ts";
export { serveApi } from "./server.ts";
