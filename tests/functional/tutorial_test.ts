/**
 * The tutorial that Moim grew from, typed as it types it: real processes that share nothing but the
 * phrase and a plain DHT server that does not know what Moim is.
 */
import assert from "node:assert/strict";
import { DhtProcess } from "../support/dht_process.ts";
import {
  freePort,
  moim,
  moimJson,
  MoimNode,
  type MoimOptions,
  until,
  withTempDir,
} from "../support/moim.ts";

const COIN = 1_000_000;

function optionsFor(dataDir: string, nodeId: number, dht: string): MoimOptions {
  return { dataDir, nodeId, env: { MOIM_LAN: "off", MOIM_DHT: "private", MOIM_PEER: dht } };
}

async function createWallet(name: string, options: MoimOptions): Promise<string> {
  const { code, stdout, stderr } = await moim(["createwallet", "-alias", name], options);
  assert.equal(code, 0, stderr);
  return stdout.match(/moim1[a-z0-9]+/)![0];
}

/** The session that `peers --json` lists. */
async function connectedPeer(options: MoimOptions) {
  return await until(async () => {
    const peers: { connected: boolean; found: string }[] = await moimJson(["peers"], options);
    return peers.find((peer) => peer.connected);
  }, { what: "a connected peer" });
}

async function tipOf(options: MoimOptions): Promise<{ height: number; tipId: string }> {
  return await moimJson(["status"], options);
}

async function balance(address: string, options: MoimOptions): Promise<number> {
  return (await moimJson(["getbalance", "-address", address], options)).confirmed;
}

Deno.test("the tutorial: meet by a phrase, part, mint alone, meet again, send, mint", () =>
  withTempDir(async (dir) => {
    const dht = await DhtProcess.start();
    const [port1, port2] = [freePort(), freePort()];
    const one = optionsFor(dir, port1, dht.address);
    const two = optionsFor(dir, port2, dht.address);
    const phrase = `tuto-${crypto.randomUUID()}`;
    const startArgs = ["startp2p", "-rendezvous", phrase];
    const nodes: MoimNode[] = [];
    try {
      const w1 = await createWallet("w1", one);
      const node1 = await MoimNode.start(startArgs, one);
      nodes.push(node1);
      const w2 = await createWallet("w2", two);
      const node2 = await MoimNode.start(startArgs, two);
      nodes.push(node2);
      assert.equal((await connectedPeer(two)).found, "dht");
      await connectedPeer(one);

      assert.equal(await node2.interrupt(), 0);
      const minted = await moim(["mint", "-minter", "w2"], two);
      assert.equal(minted.code, 0, minted.stderr);
      await dht.stop();
      const node2Again = await MoimNode.start(startArgs, two);
      nodes.push(node2Again);
      assert.equal((await connectedPeer(two)).found, "known");
      await until(async () => (await tipOf(one)).height === 1, { what: "the block at 3000" });
      assert.equal((await tipOf(one)).tipId, (await tipOf(two)).tipId);
      assert.equal(await balance(w2, two), 20 * COIN);
      assert.equal(await balance(w2, one), 20 * COIN);

      assert.equal(await node1.interrupt(), 0);
      const miner = await MoimNode.start([...startArgs, "-minter", "w1"], one);
      nodes.push(miner);
      await connectedPeer(one);
      const sent = await moim(["send", "-from", "w2", "-to", w1, "-amount", "5"], two);
      assert.equal(sent.code, 0, sent.stderr);
      for (const node of [one, two]) {
        await until(async () => (await tipOf(node)).height === 2, { what: "the mined payment" });
        const [toMinter, left] = [await balance(w1, node), await balance(w2, node)];
        // Reward, payment and fee; whatever the fee, nothing is lost between the two.
        assert.equal(toMinter + left, 40 * COIN);
        assert.ok(left < 15 * COIN && left > 14.99 * COIN, `w2 has ${left}`);
      }
      assert.equal((await tipOf(one)).tipId, (await tipOf(two)).tipId);
      assert.equal(await miner.interrupt(), 0);
      assert.equal(await node2Again.interrupt(), 0);
    } finally {
      await Promise.all(nodes.map((node) => node.kill()));
      await dht.stop();
    }
  }));
