/**
 * The composition root: the only place that builds a whole node, in order, and takes it down in
 * the reverse order.
 */
import { every, systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import { RecentSet } from "../base/recent_set.ts";
import type { BlockId } from "../primitives/ids.ts";
import { Grinder, Minter } from "../minter/mod.ts";
import type { Owner } from "../wallet/keystore.ts";
import type { NodeHandle, OnEvent, OpenOptions } from "./api.ts";
import type { NodeConfig } from "./config.ts";
import { Ledger } from "./ledger.ts";
import { tellLedgerEvents } from "./ledger_events.ts";
import { LocalNode } from "./local_node.ts";
import { MintingStatus } from "./minting_status.ts";
import type { Online } from "./online.ts";

/** Blocks remembered as made here, for what is told of them. */
const OWN_BLOCKS_MAX = 10_000;
/** Payments that waited for a day are dropped; looked after this often. */
const EXPIRE_EVERY_MS = 10 * 60_000;

/**
 * Opens the data folder, and online the network as well. Throws `UserError` for all that a user
 * can mend, with everything closed again.
 */
export async function openNode(config: NodeConfig, options: OpenOptions): Promise<NodeHandle> {
  const onEvent = options.onEvent ?? (() => {});
  const onLine = (text: string) => onEvent({ kind: "notice", level: "info", text });
  const startMs = systemClock.monotonicMs();
  const ledger = await Ledger.open(config, {
    clock: systemClock,
    onLine,
    rebuild: options.rebuild,
  });
  const openedInMs = systemClock.monotonicMs() - startMs;
  const closers: (() => void | Promise<void>)[] = [() => ledger.close()];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await compose(config, { options, ledger, openedInMs, onEvent, closers, closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

interface Composition {
  options: OpenOptions;
  ledger: Ledger;
  openedInMs: number;
  onEvent: OnEvent;
  closers: (() => void | Promise<void>)[];
  closeAll: () => Promise<void>;
}

async function compose(config: NodeConfig, parts: Composition): Promise<NodeHandle> {
  const { options, ledger, onEvent, closers } = parts;
  const { chain, mempool } = ledger;
  // Before any port is opened: a mistyped name must change nothing.
  const isMinting = options.mode === "online" && config.minter !== undefined;
  const minterOwner = isMinting ? ledger.keystore.resolve(config.minter!) : undefined;
  onEvent({
    kind: "opened",
    network: ledger.network.name,
    genesisId: chain.genesisId,
    folder: ledger.networkFolder.path,
    height: chain.tip().height,
    tipId: chain.tip().id,
    isNew: chain.tip().height === 0,
  });
  let online: Online | undefined;
  const grinder = new Grinder({ threads: 1, random: systemRandom });
  closers.push(() => grinder.close());
  const minter = new Minter({
    chain,
    mempool,
    clock: systemClock,
    random: systemRandom,
    grind: (template, signal) => grinder.grind(template, signal),
    peers: () => online?.peerState() ?? { connected: 0, everHad: false },
  });
  const ours = new RecentSet<BlockId>(OWN_BLOCKS_MAX);
  minter.found.subscribe((block) => ours.add(block.id));
  closers.push(tellLedgerEvents({
    ledger,
    onEvent,
    isOurs: (id) => ours.has(id),
    isBulk: () => online?.isSyncing ?? false,
  }));
  const onStop = options.onStop ?? (() => {});
  if (options.mode === "online") {
    const { Online } = await import("./online.ts");
    const onFailure = (error: unknown) => {
      onEvent({ kind: "notice", level: "warning", text: `Cannot go on: ${String(error)}` });
      onStop();
    };
    const ports = { clock: systemClock, random: systemRandom };
    const started = await Online.start({ ledger, config, ...ports, onEvent, onFailure });
    online = started;
    closers.push(() => started.stop(), expireNowAndThen(ledger));
  }
  closers.push(() => minter.stop());
  const minting = minterOwner && startMinting(config, { minter, grinder, onEvent }, minterOwner);
  if (minting) closers.push(() => minting.stop());
  return new LocalNode({
    ledger,
    online,
    minter,
    mintingStatus: () => minting?.status(),
    instanceId: options.instanceId,
    ...(options.rebuild && { rebuiltInMs: parts.openedInMs }),
    onStop,
    onClose: parts.closeAll,
  });
}

function startMinting(
  config: NodeConfig,
  { minter, grinder, onEvent }: { minter: Minter; grinder: Grinder; onEvent: OnEvent },
  owner: Owner,
): MintingStatus {
  minter.start({ lock: owner.lock, when: config.mintWhen, solo: config.solo });
  const name = owner.key?.name ?? owner.address;
  return new MintingStatus({
    minter,
    grinder,
    onEvent,
    clock: systemClock,
    name,
    when: config.mintWhen,
  });
}

function expireNowAndThen({ mempool }: Ledger): () => void {
  return every(systemClock, EXPIRE_EVERY_MS, () => {
    mempool.expire();
    void mempool.save();
  });
}
