/** The chain and payments by file, between folders that meet on no network. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { utf8 } from "../../lib/base/bytes.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { ChainFileWriter } from "../../lib/node/chain_file.ts";
import { amount } from "../../lib/primitives/amount.ts";
import type { Block } from "../../lib/primitives/block.ts";
import { mint, mintBranch } from "../support/easy_chain.ts";
import { moim, moimJson, MoimNode, type MoimOptions, until, withTempDir } from "../support/moim.ts";

const DEV = { MOIM_NETWORK: "dev" };
const BLOCKS = 2_000;

/** Runs `use` with the folders of two people, and the file they hand around. */
function withTwo(
  use: (a: MoimOptions, b: MoimOptions, file: string) => Promise<void>,
): Promise<void> {
  return withTempDir((dir) => {
    const folder = (name: string) => ({ dataDir: join(dir, name), env: DEV });
    return use(folder("a"), folder("b"), join(dir, "carried.moim"));
  });
}

async function done(args: string[], options: MoimOptions): Promise<string> {
  const { code, stdout, stderr } = await moim(args, options);
  assert.equal(code, 0, `moim ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function writeChain(file: string, blocks: readonly Block[]): Promise<void> {
  using out = await Deno.open(file, { write: true, create: true, truncate: true });
  const writer = new ChainFileWriter(async (bytes) => {
    for (let at = 0; at < bytes.length;) at += await out.write(bytes.subarray(at));
  });
  await writer.begin({ genesisId: genesisBlock(DEV_NETWORK).id, network: DEV_NETWORK.name });
  for (const { bytes } of blocks) await writer.add({ kind: "block", bytes });
  await writer.end();
}

Deno.test("a chain goes over by file, and payments come back to the one who mints", () =>
  withTwo(async (a, b, file) => {
    await done(["wallet", "new", "--alias", "w1"], a);
    const { key } = await moimJson(["wallet", "new", "--alias", "w2"], b);
    await done(["mint", "--minter", key.address, "--count", "3"], a);
    await done(["mint", "--minter", "w1"], a);
    const { to, bytes } = await moimJson(["export", file], a);
    assert.deepEqual([to, bytes], [4, (await Deno.stat(file)).size]);
    const taken = await moimJson(["import", file], b);
    assert.deepEqual([taken.blocks.new, taken.blocks.known, taken.height], [4, 0, 4]);
    assert.match(await done(["import", file], b), /Read 4 blocks: 0 new, 4 known/);

    // b pays without any network, the second payment out of the first one's change.
    const pay = ["send", "--from", "w2", "--to", key.address, "--amount"];
    assert.equal((await moimJson([...pay, "50"], b)).state, "queued");
    const { txId } = await moimJson([...pay, "55"], b);
    const written = await moimJson(["export", "--payment", txId, file], b);
    assert.deepEqual([written.payments.length, written.payments[1]], [2, txId]);

    // a's node runs: both commands ask it.
    await using node = await MoimNode.start(["start", "--port", "0", "--solo"], a);
    assert.match(await done(["import", file], a), /Read 2 payments: 2 new, 0 known/);
    assert.equal((await moimJson(["import", file], a)).payments.known, 2);
    await done(["mint", "--minter", "w1"], a);
    assert.equal((await moimJson(["import", file], a)).payments.known, 2);
    const piped = await moim(["export", "--from", "5", "-"], a);
    assert.match(piped.stderr, /Wrote 1 block \(5 to 5\)/);
    assert.match(
      await done(["import", "-"], { ...b, input: piped.bytes }),
      /Read 1 block: 1 new, 0 known/,
    );
    assert.equal((await moimJson(["tx", txId], b)).state, "confirmed");
    assert.equal(await node.interrupt(), 0);
  }));

Deno.test("a killed import goes on where it was, and a running node takes the same file", () =>
  withTwo(async (a, b, file) => {
    const blocks = mintBranch(BLOCKS, { network: DEV_NETWORK }).map(({ block }) => block);
    await writeChain(file, blocks);
    await using killed = MoimNode.spawn(["import", file], b);
    await until(() => hasWritten(b.dataDir), { what: "the import to write something" });
    await killed.kill();
    const { blocks: rest, height } = await moimJson(["import", file], b);
    assert.deepEqual([rest.read, rest.new + rest.known, height], [BLOCKS, BLOCKS, BLOCKS]);

    await using node = await MoimNode.start(["start", "--port", "0", "--solo"], a);
    assert.match(await done(["import", file], a), /2000 new, 0 known/);
    // Thousands of blocks are not a line each.
    assert.ok((node.output.match(/ block +\d/g) ?? []).length < 200, node.output.slice(-2_000));
    const copy = `${file}.copy`;
    await done(["export", copy], a);
    assert.deepEqual(await Deno.readFile(copy), await Deno.readFile(file));
  }));

Deno.test("Ctrl-C ends an export and an import in order, with a line and 130", () =>
  withTwo(async (a, b, file) => {
    await writeChain(file, mintBranch(BLOCKS, { network: DEV_NETWORK }).map(({ block }) => block));
    await using importing = MoimNode.spawn(["import", file], b);
    await until(() => hasWritten(b.dataDir), { what: "the import to write something" });
    // Either may be through when Ctrl-C comes; nothing is half done in any case.
    if (await importing.interrupt() !== 0) {
      assert.match(importing.stderr, /^Interrupted: what was taken in is kept; import it again/);
      assert.equal(await importing.ended(), 130);
    }
    assert.equal((await moimJson(["import", file], b)).height, BLOCKS);

    const folder = join(a.dataDir, "out");
    await Deno.mkdir(folder, { recursive: true });
    await using exporting = MoimNode.spawn(["export", join(folder, "chain.moim")], b);
    await until(() => hasFiles(folder), { what: "the export to begin" });
    if (await exporting.interrupt() !== 0) {
      assert.match(exporting.stderr, /^Interrupted: ".*" is as it was; export again\n$/);
      assert.equal(await exporting.ended(), 130);
      assert.ok(!await hasFiles(folder), "half a file is left");
    }
  }));

async function hasFiles(folder: string): Promise<boolean> {
  return (await Array.fromAsync(Deno.readDir(folder))).length > 0;
}

async function hasWritten(dataDir: string): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(join(dataDir, "networks"))) {
      const folder = join(dataDir, "networks", name);
      for await (const file of Deno.readDir(folder)) {
        if ((await Deno.stat(join(folder, file.name))).size > 300_000) return true;
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}

Deno.test("what is cut, refused, of another network or no such file is told in a line", () =>
  withTwo(async (a, b, file) => {
    const good = mintBranch(20, { network: DEV_NETWORK });
    await writeChain(file, good.map(({ block }) => block));
    const bytes = await Deno.readFile(file);
    await Deno.writeFile(file, bytes.subarray(0, bytes.length / 2));
    const cut = await moim(["import", file, "--json"], b);
    assert.deepEqual([cut.code, cut.stderr.trim().split("\n").length], [7, 1]);
    assert.match(cut.stderr, /is not whole: it ends early.*what was good before is kept/);
    const report = JSON.parse(cut.stdout);
    assert.deepEqual([report.height > 5, report.height < 15], [true, true]);
    assert.equal(report.problem.kind, "damaged");

    const greedy = mint(good.at(-1)!.context, { network: DEV_NETWORK, fees: amount(1) });
    const above = mint(greedy.context, { network: DEV_NETWORK });
    await writeChain(file, [...good, greedy, above].map(({ block }) => block));
    const refused = await moim(["import", file], b);
    assert.equal(refused.code, 5);
    assert.match(refused.stderr, /was refused \(coinbase-too-high\)/);
    assert.match(refused.stdout, /2 refused\n.* is at height 20,/);

    await writeChain(file, good.slice(3).map(({ block }) => block));
    const gap = await moim(["import", file], a);
    assert.match(gap.stderr, /builds on [0-9a-f]{64}, which is not here: import .* first/);
    assert.equal(gap.code, 5);

    await Deno.writeFile(file, utf8("hello"));
    assert.equal((await moim(["import", file], a)).code, 2);
    assert.equal((await moim(["import", `${file}.gone`], a)).code, 3);
    const kept = await moim(["export", file], b);
    assert.match(kept.stderr, /Cannot write .*it exists and was not written by moim export/);
    assert.equal(await Deno.readTextFile(file), "hello");

    const nowhere = await moim(["export", join(b.dataDir, "none", "file")], b);
    assert.match(nowhere.stderr, /^Cannot write ".*none.file": its folder does not exist; give/);
    const fresh = { ...b, dataDir: join(b.dataDir, "fresh") };
    const wrong = [["--from", "x"], ["--payment", "x"], ["--to", "1", "--payment", "0".repeat(64)]];
    for (const options of wrong) {
      assert.equal((await moim(["export", file, ...options], fresh)).code, 2, options.join(" "));
    }
    await assert.rejects(Deno.stat(fresh.dataDir), Deno.errors.NotFound);
  }));

Deno.test("a file of another network is refused before that of the folder is made", () =>
  withTwo(async (a, b, file) => {
    await done(["wallet", "new", "--alias", "w1"], a);
    await done(["mint", "--minter", "w1"], a);
    await done(["export", file], a);
    const fresh = { ...b, env: {} };
    const refused = await moim(["import", file], fresh);
    assert.equal(refused.code, 5);
    assert.match(
      refused.stderr,
      /^Cannot import .*of network "dev" \(genesis .*not of "moim" .*; .* --network dev\n$/,
    );
    await assert.rejects(Deno.stat(b.dataDir), Deno.errors.NotFound);

    // As it does what the line says.
    assert.equal((await moimJson(["import", file, "--network", "dev"], fresh)).blocks.new, 1);
    const named = await moim(["import", file, "--rendezvous", "lunch"], fresh);
    assert.equal(named.code, 5);
    assert.match(named.stderr, /of network "dev" \(genesis .*not of "lunch" \(genesis/);
    const networks = await Array.fromAsync(Deno.readDir(join(b.dataDir, "networks")));
    assert.equal(networks.length, 1);

    // A running node of another network says the same.
    const other = { dataDir: join(b.dataDir, "other"), env: { MOIM_RENDEZVOUS: "lunch" } };
    await using node = await MoimNode.start(["start", "--port", "0", "--solo"], other);
    const asked = await moim(["import", file], other);
    assert.equal(asked.code, 5);
    assert.match(asked.stderr, /not of "lunch"/);
    assert.equal(await node.interrupt(), 0);
  }));

Deno.test("the line names the way onto the network that a file is of", () =>
  withTwo(async (a, b, file) => {
    const ways: [network: string, way: RegExp][] = [
      ["lunch", /by its phrase \(--rendezvous\), or join it by invitation first \(moim join\)$/],
      ["group 12ab34cd", /not of "moim" \(genesis [0-9a-f]{16}…\); join it by invitation first/],
    ];
    for (const [network, way] of ways) {
      const from = { dataDir: join(a.dataDir, network), env: { MOIM_RENDEZVOUS: network } };
      await done(["wallet", "new", "--alias", "w1"], from);
      await done(["mint", "--minter", "w1"], from);
      await done(["export", file], from);
      const { code, stderr } = await moim(["import", file], { ...b, env: {} });
      assert.equal(code, 5);
      assert.match(stderr.trim(), way);
    }
    await assert.rejects(Deno.stat(b.dataDir), Deno.errors.NotFound);
  }));
