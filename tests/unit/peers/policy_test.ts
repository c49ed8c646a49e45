import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../lib/base/bytes.ts";
import {
  addressClass,
  bareAddress,
  publicSubnet,
  relayOf,
} from "../../../lib/peers/address_class.ts";
import {
  BACKOFF_LONELY_MS,
  BACKOFF_MAX_MS,
  backoffMs,
  dialWeight,
  dueAddresses,
  dueMs,
  FORGET_FAILING_MS,
  FORGET_UNSEEN_MS,
  isForgettable,
} from "../../../lib/peers/dial_policy.ts";
import {
  DISCOURAGE_FIRST_MS,
  DISCOURAGE_MAX_MS,
  Discouragement,
  MAX_DISCOURAGED,
} from "../../../lib/peers/discouragement.ts";
import { chooseEviction, type InboundView } from "../../../lib/peers/eviction.ts";
import { judgeRecord, MAX_SEQUENCE_AHEAD_MS } from "../../../lib/peers/gossip_policy.ts";
import {
  applyEvent,
  MAX_ADDRESSES,
  newRecord,
  type PeerEvent,
  type PeerRecord,
} from "../../../lib/peers/peer_record.ts";
import { decodeRecord, encodeRecord } from "../../../lib/peers/record_codec.ts";

const NOW = 1_767_225_600_000;
const at = (host: number, port = 3000) => `/ip4/10.0.0.${host}/tcp/${port}`;

function record(...addresses: string[]): PeerRecord {
  return newRecord("p", { addresses, source: "dht" }, NOW)!;
}

/** The record after events, one a second. */
function after(start: PeerRecord, ...events: PeerEvent[]): PeerRecord {
  return events.reduce((now, event, at) => applyEvent(now, event, NOW + 1_000 * at), start);
}

const textsOf = (from: PeerRecord) => from.addresses.map((known) => known.address);

Deno.test("address class: by the published ranges", () => {
  const cases: [string, string | undefined][] = [
    ["/ip4/127.0.0.1/tcp/1", "loopback"],
    ["/ip4/127.255.1.2/tcp/1/p2p/12D3KooWabc", "loopback"],
    ["/ip4/10.1.2.3/tcp/1", "private"],
    ["/ip4/172.15.0.1/tcp/1", "public"],
    ["/ip4/172.16.0.1/tcp/1", "private"],
    ["/ip4/172.32.0.1/tcp/1", "public"],
    ["/ip4/192.168.0.1/tcp/1", "private"],
    ["/ip4/100.64.0.1/tcp/1", "private"],
    ["/ip4/100.128.0.1/tcp/1", "public"],
    ["/ip4/169.254.0.1/tcp/1", "link-local"],
    ["/ip4/0.0.0.0/tcp/1", undefined],
    ["/ip4/224.0.0.1/tcp/1", undefined],
    ["/ip4/8.8.8.8/tcp/65535", "public"],
    ["/ip4/8.8.8.8/tcp/65536", undefined],
    ["/ip4/8.8.8.8/tcp/0", undefined],
    ["/ip4/8.8.8/tcp/1", undefined],
    ["/ip4/8.8.8.256/tcp/1", undefined],
    ["/ip4/8.8.8.08/tcp/1", undefined],
    ["/ip4/8.8.8.8/udp/1/quic-v1", undefined],
    ["/ip4/8.8.8.8/tcp/1/ws", undefined],
    ["/ip4/8.8.8.8/tcp/1/p2p/Qm1/p2p-circuit", "public"],
    ["/ip4/10.0.0.1/tcp/1/p2p/Qm1/p2p-circuit/p2p/Qm2", "private"],
    ["/ip4/8.8.8.8/tcp/1/p2p-circuit", undefined],
    ["/p2p/Qm1/p2p-circuit", undefined],
    ["/ip4/8.8.8.8/tcp/1/p2p/Qm1/p2p-circuit/p2p/Qm2/p2p-circuit", undefined],
    ["/ip4/8.8.8.8/tcp/1/p2p/Qm3/p2p/Qm1/p2p-circuit", undefined],
    ["/ip4/8.8.8.8/udp/1/quic-v1/p2p/Qm1/p2p-circuit", undefined],
    ["/ip6/::1/tcp/1", "loopback"],
    ["/ip6/::/tcp/1", undefined],
    ["/ip6/fe80::1/tcp/1", "link-local"],
    ["/ip6/fe80::1%eth0/tcp/1", undefined],
    ["/ip6/fd00::1/tcp/1", "private"],
    ["/ip6/ff02::1/tcp/1", undefined],
    ["/ip6/::ffff:10.0.0.1/tcp/1", "private"],
    ["/ip6/::ffff:7f00:1/tcp/1", "loopback"],
    ["/ip6/2001:db8::1/tcp/1", "public"],
    ["/ip6/1:2:3:4:5:6:7:8:9/tcp/1", undefined],
    ["/ip6/1::2::3/tcp/1", undefined],
    ["/dns4/node.example.org/tcp/1", "name"],
    ["/dns4/localhost/tcp/1", "loopback"],
    ["/dns4/no spaces/tcp/1", undefined],
    ["", undefined],
    ["/", undefined],
    ["/ip4/8.8.8.8/tcp/1" + "0".repeat(300), undefined],
  ];
  for (const [text, expected] of cases) assert.equal(addressClass(text), expected, text);
  assert.equal(bareAddress("/ip6/FD00::1/tcp/080/p2p/Qm1"), "/ip6/fd00::1/tcp/80");
  assert.equal(publicSubnet("/ip4/93.184.216.34/tcp/1"), "ip4/93.184");
  assert.equal(publicSubnet("/ip6/2001:db8:1::1/tcp/1"), "ip6/2001:db8");
  assert.equal(publicSubnet(at(1)), undefined);
});

