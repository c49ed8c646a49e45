/** What outsiders call of a node, with its machinery loaded only then: cheap to import. */
import type { NetworkInfo, NodeHandle, OpenOptions, StartingNode } from "./api.ts";
import type { NodeConfig } from "./config.ts";

/** See `openNode` in node.ts. */
export async function openNode(config: NodeConfig, options: OpenOptions): Promise<NodeHandle> {
  const { openNode } = await import("./node.ts");
  return await openNode(config, options);
}

/** See `startNode` in node.ts. */
export async function startNode(config: NodeConfig, options: OpenOptions): Promise<StartingNode> {
  const { startNode } = await import("./node.ts");
  return await startNode(config, options);
}

/** See `chosenNetwork` in network_choice.ts. */
export async function chosenNetwork(config: NodeConfig): Promise<NetworkInfo> {
  const { chosenNetwork } = await import("./network_choice.ts");
  return chosenNetwork(config);
}

/** See `networkFromParameters` in network_choice.ts. */
export async function networkFromParameters(
  parameters: Record<string, unknown>,
): Promise<NetworkInfo> {
  const { networkFromParameters } = await import("./network_choice.ts");
  return networkFromParameters(parameters);
}
