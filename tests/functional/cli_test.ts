/** The same commands beside a running node and without one, as people type them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  freePort,
  moim,
  moimJson,
  MoimNode,
  type MoimOptions,
  until,
  withTempDir,
} from "../support/moim.ts";

const DEV = { MOIM_NETWORK: "dev" };
const COIN = 1_000_000;

async function done(args: string[], options: MoimOptions): Promise<string> {
  const { code, stdout, stderr } = await moim(args, options);
  assert.equal(code, 0, `moim ${args.join(" ")}: ${stderr}`);
  return stdout;
}

Deno.test("every command, beside the node and after it", () =>
  withTempDir(async (dataDir) => {
    const options = { dataDir, env: DEV };
    const made = await moim(["wallet", "new", "--alias", "w1"], options);
    assert.equal(made.stderr.match(/^ {2}([a-z]+ ){11,23}[a-z]+$/m)?.length, 2);
    assert.doesNotMatch(made.stdout, /([a-z]+ ){11}/);
    await using node = await MoimNode.start(["start", "--port", "0", "--solo"], options);
    assert.match(node.output, /^network {5}dev/m);
    assert.match(node.output, /^genesis {5}[0-9a-f]{64}$/m);
    assert.match(node.output, /^peer id {5}12D3KooW/m);
    assert.match(node.output, /^join .*--network dev/m);

    await done(["createwallet", "-alias", "w2"], options);
    assert.match(await done(["mint", "-minter", "w1"], options), /block 1 .*20 coins to w1/);
    const sent = await done(
      ["send", "-from", "w1", "-to", "w2", "-amount", "5", "--memo", "점심", "--mint"],
      options,
    );
    const txId = sent.match(/transaction ([0-9a-f]{64})/)![1]!;
    assert.match(sent, /fee 0\.000\d+ coins/);
    assert.match(sent, /in block 2/);
    const online = await answers(txId, options);
    assert.equal(online.status.running, true);
    assert.equal((await fileMode(join(dataDir, "api.json"))) & 0o777, 0o600);
    await node.waitFor(/^\d\d:\d\d:\d\d {2}block +2 /m);
    assert.equal(await node.interrupt(), 0);
    assert.match(node.output, /stopped\n$/);
    await assert.rejects(Deno.stat(join(dataDir, "api.json")), Deno.errors.NotFound);

    const offline = await answers(txId, options);
    assert.equal(offline.status.running, false);
    for (const name of ["balances", "tx", "chain", "block", "history", "keys"] as const) {
      assert.deepEqual(offline[name], online[name], name);
    }
    checkAnswers(offline, txId);
  }));

/** What every reading command says, by name. */
async function answers(txId: string, options: MoimOptions) {
  return {
    status: await moimJson(["status"], options),
    balances: await moimJson(["balance"], options),
    tx: await moimJson(["tx", txId], options),
    chain: await moimJson(["printchain"], options),
    block: await moimJson(["block", "2"], options),
    history: await moimJson(["history", "w1"], options),
    keys: await moimJson(["listaddresses"], options),
    verified: await moimJson(["verify"], options),
    reindexed: await moimJson(["reindexutxo"], options),
  };
}

function checkAnswers(said: Awaited<ReturnType<typeof answers>>, txId: string): void {
  const { fee } = said.tx;
  const [w1, w2] = said.balances;
  assert.deepEqual([w1.name, w1.total], ["w1", 35 * COIN]);
  assert.deepEqual([w2.name, w2.confirmed], ["w2", 5 * COIN]);
  assert.equal(said.tx.memo, "점심");
  assert.equal(said.tx.state, "confirmed");
  assert.ok(fee > 0 && fee < 1000);
  assert.deepEqual(said.chain.map((block: { height: number }) => block.height), [2, 1, 0]);
  assert.ok(
    said.chain.every((block: { proofOfWorkValid: boolean; signaturesValid: boolean }) =>
      block.proofOfWorkValid && block.signaturesValid
    ),
  );
  assert.equal(said.block.details[1].id, txId);
  assert.equal(said.history.entries.length, 3);
  assert.deepEqual(said.verified.problems, []);
  assert.equal(said.verified.blocks, said.reindexed.blocks);
}

async function fileMode(path: string): Promise<number> {
  return (await Deno.stat(path)).mode ?? 0o600;
}

Deno.test("two Ctrl-C at once are one, and a stale api.json is ignored", () =>
  withTempDir(async (dataDir) => {
    const options = { dataDir, env: DEV };
    await using node = await MoimNode.start(["start", "--port", "0"], options);
    const api = await Deno.readTextFile(join(dataDir, "api.json"));
    void node.interrupt();
    assert.equal(await node.interrupt(), 0);
    await Deno.writeTextFile(join(dataDir, "api.json"), api);
    assert.equal((await moimJson(["status"], options)).running, false);
  }));

