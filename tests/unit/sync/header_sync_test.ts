/** Asking for headers when the chain can keep no more of them. */
import assert from "node:assert/strict";
import type { Chain } from "../../../lib/chain/chain.ts";
import { genesisContext, type HeaderContext } from "../../../lib/consensus/header_context.ts";
import type { BlockHeader } from "../../../lib/primitives/block.ts";
import { HeaderSync } from "../../../lib/sync/header_sync.ts";
import { SYNC_LIMITS } from "../../../lib/sync/limits.ts";
import { RemotePeer } from "../../../lib/sync/remote_peer.ts";
import { EASY_NETWORK, mintBranch } from "../../support/easy_chain.ts";
import { ScriptedHub, versionOf } from "../../support/scripted_peer.ts";
import { SimClock } from "../../support/sim_clock.ts";
import { NOW_MS } from "../../support/sync_node.ts";

const BRANCH = mintBranch(20);
const GENESIS = genesisContext(EASY_NETWORK);

/** A chain at genesis that keeps at most `room` headers. */
function smallChain(room: number): Chain {
  const contexts = new Map(BRANCH.map(({ context }) => [context.id, context]));
  const known = new Map<string, HeaderContext>([[GENESIS.id, GENESIS]]);
  return {
    network: EASY_NETWORK,
    genesisId: GENESIS.id,
    tip: () => GENESIS,
    bestHeader: () => [...known.values()].at(-1)!,
    header: (id) => known.get(id),
    headerAt: () => GENESIS,
    locator: () => [GENESIS.id],
    isInvalid: () => false,
    acceptHeaders(headers: readonly BlockHeader[]) {
      let last = GENESIS;
      let added = 0;
      for (const { id } of headers) {
        if (known.size > room) return Promise.resolve({ added, last, full: true });
        known.set(id, last = contexts.get(id)!);
        added++;
      }
      return Promise.resolve({ added, last, full: false });
    },
  } as Partial<Chain> as Chain;
}

Deno.test("when header memory is full nobody is asked until blocks catch up", async () => {
  const chain = smallChain(12);
  const limits = { ...SYNC_LIMITS, headersPerMessage: 10, headersAhead: 10 };
  const peers: RemotePeer[] = [];
  const headers = new HeaderSync({
    chain,
    clock: new SimClock(NOW_MS),
    limits,
    peers: () => peers,
    onHeaders: () => {},
  });
  const hub = new ScriptedHub();
  const [first, second] = ["first", "second"].map((name) => {
    const session = hub.connect(name, versionOf(BRANCH));
    const peer = new RemotePeer(session, limits);
    peers.push(peer);
    headers.meet(peer);
    return { peer, session };
  });
  const all = BRANCH.map(({ block }) => block.header);
  await headers.take(first!.peer, all.slice(0, 10));
  assert.equal(first!.session.got("getheaders").length, 2);
  await headers.take(first!.peer, all.slice(10));
  assert.equal(first!.session.got("getheaders").length, 2);
  assert.equal(second!.session.got("getheaders").length, 0);
  assert.equal(headers.isAsking, false);
  headers.resume();
  const again = first!.session.got("getheaders");
  assert.equal(again.length, 3);
  assert.equal(again[2]!.locator[0], BRANCH[11]!.block.id);
});
