/** What a node tells of itself while it opens and runs. */
import type { Access, FoundBy, SourceStatus, SyncStatus } from "./api_status.ts";

/** What `start` and `demo` tell as it happens; `openNode` sends them in order. */
export type NodeEvent =
  /** The folder is open and the chain is loaded. */
  | {
    kind: "opened";
    network: string;
    genesisId: string;
    folder: string;
    height: number;
    tipId: string;
    /** Whether this opening made the network's folder. */
    isNew: boolean;
    access: Access;
  }
  /** The P2P port is open. */
  | { kind: "listening"; peerId: string; port: number; addresses: string[] }
  | { kind: "addresses"; addresses: string[]; reachability: string }
  /** A discovery source has something new to say. */
  | { kind: "discovery"; source: SourceStatus["source"]; text: string }
  | { kind: "notice"; level: "info" | "warning"; text: string }
  | {
    kind: "peer-connected";
    peerId: string;
    address: string;
    found: FoundBy;
    direction: "outbound" | "inbound";
    height: number;
    agent: string;
    peers: number;
  }
  | { kind: "peer-disconnected"; peerId: string; reason: string; peers: number }
  | { kind: "sync"; sync: SyncStatus }
  /** A block joined the main chain while not in a bulk sync. */
  | {
    kind: "block";
    id: string;
    height: number;
    transactions: number;
    minter?: string;
    minterName?: string;
    /** True when this node made it. */
    ours: boolean;
  }
  | { kind: "reorganized"; depth: number; fromId: string; toId: string; height: number }
  /** A payment from or to a key of the keystore was seen, or entered a block. */
  | {
    kind: "payment";
    txId: string;
    direction: "in" | "out";
    name: string;
    amount: number;
    state: "pending" | "confirmed" | "dropped";
    height?: number;
  }
  | { kind: "minting"; text: string };

/** Receives events; must not throw and must return at once. */
export type OnEvent = (event: NodeEvent) => void;
