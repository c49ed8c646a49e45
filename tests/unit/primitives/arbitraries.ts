/** Random things of the right form, for property tests. */
import fc from "fast-check";
import { amount } from "../../../lib/primitives/amount.ts";
import { asBlockId, asHash, asLock, asTxId } from "../../../lib/primitives/ids.ts";
import type { Output, Spend } from "../../../lib/primitives/transaction.ts";

export function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** A record like those the code makes, not one without a prototype. */
function plain<Fields>(fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> }) {
  return fc.record<Fields>(fields, { noNullPrototype: true });
}

const someOutPoint = plain({ txId: bytesOf(32).map(asTxId), index: fc.maxSafeNat() });

const someSpend: fc.Arbitrary<Spend> = plain({
  publicKey: bytesOf(32),
  coins: fc.array(someOutPoint, { minLength: 1, maxLength: 4 }),
});

const someOutput: fc.Arbitrary<Output> = plain({
  amount: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(amount),
  lock: bytesOf(20).map(asLock),
});

/** All that `encodeTransaction` takes; coinbases among them. */
export const someTransaction = fc.array(someSpend, { maxLength: 4 }).chain((spends) =>
  plain({
    spends: fc.constant(spends),
    outputs: fc.array(someOutput, { maxLength: 5 }),
    memo: fc.uint8Array({ maxLength: 256 }),
    signatures: fc.array(bytesOf(64), { minLength: spends.length, maxLength: spends.length }),
  })
);

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

export const someHeader = plain({
  version: u32,
  height: u32,
  previous: bytesOf(32).map(asBlockId),
  merkleRoot: bytesOf(32).map(asHash),
  timeMs: fc.maxSafeNat(),
  bits: u32,
  nonce: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
