import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../lib/base/errors.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { networkFromPhrase } from "../../../lib/consensus/network.ts";
import { networkFromJson, networkToJson } from "../../../lib/consensus/network_json.ts";
import { DataFolder, networkFolderName } from "../../../lib/store/folder.ts";

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

function isUserError(exitCode: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, exitCode);
    assert.ok(!error.message.includes("\n"));
    return true;
  };
}

const isPosix = Deno.build.os !== "windows";

Deno.test("a data folder in use is refused, and free again once given back", () =>
  withFolder(async (path) => {
    const folder = await DataFolder.open(join(path, "deep", "data"));
    await assert.rejects(DataFolder.open(folder.path), isUserError(8));
    const waiting = DataFolder.open(folder.path, { waitMs: 10_000 });
    await folder.close();
    await (await waiting).close();
  }));

Deno.test("the identity is made once, kept private, and noticed when damaged", () =>
  withFolder(async (path) => {
    const folder = await DataFolder.open(path);
    const seed = await folder.identitySeed();
    assert.equal(seed.length, 32);
    assert.deepEqual(await folder.identitySeed(), seed);
    const file = folder.filePath("identity.key");
    if (isPosix) assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    await Deno.writeTextFile(file, "half a ke");
    await assert.rejects(folder.identitySeed(), isUserError(7));
    await folder.close();
  }));

Deno.test("a network's folder is made once and its parameters are checked ever after", () =>
  withFolder(async (path) => {
    const folder = await DataFolder.open(path);
    const network = networkFromPhrase("튜토 ../x");
    const genesisId = genesisBlock(network).id;
    const { path: made, kvPath } = await folder.openNetwork(networkToJson(network), genesisId);
    assert.equal(made, join(path, "networks", networkFolderName(network.name, genesisId)));
    assert.equal(kvPath, join(made, "node.kv"));
    const file = join(made, "network.json");
    const written = JSON.parse(await Deno.readTextFile(file));
    assert.deepEqual(networkFromJson(written), network);
    assert.equal((await folder.openNetwork(networkToJson(network), genesisId)).path, made);

    await Deno.writeTextFile(file, JSON.stringify({ ...written, spacingMs: 1_000 }));
    await assert.rejects(folder.openNetwork(networkToJson(network), genesisId), isUserError(7));
    await Deno.writeTextFile(file, '{"name": "튜');
    await assert.rejects(folder.openNetwork(networkToJson(network), genesisId), isUserError(7));
    await folder.close();
  }));

Deno.test("no phrase makes a folder outside of its place", () => {
  const genesisId = genesisBlock(networkFromPhrase("x")).id;
  for (const name of ["..", "../..", "/etc", "a\\b", "C:x", "a\0b", ".", "x".repeat(200)]) {
    const folder = networkFolderName(name, genesisId);
    assert.match(folder, /^[\p{L}\p{N}_-]{1,60}$/u);
  }
});

Deno.test({
  name: "a folder that cannot be written is told in one line",
  fn: () =>
    withFolder(async (path) => {
      const file = join(path, "file");
      await Deno.writeTextFile(file, "");
      await assert.rejects(DataFolder.open(join(file, "data")), isUserError(1));
    }),
});