Deno.test("relayed address: keeps the relay's id, and is of no subnet", () => {
  const text = "/ip4/93.184.216.34/tcp/0080/p2p/Qm1/p2p-circuit/p2p/Qm2";
  assert.equal(bareAddress(text), "/ip4/93.184.216.34/tcp/80/p2p/Qm1/p2p-circuit");
  assert.equal(relayOf(text), "Qm1");
  assert.equal(relayOf(bareAddress(text)!), "Qm1");
  assert.equal(relayOf("/ip4/93.184.216.34/tcp/80/p2p/Qm1"), undefined);
  assert.equal(publicSubnet(text), undefined);
});

Deno.test("record: two addresses through relays at most, the newest", () => {
  const via = (n: number) => `/ip4/93.184.216.${n}/tcp/80/p2p/Qm${n}/p2p-circuit`;
  const hear = (...addresses: string[]) => ({ kind: "heard", addresses, source: "dht" }) as const;
  const first = after(record(at(1)), hear(via(1), via(2), via(3)));
  assert.deepEqual(textsOf(first), [at(1), via(1), via(2)]);
  const moved = applyEvent(first, hear(via(2), via(3)), NOW + 60_000);
  assert.deepEqual(textsOf(moved).sort(), [at(1), via(2), via(3)].sort());
});

Deno.test("record: addresses that do not answer beside a session are no failure of the peer", () => {
  const tried = after(record(at(1)), { kind: "unanswered", addresses: [at(1)] });
  assert.equal(tried.failuresInARow, 0);
  assert.equal(tried.addresses[0]!.failuresInARow, 1);
});

Deno.test("record: a peer without a valid address is none", () => {
  assert.equal(newRecord("p", { addresses: [], source: "dht" }, NOW), undefined);
  assert.equal(newRecord("p", { addresses: ["/udp"], source: "dht" }, NOW), undefined);
});

Deno.test("record: adding never costs the address that works", () => {
  const works = after(record(at(1)), { kind: "success", address: at(1) });
  let flooded = works;
  for (let round = 0; round < 50; round++) {
    const addresses = Array.from({ length: 20 }, (_, n) => at(n + 2, 1000 + round));
    flooded = applyEvent(flooded, { kind: "heard", addresses, source: "dht" }, NOW + 1e6 * round);
  }
  assert.equal(flooded.addresses.length, MAX_ADDRESSES);
  assert.deepEqual(flooded.addresses[0], works.addresses[0]);
  let failing = flooded;
  for (let round = 0; round < 9; round++) {
    failing = applyEvent(failing, { kind: "failure", addresses: textsOf(failing) }, NOW + 1e8);
  }
  const moved = applyEvent(
    failing,
    { kind: "heard", addresses: [at(99)], source: "dht" },
    NOW + 2e8,
  );
  assert.ok(textsOf(moved).includes(at(99)), "a new address replaces one that fails");
  assert.ok(textsOf(moved).includes(at(1)), "and what worked last is kept to the end");
});

