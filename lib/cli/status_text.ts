/** States of a node, in a few words. */
import type { NodeStatus, SourceStatus, SyncStatus } from "../node/mod.ts";
import { duration } from "./format.ts";

/** How far a sync is, in a few words. */
export function syncText(sync: SyncStatus): string {
  switch (sync.phase) {
    case "offline":
      return "offline";
    case "starting":
      return "starting the network";
    case "idle":
      return "waiting for peers";
    case "headers":
      return `reading headers, ${sync.targetHeight} so far`;
    case "blocks": {
      const speed = sync.blocksPerSecond === undefined
        ? ""
        : `, ${Math.round(sync.blocksPerSecond)} blocks/s`;
      const eta = sync.etaMs === undefined ? "" : `, ${duration(sync.etaMs)} left`;
      return `block ${sync.height} of ${sync.targetHeight}${speed}${eta}`;
    }
    case "synced":
      return "synced";
  }
}

/** What stands behind the name of a network that not everyone may take part in. */
export function accessText(access: NodeStatus["access"]): string {
  if (access === "open") return "";
  return access === "secret" ? ", private (with a secret)" : ", private (by invitation)";
}

/** What a discovery source has to say, or why it says nothing. */
export function sourceText({ source, enabled, text }: SourceStatus): string {
  if (enabled) return text;
  return source === "peer" ? "none named" : "off";
}
