import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { verify } from "../../../lib/primitives/signature.ts";
import { sign } from "../../../lib/primitives/signature.ts";
import { encodeAddress } from "../../../lib/primitives/address.ts";
import { asLock, type Lock } from "../../../lib/primitives/ids.ts";
import { Keystore } from "../../../lib/wallet/keystore.ts";

async function withFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(join(folder, "wallets.json"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const fails = (exitCode: number, message: RegExp) => (error: unknown) =>
  error instanceof UserError && error.exitCode === exitCode && message.test(error.message) &&
  !error.message.includes("\n");

Deno.test("Keystore shows its words once and has the same keys when opened again", () =>
  withFolder(async (path) => {
    const keystore = await Keystore.open(path);
    const first = await keystore.newKey("민수");
    const second = await keystore.newKey();
    assert.equal(first.mnemonic?.split(" ").length, 12);
    assert.equal(second.mnemonic, undefined);
    assert.equal(second.key.name, "w1");
    const again = await Keystore.open(path);
    assert.deepEqual(again.keys(), keystore.keys());
    assert.equal(again.exportMnemonic(), first.mnemonic);
    if (Deno.build.os !== "windows") {
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    }
  }));

Deno.test("Keystore resolves names and addresses, and tells its own from others", () =>
  withFolder(async (path) => {
    const keystore = await Keystore.open(path);
    const { key } = await keystore.newKey("w1");
    const stranger = encodeAddress(asLock("11".repeat(20)));
    assert.equal(keystore.resolve("w1").lock, key.lock);
    assert.equal(keystore.resolve(key.address).key?.name, "w1");
    assert.equal(keystore.resolve(stranger).key, undefined);
    assert.throws(() => keystore.resolve("w2"), fails(EXIT.notFound, /wallet new --alias w2/));
    assert.throws(
      () => keystore.resolveOwn(stranger),
      fails(EXIT.notFound, /not in this keystore/),
    );
    const typo = key.address.slice(0, -1) + (key.address.endsWith("q") ? "p" : "q");
    assert.throws(() => keystore.resolve(typo), fails(EXIT.usage, /typing errors/));
    const message = new Uint8Array(3);
    assert.ok(verify(sign(message, keystore.seedOf(key.publicKey)), message, key.publicKey));
  }));

Deno.test("Keystore takes a name once and refuses names that would confuse", () =>
  withFolder(async (path) => {
    const keystore = await Keystore.open(path);
    await keystore.newKey("w1");
    const before = await Deno.readTextFile(path);
    await assert.rejects(keystore.newKey("w1"), fails(EXIT.failed, /name is taken/));
    for (const name of ["", "a b", "-x", "moim1qq", "x".repeat(65), "a/b", "a\u0000"]) {
      await assert.rejects(keystore.newKey(name), fails(EXIT.usage, /as a name/));
    }
    assert.equal(await Deno.readTextFile(path), before);
  }));

Deno.test("Keystore exports a key that another keystore imports once", () =>
  withFolder(async (path) => {
    const keystore = await Keystore.open(path);
    const { key } = await keystore.newKey("w1");
    const { secret } = keystore.exportSecret("w1");
    const other = await Keystore.open(`${path}.other`);
    const imported = await other.import("from-home", secret);
    assert.equal(imported.lock, key.lock);
    assert.equal(imported.path, undefined);
    await assert.rejects(other.import("twice", secret), fails(EXIT.failed, /already/));
    await assert.rejects(other.import("bad", "12"), fails(EXIT.usage, /64 hex digits/));
    assert.equal((await Keystore.open(`${path}.other`)).resolve("from-home").lock, key.lock);
  }));

Deno.test("Keystore restores used keys up to a gap of 20, and never over a keystore", () =>
  withFolder(async (path) => {
    const keystore = await Keystore.open(path);
    const { mnemonic } = await keystore.newKey();
    for (let made = 0; made < 23; made++) await keystore.newKey();
    const locks = keystore.keys().map((key) => key.lock);
    const used = new Set<Lock>([locks[0]!, locks[3]!, locks[23]!]);
    const restored = await Keystore.open(`${path}.restored`);
    const keys = await restored.restore(` ${mnemonic} `, (lock) => Promise.resolve(used.has(lock)));
    assert.deepEqual(keys.map((key) => key.lock), locks.slice(0, 24));
    await assert.rejects(
      restored.restore(mnemonic!, () => Promise.resolve(false)),
      fails(EXIT.failed, /never overwritten/),
    );
    const empty = await Keystore.open(`${path}.empty`);
    const gap = new Set<Lock>([locks[22]!]); // 22 unused before it: out of reach
    const found = await empty.restore(mnemonic!, (lock) => Promise.resolve(gap.has(lock)));
    assert.equal(found.length, 1);
    await assert.rejects(
      (await Keystore.open(`${path}.none`)).restore("not words", () => Promise.resolve(false)),
      fails(EXIT.usage, /mnemonic/),
    );
  }));

Deno.test("Keystore refuses every kind of damage in one line and leaves the file alone", () =>
  withFolder(async (path) => {
    const keystore = await Keystore.open(path);
    await keystore.newKey("w1");
    const good = await Deno.readTextFile(path);
    const damages = [
      "",
      "{",
      "[]",
      good.slice(0, -20),
      good.replace("moim-keystore", "other"),
      good.replace('"version": 1', '"version": 2'),
      good.replace('"index": 0', '"index": 5'),
      good.replace('"index": 0', '"secret": "zz"'),
      good.replace(/"mnemonic": "\w+/, '"mnemonic": "nonsense'),
      good.replace('"name": "w1"', '"name": ""'),
    ];
    for (const damage of damages) {
      await Deno.writeTextFile(path, damage);
      await assert.rejects(Keystore.open(path), fails(EXIT.damaged, /keystore/));
      assert.equal(await Deno.readTextFile(path), damage);
    }
  }));
