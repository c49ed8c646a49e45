/** The HTTP server as a function from request to answer: no socket, so tests call `request()`. */
import type { NodeApi } from "../node/mod.ts";
import { type AppOptions, Front } from "./front.ts";

export type { AppOptions } from "./front.ts";

/** Everything that is served over `api`: the API below /api/v1, metrics and pages. */
export function createApp(api: NodeApi, options: AppOptions): Front {
  return new Front(api, options);
}
