import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { seededRandom } from "../../../lib/base/random.ts";
import { HeaderHasher } from "../../../lib/minter/header_hash.ts";
import { nonceOf, searchWhileWanted, SharedProgress } from "../../../lib/minter/nonce_range.ts";

const NOTHING = new Uint8Array(32);
const ANYTHING = new Uint8Array(32).fill(0xff);

/** The hash of the header with this nonce, by the platform's SHA-256. */
function hashWithNonce(header: Uint8Array, high: number, low: number): Uint8Array {
  const bytes = Uint8Array.from(header);
  const view = new DataView(bytes.buffer);
  view.setUint32(84, low, true);
  view.setUint32(88, high, true);
  const once = createHash("sha256").update(bytes).digest();
  return createHash("sha256").update(once).digest();
}

/** What `HeaderHasher.search` promises, as plainly as can be. */
function searchPlainly(header: Uint8Array, target: Uint8Array, range: Range): number {
  for (let low = range.low; low < range.low + range.count; low++) {
    if (Buffer.compare(hashWithNonce(header, range.high, low), target) <= 0) return low;
  }
  return -1;
}

interface Range {
  high: number;
  low: number;
  count: number;
}

const header = fc.uint8Array({ minLength: 92, maxLength: 92 });
/** Of 1 to 256 hashes about one meets it; or one with the same first word as many hashes. */
const target = fc.tuple(
  fc.integer({ min: 0, max: 255 }),
  fc.uint8Array({ minLength: 31, maxLength: 31 }),
)
  .map(([first, rest]) => Uint8Array.of(first, ...rest));
const range: fc.Arbitrary<Range> = fc.record({
  high: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  low: fc.integer({ min: 0, max: 2 ** 32 - 300 }),
  count: fc.integer({ min: 0, max: 300 }),
});

for (const oneByOne of [false, true]) {
  const how = oneByOne ? "one by one" : "in lanes";
  Deno.test(`HeaderHasher ${how} finds just the first nonce that meets the target`, () => {
    fc.assert(fc.property(header, target, range, (header, target, range) => {
      const hasher = new HeaderHasher(header, target, { oneByOne });
      const found = hasher.search(range.high, range.low, range.count);
      assert.equal(found, searchPlainly(header, target, range));
    }));
  });

  Deno.test(`HeaderHasher ${how} takes a hash that is the target, and none above it`, () => {
    fc.assert(fc.property(header, range, fc.nat({ max: 31 }), (header, { high, low }, at) => {
      const hash = hashWithNonce(header, high, low);
      const search = (target: Uint8Array) =>
        new HeaderHasher(header, target, { oneByOne }).search(high, low, 1);
      assert.equal(search(hash), low);
      const below = Uint8Array.from(hash);
      if (below[at]! === 0) return;
      below[at]!--;
      assert.equal(search(below), -1);
    }));
  });
}

Deno.test("HeaderHasher tries the last nonces of a range that ends at 2^32", () => {
  const bytes = seededRandom(1).bytes(92);
  const hasher = new HeaderHasher(bytes, ANYTHING);
  assert.equal(hasher.search(7, 2 ** 32 - 1, 1), 2 ** 32 - 1);
  assert.equal(new HeaderHasher(bytes, NOTHING).search(7, 2 ** 32 - 6, 6), -1);
});

Deno.test("HeaderHasher refuses what is no header and no target", () => {
  assert.throws(() => new HeaderHasher(new Uint8Array(91), NOTHING), RangeError);
  assert.throws(() => new HeaderHasher(new Uint8Array(92), new Uint8Array(31)), RangeError);
});

Deno.test("searchWhileWanted goes on with its own next high half behind the last low one", () => {
  const bytes = seededRandom(2).bytes(92);
  const [high, low, step] = [0xfffffffd, 2 ** 32 - 100, 5];
  // A target that the range's end does not meet, but the next one's beginning does.
  const smallest = Array.from(
    { length: 300 },
    (_, at) => ({ at, hash: hashWithNonce(bytes, 2, at) }),
  )
    .sort((one, other) => Buffer.compare(one.hash, other.hash))[0]!;
  assert.equal(searchPlainly(bytes, smallest.hash, { high, low, count: 100 }), -1);
  const shared = new SharedProgress();
  shared.job = 1;
  const request = { job: 1, header: bytes, target: smallest.hash, high, low, step };
  const nonce = searchWhileWanted({ ...request, shared: shared.memory });
  assert.equal(nonce, nonceOf(2, smallest.at));
  assert.equal(shared.hashes, 100 + smallest.at + 1);
});

Deno.test("searchWhileWanted tries nothing of a job that is no longer wanted", () => {
  const shared = new SharedProgress();
  shared.job = 2;
  const request = {
    job: 1,
    header: new Uint8Array(92),
    target: ANYTHING,
    high: 0,
    low: 0,
    step: 1,
  };
  assert.equal(searchWhileWanted({ ...request, shared: shared.memory }), undefined);
  assert.equal(shared.hashes, 0);
});
