import assert from "node:assert/strict";
import { delay, EXIT, systemClock, UserError } from "../../../lib/base/mod.ts";
import type { Chain } from "../../../lib/chain/mod.ts";
import { Mempool } from "../../../lib/mempool/mempool.ts";
import type { ChainEvent, NodeNews } from "../../../lib/node/api.ts";
import { News } from "../../../lib/node/news.ts";
import type { EventRecord } from "../../../lib/store/mod.ts";
import { EVENTS_KEPT } from "../../../lib/store/event_log.ts";
import { BlockTree, LATE_MS, openChain, StoppedClock } from "../../support/chain_builder.ts";

interface Stage {
  chain: Chain;
  mempool: Mempool;
  news: News;
  clock: StoppedClock;
  tree: BlockTree;
  accept(...names: string[]): Promise<void>;
}

async function withNews(run: (stage: Stage) => Promise<void>): Promise<void> {
  const clock = new StoppedClock(LATE_MS);
  const chain = await openChain();
  const mempool = new Mempool({ chain, clock });
  const news = new News({ chain, mempool, clock });
  const tree = new BlockTree();
  const accept = async (...names: string[]) => {
    for (const name of names) await chain.accept(tree.block(name));
  };
  try {
    await run({ chain, mempool, news, clock, tree, accept });
  } finally {
    news.close();
    mempool.close();
    await chain.close();
  }
}

/** Follows from `since` on and keeps what comes, until it is ended. */
function follower(news: News, since?: number) {
  const end = new AbortController();
  const got: NodeNews[] = [];
  const done = (async () => {
    for await (const each of news.watch({ since, signal: end.signal })) got.push(each);
  })();
  const until = async (count: number) => {
    while (got.length < count) await delay(systemClock, 1);
  };
  const stop = async () => {
    end.abort();
    await done;
    return got;
  };
  return { got, until, stop };
}

const inShort = (tree: BlockTree) => (news: NodeNews) =>
  "number" in news ? `${news.number} ${news.kind} ${tree.name(news.id)}` : news.kind;

Deno.test("steps are numbered in order, a reorganisation is taken off and put on", () =>
  withNews(async ({ news, tree, accept }) => {
    //  genesis -> a1 -> a2
    //         \-> b1 -> b2 -> b3
    tree.branch("a", "genesis", 2);
    tree.branch("b", "genesis", 3);
    const live = follower(news);
    await accept("a1", "a2", "b1", "b2", "b3");
    const expected = [
      "1 connected a1",
      "2 connected a2",
      "3 disconnected a2",
      "4 disconnected a1",
      "5 connected b1",
      "6 connected b2",
      "7 connected b3",
    ];
    await live.until(7);
    assert.deepEqual((await live.stop()).map(inShort(tree)), expected);
    const late = follower(news, 0);
    await late.until(8);
    const replayed = (await late.stop()).map(inShort(tree));
    assert.deepEqual(replayed, ["0 connected genesis", ...expected]);
    const page = await news.events({ since: 3, limit: 2 });
    assert.deepEqual(page.events.map(inShort(tree)), expected.slice(2, 4));
    assert.deepEqual([page.oldest, page.next], [0, 8]);
  }));

Deno.test("whoever joins at any moment has every number once", () =>
  withNews(async ({ news, tree, accept }) => {
    tree.branch("a", "genesis", 60);
    const followers = [];
    for (let height = 1; height <= 60; height++) {
      followers.push(follower(news, Math.floor(height / 2)));
      await accept(`a${height}`);
    }
    for (const [at, { until, stop }] of followers.entries()) {
      const since = Math.floor((at + 1) / 2);
      await until(61 - since);
      const numbers = (await stop()).map((each) => (each as ChainEvent).number);
      assert.deepEqual(numbers, Array.from({ length: 61 - since }, (_, index) => since + index));
    }
  }));

Deno.test("a number that is not kept any more, or not made yet, is refused", () =>
  withNews(async ({ chain, news }) => {
    const { events, kv } = chain.store;
    const id = chain.genesisId;
    const steps = Array.from(
      { length: EVENTS_KEPT + 10 },
      (_, height): EventRecord => ({ kind: "connected", id, height }),
    );
    await kv.commit(await events.mutations(steps));
    events.added(steps.length);
    news.catchUp();
    const oldest = 11;
    assert.equal((await news.events({ since: 0, limit: 1 })).oldest, oldest);
    assert.equal((await news.events({ since: 0, limit: 1 })).events[0]!.number, oldest);
    for (const since of [0, oldest - 1, events.next + 1]) {
      const first = news.watch({ since, signal: new AbortController().signal }).next();
      await assert.rejects(
        first,
        (error) => error instanceof UserError && error.exitCode === EXIT.notFound,
      );
    }
    const all = follower(news, oldest);
    await all.until(EVENTS_KEPT);
    assert.equal((await all.stop()).length, EVENTS_KEPT);
  }));

Deno.test("mempool and peers are told without number, together, four times a second", () =>
  withNews(async ({ news, mempool, clock, tree, accept }) => {
    tree.add("a1", "genesis");
    await accept("a1");
    const live = follower(news);
    await delay(systemClock, 1); // It has begun to follow.
    const connected = (peers: number) =>
      news.note({ kind: "peer-disconnected", peerId: "p", reason: "test", peers });
    await mempool.accept(tree.pay(tree.reward("a1")));
    for (const peers of [3, 2, 1]) connected(peers);
    assert.deepEqual(live.got, []);
    clock.set(LATE_MS + 10);
    await live.until(2);
    const { size: transactions, bytes } = mempool;
    assert.deepEqual(live.got, [
      { kind: "mempool", transactions, bytes },
      { kind: "peers", peers: 1 },
    ]);
    connected(5);
    clock.set(LATE_MS + 200);
    clock.set(LATE_MS + 260);
    await live.until(3);
    assert.deepEqual((await live.stop()).at(-1), { kind: "peers", peers: 5 });
    assert.equal(live.got.length, 3);
  }));

Deno.test("closing ends who follows", () =>
  withNews(async ({ news }) => {
    const live = news.watch({ signal: new AbortController().signal });
    const next = live.next();
    news.close();
    assert.equal((await next).done, true);
  }));