Deno.test("record: where it was found stays, but a search names what came by itself", () => {
  const came = newRecord("p", { addresses: [at(1)], source: "inbound" }, NOW)!;
  const hear = (source: "gossip" | "dht" | "lan") =>
    ({ kind: "heard", addresses: [at(1)], source }) as const;
  assert.equal(after(came, hear("gossip")).source, "inbound");
  assert.equal(after(came, hear("dht"), hear("lan")).source, "dht");
});

Deno.test("backoff: one second, doubling, bounded; new addresses and the LAN cut it short", () => {
  const pauses = [0, 1, 2, 3, 10, 11, 1000].map((failures) => backoffMs(failures));
  assert.deepEqual(pauses, [0, 1000, 2000, 4000, 512_000, BACKOFF_MAX_MS, BACKOFF_MAX_MS]);
  let failing = record(at(1));
  for (let round = 0; round < 12; round++) {
    failing = applyEvent(failing, { kind: "attempt", addresses: [at(1)] }, NOW);
    failing = applyEvent(failing, { kind: "failure", addresses: [at(1)] }, NOW);
  }
  assert.equal(dueMs(failing, NOW), NOW + BACKOFF_MAX_MS);
  assert.equal(dueMs(failing, NOW, BACKOFF_LONELY_MS), NOW + BACKOFF_LONELY_MS);
  assert.deepEqual(dueAddresses(failing, NOW + 1000), []);
  const heard = (address: string, source: "dht" | "lan") =>
    applyEvent(failing, { kind: "heard", addresses: [address], source }, NOW);
  assert.equal(dueMs(heard(at(2), "dht"), NOW), NOW + 1000);
  assert.deepEqual(dueAddresses(heard(at(2), "dht"), NOW + 1000), [at(2)]);
  assert.equal(dueMs(heard(at(1), "dht"), NOW), NOW + BACKOFF_MAX_MS, "no news");
  assert.equal(dueMs(heard(at(1), "lan"), NOW), NOW + 1000, "it answered on the local network");
  assert.ok(dueMs(failing, NOW - 1e9) <= NOW - 1e9 + BACKOFF_MAX_MS, "a clock set back");
});

Deno.test("dial weight falls with failures and silence, rises with merit, stays positive", () => {
  const fresh = record(at(1));
  const better = { ...fresh, score: 10 };
  const failing = { ...better, failuresInARow: 1_000 };
  assert.ok(dialWeight(better, NOW) > dialWeight(fresh, NOW));
  assert.ok(dialWeight(failing, NOW) < dialWeight(better, NOW));
  assert.ok(dialWeight(failing, NOW + FORGET_UNSEEN_MS) > 0);
});

Deno.test("forgetting: five failures and a day of them, or a month unseen", () => {
  const tried = (failures: number, sinceMs: number) => ({
    ...record(at(1)),
    lastSeenMs: NOW,
    failuresInARow: failures,
    failingSinceMs: NOW - sinceMs,
  });
  assert.ok(!isForgettable(tried(5, FORGET_FAILING_MS - 1), NOW));
  assert.ok(!isForgettable(tried(4, 10 * FORGET_FAILING_MS), NOW));
  assert.ok(isForgettable(tried(5, FORGET_FAILING_MS), NOW));
  assert.ok(!isForgettable(record(at(1)), NOW + FORGET_UNSEEN_MS - 1));
  assert.ok(isForgettable(record(at(1)), NOW + FORGET_UNSEEN_MS));
  const failed = after(
    record(at(1)),
    { kind: "failure", addresses: [at(1)] },
    { kind: "failure", addresses: [at(1)] },
    { kind: "success", address: at(1) },
  );
  assert.deepEqual([failed.failuresInARow, failed.failingSinceMs], [0, 0]);
});

Deno.test("discouragement: ten minutes doubling to a day, forgotten after a good day", () => {
  const marks = new Discouragement();
  let nowMs = NOW;
  const lengths: number[] = [];
  for (let round = 0; round < 10; round++) {
    const untilMs = marks.add("p", nowMs);
    lengths.push((untilMs - nowMs) / DISCOURAGE_FIRST_MS);
    assert.ok(marks.has("p", untilMs - 1) && !marks.has("p", untilMs));
    nowMs = untilMs;
  }
  assert.deepEqual(lengths, [1, 2, 4, 8, 16, 32, 64, 128, 144, 144]);
  assert.equal(marks.add("p", nowMs + DISCOURAGE_MAX_MS), nowMs + DISCOURAGE_MAX_MS + 600_000);
  assert.ok(!marks.has("other", nowMs));
  for (let id = 0; id <= MAX_DISCOURAGED; id++) marks.add(`${id}`, nowMs);
  assert.equal(marks.count(nowMs), MAX_DISCOURAGED);
  assert.ok(!marks.has(`${MAX_DISCOURAGED}`, nowMs - 2 * DISCOURAGE_MAX_MS), "a clock set back");
});

