/** Every finding in exactly its situation, from facts. */
import assert from "node:assert/strict";
import type { Finding, FindingCode, FindingLevel, NodeDiagnosis } from "../../../lib/node/api.ts";
import { judge } from "../../../lib/node/doctor.ts";
import type { ProbeFacts } from "../../../lib/node/doctor_facts.ts";

const PEER = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const HOME = { ip: "192.168.1.5", prefixBits: 24 };

/** A node behind a home's router, with nothing wrong. */
const NODE: NodeDiagnosis = {
  running: true,
  network: "tuto",
  settings: { dht: "public", lan: true, announce: [] },
  port: { port: 3000, state: "ours" },
  peers: 2,
  addresses: ["/ip4/192.168.1.5/tcp/3000", "/ip4/45.1.1.1/tcp/3000"],
  reach: { state: "mapped", text: "reachable at /ip4/45.1.1.1/tcp/3000 (mapped by the router)" },
  portMapping: {
    state: "mapped",
    text: "mapped 45.1.1.1:3000 by UPnP",
    externalAddress: "/ip4/45.1.1.1/tcp/3000",
  },
  observed: [{ ip: "45.1.1.1", peers: 2 }],
  clocksMs: [100, -50],
  foreign: [],
  dht: [{ name: "dht", answers: true, text: "public DHT: advertised at 20 servers" }],
  secretMismatches: 0,
  neighbours: [],
  targets: [],
};

const PROBES: ProbeFacts = {
  interfaces: [HOME],
  gateways: [{ ip: "192.168.1.1", answers: true }],
  names: { state: "answers", asked: "bootstrap.libp2p.io", why: "" },
  outside: [{ address: "/ip4/45.9.9.9/tcp/4001", reply: "answers" }],
  neighbours: [],
};

const SILENT = [{ address: "/ip4/45.9.9.9/tcp/4001", reply: "silent" as const }];
const NO_ROUTE = [{ address: "/ip4/45.9.9.9/tcp/4001", reply: "no-route" as const }];
const NO_OUTSIDE = { observed: [], dht: [{ name: "dht", answers: false, text: "DHT: waiting" }] };
const ALONE = { peers: 0, clocksMs: [] };
const NEAR = "/ip4/192.168.1.7/tcp/3000";
const NEIGHBOUR = {
  peerId: PEER,
  addresses: [NEAR],
  connection: "relayed" as const,
  outside: ["45.1.1.1"],
};
const SILENT_NEAR = [{ address: NEAR, answers: false }];

type Situation = {
  name: string;
  node?: Partial<NodeDiagnosis>;
  probes?: Partial<ProbeFacts>;
  /** All that is not ok. */
  finds: [FindingCode, FindingLevel][];
  says?: RegExp;
};

function examined({ node, probes }: Situation): Finding[] {
  return judge({ node: { ...NODE, ...node }, probes: { ...PROBES, ...probes } });
}

