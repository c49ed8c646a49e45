/** How compact blocks are made and put together, without a node. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { CodecError } from "../../../lib/base/bytes.ts";
import { genesisContext } from "../../../lib/consensus/header_context.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { asBlockId, asTxId, type TxId } from "../../../lib/primitives/ids.ts";
import { isSentWhole, makeCompact, Rebuild } from "../../../lib/sync/compact_block.ts";
import { SYNC_LIMITS, type SyncLimits } from "../../../lib/sync/limits.ts";
import { ShortIds } from "../../../lib/wire/short_id.ts";
import { EASY_NETWORK, mint } from "../../support/easy_chain.ts";
import { easyKey, payment } from "../../support/easy_payment.ts";

const KEY = easyKey(1);
const GENESIS_ID = asBlockId("0".repeat(64));
const PAYMENTS = Array.from({ length: 12 }, (_, at) =>
  payment({
    key: KEY,
    coins: [{
      amount: amount(100_000),
      outPoint: { txId: asTxId("ab".repeat(32)), index: at },
    }],
    to: KEY.lock,
    pays: amount(50_000),
    genesisId: GENESIS_ID,
  }));
const { block: BLOCK } = mint(genesisContext(EASY_NETWORK), {
  transactions: PAYMENTS.slice(0, 10),
});
const OTHERS = PAYMENTS.slice(10);
const LARGE: SyncLimits = { ...SYNC_LIMITS, compactWholeBytes: 0 };
const NONCE = 7n;

/** Only short ids, but for the coinbase. */
const short = () => makeCompact(BLOCK, NONCE, () => true, LARGE);
const idsPlaced = (knows: (id: TxId) => boolean, limits: SyncLimits) =>
  makeCompact(BLOCK, NONCE, knows, limits).placed.map(({ index }) => index);
const all = BLOCK.transactions.map((_, index) => index);
const bodies = (places: readonly number[]) => places.map((at) => BLOCK.transactions[at]!.bytes);

Deno.test("a small block is sent whole, of a larger one what the peer lacks", () => {
  assert.equal(isSentWhole(BLOCK, SYNC_LIMITS), true);
  assert.deepEqual(idsPlaced(() => true, SYNC_LIMITS), all);
  assert.deepEqual(idsPlaced(() => true, LARGE), [0]);
  assert.deepEqual(idsPlaced(() => false, LARGE), all);
  const unknown = PAYMENTS[4]!.id;
  assert.deepEqual(idsPlaced((id) => id !== unknown, LARGE), [0, 5]);
  const room = 2 * PAYMENTS[0]!.bytes.length;
  assert.deepEqual(idsPlaced(() => false, { ...LARGE, compactPlacedBytes: room }), [0, 1, 2]);
});

Deno.test("a block comes together from any part that is known, and what is asked for", () => {
  const subset = fc.subarray([...PAYMENTS]);
  fc.assert(
    fc.property(subset, subset, (known, pool) => {
      const knows = new Set(known.map(({ id }) => id));
      const compact = makeCompact(BLOCK, NONCE, (id) => knows.has(id), LARGE);
      const rebuild = new Rebuild(compact, pool);
      const here = new Set(pool.map(({ id }) => id));
      const lacking = PAYMENTS.slice(0, 10).filter(({ id }) => knows.has(id) && !here.has(id));
      assert.equal(rebuild.missing.length, lacking.length);
      rebuild.fill(bodies(rebuild.missing));
      assert.deepEqual(rebuild.block()!.bytes, BLOCK.bytes);
      assert.equal(rebuild.block()!.id, BLOCK.id);
    }),
    { numRuns: 30 },
  );
});

Deno.test("what has the short id of two is asked for", () => {
  const pool = [...PAYMENTS, PAYMENTS[3]!];
  assert.deepEqual(new Rebuild(short(), pool).missing, [4]);
  const compact = short();
  const shortIds = compact.shortIds.with(6, compact.shortIds[2]!);
  assert.deepEqual(new Rebuild({ ...compact, shortIds }, PAYMENTS).missing, [3, 7]);
});

Deno.test("a payment of ours that only has the right short id is given back and asked for", () => {
  // As if the block's fifth payment had the short id of another one, which we have.
  const names = new ShortIds(BLOCK.header.bytes, NONCE);
  const compact = short();
  const shortIds = compact.shortIds.with(4, names.of(OTHERS[0]!.id));
  const pool = [...PAYMENTS.slice(0, 8), OTHERS[0]!];
  const rebuild = () => new Rebuild({ ...compact, shortIds }, pool);
  const good = rebuild();
  assert.deepEqual(good.missing, [9, 10]);
  good.fill(bodies([9, 10]));
  assert.equal(good.block(), undefined);
  assert.equal(good.giveBack(), true);
  assert.deepEqual(good.missing, [1, 2, 3, 4, 5, 6, 7, 8]);
  good.fill(bodies(good.missing));
  assert.deepEqual(good.block()!.bytes, BLOCK.bytes);
  const bad = rebuild();
  bad.fill(bodies([10, 9]));
  assert.equal(bad.giveBack(), true);
  bad.fill(bodies(bad.missing));
  assert.equal(bad.block(), undefined);
  assert.equal(bad.giveBack(), false, "there is no doubt who is wrong");
});

Deno.test("more or less than was asked for, and what is no transaction, are errors", () => {
  const compact = short();
  const rebuild = new Rebuild(compact, PAYMENTS.slice(0, 8));
  assert.deepEqual(rebuild.missing, [9, 10]);
  assert.throws(() => rebuild.fill(bodies([9])), CodecError);
  assert.throws(() => rebuild.fill(bodies([9, 10, 10])), CodecError);
  assert.throws(() => rebuild.fill([...bodies([9]), Uint8Array.of(1)]), CodecError);
  const placed = [{ index: 0, bytes: Uint8Array.of(9) }];
  assert.throws(() => new Rebuild({ ...compact, placed }, []), CodecError);
});

Deno.test("a pool cannot be made into more than a block may hold", () => {
  const names = new ShortIds(BLOCK.header.bytes, NONCE);
  const large = PAYMENTS.slice(0, 6).map((each) => ({ ...each, bytes: new Uint8Array(99_000) }));
  const shortIds = large.map(({ id }) => names.of(id));
  const rebuild = new Rebuild({ header: BLOCK.header, nonce: NONCE, shortIds, placed: [] }, large);
  assert.deepEqual(rebuild.missing, []);
  assert.equal(rebuild.block(), undefined);
  assert.equal(rebuild.giveBack(), true);
});
