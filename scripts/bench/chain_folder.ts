/** Data folders with a chain of a wanted length, made as fast as blocks can be stored. */
import type { TxId } from "../../lib/primitives/ids.ts";
import { openLedger } from "./chain_file.ts";
import { BlockMaker, GENESIS_ID, NETWORK } from "./payment_chain.ts";

const BATCH = 500;
const COINS_OF_W1 = 10;

/**
 * Fills `dataDir` with `count` empty blocks on the dev network, one a spacing from genesis on. A
 * key "w1" minted the first ten, "w2" all others. Returns the id of the last block's coinbase.
 */
export async function makeChainFolder(dataDir: string, count: number): Promise<TxId> {
  const ledger = await openLedger(dataDir);
  try {
    const { key: few } = await ledger.keystore.newKey("w1");
    const { key: many } = await ledger.keystore.newKey("w2");
    const maker = new BlockMaker({ id: GENESIS_ID, height: 0, timeMs: NETWORK.timeMs });
    let last: TxId;
    while (maker.height < count) {
      const blocks: Uint8Array[] = [];
      while (maker.height < count && blocks.length < BATCH) {
        const { lock } = maker.height < COINS_OF_W1 ? few : many;
        const { bytes, coinbase } = maker.next([], lock);
        last = coinbase.id;
        blocks.push(bytes);
      }
      const outcomes = await ledger.chain.acceptMany(blocks);
      const bad = outcomes.find((outcome) => outcome.kind === "rejected");
      if (bad) throw new Error(`Cannot make a chain: ${JSON.stringify(bad)}`);
    }
    return last!;
  } finally {
    await ledger.close();
  }
}
