/** What outsiders call of a node, with its machinery loaded only then: cheap to import. */
import type {
  DoctorReport,
  ExportReport,
  ImportReport,
  NetworkInfo,
  NodeApi,
  NodeHandle,
  OnLine,
  OpenOptions,
  StartingNode,
} from "./api.ts";
import type { NodeConfig } from "./config.ts";
import type { NewGroup } from "./groups.ts";
import type { OpenedFile, Source } from "./importing.ts";
import type { Invitation } from "./invitation.ts";
import type { InvitationInfo } from "./inviting.ts";
import type { JoinOptions } from "./joining.ts";

export type { Invitation, InvitationInfo };

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

/** See `exportBlocks` in exporting.ts. */
export async function exportBlocks(
  node: NodeApi,
  blocks: { from?: number | undefined; to?: number | undefined },
  sink: (bytes: Uint8Array) => Promise<void>,
  onLine?: OnLine,
): Promise<ExportReport> {
  const { exportBlocks } = await import("./exporting.ts");
  return await exportBlocks(node, blocks, sink, onLine);
}

/** See `exportPayments` in exporting.ts. */
export async function exportPayments(
  node: NodeApi,
  txIds: readonly string[],
  sink: (bytes: Uint8Array) => Promise<void>,
): Promise<ExportReport> {
  const { exportPayments } = await import("./exporting.ts");
  return await exportPayments(node, txIds, sink);
}

/** See `openChainFile` in importing.ts. */
export async function openChainFile(source: Source): Promise<OpenedFile> {
  const { openChainFile } = await import("./importing.ts");
  return await openChainFile(source);
}

/** See `refuseOtherNetwork` in importing.ts. */
export async function refuseOtherNetwork(config: NodeConfig, file: OpenedFile): Promise<void> {
  const { refuseOtherNetwork } = await import("./importing.ts");
  refuseOtherNetwork(config, file);
}

/** See `importFile` in importing.ts. */
export async function importFile(
  node: NodeApi,
  file: OpenedFile,
  onLine?: OnLine,
): Promise<ImportReport> {
  const { importFile } = await import("./importing.ts");
  return await importFile(node, file, onLine);
}

/** See `isChainFile` in chain_file.ts. */
export async function isChainFile(start: Uint8Array): Promise<boolean> {
  const { isChainFile } = await import("./chain_file.ts");
  return isChainFile(start);
}

/** See `invitationOf` in inviting.ts. */
export async function invitationOf(node: NodeApi, dataDir: string): Promise<InvitationInfo> {
  const { invitationOf } = await import("./inviting.ts");
  return await invitationOf(node, dataDir);
}

/** See `makeGroup` in groups.ts. */
export async function makeGroup(config: NodeConfig, options: NewGroup): Promise<NodeConfig> {
  const { makeGroup } = await import("./groups.ts");
  return await makeGroup(config, options);
}

/** See `readInvitation` in invitation.ts. */
export async function readInvitation(text: string): Promise<Invitation> {
  const { readInvitation } = await import("./invitation.ts");
  return readInvitation(text);
}

/** See `joinNetwork` in joining.ts. */
export async function joinNetwork(
  config: NodeConfig,
  invitation: Invitation,
  options: JoinOptions,
): Promise<NodeConfig> {
  const { joinNetwork } = await import("./joining.ts");
  return await joinNetwork(config, invitation, options);
}

/** See `examine` in examination.ts. */
export async function examine(
  node: NodeApi,
  config: NodeConfig,
  onLine?: OnLine,
): Promise<DoctorReport> {
  const { examine } = await import("./examination.ts");
  return await examine(node, config, onLine);
}
