/** The proof of a network's secret, with the keys of the folder. */
import { systemRandom } from "../base/random.ts";
import { Prover } from "../net/membership/membership.ts";
import type { Ledger } from "./ledger.ts";

/** Undefined on a network without a secret. */
export async function proverOf(
  { keys }: Pick<Ledger, "keys">,
  ownPeerId: string,
): Promise<Prover | undefined> {
  if (keys === undefined) return undefined;
  return await Prover.load({ password: keys.membership, ownPeerId, random: systemRandom });
}
