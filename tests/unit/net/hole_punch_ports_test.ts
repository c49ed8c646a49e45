import assert from "node:assert/strict";
import { isSure, nextPorts, portOf, portStep } from "../../../lib/net/punch/ports.ts";
import { listeningTurn, PUNCH_MS } from "../../../lib/net/punch/punch.ts";

Deno.test("the step of a router that counts is found, though others take ports in between", () => {
  assert.equal(portStep([5_000, 5_001, 5_002]), 1);
  assert.equal(portStep([5_000, 5_004, 5_006]), 2);
  assert.equal(portStep([5_000, 4_997, 4_994]), -3);
  assert.equal(portStep([5_000, 5_003, 5_005]), 1);
});

Deno.test("a router that keeps ports, or draws lots, has no step", () => {
  assert.equal(portStep([5_000, 5_000, 5_000]), undefined);
  assert.equal(portStep([5_000, 61_234, 17_002]), undefined);
  assert.equal(portStep([5_000, 5_001, 4_999]), undefined);
  // Two tell nothing: any two numbers have a difference.
  assert.equal(portStep([5_000, 5_001]), undefined);
});

Deno.test("the next ports follow the last one, and are ports", () => {
  assert.deepEqual(nextPorts(5_000, 2).slice(0, 3), [5_002, 5_004, 5_006]);
  assert.equal(nextPorts(5_000, 1).length, 10);
  assert.deepEqual(nextPorts(65_533, 1), [65_534, 65_535]);
  assert.deepEqual(nextPorts(3, -2), [1]);
  assert.equal(portOf("/ip4/45.1.2.3/tcp/3000/p2p/12D3KooWMember"), 3_000);
});

const SURE = ["/ip4/45.1.2.3/tcp/4000", "/ip4/45.9.2.3/tcp/4000", "/ip6/2a00::1/tcp/9"];
const UNSURE = ["/ip4/45.1.2.3/tcp/5000", "/ip4/45.1.2.3/tcp/4000"];

Deno.test("who names one port knows it", () => {
  assert(isSure(SURE) && isSure([]));
  assert(!isSure(UNSURE));
  // One that nobody outside can dial says nothing.
  assert(isSure(["/ip4/192.168.1.10/tcp/3000", "/ip4/45.1.2.3/tcp/4000"]));
});

Deno.test("at no time do both sides listen, and who knows its port does", () => {
  const turnOf = (own: string[], theirs: string[], initiator: boolean) =>
    listeningTurn({ hole: { addresses: own }, addresses: theirs, initiator });
  assert.equal(turnOf(SURE, SURE, true), undefined);
  assert.equal(turnOf(UNSURE, SURE, true), undefined);
  assert.equal(turnOf(SURE, UNSURE, false)?.[1], PUNCH_MS);
  const first = turnOf(UNSURE, UNSURE, true)!;
  const second = turnOf(UNSURE, UNSURE, false)!;
  assert(first[0] < first[1] && first[1] === second[0] && second[1] === PUNCH_MS);
});
