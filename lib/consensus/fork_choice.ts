/** Which of two chains to follow. */
import type { HeaderContext } from "./header_context.ts";

/**
 * Whether the chain that ends in `candidate` is to be preferred to the one that ends in `tip`:
 * most work, and on a tie the smaller id, so that a split heals without another block.
 */
export function isBetterTip(
  candidate: Pick<HeaderContext, "totalWork" | "id">,
  tip: Pick<HeaderContext, "totalWork" | "id">,
): boolean {
  if (candidate.totalWork !== tip.totalWork) return candidate.totalWork > tip.totalWork;
  return candidate.id < tip.id;
}
