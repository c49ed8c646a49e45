/** Following the chain of peers that are honest, slow or lying. */
import assert from "node:assert/strict";
import { encodeBlock, encodeHeader } from "../../../lib/primitives/block.ts";
import type { Amount } from "../../../lib/primitives/amount.ts";
import { grind, mint, mintBranch, type Minted } from "../../support/easy_chain.ts";
import { type Answer, honest, versionOf } from "../../support/scripted_peer.ts";
import { NOW_MS, settle, type SyncNode, until, withNode } from "../../support/sync_node.ts";

const CHAIN = mintBranch(120);
const idAt = (height: number) => CHAIN[height - 1]!.block.id;

const isAt = (node: SyncNode, minted: Minted) => () => node.chain.tip().id === minted.block.id;
const tipOf = (minted: readonly Minted[]) => minted.at(-1)!;

/** Answers as `answer` does but for blocks, which `bytesOf` gives; undefined = no answer. */
function withBlocks(
  answer: Answer,
  bytesOf: (id: string) => Uint8Array | "honest" | "silence",
): Answer {
  return function* (message) {
    if (message.type !== "getdata") return yield* answer(message);
    for (const item of message.items) {
      const bytes = bytesOf(item.id);
      if (bytes === "honest") yield* answer({ type: "getdata", items: [item] });
      else if (bytes !== "silence") yield { type: "block", bytes };
    }
  };
}

Deno.test("a new node fetches headers from one peer and blocks from all", () =>
  withNode({ limits: { headersPerMessage: 50, inFlightPerPeer: 16 } }, async (node) => {
    const peers = ["a", "b", "c"].map((name) =>
      node.hub.connect(name, versionOf(CHAIN), honest(CHAIN, 50))
    );
    await until(isAt(node, tipOf(CHAIN)));
    const asked = peers.map((peer) => peer.got("getheaders").length);
    assert.deepEqual(asked.filter((count) => count > 0).length, 1, `getheaders: ${asked}`);
    for (const peer of peers) {
      assert(peer.got("getdata").length > 0);
      assert(peer.isUseful);
    }
    assert.equal(node.sync.state().phase, "synced");
  }));

Deno.test("a stalled request moves to another peer", () =>
  withNode({}, async (node) => {
    const silent = node.hub.connect(
      "silent",
      versionOf(CHAIN),
      withBlocks(honest(CHAIN), () => "silence"),
    );
    node.hub.connect("good", versionOf(CHAIN), honest(CHAIN));
    await settle();
    assert(silent.got("getdata").length > 0);
    assert.notEqual(node.chain.tip().id, idAt(120));
    for (let round = 0; round < 40; round++) {
      await node.clock.advance(1_000);
      await settle(3);
    }
    assert.equal(node.chain.tip().id, idAt(120));
    assert.deepEqual(silent.faults, []);
  }));

Deno.test("a body that is not its header's condemns the sender, not the block", () =>
  withNode({}, async (node) => {
    const other = mint(CHAIN[8]!.context, { mark: "other" }).block;
    const { header } = CHAIN[9]!.block;
    const forged = encodeBlock({ header, transactions: other.transactions });
    assert.equal(forged.id, idAt(10));
    const liar = node.hub.connect(
      "liar",
      versionOf(CHAIN),
      withBlocks(honest(CHAIN), (id) => id === idAt(10) ? forged.bytes : "honest"),
    );
    await until(() => liar.faults.length > 0);
    assert.equal(liar.faults[0]!.fault, "invalid");
    assert.equal(node.chain.isInvalid(idAt(10)), false);
    node.hub.connect("good", versionOf(CHAIN), honest(CHAIN));
    await until(isAt(node, tipOf(CHAIN)));
  }));

Deno.test("a bad block with a matching body is marked, and its sender punished", () =>
  withNode({}, async (node) => {
    const greedy = mint(CHAIN[4]!.context, { fees: 1 as Amount });
    const bad = [...CHAIN.slice(0, 5), greedy, ...mintBranch(120, { on: greedy.context })];
    const liar = node.hub.connect("liar", versionOf(bad), honest(bad));
    await until(() => liar.faults.length > 0);
    assert.equal(node.chain.isInvalid(greedy.block.id), true);
    assert.equal(node.chain.tip().id, idAt(5));
    const good = node.hub.connect("good", versionOf(CHAIN), honest(CHAIN));
    await until(isAt(node, tipOf(CHAIN)));
    assert.deepEqual(good.faults, []);
    // Headers alone on a bad block are nobody's proven lie: they are not followed, that is all.
    const relaying = node.hub.connect("relaying", versionOf(bad), honest(bad));
    await settle();
    assert.deepEqual(relaying.faults, []);
    assert.equal(relaying.got("getdata").length, 0);
    assert.equal(node.sync.state().phase, "synced");
  }));

