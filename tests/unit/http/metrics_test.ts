import { strict as assert } from "node:assert";
import { Hono } from "hono";
import { meter } from "../../../lib/base/mod.ts";
import { addMetrics } from "../../../lib/http/metrics.ts";
import type { NodeStatus, PeerInfo } from "../../../lib/node/mod.ts";
import { StoppedClock } from "../../support/chain_builder.ts";
import { fakeNode } from "../../support/fake_node.ts";

const STATUS: NodeStatus = {
  version: "9.9.9",
  running: true,
  network: "tuto",
  genesisId: "00".repeat(32),
  access: "open",
  height: 12,
  tipId: "11".repeat(32),
  tipTimeMs: 1_767_225_600_500,
  totalWork: "4096",
  sync: { phase: "blocks", height: 12, targetHeight: 90 },
  peers: 3,
  peersKnown: 7,
  addresses: [],
  reachability: "",
  discovery: [],
  mempool: { transactions: 5, bytes: 1_234 },
  indexes: { ready: true, height: 12 },
  refused: { "malformed": 2, 'odd "reason"\n': 1 },
  startedMs: 1_767_225_000_000,
};

const PEER_ID = "12D3KooWsecretive";

function peer(direction: "inbound" | "outbound", connected = true): PeerInfo {
  return { peerId: PEER_ID, connected, found: "dht", addresses: ["/ip4/192.0.2.7"], direction };
}

async function scraped(
  run: (scrape: () => Promise<Map<string, number>>, clock: StoppedClock) => Promise<void>,
): Promise<void> {
  const clock = new StoppedClock(1_000);
  const closing = new AbortController();
  const app = new Hono();
  const api = fakeNode({
    status: () => Promise.resolve(STATUS),
    peers: () =>
      Promise.resolve([peer("inbound"), peer("inbound"), peer("outbound"), peer("inbound", false)]),
  });
  addMetrics(app, api, { clock, signal: closing.signal });
  const scrape = async () => {
    const response = await app.request("/metrics");
    assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    assert.ok(!text.includes(PEER_ID) && !text.includes("192.0.2.7"));
    return samples(text);
  };
  try {
    await run(scrape, clock);
  } finally {
    closing.abort();
  }
}

/** Values by name and labels, as they stand in the text. */
function samples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test("metrics tell what status and peers say, and name no peer", () =>
  scraped(async (scrape) => {
    const values = await scrape();
    const expected: Record<string, number> = {
      "moim_chain_height": 12,
      "moim_chain_work": 4_096,
      "moim_chain_tip_timestamp_seconds": 1_767_225_600.5,
      "moim_sync_height_target": 90,
      'moim_peers{direction="inbound"}': 2,
      'moim_peers{direction="outbound"}': 1,
      "moim_peers_known": 7,
      "moim_mempool_transactions": 5,
      "moim_mempool_bytes": 1_234,
      'moim_refused_total{reason="malformed"}': 2,
      'moim_refused_total{reason="odd \\"reason\\"\\n"}': 1,
      [`moim_build_info{version="9.9.9",runtime="deno ${Deno.version.deno}"}`]: 1,
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(values.get(name), value, name);
    }
    assert.ok(values.get("process_resident_memory_bytes")! > 1_000_000);
    assert.ok(values.get("process_cpu_seconds_total")! > 0);
  }));

Deno.test("counters count from the start, times from the first request on", () =>
  scraped(async (scrape, clock) => {
    const before = meter("reorganizations").total;
    meter("reorganizations").tell(2);
    assert.equal((await scrape()).get("moim_reorgs_total"), before + 2);
    meter("reorganizations").tell(1);
    meter("kv-commit-seconds").tell(0.003);
    meter("block-validation-seconds").tell(0.2);
    clock.set(1_500);
    clock.set(2_060); // 60 ms late.
    const values = await scrape();
    assert.equal(values.get("moim_reorgs_total"), before + 3);
    assert.equal(values.get('moim_kv_commit_seconds_bucket{le="0.0025"}'), 0);
    assert.equal(values.get('moim_kv_commit_seconds_bucket{le="0.005"}'), 1);
    assert.equal(values.get("moim_block_validation_seconds_sum"), 0.2);
    assert.equal(values.get("moim_event_loop_lag_seconds_count"), 2);
    assert.equal(values.get('moim_event_loop_lag_seconds_bucket{le="0.05"}'), 1);
    assert.equal(values.get('moim_event_loop_lag_seconds_bucket{le="0.1"}'), 2);
  }));

Deno.test("once the server is closed nothing is measured any more", async () => {
  await scraped(async (scrape) => {
    await scrape();
    assert.ok(meter("kv-commit-seconds").isObserved);
  });
  assert.ok(!meter("kv-commit-seconds").isObserved);
});
