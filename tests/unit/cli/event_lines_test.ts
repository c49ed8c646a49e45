import { strict as assert } from "node:assert";
import { EventLines } from "../../../lib/cli/event_lines.ts";
import { joinLines } from "../../../lib/cli/join.ts";
import type { NodeConfig, NodeStatus, SyncStatus } from "../../../lib/node/mod.ts";

const terminal = {
  out: () => {},
  talk: () => {},
  style: (_style: string, text: string) => text,
  isScreen: false,
};

Deno.test("a source is told once at the start-up, then when it says something new", () => {
  const lines = new EventLines(terminal);
  const say = (text: string) => lines.of({ kind: "discovery", source: "dht", text });
  assert.deepEqual(say("starting"), []);
  assert.deepEqual(say("waiting"), []);
  assert.deepEqual(
    lines.begin([
      { source: "dht", enabled: true, text: "waiting" },
      { source: "lan", enabled: false, text: "" },
    ]),
    ["dht         waiting", "lan         off"],
  );
  assert.deepEqual(say("waiting"), []);
  assert.match(say("1 found")[0]!, /^\d\d:\d\d:\d\d {2}dht {9}1 found$/);
});

Deno.test("a long sync is told in ten steps, and its end", () => {
  const lines = new EventLines(terminal);
  const say = (sync: SyncStatus) => lines.of({ kind: "sync", sync });
  let told = 0;
  for (let height = 0; height < 10_000; height++) {
    told += say({ phase: "blocks", height, targetHeight: 10_000 }).length;
  }
  assert.equal(told, 10);
  const end = say({ phase: "synced", height: 10_000, targetHeight: 10_000 });
  assert.deepEqual(end, ["sync        synced, height 10000"]);
});

Deno.test("after the start-up lines carry the time of day", () => {
  const lines = new EventLines(terminal);
  lines.begin([]);
  const [line] = lines.of({
    kind: "payment",
    txId: "ab".repeat(32),
    direction: "in",
    name: "w1",
    amount: 5_000_000,
    state: "confirmed",
    height: 2,
  });
  assert.match(line!, /^\d\d:\d\d:\d\d {2}payment {5}5 coins to w1: in block 2 \(abababababab…\)$/);
});

Deno.test("the lines that join this network name the phrase and an address", () => {
  const status = {
    network: "두 단어",
    addresses: ["/ip4/127.0.0.1/tcp/3000/p2p/X", "/ip4/192.0.2.7/tcp/3000/p2p/X"],
  } as NodeStatus;
  const config = {
    port: 3000,
    networkChoice: { kind: "phrase", phrase: "두 단어" },
  } as NodeConfig;
  const [here, there] = joinLines(status, config);
  assert.match(here!, /NODE_ID=3001.*start --rendezvous ["']두 단어["'] --peer \/ip4\/127/);
  assert.match(there!, /another machine.*--peer \/ip4\/192\.0\.2\.7\/tcp\/3000\/p2p\/X$/);
});
