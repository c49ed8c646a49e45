/** Data folders with a chain of a wanted length, made as fast as blocks can be stored. */
import { systemClock } from "../../lib/base/clock.ts";
import { targetBytes } from "../../lib/minter/grinder.ts";
import { HeaderHasher } from "../../lib/minter/header_hash.ts";
import { buildTemplate } from "../../lib/minter/template.ts";
import { checkHeader } from "../../lib/consensus/check_header.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { ZERO } from "../../lib/primitives/amount.ts";
import { type Block, encodeBlock } from "../../lib/primitives/block.ts";
import { resolveConfig } from "../../lib/node/config.ts";
import { Ledger } from "../../lib/node/ledger.ts";

const BATCH = 500;
const COINS_OF_W1 = 10;

/**
 * Fills `dataDir` with `count` empty blocks on the dev network, one a spacing from genesis on. A
 * key "w1" minted the first ten, "w2" all others. Returns the id of the last block's coinbase.
 */
export async function makeChainFolder(dataDir: string, count: number): Promise<string> {
  const config = resolveConfig({
    flags: { network: "dev", dataDir },
    env: { HOME: dataDir },
    readText: () => undefined,
    os: Deno.build.os,
  });
  const ledger = await Ledger.open(config, { clock: systemClock, onLine: () => {} });
  try {
    const { key: few } = await ledger.keystore.newKey("w1");
    const { key: many } = await ledger.keystore.newKey("w2");
    let parent = ledger.chain.tip();
    let last: Block | undefined;
    for (let made = 0; made < count;) {
      const blocks: Block[] = [];
      for (; made < count && blocks.length < BATCH; made++) {
        const template = buildTemplate({
          network: DEV_NETWORK,
          parent,
          payments: [],
          fees: ZERO,
          lock: made < COINS_OF_W1 ? few.lock : many.lock,
          nowMs: parent.timeMs + DEV_NETWORK.spacingMs,
        });
        last = ground(template);
        parent = checkHeader(last.header, parent, DEV_NETWORK, systemClock.nowMs());
        blocks.push(last);
      }
      const outcomes = await ledger.chain.acceptMany(blocks);
      const bad = outcomes.find((outcome) => outcome.kind === "rejected");
      if (bad) throw new Error(`Cannot make a chain: ${JSON.stringify(bad)}`);
    }
    return last!.transactions[0]!.id;
  } finally {
    await ledger.close();
  }
}

function ground(template: Block): Block {
  const hasher = new HeaderHasher(template.header.bytes, targetBytes(template.header.bits));
  const nonce = BigInt(hasher.search(0, 0, 2 ** 31));
  return encodeBlock({ ...template, header: { ...template.header, nonce } });
}