Deno.test("a flood of weak headers is neither kept nor followed", () =>
  withNode(
    { blocks: CHAIN, limits: { headersPerMessage: 20, sideBranchBlocks: 10 } },
    async (node) => {
      const weak = mintBranch(90, { mark: "weak" });
      const claim = { ...versionOf(weak), totalWork: 1n << 200n };
      const flooder = node.hub.connect("flooder", claim, honest(weak, 20));
      await until(() => node.sync.state().phase === "synced");
      assert.equal(flooder.got("getheaders").length, 5);
      assert.equal(node.chain.header(weak[0]!.block.id), undefined);
      assert.deepEqual(flooder.faults, []);
    },
  ));

Deno.test("a stronger branch of several messages is weighed, then followed", () =>
  withNode(
    { blocks: CHAIN, limits: { headersPerMessage: 20, sideBranchBlocks: 10 } },
    async (node) => {
      const strong = mintBranch(130, { mark: "strong" });
      node.hub.connect("strong", versionOf(strong), honest(strong, 20));
      await until(isAt(node, tipOf(strong)));
    },
  ));

Deno.test("headers that break a rule, or are no chain, are punished", () =>
  withNode({ blocks: CHAIN.slice(0, 10) }, async (node) => {
    const { header } = CHAIN[10]!.block;
    const soon = encodeHeader(grind({ ...header, timeMs: CHAIN[9]!.context.timeMs - 1 }));
    for (const headers of [[soon], [header, CHAIN[13]!.block.header]]) {
      const liar = node.hub.connect(`liar ${headers.length}`, versionOf(CHAIN.slice(0, 10)));
      await liar.say({ type: "headers", headers });
      assert.equal(liar.faults[0]?.fault, "invalid");
    }
  }));

Deno.test("a claim of work that nobody shows does not keep a node from being synced", () =>
  withNode({ blocks: CHAIN.slice(0, 10) }, async (node) => {
    const claim = { ...versionOf(CHAIN), totalWork: 1n << 200n };
    node.hub.connect("silent", claim);
    node.hub.connect("good", versionOf(CHAIN), honest(CHAIN));
    assert.equal(node.sync.state().phase, "headers");
    await node.clock.advance(2_500); // The silent one is late: the next is asked beside.
    await until(isAt(node, tipOf(CHAIN)));
    await node.clock.advance(10_000);
    assert.equal(node.sync.state().phase, "synced");
  }));

Deno.test("a header from the future is asked for again in its time, not punished", () => {
  const nowMs = CHAIN[19]!.context.timeMs;
  return withNode({ blocks: CHAIN.slice(0, 10), nowMs }, async (node) => {
    // Two spacings ahead of the clock are allowed: heights 21 and 22.
    const early = node.hub.connect(
      "early",
      versionOf(CHAIN.slice(0, 25)),
      honest(CHAIN.slice(0, 25)),
    );
    await until(isAt(node, CHAIN[21]!));
    assert.deepEqual(early.faults, []);
    assert.equal(node.sync.state().phase, "synced");
    await node.clock.advance(15_000);
    await until(isAt(node, CHAIN[22]!));
    await node.clock.advance(30_000);
    await until(isAt(node, CHAIN[24]!));
  });
});

Deno.test("blocks that come unasked are judged like any other", () =>
  withNode({ blocks: CHAIN.slice(0, 10) }, async (node) => {
    const peer = node.hub.connect("eager", versionOf(CHAIN.slice(0, 10)));
    await peer.say({ type: "block", bytes: CHAIN[10]!.block.bytes });
    await until(isAt(node, CHAIN[10]!));
    await peer.say({ type: "block", bytes: CHAIN[11]!.block.bytes.slice(0, 50) });
    assert.equal(peer.faults[0]?.fault, "invalid");
  }));

Deno.test("headers that do not connect are asked for, but not for ever", () =>
  withNode({ limits: { fruitlessRounds: 5 } }, async (node) => {
    const orphan = { type: "headers" as const, headers: [CHAIN[50]!.block.header] };
    const peer = node.hub.connect(
      "peer",
      versionOf(CHAIN),
      (message) => message.type === "getheaders" ? [orphan] : [],
    );
    await settle();
    assert(peer.got("getheaders").length < 10);
    assert.deepEqual(peer.faults, []);
    assert.equal(node.sync.state().phase, "synced");
  }));

