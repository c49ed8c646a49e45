import assert from "node:assert/strict";
import { RecentSet } from "../../../lib/base/recent_set.ts";
import type { TxId } from "../../../lib/primitives/ids.ts";
import { TransactionRequests } from "../../../lib/sync/inventory.ts";

const tx = (name: string) => name as TxId;
const LIMITS = {
  transactionsInFlightPerPeer: 2,
  transactionStallMs: 100,
  announcedTransactions: 4,
  announcersPerTransaction: 2,
};

Deno.test("RecentSet forgets the oldest first", () => {
  const set = new RecentSet<string>(2);
  assert.equal(set.add("a"), true);
  set.add("b");
  assert.equal(set.add("a"), false);
  set.add("c");
  assert.deepEqual(["a", "b", "c"].map((each) => set.has(each)), [true, false, true]);
});

Deno.test("a transaction is asked of one announcer, then of the next", () => {
  const requests = new TransactionRequests(LIMITS);
  for (const peer of ["a", "b", "beyond the limit"]) requests.announced(tx("t"), peer);
  assert.deepEqual([...requests.assign(0)], [["a", ["t"]]]);
  assert.equal(requests.assign(1).size, 0);
  requests.expire(99);
  assert.equal(requests.assign(99).size, 0);
  requests.expire(100);
  assert.deepEqual([...requests.assign(100)], [["b", ["t"]]]);
  requests.notFound(tx("t"), "b");
  assert.equal(requests.size, 0);
});

Deno.test("a peer is asked for so many at a time", () => {
  const requests = new TransactionRequests(LIMITS);
  for (const name of ["1", "2", "3"]) requests.announced(tx(name), "a");
  assert.equal(requests.assign(0).get("a")!.length, 2);
  assert.equal(requests.asked, 2);
  requests.settled(tx("1"));
  assert.deepEqual([...requests.assign(1)], [["a", ["3"]]]);
});

Deno.test("announcements beyond the limit and of peers that left are forgotten", () => {
  const requests = new TransactionRequests(LIMITS);
  for (const name of ["1", "2", "3", "4", "5"]) requests.announced(tx(name), "a");
  assert.equal(requests.size, 4);
  requests.announced(tx("1"), "b");
  requests.assign(0);
  requests.gone("a");
  assert.equal(requests.size, 1);
  assert.deepEqual([...requests.assign(1)], [["b", ["1"]]]);
});

Deno.test("who gave a transaction counts as busy until it is judged", () => {
  const requests = new TransactionRequests(LIMITS);
  for (const name of ["1", "2", "3", "4"]) requests.announced(tx(name), "a");
  requests.assign(0);
  assert.ok(requests.isAskedOf(tx("1"), "a"));
  assert.ok(!requests.isAskedOf(tx("1"), "b") && !requests.isAskedOf(tx("3"), "a"));
  const release = requests.arrived(tx("1"));
  assert.equal(requests.asked, 1);
  assert.equal(requests.load("a"), 2);
  assert.equal(requests.assign(1).size, 0);
  release();
  assert.equal(requests.load("a"), 1);
  assert.deepEqual([...requests.assign(2)], [["a", ["3"]]]);
  // What comes back after its sender left takes no place of the next session.
  const late = requests.arrived(tx("2"));
  requests.gone("a");
  requests.announced(tx("5"), "a");
  requests.assign(3);
  late();
  assert.equal(requests.load("a"), 1);
});

Deno.test("the first announcer that has room is asked, and nobody twice", () => {
  const requests = new TransactionRequests(LIMITS);
  for (const name of ["1", "2", "3"]) {
    for (const peer of ["a", "b"]) requests.announced(tx(name), peer);
  }
  assert.deepEqual([...requests.assign(0)], [["a", ["1", "2"]], ["b", ["3"]]]);
  assert.equal(requests.assign(1).size, 0);
  // Late ones go to the other announcer; who has none left is forgotten.
  requests.expire(100);
  assert.deepEqual([...requests.assign(100)], [["a", ["3"]], ["b", ["1", "2"]]]);
  requests.expire(200);
  assert.equal(requests.size, 0);
  assert.equal(requests.asked, 0);
});
