import assert from "node:assert/strict";
import { reachabilityOf } from "../../../lib/net/reachability.ts";

const OPEN = "/ip4/93.184.216.34/tcp/3000";
const facts = { announced: [], known: [], wasReachedFromOutside: false };
const known = (isVerified: boolean, wasRefused: boolean) => [
  { address: "/ip4/192.168.1.5/tcp/3000", isVerified: true, wasRefused: false },
  { address: OPEN, isVerified, wasRefused },
];

Deno.test("a node without a public address is not reachable, and is told what helps", () => {
  const result = reachabilityOf({ ...facts, known: known(false, false).slice(0, 1) });
  assert.equal(result.state, "unreachable");
  assert.equal(
    result.text,
    "not reachable from outside this network: use --announce, --peer or the local network",
  );
});

Deno.test("an announced address is trusted", () => {
  const result = reachabilityOf({ ...facts, announced: [OPEN] });
  assert.deepEqual(result, { state: "reachable", text: `reachable at ${OPEN} (announced)` });
});

Deno.test("a public address is unknown until others have dialled it or have come", () => {
  assert.equal(reachabilityOf({ ...facts, known: known(false, false) }).state, "unknown");
  assert.equal(reachabilityOf({ ...facts, known: known(true, false) }).state, "reachable");
  assert.equal(reachabilityOf({ ...facts, known: known(false, true) }).state, "unreachable");
  const reached = { ...facts, known: known(false, false), wasReachedFromOutside: true };
  assert.equal(reachabilityOf(reached).state, "reachable");
});
