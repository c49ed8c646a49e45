/**
 * The doctor's judgement: findings from facts. Pure: what was seen is gathered by `examination.ts`.
 * A finding is a `problem` where the node cannot do its work, or will soon not, and somebody must
 * act; a `note` where it works but could do so better; `unknown` where nothing could be found out.
 */
import type { Finding, FindingLevel } from "./api.ts";
import { type DoctorFacts, finding, type Judged, ok, some } from "./doctor_facts.ts";
import { judgeAddresses, judgeNat, judgePort, judgeReach } from "./doctor_reach.ts";
import { judgeIsolation } from "./doctor_isolation.ts";

/** A clock this far from the others' is wrong; a network's round trip is far below. */
const CLOCK_OFF_MS = 5_000;
const LEVELS: readonly FindingLevel[] = ["problem", "note", "unknown", "ok"];

/** All findings, problems first. */
export function judge(facts: DoctorFacts): Finding[] {
  const judged = { ...facts, ...basics(facts) };
  const steps = [
    judgeInternet,
    judgeNames,
    judgePeers,
    judgeForeign,
    judgeSecret,
    judgePort,
    judgeDht,
    judgeAddresses,
    judgeIsolation,
    judgeClock,
    judgeNat,
    judgeReach,
  ];
  const findings = steps.flatMap((step) => step(judged));
  return findings.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

function basics({ node, probes }: DoctorFacts): Omit<Judged, keyof DoctorFacts> {
  const hasNetwork = probes.interfaces.length > 0;
  const { outside } = probes;
  const isSeen = node.observed.length > 0 || outside.some(({ reply }) => reply === "answers");
  const isTried = !hasNetwork || outside.length > 0;
  const hasInternet = isSeen ? true : isTried ? false : undefined;
  return { hasNetwork, hasInternet, hasPeers: node.peers > 0 };
}

function judgeInternet({ hasNetwork, hasInternet, hasPeers, probes }: Judged): Finding[] {
  if (!hasNetwork) {
    return [finding("no-network", "problem", [
      "this machine has no address but its own loopback one",
      "no cable is plugged in and no Wi-Fi is joined: nobody can be reached",
      "join a network, then look again; a chain goes over by stick too (moim export, moim import)",
    ])];
  }
  if (hasInternet === true) return [ok("internet", "somebody outside answers")];
  if (hasInternet === undefined) {
    return [finding("internet", "unknown", [
      "nobody outside is known who could be asked",
      "whether there is internet could not be found out; a local network needs none",
      "",
    ])];
  }
  const { outside } = probes;
  const seen = outside.every(({ reply }) => reply === "no-route")
    ? "the system knows no way out of this network (no default route)"
    : `none of ${some(outside.length, "address")} outside answers`;
  const means = "there is no internet, or a firewall lets nothing out";
  const todo = hasPeers
    ? "nothing, if all who take part are in this network; else join one with internet"
    : "join a network with internet (a login page of the Wi-Fi may wait in a browser), or meet in " +
      "one room: nodes of one local network find each other without it";
  return [finding("no-internet", hasPeers ? "note" : "problem", [seen, means, todo])];
}

/** Without internet a resolver cannot work either: that is no second fault. */
function judgeNames({ probes: { names }, hasInternet, hasPeers }: Judged): Finding[] {
  if (names.state === "unneeded") return [];
  if (names.state === "answers") return [ok("names", `${names.asked} is resolved`)];
  if (hasInternet !== true) return [];
  return [finding("no-names", hasPeers ? "note" : "problem", [
    `${names.asked} cannot be resolved: ${names.why}`,
    "the machine's name server (DNS) does not answer, or blocks names: the public DHT's way in has " +
    "a name, and peers given by name are not found",
    "set another name server in the system's network settings (such as 1.1.1.1 or 9.9.9.9), or " +
    "give peers by IP address: --peer /ip4/…/tcp/…",
  ])];
}

function judgePeers({ node, hasPeers }: Judged): Finding[] {
  const answered = node.running ? "connected" : "answered when asked";
  const found = hasPeers
    ? ok("peers", `${some(node.peers, "peer")} ${answered}`)
    : finding("alone", "note", [
      node.running
        ? "no peer is connected"
        : node.targets.length === 0
        ? "no peer is known yet"
        : "no known peer answers",
      "this node is the only one of its network that runs, or the others are not found",
      "compare the phrase and the genesis (moim network) with theirs; give them the line of " +
      "moim invite, or name one of them with --peer",
    ]);
  if (node.running) return [found];
  return [
    finding("no-node", "note", [
      "no node runs in this data folder",
      "what only a running node can tell (ports mapped, who reaches it) was not looked at",
      "start it with moim start, and look again beside it",
    ]),
    found,
  ];
}

function judgeForeign({ node: { foreign, network }, hasPeers }: Judged): Finding[] {
  if (foreign.length === 0) return [];
  const names = foreign.map(({ network, genesisId, peers }) =>
    `${some(peers, "node")} of "${network}" (genesis ${genesisId.slice(0, 12)}…)`
  );
  return [finding("wrong-network", hasPeers ? "note" : "problem", [
    `met ${names.join(", ")}`,
    `their chain is another one than "${network}" here, perhaps under the same phrase: the ` +
    "parameters in the network file differ",
    "use the same phrase and the same network file as they do: moim join with an invitation brings " +
    "both",
  ])];
}

function judgeSecret({ node: { secretMismatches }, hasPeers }: Judged): Finding[] {
  if (secretMismatches === 0) return [];
  return [finding("secret-differs", hasPeers ? "note" : "problem", [
    `${some(secretMismatches, "session")} ended because the secrets are not the same`,
    "the network has a secret, and one of the two sides has none or another",
    "ask a member for an invitation (moim invite), or give the secret again with --secret",
  ])];
}

function judgeDht({ node: { dht, settings }, hasInternet, hasPeers }: Judged): Finding[] {
  if (settings.dht === "off" || dht.length === 0) return [];
  const answering = dht.filter(({ answers }) => answers);
  if (answering.length > 0) return [ok("dht", answering.map(({ text }) => text).join("; "))];
  // Servers of the public one are outside: their silence says nothing new.
  if (settings.dht === "public" && hasInternet === false) return [];
  return [finding("no-dht", hasPeers ? "note" : "problem", [
    dht.map(({ text }) => text).join("; "),
    settings.dht === "public"
      ? "no server of the public DHT answers: the network may block it (port 4001, or unknown traffic)"
      : "no server of the private DHT answers",
    "name a peer with --peer or use an invitation, which has addresses in it; in one room the local " +
    "network is enough; from another network, such as a phone's, the DHT may work",
  ])];
}

function judgeClock({ node: { clocksMs } }: Judged): Finding[] {
  if (clocksMs.length === 0) {
    return [finding("clock", "unknown", [
      "no peer has told the time",
      "whether this machine's clock is right could not be found out",
      "",
    ])];
  }
  const aheadMs = carefulMedian(clocksMs);
  const who = some(clocksMs.length, "peer");
  if (Math.abs(aheadMs) <= CLOCK_OFF_MS) return [ok("clock", `right, compared with ${who}`)];
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  const seen = `this machine's clock is ${seconds} s ${aheadMs > 0 ? "behind" : "ahead of"} ${who}`;
  if (clocksMs.length === 1) {
    return [finding("clock-unsure", "note", [
      seen,
      "one of the two clocks is wrong",
      "compare both with a clock that is right, and let the system set the time by itself",
    ])];
  }
  return [finding("clock-off", "problem", [
    seen,
    "the blocks it makes may be refused as being from the future, and it may refuse theirs",
    "let the system set the time by itself (its settings call it automatic time, or NTP)",
  ])];
}

/** The middle one; of the two in the middle of an even number the one that accuses us less. */
function carefulMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)]!;
  if (sorted.length % 2 === 1) return upper;
  const lower = sorted[sorted.length / 2 - 1]!;
  if (Math.sign(lower) !== Math.sign(upper)) return 0;
  return Math.abs(lower) < Math.abs(upper) ? lower : upper;
}
