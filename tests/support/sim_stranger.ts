/** Strangers that speak frames with a node of a `SimWorld`: what tests of its door open with. */
import assert from "node:assert/strict";
import { SIM_GENESIS, type SimNode, type SimWorld } from "./sim_nodes.ts";
import { WirePeer } from "./wire_peer.ts";

/** What a stranger says of itself to be of the nodes' network. */
export const SIM_IDENTITY = { genesisId: SIM_GENESIS, networkName: "sim" };

/** Simulated time in which everything here happens, unless it never does. */
const PATIENCE_MS = 30_000;

/** Runs a promise that needs simulated time to pass. */
export async function inTime<Value>(world: SimWorld, promise: Promise<Value>): Promise<Value> {
  let isDone = false;
  const watched = promise.finally(() => isDone = true);
  watched.catch(() => {});
  const what = `it took over ${PATIENCE_MS / 1_000} s`;
  assert.ok(await world.clock.advanceUntil(() => isDone, PATIENCE_MS), what);
  return await watched;
}

/** Opens a stream to the node and says nothing yet. */
export function dial(world: SimWorld, node: SimNode, peerId = "stranger"): Promise<WirePeer> {
  return inTime(world, WirePeer.dial(world.stranger(peerId), targetOf(node)));
}

/** Opens a stream to the node and exchanges `version`. */
export function connect(world: SimWorld, node: SimNode, peerId = "stranger"): Promise<WirePeer> {
  return inTime(world, WirePeer.connect(world.stranger(peerId), targetOf(node), SIM_IDENTITY));
}

function targetOf({ peerId, address }: SimNode) {
  return { peerId, addresses: [address] };
}
