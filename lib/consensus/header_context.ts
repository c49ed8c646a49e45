/** What a child's checks need to know of its parent: a small value, kept for every header. */
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import type { Network } from "./network.ts";
import { genesisBlock } from "./genesis.ts";
import { workOf } from "./work.ts";

export interface HeaderContext {
  readonly id: BlockId;
  readonly previous: BlockId;
  readonly height: number;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** This block's own target, compact; an eased one counts with its own smaller work. */
  readonly bits: number;
  /** `scheduled(height + 1)`, compact: what a child builds on. */
  readonly childScheduledBits: number;
  /** Work of the chain from genesis up to and with this block. */
  readonly totalWork: bigint;
}

/** The context of the genesis block: scheduled(0) = scheduled(1) = limit. */
export function genesisContext(network: Network, genesis?: Block): HeaderContext {
  const { header } = genesis ?? genesisBlock(network);
  return {
    id: header.id,
    previous: header.previous,
    height: 0,
    timeMs: header.timeMs,
    bits: header.bits,
    childScheduledBits: network.limitBits,
    totalWork: workOf(header.bits),
  };
}