Deno.test("gossip: what is believed, and what travels where", () => {
  const sequence = BigInt(NOW);
  const all = [at(1), "/ip4/127.0.0.1/tcp/1", "/ip4/169.254.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1"];
  const judge = (via: "loopback" | "private" | "public", addresses = all) => {
    const verdict = judgeRecord({ peerId: "p", addresses, sequence }, via, NOW);
    return verdict.kind === "accepted" ? verdict.addresses : verdict.reason;
  };
  assert.deepEqual(judge("loopback"), [all[0], all[1], all[3]]);
  assert.deepEqual(judge("private"), [all[0], all[3]]);
  assert.deepEqual(judge("public"), [all[3]]);
  assert.equal(judge("public", all.slice(0, 3)), "no-address");
  assert.equal(judge("public", Array.from({ length: 9 }, () => all[3]!)), "too-many-addresses");
  const at1 = { peerId: "p", addresses: all };
  const ahead = BigInt(NOW + MAX_SEQUENCE_AHEAD_MS);
  assert.equal(judgeRecord({ ...at1, sequence: ahead }, "public", NOW).kind, "accepted");
  const later = judgeRecord({ ...at1, sequence: ahead + 1n }, "public", NOW);
  assert.deepEqual(later, { kind: "refused", reason: "from-the-future" });
  const same = judgeRecord({ ...at1, sequence }, "public", NOW, sequence);
  assert.deepEqual(same, { kind: "refused", reason: "not-newer" });
});

Deno.test("eviction: a crowd from one public subnet goes first, a class is none", () => {
  const view = (at: number, address: string): InboundView => ({
    peerId: `${at}`,
    address,
    connectedAtMs: at,
    latencyMs: 100,
    lastUsefulMs: 0,
    score: 0,
  });
  const lan = Array.from({ length: 22 }, (_, n) => view(n, at(n + 1)));
  const crowd = Array.from({ length: 5 }, (_, n) => view(30 + n, `/ip4/93.184.0.${n}/tcp/1`));
  const later = Array.from({ length: 5 }, (_, n) => view(40 + n, at(n + 100)));
  assert.equal(chooseEviction([...lan, ...crowd, ...later])!.peerId, "34");
  assert.equal(chooseEviction([...lan, ...later])!.peerId, "44", "else the youngest");
  const useful = later.map((each) => ({ ...each, lastUsefulMs: 5 }));
  assert.notEqual(chooseEviction([...lan, ...useful.slice(0, 4)])!.connectedAtMs, 40);
  assert.equal(chooseEviction(lan.slice(0, 20)), undefined, "all of them are protected");
});

Deno.test("record codec: what was kept comes back; damage costs one record and no more", () => {
  const full = after(
    record(at(1), "/ip6/2001:db8::1/tcp/2"),
    { kind: "attempt", addresses: [at(1)] },
    { kind: "success", address: at(1) },
    { kind: "anchor", value: true },
  );
  const bytes = encodeRecord(full);
  assert.deepEqual(decodeRecord(bytes), full);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (position, value) => {
      const damaged = bytes.slice();
      damaged[position] = value;
      const decoded = decodeRecord(damaged);
      if (decoded === undefined) return;
      assert.ok(decoded.addresses.length > 0 && decoded.addresses.length <= MAX_ADDRESSES);
      assert.ok(Number.isSafeInteger(decoded.lastSuccessMs) && decoded.score >= 0);
      assert.deepEqual(decodeRecord(encodeRecord(decoded)), decoded);
    }),
    { numRuns: 300 },
  );
  for (const text of ["", "null", "[]", "{}", '{"peerId":"p"}', '{"peerId":"","addresses":[]}']) {
    assert.equal(decodeRecord(utf8(text)), undefined, text);
  }
  assert.equal(decodeRecord(bytes.subarray(0, bytes.length / 2)), undefined);
});
