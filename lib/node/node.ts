/**
 * The composition root: the only place that builds a whole node, in order, and takes it down in
 * the reverse order.
 */
import { every, systemClock, yieldToOthers } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import { RecentSet } from "../base/recent_set.ts";
import { meter } from "../base/telemetry.ts";
import type { BlockId } from "../primitives/ids.ts";
import { Grinder, Minter } from "../minter/mod.ts";
import type { Owner } from "../wallet/keystore.ts";
import type { NodeEvent, NodeHandle, OnEvent, OpenOptions, StartingNode } from "./api.ts";
import type { NodeConfig } from "./config.ts";
import { Intake } from "./block_intake.ts";
import { accessOf } from "./group_keys.ts";
import { Ledger } from "./ledger.ts";
import { tellLedgerEvents } from "./ledger_events.ts";
import { LocalNode } from "./local_node.ts";
import { MintingStatus, type MintingStatusParts } from "./minting_status.ts";
import { Network } from "./network.ts";
import { News } from "./news.ts";
import { chooseP2pPort } from "./p2p_port.ts";

/** Blocks remembered as made here, for what is told of them. */
const OWN_BLOCKS_MAX = 10_000;
/** Payments that waited for a day are dropped; looked after this often. */
const EXPIRE_EVERY_MS = 10 * 60_000;

/**
 * Opens the data folder, and online the network as well. Throws `UserError` for all that a user
 * can mend, with everything closed again.
 */
export async function openNode(config: NodeConfig, options: OpenOptions): Promise<NodeHandle> {
  const node = await startNode(config, options);
  if (options.mode === "offline") return node;
  try {
    await node.goOnline();
    return node;
  } catch (error) {
    await node.close();
    throw error;
  }
}

