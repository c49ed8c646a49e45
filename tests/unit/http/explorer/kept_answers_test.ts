import { strict as assert } from "node:assert";
import { KeptAnswers } from "../../../../lib/http/explorer/kept_answers.ts";
import type { NodeApi } from "../../../../lib/node/mod.ts";
import { fakeNode } from "../../../support/fake_node.ts";

/** A node whose tip the test moves, and the names of what it was asked. */
function node() {
  const state = { tipId: "tip 1", asked: [] as string[], transactions: 1 };
  const calls = {
    status: () => Promise.resolve({ tipId: state.tipId }),
    block: (id: string) => {
      state.asked.push(id);
      if (id === "none") return Promise.reject(new Error("Cannot find block"));
      return Promise.resolve({ id, tip: state.tipId, transactions: state.transactions });
    },
    chain: ({ before }: { before?: number }) => {
      state.asked.push(`chain ${before}`);
      return Promise.resolve({ tip: state.tipId });
    },
  };
  return { state, kept: new KeptAnswers(fakeNode(calls as unknown as Partial<NodeApi>)) };
}

Deno.test("a block and a page are asked for once until the tip moves, however many wait", async () => {
  const { state, kept } = node();
  await Promise.all([kept.block("7"), kept.block("7"), kept.block("8")]);
  await kept.chain({ before: undefined, limit: 20 });
  await kept.chain({ before: undefined, limit: 20 });
  assert.deepEqual(state.asked, ["7", "8", "chain undefined"]);
  state.tipId = "tip 2";
  assert.deepEqual(await kept.block("7"), { id: "7", tip: "tip 2", transactions: 1 });
  assert.deepEqual(state.asked.slice(3), ["7"]);
});

Deno.test("failures and large blocks are not kept, and what is kept is bounded", async () => {
  const { state, kept } = node();
  await assert.rejects(kept.block("none"), /Cannot find/);
  await assert.rejects(kept.block("none"), /Cannot find/);
  state.transactions = 5000;
  await kept.block("large");
  await kept.block("large");
  assert.deepEqual(state.asked, ["none", "none", "large", "large"]);
  state.transactions = 1;
  for (let height = 0; height < 100; height++) await kept.block(String(height));
  state.asked.length = 0;
  await kept.block("99");
  await kept.block("0");
  assert.deepEqual(state.asked, ["0"]);
});
