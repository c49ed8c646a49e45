/**
 * Everything of a node that needs no network: the locked data folder, the chain and mempool of one
 * network, and the keystore. Opened in order, closed in the reverse order.
 */
import { basename } from "node:path";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { Chain } from "../chain/chain.ts";
import { CheckingPool } from "../chain/checking_pool.ts";
import { genesisBlock } from "../consensus/genesis.ts";
import { networkToJson } from "../consensus/network_json.ts";
import type { Network } from "../consensus/network.ts";
import { Mempool } from "../mempool/mempool.ts";
import { DataFolder, type NetworkFolder, openDenoKv, Store } from "../store/mod.ts";
import { Keystore } from "../wallet/keystore.ts";
import { type NodeConfig, readTextSync } from "./config.ts";
import { resolveNetwork } from "./network_choice.ts";
import { type GroupKeys, groupKeys, type Membership, rendezvousOf } from "./group_keys.ts";
import { ObservedKv } from "./observed_kv.ts";
import { chooseMembership } from "./secret.ts";
import { readState, type RememberedState, writeState } from "./state.ts";

/** How long a command waits for another command to leave the folder. */
const LOCK_WAIT_MS = 5_000;

export interface LedgerOptions {
  clock: Clock;
  /** Long work at the opening (recovery, indexes), in words. */
  onLine: (line: string) => void;
  /** Whether the node goes online: only then the user's secret matters, and is remembered. */
  isOnline?: boolean | undefined;
  /** Rebuild coins and indexes from the blocks, however damaged they are. */
  rebuild?: boolean | undefined;
}

export class Ledger {
  private constructor(
    readonly folder: DataFolder,
    readonly networkFolder: NetworkFolder,
    readonly network: Network,
    /** The phrase that nodes meet under. */
    readonly rendezvous: string,
    /** Who may take part; undefined for everyone. */
    readonly membership: Membership | undefined,
    readonly store: Store,
    readonly chain: Chain,
    readonly mempool: Mempool,
    readonly keystore: Keystore,
    readonly checking: CheckingPool,
  ) {}

  /** The keys of a private network. */
  get keys(): GroupKeys | undefined {
    return this.membership && groupKeys(this.membership.masterKey);
  }

  /** What the DHT key and the name on the local network are made of. */
  get meetingPoint(): string {
    const { keys } = this;
    return keys === undefined ? this.rendezvous : rendezvousOf(keys, this.rendezvous);
  }

  /** Throws `UserError` for all that a user can mend: in use, unwritable, damaged. */
  static async open(config: NodeConfig, options: LedgerOptions): Promise<Ledger> {
    // The parameters first: a wrong network file must not even make a folder.
    const network = resolveNetwork(config.networkChoice, config.dataDir);
    const folder = await DataFolder.open(config.dataDir, { waitMs: LOCK_WAIT_MS });
    try {
      return await Ledger.#openIn(folder, network, config, options);
    } catch (error) {
      folder.close();
      throw error;
    }
  }

  static async #openIn(
    folder: DataFolder,
    network: Network,
    config: NodeConfig,
    { clock, onLine, isOnline = false, rebuild = false }: LedgerOptions,
  ): Promise<Ledger> {
    const genesisId = genesisBlock(network).id;
    const keystore = await Keystore.open(folder.filePath("wallets.json"));
    const networkFolder = await folder.openNetwork(networkToJson(network), genesisId);
    const phrase = config.rendezvous ?? network.name;
    const membership = await chooseMembership({
      choice: isOnline ? config.secret : undefined,
      networkFolder: networkFolder.path,
      phrase,
      onLine,
    });
    const kv = new ObservedKv(await openDenoKv(networkFolder.kvPath), clock);
    const threads = navigator.hardwareConcurrency;
    const checking = new CheckingPool({ genesisId, clock, threads });
    let chain: Chain | undefined;
    try {
      const store = await Store.open(kv, genesisId);
      const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) =>
        onLine(`${phase}: ${done} of ${total}`);
      chain = await Chain.open({ store, network, clock, onProgress, rebuild, checking });
      const mempool = new Mempool({ chain, clock });
      await mempool.load();
      await rememberNetwork(config, networkFolder);
      return new Ledger(
        folder,
        networkFolder,
        network,
        membership?.meetingPhrase ?? phrase,
        membership,
        store,
        chain,
        mempool,
        keystore,
        checking,
      );
    } catch (error) {
      checking.close();
      await chain?.close().catch(() => {}); // The error to tell is the first one.
      kv.close();
      throw error;
    }
  }

  /** Saves what is in memory and gives the folder back. */
  async close(): Promise<void> {
    await this.mempool.save();
    this.mempool.close();
    await this.chain.close();
    this.checking.close();
    this.store.kv.close();
    this.folder.close();
  }

  /** Throws `UserError` (damaged) once a write to the disk has failed: nothing is taken then. */
  checkHealthy(): void {
    const failure = this.chain.failure();
    if (failure === undefined) return;
    throw new UserError(
      EXIT.damaged,
      `The store failed (${failure.message}): check the disk and start again`,
    );
  }
}

/** The network used last is used again where none is named. */
async function rememberNetwork(config: NodeConfig, networkFolder: NetworkFolder): Promise<void> {
  if (!config.networkRequested) return;
  const { networkChoice } = config;
  const network = networkChoice.kind === "file"
    ? { kind: "folder" as const, folder: basename(networkFolder.path) }
    : networkChoice;
  await updateState(config, { network, rendezvous: config.rendezvous });
}

/** Changes part of what the folder remembers. */
export async function updateState(config: NodeConfig, change: RememberedState): Promise<void> {
  await writeState(config.dataDir, { ...readState(config.dataDir, readTextSync), ...change });
}
