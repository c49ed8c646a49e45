/**
 * When a payment is settled. A count of blocks says little on a chain whose blocks may be eased to
 * almost no work, so depth is measured in work.
 */

/** The work above must be this many times that of the hardest recent block. */
export const SETTLED_FACTOR = 6n;
/** How many of the last blocks "recent" means. */
export const SETTLED_WINDOW = 100;

/**
 * Whether a block is settled: `workAbove` is the total work of the tip less that of the block,
 * `hardestWork` the largest work of one of the last `SETTLED_WINDOW` blocks.
 */
export function isSettled(workAbove: bigint, hardestWork: bigint): boolean {
  return workAbove > 0n && workAbove >= SETTLED_FACTOR * hardestWork;
}
