import assert from "node:assert/strict";
import { multiaddr } from "@multiformats/multiaddr";
import { peerIdFromString } from "@libp2p/peer-id";
import {
  RELAYED_BYTES_MAX,
  RESERVATION_MS,
  Reservations,
} from "../../../lib/net/relay/reservations.ts";
import { SimClock } from "../../support/sim_clock.ts";

const ADDRESS = multiaddr("/ip4/45.1.2.3/tcp/3000");
const PEERS = [
  "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf",
  "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo",
  "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
].map((text) => peerIdFromString(text));

Deno.test("places are limited in number; whoever has one may renew it", () => {
  const places = new Reservations(new SimClock(), 2);
  const statuses = PEERS.map((peer) => places.reserve(peer, ADDRESS).status);
  assert.deepEqual(statuses, ["OK", "OK", "RESERVATION_REFUSED"]);
  assert.equal(places.reserve(PEERS[0]!, ADDRESS).status, "OK");
  assert.equal(places.refusedCount, 1);
  places.removeReservation(PEERS[1]!);
  assert.equal(places.reserve(PEERS[2]!, ADDRESS).status, "OK");
  assert.equal(places.get(PEERS[2]!)?.limit.data, RELAYED_BYTES_MAX);
});

Deno.test("a place ends with its time, and what went through it ends too", async () => {
  const clock = new SimClock();
  const places = new Reservations(clock);
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
  const clock = new SimClock();
  const places = new Reservations(clock);
  places.reserve(PEERS[0]!, ADDRESS);
  await clock.advance(RESERVATION_MS / 2);
  places.removeReservation(PEERS[0]!);
  places.reserve(PEERS[0]!, ADDRESS);
  await clock.advance(RESERVATION_MS / 2 + 1);
  assert.equal(places.get(PEERS[0]!)?.signal.aborted, false);
  places.clear();
  assert.equal(places.size, 0);
});
