/** The columns of headers that wait for their blocks, against a plain map. */
import assert from "node:assert/strict";
import { randomBelow, seededRandom } from "../../../lib/base/random.ts";
import { PendingHeaders } from "../../../lib/chain/pending_headers.ts";
import type { HeaderContext } from "../../../lib/consensus/header_context.ts";
import { asBlockId, type BlockId } from "../../../lib/primitives/ids.ts";

/** Few last bytes are in use, so that many share a place. */
function idOf(number: number): BlockId {
  return asBlockId(
    number.toString(16).padStart(60, "0") + (number % 7).toString(16).padStart(4, "0"),
  );
}

function contextOf(number: number): HeaderContext {
  return {
    id: idOf(number),
    previous: idOf(number - 1),
    height: number,
    timeMs: 2 ** 52 + number,
    bits: 0xff000000 + number,
    childScheduledBits: number,
    totalWork: (1n << 100n) + BigInt(number),
  };
}

Deno.test("pending headers are what a plain map holds, and leave no room behind", () => {
  const random = seededRandom(5);
  const headers = new PendingHeaders();
  const model = new Map<number, boolean>();
  for (let number = 1; number <= 6_000; number++) {
    const isInvalid = random.float() < 0.1;
    headers.add(contextOf(number), isInvalid);
    model.set(number, isInvalid);
    // Mostly the oldest leave; some are stragglers.
    if (model.size > 1_000) {
      const gone = [...model.keys().take(40)][randomBelow(random, 40)]!;
      headers.delete(headers.slotOf(idOf(gone))!);
      model.delete(gone);
    }
    assert.equal(headers.size, model.size);
    if (number % 1_000 !== 0) continue;
    const slots = [...headers.slots()];
    assert.deepEqual(slots.map((slot) => headers.heightOf(slot)), [...model.keys()]);
    for (const slot of slots) {
      const height = headers.heightOf(slot);
      assert.deepEqual(headers.contextAt(slot), contextOf(height));
      assert.equal(headers.slotOf(idOf(height)), slot);
      assert.equal(headers.isInvalid(slot), model.get(height));
      const parent = headers.parentOf(slot);
      const below = model.has(height - 1) ? height - 1 : undefined;
      assert.equal(parent === undefined ? parent : headers.heightOf(parent), below);
    }
    assert.equal(headers.slotOf(idOf(number + 1)), undefined);
  }
  assert.ok(headers.capacity < 5 * model.size);
  for (const slot of headers.slots()) headers.delete(slot);
  assert.equal(headers.size, 0);
  assert.equal(headers.capacity, 0);
  headers.add(contextOf(9), false);
  assert.deepEqual([...headers.slots()].map((slot) => headers.idAt(slot)), [idOf(9)]);
});
