/** Networks whose genesis gives the miner many coins: payments without a block mined first. */
import type { OwnedCoin } from "../../lib/consensus/coins.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import type { Network } from "../../lib/consensus/network.ts";
import { amount, GRAINS_PER_COIN } from "../../lib/primitives/amount.ts";
import { MINER } from "./chain_builder.ts";
import { EASY_NETWORK } from "./easy_chain.ts";

/** What each coin of `fundsOf` holds: 20 coins. */
export const FUND_GRAINS = 20 * GRAINS_PER_COIN;

/** The easy network with `count` coins of the miner's in its genesis, which a first block may spend. */
export function fundedNetwork(count: number, changes: Partial<Network> = {}): Network {
  const fund = { lock: MINER.lock, amount: amount(FUND_GRAINS) };
  return { ...EASY_NETWORK, allocations: Array.from({ length: count }, () => fund), ...changes };
}

/** The coins that the genesis of `network` gives. */
export function fundsOf(network: Network): OwnedCoin[] {
  const [coinbase] = genesisBlock(network).transactions;
  // Output 0 is nobody's.
  return network.allocations.map((fund, at) => ({
    ...fund,
    height: 0,
    isCoinbase: true,
    outPoint: { txId: coinbase!.id, index: at + 1 },
  }));
}