Deno.test("while a long chain comes from one peer, news of others waits for its end", () =>
  withNode({ limits: { headersPerMessage: 10 } }, async (node) => {
    const chain = honest(CHAIN, 10);
    let left = 2;
    node.hub.connect(
      "loader",
      versionOf(CHAIN),
      (message) => message.type === "getheaders" && left-- <= 0 ? [] : chain(message),
    );
    await until(() => node.chain.tip().height === 20);
    const teller = node.hub.connect("teller", { ...versionOf(CHAIN.slice(0, 1)) }, chain);
    await teller.say({ type: "inv", items: [{ kind: "block", id: idAt(120) }] });
    assert.equal(teller.got("getheaders").length, 0);
    await node.clock.advance(2_500); // The loader is late.
    await until(isAt(node, tipOf(CHAIN)));
  }));

Deno.test("a better branch is fetched although the body of the best header is withheld", () =>
  withNode({ blocks: CHAIN.slice(0, 10) }, async (node) => {
    const rivals = ["x", "y"].map((mark) => mint(CHAIN[9]!.context, { mark }));
    const [best, second] = rivals.sort((a, b) => a.block.id < b.block.id ? -1 : 1);
    const withheld = [...CHAIN.slice(0, 10), best!];
    const given = [...CHAIN.slice(0, 10), second!];
    node.hub.connect("a", versionOf(withheld), withBlocks(honest(withheld), () => "silence"));
    await settle();
    assert.equal(node.chain.bestHeader().id, best!.block.id);
    node.hub.connect("b", versionOf(given), honest(given));
    await until(isAt(node, second!));
    node.hub.connect("c", versionOf(withheld), honest(withheld));
    await node.clock.advance(2_500);
    await until(isAt(node, best!));
  }));

for (const how of ["inv", "headers"] as const) {
  Deno.test(`${how} of a known header brings its body, though the best one is withheld`, () =>
    withNode({ blocks: CHAIN.slice(0, 10) }, async (node) => {
      const rivals = ["x", "y"].map((mark) => mint(CHAIN[9]!.context, { mark }));
      const [best, second] = rivals.sort((a, b) => a.block.id < b.block.id ? -1 : 1);
      const known = CHAIN.slice(0, 10);
      const late = node.hub.connect("late", versionOf(known), honest([...known, second!]));
      for (const rival of [best!, second!]) {
        const shown = [...known, rival];
        const silent = withBlocks(honest(shown), () => "silence");
        const liar = node.hub.connect("liar", versionOf(shown), silent);
        await settle();
        liar.leave();
      }
      assert.equal(node.chain.bestHeader().id, best!.block.id);
      await (how === "inv"
        ? late.say({ type: "inv", items: [{ kind: "block", id: second!.block.id }] })
        : late.say({ type: "headers", headers: [second!.block.header] }));
      await until(isAt(node, second!));
    }));
}

Deno.test("an interrupted sync goes on with another peer where it was", () =>
  withNode({}, async (node) => {
    let left = 40;
    const first = node.hub.connect(
      "first",
      versionOf(CHAIN),
      withBlocks(honest(CHAIN), () => left-- > 0 ? "honest" : "silence"),
    );
    await settle();
    first.leave();
    const { height } = node.chain.tip();
    assert(height > 20 && height < 60, `height ${height}`);
    assert.equal(node.sync.state().phase, "idle");
    const second = node.hub.connect("second", versionOf(CHAIN), honest(CHAIN));
    await until(isAt(node, tipOf(CHAIN)));
    assert.equal(second.got("getheaders").length, 0); // Its tip was among the headers already.
    const asked = second.got("getdata").flatMap((message) => message.items);
    assert(asked.length <= 120 - height);
  }));

Deno.test("progress tells each phase, and height and target on the way", () =>
  withNode({ limits: { progressEveryMs: 0 } }, async (node) => {
    const phases: string[] = [];
    node.sync.onProgress(({ phase, height, targetHeight }) => {
      assert(height <= targetHeight);
      if (phases.at(-1) !== phase) phases.push(phase);
    });
    assert.equal(node.sync.state().phase, "idle");
    const peer = node.hub.connect("peer", versionOf(CHAIN), honest(CHAIN));
    await until(isAt(node, tipOf(CHAIN)));
    await settle();
    peer.leave();
    assert.deepEqual(phases, ["headers", "blocks", "synced", "idle"]);
  }));

Deno.test("nothing is sent and no timer runs after stop", () =>
  withNode({ nowMs: NOW_MS }, async (node) => {
    const peer = node.hub.connect("peer", versionOf(CHAIN)); // Never answers.
    await node.sync.stop();
    const sent = peer.received.length;
    await node.clock.advance(3_600_000);
    await node.take(CHAIN.slice(0, 3));
    assert.equal(peer.received.length, sent);
  }));
