/** Stories told twice: over the store in memory, and over a real Deno KV file. */
import assert from "node:assert/strict";
import type { Network } from "../../lib/consensus/network.ts";
import { forEachKv } from "../support/kv_stores.ts";
import { Story } from "./story.ts";

/** As `story`, on both stores; at the end the chain must be the same, and sound, once reopened. */
export function storyOnBoth(
  name: string,
  tell: (stage: Story) => Promise<void>,
  network?: Network,
): void {
  forEachKv(`story: ${name}`, async (kv) => {
    const stage = await Story.open(network, await kv.open());
    await tell(stage);
    await stage.end();
    const again = await Story.open(network, await kv.open());
    assert.equal(again.chain.tip().id, stage.chain.tip().id);
    await again.end();
  });
}
