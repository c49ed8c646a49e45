/** What a node tells, as lines for people. */
import type { NodeEvent, SourceStatus } from "../node/mod.ts";
import { clockTime, coins, count, printable, shortId, shortPeer } from "./format.ts";
import { accessText, sourceText, syncText } from "./status_text.ts";
import type { Terminal } from "./terminal.ts";

/** While syncing, one line each time this share of the way was made. */
const SYNC_STEPS = 10;
/** Being this many blocks behind is everyday life, not a sync. */
const SMALL_GAP = 2;
const TOPIC_WIDTH = 10;

/** Turns events into lines; before `begin` they are the start-up's, afterwards they carry a time. */
export class EventLines {
  readonly #terminal: Terminal;
  #hasBegun = false;
  #syncShown = "";
  /** What each source said last, so that only changes are told. */
  readonly #discovery = new Map<string, string>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** The start-up lines are done but for the sources': one line each, as they stand now. */
  begin(discovery: readonly SourceStatus[]): string[] {
    const lines = discovery.flatMap((status) =>
      this.#linesOf(this.#discoveryText({ source: status.source, text: sourceText(status) }))
    );
    this.#hasBegun = true;
    return lines;
  }

  /** Lines of one event; none for what a reader need not know. */
  of(event: NodeEvent): string[] {
    if (event.kind === "opened") return openedLines(event);
    if (event.kind === "listening") return listeningLines(event);
    if (event.kind === "discovery" && !this.#hasBegun) return [];
    return this.#linesOf(this.#textOf(event));
  }

  #linesOf(text: [topic: string, text: string] | undefined): string[] {
    if (text === undefined) return [];
    const [topic, rest] = text;
    const padded = topic.padEnd(TOPIC_WIDTH);
    const shown = topic === "warning" ? this.#terminal.style("yellow", padded) : padded;
    const time = this.#hasBegun ? this.#terminal.style("dim", clockTime(new Date())) + "  " : "";
    return [`${time}${shown}  ${rest}`];
  }

  #textOf(event: NodeEvent): [topic: string, text: string] | undefined {
    const { style } = this.#terminal;
    switch (event.kind) {
      case "opened":
      case "listening":
        return undefined;
      case "addresses":
        return ["address", `${event.addresses.join(", ")} (${event.reachability})`];
      case "discovery":
        return this.#discoveryText(event);
      case "notice":
        return event.level === "warning"
          ? ["warning", printable(event.text)]
          : ["note", printable(event.text)];
      case "peer-connected":
        return ["peer", connectedText(event)];
      case "peer-disconnected":
        return [
          "peer",
          `${shortPeer(event.peerId)} left (${printable(event.reason)}); ` +
          `${count(event.peers, "peer")}`,
        ];
      case "sync":
        return this.#syncLine(event);
      case "block":
        return ["block", blockText(event, style("bold", String(event.height)))];
      case "reorganized":
        return [
          "reorganize",
          `${count(event.depth, "block")} replaced by a longer branch; tip ${event.height} ` +
          shortId(event.toId),
        ];
      case "payment":
        return ["payment", style("green", paymentText(event))];
      case "minting":
        return ["mint", event.text];
    }
  }

  #discoveryText({ source, text }: { source: string; text: string }): [string, string] | undefined {
    if (this.#discovery.get(source) === text) return undefined;
    this.#discovery.set(source, text);
    return [source, printable(text)];
  }

  /** A block that arrives by itself is a `block` line; only catching up is worth more. */
  #syncLine(event: Extract<NodeEvent, { kind: "sync" }>): [string, string] | undefined {
    const { phase, height, targetHeight } = event.sync;
    const isBehind = phase === "headers" || phase === "blocks";
    if (!isBehind && phase !== "synced") return undefined;
    if (isBehind && targetHeight - height <= SMALL_GAP) return undefined;
    const key = phase === "blocks"
      ? `${phase} ${Math.floor(SYNC_STEPS * height / Math.max(1, targetHeight))}`
      : phase;
    if (key === this.#syncShown) return undefined;
    this.#syncShown = key;
    return ["sync", syncText(event.sync) + (isBehind ? "" : `, height ${height}`)];
  }
}

function openedLines(event: Extract<NodeEvent, { kind: "opened" }>): string[] {
  return [
    `network     ${printable(event.network)}${accessText(event.access)}` +
    `${event.isNew ? " (new here)" : ""}`,
    `genesis     ${event.genesisId}`,
    `folder      ${event.folder}`,
    `chain       height ${event.height}, tip ${event.tipId}`,
  ];
}

function listeningLines(event: Extract<NodeEvent, { kind: "listening" }>): string[] {
  return [
    `peer id     ${event.peerId}`,
    ...event.addresses.map((address, at) => `${at === 0 ? "address" : ""}`.padEnd(12) + address),
  ];
}

function connectedText(event: Extract<NodeEvent, { kind: "peer-connected" }>): string {
  const how = event.direction === "inbound" ? "came in" : `found: ${event.found}`;
  return `${shortPeer(event.peerId)} connected (${how}), height ${event.height}, ` +
    `${event.address}; ${count(event.peers, "peer")}`;
}

function blockText(event: Extract<NodeEvent, { kind: "block" }>, height: string): string {
  const payments = event.transactions > 1 ? `, ${count(event.transactions - 1, "payment")}` : "";
  const minter = event.minterName ?? (event.minter === undefined ? "" : shortId(event.minter));
  const by = event.ours ? `, minted here` : "";
  const whom = minter === "" ? "" : ` for ${minter}`;
  return `${height} ${shortId(event.id)}${payments}${by}${whom}`;
}

function paymentText(event: Extract<NodeEvent, { kind: "payment" }>): string {
  const direction = event.direction === "in" ? "to" : "from";
  const state = event.state === "pending"
    ? "seen, waits for a block"
    : event.state === "confirmed"
    ? `in block ${event.height ?? ""}`
    : "dropped";
  return `${coins(event.amount)} ${direction} ${event.name}: ${state} (${shortId(event.txId)})`;
}