Deno.test("kill -9 leaves a folder that opens again", () =>
  withTempDir(async (dataDir) => {
    const options = { dataDir, env: DEV };
    await done(["wallet", "new"], options);
    await using node = await MoimNode.start(["start", "--port", "0"], options);
    await done(["mint", "w1"], options);
    await node.kill();
    assert.equal((await moimJson(["status"], options)).height, 1);
  }));

Deno.test("--http off: commands work, strangers get nothing", () =>
  withTempDir(async (dataDir) => {
    const options = { dataDir, env: DEV };
    await using node = await MoimNode.start(["start", "--port", "0", "--http", "off"], options);
    assert.match(node.output, /^http {8}off$/m);
    const { port } = JSON.parse(await Deno.readTextFile(join(dataDir, "api.json")));
    const refused = await fetch(`http://127.0.0.1:${port}/api/v1/status`);
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
    assert.equal((await moimJson(["status"], options)).running, true);
    assert.equal(await node.interrupt(), 0);
  }));

Deno.test("NODE_ID gives port and folder; the API is 5000 above", () =>
  withTempDir(async (dataDir) => {
    const nodeId = freePort();
    const options = { dataDir, nodeId, env: DEV };
    await using node = await MoimNode.start(["-secio"], options);
    assert.match(node.output, new RegExp(`/tcp/${nodeId}/p2p/`));
    assert.match(node.stderr, /Ignoring -secio/);
    assert.match(node.output, new RegExp(`http://127.0.0.1:${nodeId + 5000}/`));
    assert.equal((await node.get("status")).network, "dev");
    const kinds = [...Deno.readDirSync(dataDir)].map((entry) => entry.name);
    assert.deepEqual(kinds, [String(nodeId)]);
  }));

Deno.test("the network used last is used again, and start without command remembers it", () =>
  withTempDir(async (dataDir) => {
    const options = { dataDir };
    assert.equal((await moimJson(["status"], options)).network, "moim");
    assert.equal((await moimJson(["status", "--network", "dev"], options)).network, "dev");
    assert.equal((await moimJson(["status"], options)).network, "dev");
    const file = join(dataDir, "club.json");
    await done(["network", "make", "--name", "club", "--reward", "0", "--out", file], options);
    const club = await moimJson(["status", "--network", file], options);
    assert.equal(club.network, "club");
    await Deno.remove(file);
    assert.equal((await moimJson(["status"], options)).genesisId, club.genesisId);
  }));

Deno.test("keys travel by mnemonic and by secret", () =>
  withTempDir(async (dir) => {
    const at = (name: string) => ({ dataDir: join(dir, name), env: DEV });
    const original = await done(["wallet", "new", "w1"], at("a"));
    const mnemonic = await done(["wallet", "export"], at("a"));
    const secret = await done(["wallet", "export", "w1"], at("a"));
    const restored = await moim(["wallet", "restore"], { ...at("b"), input: mnemonic });
    assert.equal(restored.code, 0, restored.stderr);
    const address = original.match(/moim1[a-z0-9]+/)![0];
    assert.ok(restored.stdout.includes(address));
    const imported = await moim(["wallet", "import", "old"], { ...at("c"), input: secret });
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stdout, new RegExp(`^old +${address} +imported`));
    assert.equal((await fileMode(join(dir, "a", "wallets.json"))) & 0o777, 0o600);
  }));

Deno.test("send without a node is kept and goes out with the next start", () =>
  withTempDir(async (dataDir) => {
    const options = { dataDir, env: DEV };
    await done(["wallet", "new", "w1"], options);
    await done(["wallet", "new", "w2"], options);
    await done(["mint", "w1", "--count", "2"], options);
    const send = ["send", "-from", "w1", "-to", "w2", "-amount", "1"];
    assert.match(await done(send, options), /queued; goes out with moim start/);
    assert.equal((await moimJson(["status"], options)).mempool.transactions, 1);
    await using node = await MoimNode.start(
      ["start", "--port", "0", "--solo", "--minter", "w1"],
      options,
    );
    await until(async () => (await node.get("status"))?.height === 3, { what: "the kept payment" });
    assert.equal((await moimJson(["balance", "w2"], options)).confirmed, COIN);
    const minted = await done(["mint", "w1"], options);
    assert.match(minted, /kept here; goes out with the first peer that connects/);
  }));
