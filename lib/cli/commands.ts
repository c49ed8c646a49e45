/** The list of commands: what `--help` needs at once, and where the rest is loaded from. */
import type { Declare } from "./cli.ts";

export type CommandEntry = {
  name: string;
  summary: string;
  load: () => Promise<{ declare: Declare }>;
};

export const COMMANDS: CommandEntry[] = [
  {
    name: "start",
    summary: "run the node (what moim does when no command is named)",
    load: () => import("./commands/start.ts"),
  },
  {
    name: "invite",
    summary: "what brings others onto this network: words, link, QR; make a group",
    load: () => import("./commands/invite.ts"),
  },
  {
    name: "join",
    summary: "run the network of an invitation: six words, a link, or a file",
    load: () => import("./commands/join.ts"),
  },
  {
    name: "status",
    summary: "network, height, sync, peers of this node",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "peers",
    summary: "connected and remembered peers; add one",
    load: () => import("./commands/peers.ts"),
  },
  {
    name: "wallet",
    summary: "keys: new, list, import, export, restore",
    load: () => import("./commands/wallet.ts"),
  },
  {
    name: "balance",
    summary: "coins of a name or an address, or of all keys",
    load: () => import("./commands/balance.ts"),
  },
  {
    name: "history",
    summary: "payments of a name or an address, newest first",
    load: () => import("./commands/history.ts"),
  },
  { name: "send", summary: "pay coins to an address", load: () => import("./commands/send.ts") },
  { name: "mint", summary: "make a block now", load: () => import("./commands/mint.ts") },
  {
    name: "chain",
    summary: "the blocks, newest first",
    load: () => import("./commands/chain.ts"),
  },
  {
    name: "block",
    summary: "one block, by id or height",
    load: () => import("./commands/block.ts"),
  },
  { name: "tx", summary: "one transaction", load: () => import("./commands/tx.ts") },
  {
    name: "open",
    summary: "the address of the explorer: chain, wallet, class page",
    load: () => import("./commands/open.ts"),
  },
  {
    name: "network",
    summary: "parameters and genesis; make a network file",
    load: () => import("./commands/network.ts"),
  },
  {
    name: "doctor",
    summary: "look for what keeps this node from its network",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "export",
    summary: "the chain, or single payments, to a file",
    load: () => import("./commands/export.ts"),
  },
  {
    name: "import",
    summary: "blocks or payments from such a file",
    load: () => import("./commands/import.ts"),
  },
  {
    name: "verify",
    summary: "check the whole chain again",
    load: () => import("./commands/verify.ts"),
  },
  {
    name: "reindex",
    summary: "rebuild coins and indexes from the blocks",
    load: () => import("./commands/reindex.ts"),
  },
  {
    name: "demo",
    summary: "watch nodes find each other, mint and pay (20 seconds)",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "version",
    summary: "version of moim and what it runs on",
    load: () => import("./commands/version.ts"),
  },
];
