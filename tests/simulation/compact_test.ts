/** New blocks over a line of whole nodes on a simulated network: how fast, and who is blamed. */
import assert from "node:assert/strict";
import { type Amount, amount } from "../../lib/primitives/amount.ts";
import type { Block } from "../../lib/primitives/block.ts";
import type { BlockId } from "../../lib/primitives/ids.ts";
import { makeCompact } from "../../lib/sync/compact_block.ts";
import { SYNC_LIMITS } from "../../lib/sync/limits.ts";
import type { Message } from "../../lib/wire/messages.ts";
import { FLAG_COMPACT_BLOCKS } from "../../lib/wire/version.ts";
import { mint } from "../support/easy_chain.ts";
import { WirePeer } from "../support/wire_peer.ts";
import { World, type WorldNode, type WorldOptions } from "../support/world.ts";
import { assertAgreed, assertInvariants } from "../support/world_checks.ts";

const LATENCY_MS = 20;
const HOPS = 4;

/** Nodes in a line, each with sessions with its neighbours only and four blocks of the first. */
async function inLine(
  options: Partial<WorldOptions>,
  test: (world: World, line: WorldNode[]) => Promise<void>,
): Promise<void> {
  const latencyMs = { min: LATENCY_MS, max: LATENCY_MS };
  const world = new World({ seed: 1, latencyMs, ...options });
  const placeOf = (name: string) => Number(/^node(\d)$/.exec(name)?.[1] ?? -1);
  world.net.restrict((one, other) => Math.abs(placeOf(one) - placeOf(other)) === 1);
  try {
    const line = [await world.add()];
    for (let hop = 0; hop < HOPS; hop++) line.push(await world.add({ peers: [line.at(-1)!] }));
    for (let height = 1; height <= 4; height++) {
      await world.run(15_000);
      await line[0]!.mint();
    }
    await world.until(() => world.isAgreed(), 60_000, "all agree");
    await world.run(15_000);
    await test(world, line);
    await assertInvariants(world);
  } finally {
    await world.stop();
  }
}

/** Somebody in session with the first node of a line, which he stands before. */
async function stranger(world: World): Promise<WirePeer> {
  const node = world.nodes[0]!;
  const { id: tipId, height: tipHeight, totalWork } = node.chain.tip();
  const transport = world.net.join({ peerId: "stranger", address: "/ip4/10.9.9.9/tcp/3000" });
  const connecting = WirePeer.connect(transport, {
    peerId: node.name,
    addresses: [node.address],
  }, {
    ...{ tipId, tipHeight, totalWork, flags: FLAG_COMPACT_BLOCKS },
    genesisId: node.chain.genesisId,
    networkName: node.chain.network.name,
  });
  await world.run(1_000);
  return await connecting;
}

/** A block on the tip of all whose coinbase takes `fees` that nobody paid. */
function onTip(world: World, fees: number): Block {
  const node = world.nodes[0]!;
  return mint(node.chain.tip(), { network: world.network, fees: amount(fees) as Amount }).block;
}

const whole = (block: Block): Message => ({
  type: "compactblock",
  ...makeCompact(block, 1n, () => false, SYNC_LIMITS),
});

/** Runs for what a block needs at the least over the line. */
const runOverLine = (world: World) => world.run(HOPS * LATENCY_MS + 1);

Deno.test("a block with payments that nobody has seen takes one latency a hop", () =>
  inLine({}, async (world, line) => {
    assert(await line[0]!.pay(line[1]!));
    const id = await line[0]!.mint();
    await runOverLine(world);
    for (const node of line) assert.equal(node.chain.tip().id, id, node.name);
  }));

Deno.test("a larger block whose payments are known takes one latency a hop too", () =>
  inLine({ limits: { compactWholeBytes: 0, compactPlacedBytes: 0 } }, async (world, line) => {
    assert(await line[0]!.pay(line[1]!));
    await world.until(() => line.every((node) => node.mempool.size === 1), 10_000, "it is told");
    const id = await line[0]!.mint();
    await runOverLine(world);
    for (const node of line) assert.equal(node.chain.tip().id, id, node.name);
  }));

Deno.test("a larger block whose payments are not known takes a question more a hop", () =>
  inLine({ limits: { compactWholeBytes: 0, compactPlacedBytes: 0 } }, async (world, line) => {
    assert(await line[0]!.pay(line[1]!));
    const id = await line[0]!.mint();
    await world.run(3 * HOPS * LATENCY_MS + 1);
    for (const node of line) assert.equal(node.chain.tip().id, id, node.name);
  }));

Deno.test("a bad block that honest nodes pass on before they know gets none of them punished", () =>
  inLine({}, async (world, line) => {
    const tip = line[0]!.chain.tip();
    const bad = onTip(world, 1);
    const peer = await stranger(world);
    peer.send(whole(bad));
    await world.run(LATENCY_MS + HOPS * LATENCY_MS + 1);
    const judged = line.filter((node) => node.chain.isInvalid(bad.id));
    assert(judged.length > 1, "it was passed on");
    await world.run(10_000);
    for (const [at, node] of line.entries()) {
      assert.equal(node.chain.tip().id, tip.id);
      const { discouraged, refused } = node.manager.stats();
      assert.deepEqual({ discouraged, refused }, { discouraged: 0, refused: {} }, node.name);
      const neighbours = at === HOPS ? 1 : 2; // The stranger is the first one's.
      assert.equal(node.manager.sessions().length, neighbours, node.name);
    }
    const next: BlockId = await line[0]!.mint();
    await runOverLine(world);
    assertAgreed(world);
    assert.equal(line[HOPS]!.chain.tip().id, next);
  }));

Deno.test("who lies about the transactions of a block is punished, and nobody else hears of it", () =>
  inLine({}, async (world, line) => {
    const { header } = onTip(world, 0);
    const other = onTip(world, 1);
    const peer = await stranger(world);
    peer.send({ ...whole(other), header } as Message);
    await world.run(5_000);
    assert.notEqual(peer.ended, "open");
    assert(line[0]!.manager.discouraged("stranger"));
    assert.equal(line[1]!.chain.header(header.id), undefined);
    assert.equal(line[0]!.chain.isInvalid(header.id), false);
  }));
