import assert from "node:assert/strict";
import { type ReachabilityFacts, reachabilityOf } from "../../../lib/net/reach/reachability.ts";

const OPEN = "/ip4/93.184.216.34/tcp/3000";
const HOME = { address: "/ip4/192.168.1.5/tcp/3000" };
const RELAY = "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf";
const OTHER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo";
const facts: ReachabilityFacts = {
  announced: [],
  own: [HOME],
  wasReachedFromOutside: false,
  relays: [],
};

const stateOf = (more: Partial<ReachabilityFacts>) => reachabilityOf({ ...facts, ...more }).state;

Deno.test("a node without a public address is not reachable, and is told what helps", () => {
  const { state, text } = reachabilityOf(facts);
  assert.equal(state, "closed");
  assert.equal(
    text,
    "not reachable from outside this network: use --announce, --peer or the local network",
  );
});

Deno.test("an announced address is trusted", () => {
  const result = reachabilityOf({ ...facts, announced: [OPEN] });
  assert.deepEqual(result, {
    state: "open",
    text: `reachable at ${OPEN} (announced)`,
    relays: [],
  });
});

Deno.test("a public address is unknown until others have dialled it or have come", () => {
  const own = (verdict?: "open" | "closed") => ({
    own: [HOME, { address: OPEN, ...(verdict && { verdict }) }],
  });
  assert.equal(stateOf(own()), "unknown");
  assert.equal(stateOf(own("open")), "open");
  assert.equal(stateOf(own("closed")), "closed");
  assert.equal(stateOf({ ...own(), wasReachedFromOutside: true }), "open");
  const { text } = reachabilityOf({ ...facts, ...own("closed") });
  assert.equal(text, `a firewall keeps others out of ${OPEN}: open it there, or use --peer`);
});

Deno.test("a port of the router is a way in, unless others found that it is none", () => {
  const result = reachabilityOf({ ...facts, mapped: { address: OPEN } });
  assert.deepEqual([result.state, result.text], [
    "mapped",
    `reachable at ${OPEN} (mapped by the router)`,
  ]);
  assert.equal(stateOf({ mapped: { address: OPEN, verdict: "closed" } }), "closed");
  assert.equal(stateOf({ mapped: { address: "/ip4/100.64.0.1/tcp/1" } }), "closed");
});

Deno.test("who is reached through relays alone says through whom", () => {
  const { state, text, relays } = reachabilityOf({ ...facts, relays: [RELAY, OTHER] });
  assert.equal(state, "relayed");
  assert.equal(text, "reachable through …rMLvKXtf and …kSCVe2Xo, passing data on to it");
  assert.deepEqual(relays, [RELAY, OTHER]);
  assert.equal(stateOf({ announced: [OPEN], relays: [RELAY] }), "open");
});
