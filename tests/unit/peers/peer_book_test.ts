import assert from "node:assert/strict";
import { seededRandom } from "../../../lib/base/random.ts";
import { FORGET_UNSEEN_MS } from "../../../lib/peers/dial_policy.ts";
import {
  type BookChange,
  MAX_RECORDS,
  MAX_UNPROVEN_PER_SUBNET,
  PeerBook,
} from "../../../lib/peers/peer_book.ts";

const NOW = 1_767_225_600_000;
const random = seededRandom(1);

function book(): { peers: PeerBook; changes: BookChange[] } {
  const changes: BookChange[] = [];
  const peers = new PeerBook({
    random: seededRandom(2),
    onChange: (change) => changes.push(change),
  });
  return { peers, changes };
}

function hear(peers: PeerBook, peerId: string, address: string, nowMs = NOW): void {
  peers.note(peerId, { kind: "heard", addresses: [address], source: "dht" }, nowMs);
}

const lan = (at: number) => `/ip4/10.0.${at >> 8}.${at & 255}/tcp/3000`;
const draw = (nowMs: number, count: number) => ({ nowMs, random, count, isWanted: () => true });

Deno.test("book: every change is told; loading is none, and makes peers known", () => {
  const { peers, changes } = book();
  hear(peers, "a", lan(1));
  peers.note("a", { kind: "success", address: lan(1) }, NOW);
  peers.note("stranger", { kind: "success" }, NOW);
  peers.remove("a");
  assert.deepEqual(changes.map(({ record }) => record?.lastSuccessMs), [0, NOW, undefined]);
  const other = book();
  other.peers.load([changes[1]!.record!]);
  assert.equal(other.changes.length, 0);
  assert.equal(other.peers.sourceOf("a"), "known");
  hear(other.peers, "b", lan(2));
  assert.equal(other.peers.sourceOf("b"), "dht");
  assert.equal(other.peers.peerAt(lan(1))?.peerId, "a");
  assert.equal(other.peers.peerAt(lan(2)), undefined, "nobody was met there yet");
});

Deno.test("book: hearsay is bounded and never displaces a peer that was met", () => {
  const { peers } = book();
  for (let at = 0; at < 20; at++) {
    hear(peers, `met-${at}`, lan(at));
    peers.note(`met-${at}`, { kind: "success", address: lan(at) }, NOW);
  }
  for (let at = 0; at < 3 * MAX_RECORDS; at++) hear(peers, `rumour-${at}`, lan(at + 100), NOW + at);
  assert.equal(peers.size, MAX_RECORDS);
  for (let at = 0; at < 20; at++) assert.ok(peers.get(`met-${at}`));
});

Deno.test("book: one public subnet holds only so much hearsay, a private range any", () => {
  const { peers } = book();
  const count = 3 * MAX_UNPROVEN_PER_SUBNET;
  for (let at = 0; at < count; at++) hear(peers, `public-${at}`, `/ip4/93.184.1.${at}/tcp/3000`);
  assert.equal(peers.size, MAX_UNPROVEN_PER_SUBNET);
  for (let at = 0; at < count; at++) hear(peers, `class-${at}`, lan(at));
  assert.equal(peers.size, MAX_UNPROVEN_PER_SUBNET + count);
});

Deno.test("book: the eight best outlive every holiday", () => {
  const { peers } = book();
  for (let at = 0; at < 20; at++) {
    hear(peers, `p${at}`, lan(at));
    for (let time = 0; time < at; time++) peers.note(`p${at}`, { kind: "success" }, NOW);
  }
  peers.forget(NOW + 2 * FORGET_UNSEEN_MS);
  const left = peers.all().map(({ peerId }) => peerId).sort();
  assert.deepEqual(left, ["p12", "p13", "p14", "p15", "p16", "p17", "p18", "p19"]);
});

Deno.test("book: draws anchors first, then mixes the proven with the newest heard of", () => {
  const { peers } = book();
  for (let at = 0; at < 10; at++) {
    hear(peers, `met-${at}`, lan(at));
    peers.note(`met-${at}`, { kind: "success" }, NOW);
  }
  for (let at = 0; at < 30; at++) hear(peers, `rumour-${at}`, lan(50 + at), NOW + at);
  peers.setAnchors(["met-3", "met-7"], NOW);
  const drawn = peers.candidates(draw(NOW + 100, 8)).map(({ peerId }) => peerId);
  assert.equal(new Set(drawn).size, 8);
  assert.deepEqual(drawn.slice(0, 2), ["met-3", "met-7"]);
  assert.equal(drawn.filter((peerId) => peerId.startsWith("rumour")).length, 2);
  assert.ok(drawn.includes("rumour-29"), "the newest");
  peers.setAnchors(["met-1"], NOW);
  assert.deepEqual(peers.anchors().map(({ peerId }) => peerId), ["met-1"]);
  const all = peers.candidates(draw(NOW + 100, 100));
  assert.equal(all.length, 40, "everybody once, when there is room for all");
});

Deno.test("book: who failed is not drawn before the pause is over", () => {
  const { peers } = book();
  hear(peers, "a", lan(1));
  peers.note("a", { kind: "attempt", addresses: [lan(1)] }, NOW);
  peers.note("a", { kind: "failure", addresses: [lan(1)] }, NOW);
  assert.deepEqual(peers.candidates(draw(NOW + 999, 8)), []);
  assert.equal(peers.nextDueMs({ nowMs: NOW, isWanted: () => true }), NOW + 1000);
  assert.equal(peers.candidates(draw(NOW + 1000, 8)).length, 1);
  assert.equal(peers.nextDueMs({ nowMs: NOW, isWanted: () => false }), undefined);
});

Deno.test("book: a feeler tests somebody untried", () => {
  const { peers } = book();
  hear(peers, "met", lan(1));
  peers.note("met", { kind: "success" }, NOW);
  const wish = { nowMs: NOW, random, isWanted: () => true };
  assert.equal(peers.feeler(wish), undefined);
  hear(peers, "rumour", lan(2));
  assert.equal(peers.feeler(wish)?.peerId, "rumour");
});
