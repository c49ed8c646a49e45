/** Stories told twice: over the store in memory, and over a real Deno KV file. */
import type { Network } from "../../lib/consensus/network.ts";
import { forEachKv } from "../support/kv_stores.ts";
import { Story } from "./story.ts";

/** As `story`, on both stores. `tell` may end the stage and open another over the same content. */
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
    if (again.chain.tip().id !== stage.chain.tip().id) throw new Error("The tip was not kept");
    await again.end();
  });
}
