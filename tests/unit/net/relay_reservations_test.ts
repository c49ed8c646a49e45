import assert from "node:assert/strict";
import { multiaddr } from "@multiformats/multiaddr";
import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import {
  RELAYED_BYTES_MAX,
  RESERVATION_MS,
  Reservations,
  RESERVATIONS_MAX,
} from "../../../lib/net/relay/reservations.ts";
import { publicKeyOf } from "../../../lib/primitives/signature.ts";
import { SimClock } from "../../support/sim_clock.ts";

const ADDRESS = multiaddr("/ip4/45.1.2.3/tcp/3000");
const PEERS = [
  "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf",
  "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo",
  "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
].map((text) => peerIdFromString(text));

/** The places of a relay on a clock of its own, and who lost one to somebody else. */
function book(placesMax?: number) {
  const clock = new SimClock();
  const displaced: string[] = [];
  const places = new Reservations({
    clock,
    onDisplaced: (peerId) => void displaced.push(peerId),
    limits: placesMax === undefined ? {} : { placesMax },
  });
  return { clock, displaced, places };
}

Deno.test("places are limited in number; whoever has one may renew it", () => {
  const places = book(2).places;
  const statuses = PEERS.map((peer) => places.reserve(peer, ADDRESS).status);
  assert.deepEqual(statuses, ["OK", "OK", "RESERVATION_REFUSED"]);
  assert.equal(places.reserve(PEERS[0]!, ADDRESS).status, "OK");
  assert.equal(places.refusedCount, 1);
  places.removeReservation(PEERS[1]!);
  assert.equal(places.reserve(PEERS[2]!, ADDRESS).status, "OK");
  assert.equal(places.get(PEERS[2]!)?.limit.data, RELAYED_BYTES_MAX);
});

Deno.test("a place ends with its time, and what went through it ends too", async () => {
  const { clock, places } = book();
  const { expire } = places.reserve(PEERS[0]!, ADDRESS);
  assert.equal(expire, Math.round((clock.nowMs() + RESERVATION_MS) / 1000));
  const { signal } = places.get(PEERS[0]!)!;
  await clock.advance(RESERVATION_MS - 1);
  places.reserve(PEERS[0]!, ADDRESS);
  await clock.advance(RESERVATION_MS - 1);
  assert.equal(signal.aborted, false, "it was renewed");
  await clock.advance(1);
  assert.equal(signal.aborted, true);
  assert.equal(places.get(PEERS[0]!), undefined);
});

Deno.test("who left and came back has a place of its own, which the former one does not end", async () => {
  const { clock, places } = book();
  places.reserve(PEERS[0]!, ADDRESS);
  await clock.advance(RESERVATION_MS / 2);
  places.removeReservation(PEERS[0]!);
  places.reserve(PEERS[0]!, ADDRESS);
  await clock.advance(RESERVATION_MS / 2 + 1);
  assert.equal(places.get(PEERS[0]!)?.signal.aborted, false);
  places.clear();
  assert.equal(places.size, 0);
});

Deno.test("where all places are taken, one of the network that holds most goes to a newcomer", async () => {
  const { clock, displaced, places } = book(3);
  const from = (host: string) => multiaddr(`/ip4/${host}/tcp/3000`);
  const crowd = [peer(1), peer(2), peer(3)];
  for (const [n, each] of crowd.entries()) {
    places.reserve(each, from(`45.1.2.${n}`));
    await clock.advance(1_000);
  }
  const { signal } = places.get(crowd[2]!)!;
  assert.equal(places.reserve(peer(4), from("45.1.99.1")).status, "RESERVATION_REFUSED");
  assert.equal(places.reserve(peer(5), from("93.184.0.1")).status, "OK");
  assert.deepEqual(displaced, [crowd[2]!.toString()], "the youngest");
  assert.equal(signal.aborted, true, "what went through it ends");
  assert.equal(places.reserve(peer(6), from("93.184.0.2")).status, "RESERVATION_REFUSED");
  assert.equal(places.reserve(peer(7), from("8.8.8.8")).status, "OK", "a third network");
  assert.equal(places.reserve(crowd[0]!, from("45.1.2.0")).status, "OK", "renewed");
  assert.deepEqual([places.size, displaced.length], [3, 2]);
});

Deno.test("one network takes all places only while nobody else wants one", () => {
  const { places } = book();
  const from = (n: number) => multiaddr(`/ip6/2001:db8::${n.toString(16)}/tcp/3000`);
  for (let n = 0; n < 2 * RESERVATIONS_MAX; n++) places.reserve(peer(n), from(n));
  assert.equal(places.size, RESERVATIONS_MAX);
  for (let n = 0; n < RESERVATIONS_MAX / 2; n++) {
    const { status } = places.reserve(peer(1_000 + n), multiaddr(`/ip4/45.1.2.${n}/tcp/3000`));
    assert.equal(status, "OK", `the ${n}th of another network`);
  }
  assert.equal(places.reserve(peer(2_000), from(2_000)).status, "RESERVATION_REFUSED");
});

function peer(n: number) {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, n);
  const key = publicKeyFromRaw(publicKeyOf(seed));
  return peerIdFromPublicKey(key);
}
