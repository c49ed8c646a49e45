/** The first block of a network: a function of its parameters alone, without proof of work. */
import { utf8 } from "../base/bytes.ts";
import { amount, GRAINS_PER_COIN, ZERO } from "../primitives/amount.ts";
import { type Block, coinbaseMemo, encodeBlock, transactionsRoot } from "../primitives/block.ts";
import { sha256 } from "../primitives/hash.ts";
import { asBlockId, asLock, LOCK_BYTES } from "../primitives/ids.ts";
import { OutPointMap } from "../primitives/out_point_map.ts";
import { encodeTransaction } from "../primitives/transaction.ts";
import type { BlockDelta } from "./connect.ts";
import { createdCoins, type OwnedCoin } from "./coins.ts";
import { BLOCK_VERSION } from "./limits.ts";
import { encodeNetwork, type Network } from "./network.ts";

/** Nobody's: no key is known that hashes to it. */
export const NOBODY = asLock(new Uint8Array(LOCK_BYTES));
/** What the genesis block gives to nobody. */
export const GENESIS_AMOUNT = amount(20 * GRAINS_PER_COIN);

/** The genesis block of `network`. */
export function genesisBlock(network: Network): Block {
  const coinbase = encodeTransaction({
    spends: [],
    outputs: [{ amount: GENESIS_AMOUNT, lock: NOBODY }, ...network.allocations],
    memo: coinbaseMemo(0, utf8(network.message)),
    signatures: [],
  });
  return encodeBlock({
    header: {
      version: BLOCK_VERSION,
      height: 0,
      previous: asBlockId(sha256(encodeNetwork(network))),
      merkleRoot: transactionsRoot([coinbase]),
      timeMs: network.timeMs,
      bits: network.limitBits,
      nonce: 0n,
    },
    transactions: [coinbase],
  });
}

/** What connecting the genesis block changes: it is right by definition, so nothing is checked. */
export function genesisDelta(genesis: Block): BlockDelta {
  const coinbase = genesis.transactions[0]!;
  const created = new OutPointMap<OwnedCoin>();
  created.setAll(coinbase.id, createdCoins(coinbase, 0));
  return { spent: [], created, fees: ZERO };
}
