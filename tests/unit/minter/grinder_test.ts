import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { seededRandom } from "../../../lib/base/random.ts";
import { DEV_NETWORK } from "../../../lib/consensus/network.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { hashMeetsBits } from "../../../lib/consensus/work.ts";
import { encodeBlock } from "../../../lib/primitives/block.ts";
import { Grinder, targetBytes } from "../../../lib/minter/grinder.ts";
import { HeaderHasher } from "../../../lib/minter/header_hash.ts";

const genesis = genesisBlock(DEV_NETWORK);
/** No nonce is found for it in any test's time. */
const hard = encodeBlock({
  header: { ...genesis.header, bits: 0x0300ffff },
  transactions: genesis.transactions,
});

function sha256d(bytes: Uint8Array): string {
  const once = createHash("sha256").update(bytes).digest();
  return createHash("sha256").update(once).digest("hex");
}

/** The hash of the header with this nonce, by the platform's SHA-256. */
function hashWithNonce(header: Uint8Array, high: number, low: number): string {
  const bytes = Uint8Array.from(header);
  const view = new DataView(bytes.buffer);
  view.setUint32(84, low, true);
  view.setUint32(88, high, true);
  return sha256d(bytes);
}

Deno.test("HeaderHasher finds just the first nonce whose sha256d meets the target", () => {
  const random = seededRandom(1);
  for (let round = 0; round < 20; round++) {
    const header = random.bytes(92);
    const target = targetBytes(0x2000ffff);
    const high = new DataView(random.bytes(4).buffer).getUint32(0);
    const low = new DataView(random.bytes(4).buffer).getUint32(0) >>> 1;
    const found = new HeaderHasher(header, target).search(high, low, 20_000);
    const limit = BigInt(`0x00ffff${"00".repeat(29)}`);
    let expected = -1;
    for (let tried = low; tried < low + 20_000 && expected < 0; tried++) {
      if (BigInt(`0x${hashWithNonce(header, high, tried)}`) <= limit) expected = tried;
    }
    assert.equal(found, expected);
    assert.ok(found >= 0);
  }
});

Deno.test("HeaderHasher gives up after the nonces it was allowed", () => {
  assert.equal(new HeaderHasher(new Uint8Array(92), targetBytes(0x0100_0001)).search(0, 0, 50), -1);
});

Deno.test("Grinder meets the target with one worker and with two, and stops when told", async () => {
  for (const threads of [1, 2]) {
    const grinder = new Grinder({ threads, random: seededRandom(threads) });
    try {
      const header = { ...genesis.header, bits: 0x1f00ffff };
      const template = encodeBlock({ header, transactions: genesis.transactions });
      const block = await grinder.grind(template, new AbortController().signal);
      assert.ok(block && hashMeetsBits(block.id, 0x1f00ffff));
      assert.equal(sha256d(block.header.bytes), block.id);
      const stop = new AbortController();
      const endless = grinder.grind(hard, stop.signal);
      stop.abort();
      assert.equal(await endless, undefined);
      assert.ok(await grinder.grind(template, new AbortController().signal));
    } finally {
      grinder.close();
    }
  }
});

Deno.test("Grinder gives up what it looks for when it is closed, and takes nothing more", async () => {
  const grinder = new Grinder({ threads: 2, random: seededRandom(1) });
  const never = new AbortController().signal;
  const endless = grinder.grind(hard, never);
  grinder.close();
  assert.equal(await endless, undefined);
  assert.equal(await grinder.grind(hard, never), undefined);
});