const SITUATIONS: Situation[] = [
  { name: "all is well", finds: [] },
  {
    name: "no cable, no Wi-Fi",
    node: { ...ALONE, ...NO_OUTSIDE, addresses: [], reach: { state: "closed", text: "no" } },
    probes: {
      interfaces: [],
      outside: NO_ROUTE,
      names: { state: "fails", asked: "x", why: "y" },
    },
    finds: [["no-network", "problem"], ["alone", "note"], ["reach", "note"], ["clock", "unknown"]],
  },
  {
    name: "no default route",
    node: { ...ALONE, ...NO_OUTSIDE },
    probes: { outside: NO_ROUTE },
    finds: [["no-internet", "problem"], ["alone", "note"], ["clock", "unknown"]],
    says: /no default route.*one room/s,
  },
  {
    name: "nobody outside answers; a resolver that fails as well is no second fault",
    node: { ...ALONE, ...NO_OUTSIDE },
    probes: { outside: SILENT, names: { state: "fails", asked: "bootstrap.x", why: "refused" } },
    finds: [["no-internet", "problem"], ["alone", "note"], ["clock", "unknown"]],
    says: /none of 1 address outside answers/,
  },
  {
    name: "a room without internet whose peers are there",
    node: NO_OUTSIDE,
    probes: { outside: SILENT, gateways: [] },
    finds: [["no-internet", "note"]],
  },
  {
    name: "nobody outside is known",
    node: { observed: [], settings: { ...NODE.settings, dht: "off" }, dht: [] },
    probes: { outside: [] },
    finds: [["internet", "unknown"]],
  },
  {
    name: "a dead resolver",
    node: ALONE,
    probes: { names: { state: "fails", asked: "bootstrap.libp2p.io", why: "refused" } },
    finds: [["no-names", "problem"], ["alone", "note"], ["clock", "unknown"]],
    says: /bootstrap\.libp2p\.io cannot be resolved: refused/,
  },
  {
    name: "a dead resolver that did not matter",
    probes: { names: { state: "fails", asked: "x", why: "refused" } },
    finds: [["no-names", "note"]],
  },
  {
    name: "the port is another moim's",
    node: { running: false, port: { port: 3000, state: "busy", by: "moim/0.1.0" } },
    finds: [["port-busy", "problem"], ["no-node", "note"]],
    says: /in use by moim\/0\.1\.0.*NODE_ID/s,
  },
  {
    name: "the port is another program's",
    node: { running: false, port: { port: 3000, state: "busy" } },
    finds: [["port-busy", "problem"], ["no-node", "note"]],
    says: /end that program/,
  },
  {
    name: "a firewall before a public address",
    node: {
      ...ALONE,
      addresses: ["/ip4/45.1.1.1/tcp/3000"],
      reach: { state: "closed", text: "a firewall keeps others out" },
      portMapping: { state: "none", text: "not needed" },
    },
    probes: { interfaces: [{ ip: "45.1.1.1", prefixBits: 24 }], gateways: [] },
    finds: [
      ["port-blocked", "problem"],
      ["alone", "note"],
      ["reach", "note"],
      ["clock", "unknown"],
    ],
  },
  {
    name: "a Wi-Fi that isolates its clients",
    node: { neighbours: [NEIGHBOUR] },
    probes: { neighbours: SILENT_NEAR },
    finds: [["isolated-wifi", "note"]],
    says: /…kx6nXTN|192\.168\.1\.7.*client isolation.*hotspot/s,
  },
  {
    name: "the same without a relay",
    node: { ...ALONE, neighbours: [{ ...NEIGHBOUR, connection: "none" }] },
    probes: { neighbours: SILENT_NEAR },
    finds: [["isolated-wifi", "problem"], ["alone", "note"], ["clock", "unknown"]],
  },
  {
    name: "another home with the same private addresses is no isolation",
    node: { neighbours: [{ ...NEIGHBOUR, outside: ["45.2.2.2"] }] },
    probes: { neighbours: SILENT_NEAR },
    finds: [],
  },
  {
    name: "a peer of which nobody says where it is seen is no isolation",
    node: { neighbours: [{ ...NEIGHBOUR, outside: [] }] },
    probes: { neighbours: SILENT_NEAR },
    finds: [],
  },
  {
    name: "a neighbour that answers is no isolation",
    node: { neighbours: [NEIGHBOUR] },
    probes: { neighbours: [{ address: NEAR, answers: true }] },
    finds: [],
  },
  {
    name: "a neighbour in another subnet behind the same address is no isolation",
    node: { neighbours: [{ ...NEIGHBOUR, addresses: ["/ip4/192.168.2.7/tcp/3000"] }] },
    probes: { neighbours: [{ address: "/ip4/192.168.2.7/tcp/3000", answers: false }] },
    finds: [],
  },
  {
    name: "where nothing answers at all it is not isolation",
    node: { ...ALONE, ...NO_OUTSIDE, neighbours: [{ ...NEIGHBOUR, connection: "none" }] },
    probes: {
      neighbours: SILENT_NEAR,
      outside: SILENT,
      gateways: [{ ip: "192.168.1.1", answers: false }],
    },
    finds: [["no-internet", "problem"], ["alone", "note"], ["clock", "unknown"]],
  },
  {
    name: "no DHT server answers",
    node: { ...ALONE, dht: [{ name: "dht", answers: false, text: "public DHT: waiting" }] },
    finds: [["no-dht", "problem"], ["alone", "note"], ["clock", "unknown"]],
    says: /public DHT: waiting.*port 4001/s,
  },
  {
    name: "no DHT server answers, but the network was found",
    node: { dht: [{ name: "dht", answers: false, text: "public DHT: waiting" }] },
    finds: [["no-dht", "note"]],
  },
  {
    name: "a private DHT without internet",
    node: {
      ...ALONE,
      observed: [],
      settings: { ...NODE.settings, dht: "private" },
      dht: [{ name: "dht", answers: false, text: "private DHT: waiting for a server" }],
    },
    probes: { outside: NO_ROUTE },
    finds: [
      ["no-internet", "problem"],
      ["no-dht", "problem"],
      ["alone", "note"],
      ["clock", "unknown"],
    ],
  },
  {
    name: "an announced address that is not ours any more",
    node: { settings: { ...NODE.settings, announce: ["/ip4/45.7.7.7/tcp/3000"] } },
    finds: [["stale-address", "problem"]],
    says: /--announce says 45\.7\.7\.7.*announce 45\.1\.1\.1/s,
  },
  {
    name: "one peer alone may be mistaken about it",
    node: {
      settings: { ...NODE.settings, announce: ["/ip4/45.7.7.7/tcp/3000"] },
      observed: [{ ip: "45.1.1.1", peers: 1 }],
    },
    finds: [["stale-address", "note"]],
  },
  {
    name: "an announced name, or an address of the other kind, is not judged",
    node: {
      settings: {
        ...NODE.settings,
        announce: ["/dns4/moim.example/tcp/3000", "/ip6/2a00::1/tcp/3000"],
      },
    },
    finds: [],
  },
  {
    name: "an address that no interface has any more",
    node: { addresses: ["/ip4/192.168.7.7/tcp/3000", "/ip4/127.0.0.1/tcp/3000"] },
    finds: [["stale-address", "problem"]],
    says: /tells others \/ip4\/192\.168\.7\.7/,
  },
  {
    name: "an address that leads through a relay is the relay's",
    node: { addresses: [`/ip4/45.8.8.8/tcp/3000/p2p/${PEER}/p2p-circuit`] },
    finds: [],
  },
  {
    name: "the DHT has the addresses of before",
    node: { staleSinceMs: 120_000 },
    finds: [["stale-address", "note"]],
    says: /changed 120 s ago/,
  },
  { name: "the DHT is being told", node: { staleSinceMs: 5_000 }, finds: [] },
  {
    name: "peers of another network",
    node: {
      ...ALONE,
      foreign: [{ network: "lunch", genesisId: "ab".repeat(32), peers: 3 }],
    },
    finds: [["wrong-network", "problem"], ["alone", "note"], ["clock", "unknown"]],
    says: /met 3 nodes of "lunch" \(genesis abababababab…\)/,
  },
  {
    name: "peers of another network beside those of ours",
    node: { foreign: [{ network: "lunch", genesisId: "ab".repeat(32), peers: 1 }] },
    finds: [["wrong-network", "note"]],
  },
  {
    name: "another secret",
    node: { ...ALONE, secretMismatches: 2 },
    finds: [["secret-differs", "problem"], ["alone", "note"], ["clock", "unknown"]],
  },
  {
    name: "our clock is behind",
    node: { clocksMs: [61_000, 59_000, 200] },
    finds: [["clock-off", "problem"]],
    says: /clock is 59 s behind 3 peers/,
  },
  {
    name: "our clock is ahead",
    node: { clocksMs: [-8_000, -9_000] },
    finds: [["clock-off", "problem"]],
    says: /clock is 8 s ahead of 2 peers/,
  },
  {
    name: "one of three clocks is wrong, not ours",
    node: { clocksMs: [90_000, 1, -1] },
    finds: [],
  },
  {
    name: "two clocks that disagree accuse nobody",
    node: { clocksMs: [9_000, -9_000] },
    finds: [],
  },
  { name: "some seconds are no fault", node: { clocksMs: [4_900, 4_900] }, finds: [] },
  {
    name: "one peer's clock differs",
    node: { clocksMs: [60_000] },
    finds: [["clock-unsure", "note"]],
  },
  {
    name: "carrier NAT by our own address",
    node: {
      addresses: ["/ip4/100.70.1.2/tcp/3000"],
      reach: { state: "relayed", text: "reachable through …" },
      portMapping: { state: "none", text: "none" },
    },
    probes: { interfaces: [{ ip: "100.70.1.2", prefixBits: 10 }] },
    finds: [["carrier-nat", "note"], ["reach", "note"]],
    says: /this machine's address 100\.70\.1\.2/,
  },
  {
    name: "carrier NAT by the router's address",
    node: { portMapping: { state: "double-nat", text: "none", routerIp: "100.70.1.2" } },
    finds: [["carrier-nat", "note"]],
  },
  {
    name: "two routers by the first one's address",
    node: { portMapping: { state: "double-nat", text: "none", routerIp: "192.168.0.2" } },
    finds: [["double-nat", "note"]],
    says: /own address 192\.168\.0\.2 is private/,
  },
  {
    name: "two routers by what peers see",
    node: { observed: [{ ip: "45.3.3.3", peers: 2 }] },
    finds: [["double-nat", "note"]],
    says: /router says it is 45\.1\.1\.1 outside, peers see this node at 45\.3\.3\.3/,
  },
  {
    name: "a router that maps no port",
    node: {
      addresses: ["/ip4/192.168.1.5/tcp/3000"],
      reach: { state: "closed", text: "not reachable from outside" },
      portMapping: { state: "none", text: "none: no router answers by UPnP or NAT-PMP" },
    },
    finds: [["port-mapping", "note"], ["reach", "note"]],
    says: /switch UPnP on/,
  },
  {
    name: "nobody has tried to reach us",
    node: { reach: { state: "unknown", text: "unknown yet" } },
    finds: [["reach", "unknown"]],
  },
  {
    name: "no node runs, and peers answer",
    node: { running: false, port: { port: 3000, state: "free" } },
    finds: [["no-node", "note"]],
  },
];

for (const situation of SITUATIONS) {
  Deno.test(`the doctor: ${situation.name}`, () => {
    const findings = examined(situation);
    const found = findings.filter(({ level }) => level !== "ok").map((
      { code, level },
    ) => [code, level]);
    assert.deepEqual(found.sort(), situation.finds.toSorted());
    const text = findings.map(({ seen, means, todo }) => `${seen}\n${means}\n${todo}`).join("\n");
    if (situation.says) assert.match(text, situation.says);
    for (const { code, level, seen, means, todo } of findings) {
      assert.ok(seen !== "", code);
      assert.ok(level === "ok" || means !== "", code);
      assert.ok(level !== "problem" || todo !== "", code);
    }
  });
}

Deno.test("the doctor: problems come first, what is well last", () => {
  const findings = examined({
    name: "",
    finds: [],
    node: { clocksMs: [60_000, 60_000], neighbours: [NEIGHBOUR] },
    probes: { neighbours: SILENT_NEAR },
  });
  const levels = findings.map(({ level }) => level);
  assert.deepEqual(levels.slice(0, 3), ["problem", "note", "ok"]);
});