/** As `openNode`, but gives the node as soon as the chain is open: online, `goOnline` does more. */
export async function startNode(config: NodeConfig, options: OpenOptions): Promise<StartingNode> {
  const onEvent = options.onEvent ?? (() => {});
  const onLine = (text: string) => onEvent({ kind: "notice", level: "info", text });
  // Before anything is made: whoever asks for a busy port asks once more with another.
  const p2pPort = options.mode === "online" ? chooseP2pPort(config) : 0;
  const startMs = systemClock.monotonicMs();
  const ledger = await Ledger.open(config, {
    clock: systemClock,
    onLine,
    isOnline: options.mode === "online",
    rebuild: options.rebuild,
  });
  const openedInMs = systemClock.monotonicMs() - startMs;
  const closers: (() => void | Promise<void>)[] = [() => ledger.close()];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return compose(config, {
      options,
      ledger,
      p2pPort,
      openedInMs,
      onEvent,
      closers,
      closeAll,
    });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

interface Composition {
  options: OpenOptions;
  ledger: Ledger;
  /** To listen on; 0 where no network is wanted. */
  p2pPort: number;
  openedInMs: number;
  onEvent: OnEvent;
  closers: (() => void | Promise<void>)[];
  closeAll: () => Promise<void>;
}

function compose(config: NodeConfig, parts: Composition): StartingNode {
  const { options, ledger, p2pPort, closers } = parts;
  const { chain, mempool } = ledger;
  const isOnline = options.mode === "online";
  const news = new News({ chain, mempool, clock: systemClock });
  closers.push(() => news.close());
  const onEvent = (event: NodeEvent) => {
    news.note(event);
    parts.onEvent(event);
  };
  // Before the network is up: a mistyped name must change nothing.
  const isMinting = isOnline && config.minter !== undefined;
  const minterOwner = isMinting ? ledger.keystore.resolve(config.minter!) : undefined;
  tellOpened(ledger, onEvent);
  if (isOnline) tellOfOpenness(config, ledger, onEvent);
  const network = isOnline ? makeNetwork(config, { ...parts, onEvent }) : undefined;
  const mill = makeMill(config, parts, network);
  const intake = new Intake(chain);
  closers.push(tellLedgerEvents({
    ledger,
    onEvent,
    isOurs: mill.isOurs,
    isBulk: () => intake.isBulk || (network?.online?.isSyncing ?? false),
  }));
  if (network) closers.push(() => network.close(), expireNowAndThen(ledger));
  closers.push(() => mill.minter.stop());
  let minting: MintingStatus | undefined;
  closers.push(() => minting?.stop());
  return new LocalNode({
    ledger,
    network,
    p2pPort,
    // Not before the network is up: whoever has peers mints when they are there.
    onOnline: () => {
      minting = minterOwner && startMinting(config, { ...mill, onEvent }, minterOwner);
    },
    news,
    intake,
    inquire: async () => (await import("./inquiring.ts")).inquiredEvidence(config, ledger),
    minter: mill.minter,
    mintingStatus: () => minting?.status(),
    instanceId: options.instanceId,
    ...(options.rebuild && { rebuiltInMs: parts.openedInMs }),
    onStop: options.onStop ?? (() => {}),
    onClose: parts.closeAll,
  });
}

function tellOpened({ network, networkFolder, chain, membership }: Ledger, onEvent: OnEvent): void {
  const { id, height } = chain.tip();
  onEvent({
    kind: "opened",
    network: network.name,
    genesisId: chain.genesisId,
    folder: networkFolder.path,
    height,
    tipId: id,
    isNew: height === 0,
    access: accessOf(membership),
  });
}

/** What blocks are made with. */
type Mill = Pick<MintingStatusParts, "minter" | "grinder" | "onSample"> & {
  minter: Minter;
  /** Whether this run has made the block. */
  isOurs: (id: BlockId) => boolean;
};

/** The minter and its threads, which rest until they are asked for a block. */
function makeMill(
  config: NodeConfig,
  { ledger, closers }: Composition,
  network: Network | undefined,
): Mill {
  const grinder = new Grinder({ threads: config.mintThreads, random: systemRandom });
  closers.push(() => grinder.close());
  const countHashes = hashCounter(grinder);
  const minter = new Minter({
    chain: ledger.chain,
    mempool: ledger.mempool,
    clock: systemClock,
    random: systemRandom,
    grind: (template, signal) => grinder.grind(template, signal).finally(countHashes),
    peers: () => network?.online?.peerState() ?? { connected: 0, everHad: false },
  });
  const ours = new RecentSet<BlockId>(OWN_BLOCKS_MAX);
  minter.found.subscribe((block) => ours.add(block.id));
  return { grinder, minter, onSample: countHashes, isOurs: (id) => ours.has(id) };
}

/** The network of a node, which loads libp2p and opens its port when it is started. */
function makeNetwork(config: NodeConfig, parts: Composition): Network {
  const { ledger, onEvent, options, p2pPort: port } = parts;
  const onFailure = (error: unknown) => {
    onEvent({ kind: "notice", level: "warning", text: `Cannot go on: ${String(error)}` });
    options.onStop?.();
  };
  const ports = { clock: systemClock, random: systemRandom };
  return new Network(async () => {
    ledger.chain.expectBlocks();
    const { loadLibp2p } = await import("../net/libp2p/load.ts");
    await loadLibp2p();
    const { Online } = await import("./online.ts");
    await yieldToOthers();
    return await Online.start({ ledger, config, port, ...ports, onEvent, onFailure });
  });
}

/** Whoever founds a group by a phrase may believe that a phrase keeps others out. */
function tellOfOpenness({ networkChoice }: NodeConfig, ledger: Ledger, onEvent: OnEvent): void {
  if (ledger.membership !== undefined || networkChoice.kind === "dev") return;
  const text = `The phrase "${ledger.rendezvous}" lets in whoever guesses it; ` +
    "--secret keeps a network among those who know it, moim invite --new makes such a group";
  onEvent({ kind: "notice", level: "info", text });
}

function startMinting(
  config: NodeConfig,
  { minter, grinder, onSample, onEvent }: Mill & { onEvent: OnEvent },
  owner: Owner,
): MintingStatus {
  minter.start({ lock: owner.lock, when: config.mintWhen, solo: config.solo });
  const name = owner.key?.name ?? owner.address;
  return new MintingStatus({
    minter,
    grinder,
    onSample,
    onEvent,
    clock: systemClock,
    name,
    when: config.mintWhen,
  });
}

/** Tells the hashes tried since it was called last. */
function hashCounter(grinder: Grinder): () => void {
  let told = 0;
  return () => {
    const { hashes } = grinder;
    meter("minter-hashes").tell(hashes - told);
    told = hashes;
  };
}

function expireNowAndThen({ mempool }: Ledger): () => void {
  return every(systemClock, EXPIRE_EVERY_MS, () => {
    mempool.expire();
    void mempool.save();
  });
}
