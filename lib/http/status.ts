/** The answer of `status`, the one route that is served before anything else is loaded. */
import type { NodeApi, NodeStatus } from "../node/api.ts";

/** Who mints is told with the token only. */
export async function statusOf(
  api: NodeApi,
  instanceId: string,
  hasToken: boolean,
): Promise<NodeStatus> {
  const { minter, ...status } = await api.status();
  return { ...status, ...(hasToken && minter !== undefined && { minter }), instanceId };
}
