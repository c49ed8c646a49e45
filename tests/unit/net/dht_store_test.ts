/** What a server keeps of what strangers tell it, and which addresses are believed. */
import assert from "node:assert/strict";
import { seededRandom } from "../../../lib/base/random.ts";
import { believedAddresses } from "../../../lib/net/dht/belief.ts";
import {
  DhtStore,
  KEYS_PER_STRANGER_MAX,
  PROVIDERS_PER_ANSWER_MAX,
  PROVIDERS_PER_KEY_MAX,
  RECORDS_MAX,
} from "../../../lib/net/dht/store.ts";

const VALUE = Uint8Array.of(1);

function newStore(): DhtStore {
  return new DhtStore(seededRandom(1), (peerId) => peerId.startsWith("member"));
}

function keyOf(phrase: string, peerId: string): string {
  return `/own-dht/provider/${phrase}/${peerId}`;
}

async function providersOf(store: DhtStore, phrase: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.query({ prefix: `/own-dht/provider/${phrase}` })) {
    found.push(key.toString().split("/").at(-1)!);
  }
  return found;
}

Deno.test("DhtStore keeps, gives, replaces and deletes provider records, and nothing else", async () => {
  const store = newStore();
  const key = keyOf("phrase", "peer");
  await store.put(key, VALUE);
  await store.put(key, Uint8Array.of(2));
  await store.put("/own-dht/record/anything", VALUE);
  assert.equal(store.size, 1);
  assert.deepEqual(await store.get(key), Uint8Array.of(2));
  assert.ok(await store.has(key));
  await store.delete(key);
  await assert.rejects(store.get(key), { name: "NotFoundError" });
});

Deno.test("DhtStore: a thousand strangers hide no member, and no stranger fills it", async () => {
  const store = newStore();
  await store.put(keyOf("phrase", "member-1"), VALUE);
  for (let at = 0; at < 1_000; at++) await store.put(keyOf("phrase", `stranger-${at}`), VALUE);
  await store.put(keyOf("phrase", "member-2"), VALUE);
  assert.equal(store.size, PROVIDERS_PER_KEY_MAX);
  const named = await providersOf(store, "phrase");
  assert.equal(named.length, PROVIDERS_PER_ANSWER_MAX);
  assert.deepEqual(named.slice(0, 2).sort(), ["member-1", "member-2"]);
  for (let at = 0; at < 10; at++) await store.put(keyOf(`other-${at}`, "greedy"), VALUE);
  assert.equal(store.size, PROVIDERS_PER_KEY_MAX + KEYS_PER_STRANGER_MAX);
});

Deno.test("DhtStore is bounded in all, and a phrase is no prefix of a longer one", async () => {
  const store = newStore();
  await store.put(keyOf("p", "member"), VALUE);
  for (let at = 0; at < RECORDS_MAX + 100; at++) await store.put(keyOf(`p${at}`, `s${at}`), VALUE);
  assert.equal(store.size, RECORDS_MAX);
  assert.deepEqual(await providersOf(store, "p"), ["member"]);
  let count = 0;
  for await (const _ of store.query({ prefix: "/own-dht/provider" })) count++;
  assert.equal(count, RECORDS_MAX, "kad-dht itself looks through all of them");
});

const PUBLIC_TOLD = "/ip4/45.1.2.3/tcp/3000";
const RELAYED_TOLD =
  "/ip4/45.1.2.3/tcp/3000/p2p/12D3KooWMMWn6Ar3NJbvSRu7UzL8FisuxpQD92QVwmuinyyS4Guf/p2p-circuit";
const HOME_TOLD = "/ip4/192.168.1.7/tcp/3000";
const OFFICE_TOLD = "/ip4/10.1.2.3/tcp/3000";
const ALL_TOLD = [PUBLIC_TOLD, RELAYED_TOLD, HOME_TOLD, OFFICE_TOLD, "/ip4/127.0.0.1/tcp/3000"];

Deno.test("believedAddresses: the public DHT tells public addresses, relayed ones too", () => {
  assert.deepEqual(believedAddresses("public", ALL_TOLD, "public", []), [
    PUBLIC_TOLD,
    RELAYED_TOLD,
  ]);
});

Deno.test("believedAddresses: the own DHT tells private addresses of networks like ours", () => {
  const own = ["/ip4/192.168.200.9/tcp/3000/p2p/id", "/ip4/127.0.0.1/tcp/3000"];
  const believed = believedAddresses("own", ALL_TOLD, "public", own);
  assert.deepEqual(believed, [PUBLIC_TOLD, RELAYED_TOLD, HOME_TOLD]);
  assert.deepEqual(believedAddresses("own", ALL_TOLD, "private", own), ALL_TOLD.slice(0, 4));
  assert.deepEqual(believedAddresses("own", ALL_TOLD, "loopback", own), ALL_TOLD);
});

Deno.test("believedAddresses: a private DHT is there to carry private addresses", () => {
  assert.deepEqual(believedAddresses("private", ALL_TOLD, "public", []), ALL_TOLD.slice(0, 4));
});
