/** New coins. */
import { type Amount, amount } from "../primitives/amount.ts";
import type { Network } from "./network.ts";

/** What the block at `height` may create: floor(reward / 2^floor(height / halvingInterval)). */
export function rewardAt(height: number, network: Network): Amount {
  if (network.halvingInterval === 0) return network.reward;
  const halvings = Math.floor(height / network.halvingInterval);
  // Exact: dividing a safe integer by a power of two changes only the exponent.
  return amount(Math.floor(network.reward / 2 ** halvings));
}
