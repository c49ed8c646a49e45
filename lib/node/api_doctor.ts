/** What a node knows of its own network, and what the doctor makes of it. */

/** What is known of a peer that may be in this machine's own network. */
export type Neighbour = {
  peerId: string;
  /** Its private addresses. */
  addresses: string[];
  /** Whether it is connected, and how. */
  connection: "direct" | "relayed" | "none";
  /** IP addresses at which others outside see it, as it says itself. */
  outside: string[];
};

/** Evidence of a node, running or not; times in milliseconds, addresses as multiaddrs. */
export type NodeDiagnosis = {
  /** Whether a node runs in the folder; if not, known peers were asked for some seconds instead. */
  running: boolean;
  network: string;
  settings: {
    dht: "public" | "private" | "off";
    lan: boolean;
    announce: string[];
  };
  /** The P2P port: held by the node itself, free, or held by `by` (as it calls itself). */
  port: { port: number; state: "ours" | "free" | "busy"; by?: string };
  /** Peers with a session, or who have answered. */
  peers: number;
  /** What others may dial, each without `/p2p/ID`. */
  addresses: string[];
  reach?: { state: "open" | "mapped" | "relayed" | "closed" | "unknown"; text: string };
  portMapping?: {
    state: "off" | "waiting" | "searching" | "mapped" | "double-nat" | "none";
    text: string;
    externalAddress?: string;
    /** The router's address outside, where it is not a public one. */
    routerIp?: string;
  };
  /** IP addresses at which peers outside see this node, and how many do. */
  observed: { ip: string; peers: number }[];
  /** How far the clock of each peer is ahead of ours. */
  clocksMs: number[];
  /** Networks of other chains whose nodes were met. */
  foreign: { network: string; genesisId: string; peers: number }[];
  dht: { name: string; answers: boolean; text: string }[];
  /** For how long the DHT has had other addresses than those of now; absent when it has these. */
  staleSinceMs?: number;
  /** Sessions ended because the two sides share no secret. */
  secretMismatches: number;
  neighbours: Neighbour[];
  /** Whom it would ask to get in: bootstraps, named and known peers outside. */
  targets: string[];
};

/** Whether something is to be done about it; `unknown`: it could not be found out. */
export type FindingLevel = "ok" | "note" | "unknown" | "problem";

/** One thing the doctor says. `code` is stable. */
export type Finding = {
  code: FindingCode;
  level: FindingLevel;
  seen: string;
  means: string;
  /** Empty where nothing is to be done. */
  todo: string;
};

export type FindingCode =
  | "no-network"
  | "no-internet"
  | "internet"
  | "no-names"
  | "names"
  | "port-busy"
  | "port-blocked"
  | "port"
  | "isolated-wifi"
  | "no-dht"
  | "dht"
  | "stale-address"
  | "wrong-network"
  | "secret-differs"
  | "clock-off"
  | "clock-unsure"
  | "clock"
  | "carrier-nat"
  | "double-nat"
  | "port-mapping"
  | "reach"
  | "no-node"
  | "alone"
  | "peers";

export type DoctorReport = {
  network: string;
  /** Problems first. */
  findings: Finding[];
  elapsedMs: number;
};
