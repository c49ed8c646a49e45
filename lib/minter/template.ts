/** The block that minting works on. Pure. */
import { requiredBits } from "../consensus/difficulty.ts";
import { earliestTimeMs } from "../consensus/check_header.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { BLOCK_VERSION } from "../consensus/limits.ts";
import type { Network } from "../consensus/network.ts";
import { rewardAt } from "../consensus/reward.ts";
import { type Amount, sumAmounts } from "../primitives/amount.ts";
import { type Block, blockOf, coinbaseMemo, transactionsRoot } from "../primitives/block.ts";
import type { Lock } from "../primitives/ids.ts";
import { encodeTransaction, type Transaction } from "../primitives/transaction.ts";

export interface TemplateParts {
  network: Network;
  /** What the block builds on. */
  parent: HeaderContext;
  /** Payments to hold, parents before children, and the sum of their fees. */
  payments: readonly Transaction[];
  fees: Amount;
  /** Who gets reward and fees. */
  lock: Lock;
  nowMs: number;
}

/** A whole block but for its nonce, which is 0. Its time is now, or the earliest allowed. */
export function buildTemplate(parts: TemplateParts): Block {
  const { network, parent, payments, lock } = parts;
  const height = parent.height + 1;
  const timeMs = Math.max(parts.nowMs, earliestTimeMs(parent, network));
  const minted = sumAmounts([rewardAt(height, network), parts.fees]);
  const coinbase = encodeTransaction({
    spends: [],
    outputs: minted > 0 ? [{ amount: minted, lock }] : [],
    memo: coinbaseMemo(height),
    signatures: [],
  });
  const transactions = [coinbase, ...payments];
  return blockOf({
    transactions,
    header: {
      version: BLOCK_VERSION,
      height,
      previous: parent.id,
      merkleRoot: transactionsRoot(transactions),
      timeMs,
      bits: requiredBits(parent, timeMs, network),
      nonce: 0n,
    },
  });
}
