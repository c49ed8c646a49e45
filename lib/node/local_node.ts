/** A node of this process: answers every call of `NodeApi` from its ledger and its network. */
import { systemClock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { formatCoins } from "../primitives/amount.ts";
import { asTxId } from "../primitives/ids.ts";
import type { Minter } from "../minter/mod.ts";
import type { WalletKey } from "../wallet/keystore.ts";
import type {
  AddPeerResult,
  Balance,
  BlockInfo,
  BlockIntake,
  ChainPage,
  CoinPage,
  EventPage,
  ForkTree,
  HistoryPage,
  MempoolPage,
  MinterShare,
  MintRequest,
  MintResult,
  NetworkInfo,
  NodeDiagnosis,
  NodeNews,
  NodeStatus,
  OnLine,
  PeerInfo,
  ReindexReport,
  SearchResult,
  SendRequest,
  SendResult,
  SpacingSeries,
  StartingNode,
  SubmitResult,
  SubmitTransactionResult,
  TransactionInfo,
  TransactionProof,
  VerifyReport,
  WalletExportResult,
  WalletKeyInfo,
  WalletNewResult,
} from "./api.ts";
import type { Intake } from "./block_intake.ts";
import { ownerBalance, ownerCoinPage, ownerHistory } from "./coins.ts";
import { accessOf } from "./group_keys.ts";
import type { Ledger } from "./ledger.ts";
import type { Network } from "./network.ts";
import { describeNetwork } from "./network_choice.ts";
import type { News } from "./news.ts";
import type { Online } from "./online.ts";
import { PeerFile, rememberedPeer } from "./peer_file.ts";
import { type MadePayment, makePayment, takePayment } from "./payments.ts";
import { Reading } from "./reading.ts";
import { Surveys } from "./surveys.ts";
import { VERSION } from "./version.ts";
import { Views } from "./views.ts";
import { exported, keyInfo } from "./wallet_folder.ts";

/** Blocks of one `mint`. */
const MINT_COUNT_MAX = 10_000;

export interface LocalNodeParts {
  ledger: Ledger;
  /** Absent when the folder is open for one command only. */
  network: Network | undefined;
  /** See `StartingNode`. */
  p2pPort: number;
  /** Called once the network is up. */
  onOnline: () => void;
  news: News;
  intake: Intake;
  /** What known peers tell; asked where no network is open. */
  inquire: () => Promise<NodeDiagnosis>;
  minter: Minter;
  mintingStatus: () => NodeStatus["minter"];
  instanceId: string | undefined;
  /** How long it took when the opening has rebuilt coins and indexes already. */
  rebuiltInMs?: number;
  onStop: () => void;
  /** Ends everything that the composition root began. */
  onClose: () => Promise<void>;
}

export class LocalNode implements StartingNode {
  readonly #ledger: Ledger;
  readonly #network: Network | undefined;
  readonly #minter: Minter;
  readonly #parts: LocalNodeParts;
  readonly #views: Views;
  readonly #reading: Reading;
  readonly #surveys: Surveys;
  readonly #startedMs = systemClock.nowMs();
  /** Ends what calls are waiting for when the node closes. */
  readonly #closing = new AbortController();
  #goingOnline: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: LocalNodeParts) {
    this.#parts = parts;
    this.#ledger = parts.ledger;
    this.#network = parts.network;
    this.#minter = parts.minter;
    const { chain, mempool, keystore } = parts.ledger;
    this.#views = new Views({ chain, mempool, nameOf: (lock) => keystore.keyOf(lock)?.name });
    this.#reading = new Reading({ chain, mempool, views: this.#views });
    this.#surveys = new Surveys({ chain, mempool, keystore });
  }

  get p2pPort(): number {
    return this.#parts.p2pPort;
  }

  /** What of the network is up. */
  get #online(): Online | undefined {
    return this.#network?.online;
  }

  goOnline(): Promise<void> {
    return this.#goingOnline ??= this.#goOnline();
  }

  status(): Promise<NodeStatus> {
    const { chain, mempool, network } = this.#ledger;
    const tip = chain.tip();
    const { instanceId } = this.#parts;
    const minter = this.#parts.mintingStatus();
    return Promise.resolve({
      ...(instanceId !== undefined && { instanceId }),
      version: VERSION,
      running: this.#network !== undefined,
      network: network.name,
      genesisId: chain.genesisId,
      access: accessOf(this.#ledger.membership),
      height: tip.height,
      tipId: tip.id,
      tipTimeMs: tip.timeMs,
      totalWork: String(tip.totalWork),
      ...(this.#online?.status() ?? statusWithoutNetwork(tip.height, this.#network !== undefined)),
      ...(minter && { minter }),
      mempool: { transactions: mempool.size, bytes: mempool.bytes },
      indexes: { ready: chain.indexesReady(), height: chain.indexProgress().height },
      ...(this.#network && { startedMs: this.#startedMs }),
    });
  }

  network(): Promise<NetworkInfo> {
    const { network, rendezvous, networkFolder, membership } = this.#ledger;
    const folder = networkFolder.path;
    return Promise.resolve(describeNetwork(network, { rendezvous, folder, membership }));
  }

  async diagnosis(): Promise<NodeDiagnosis> {
    if (this.#network === undefined) return await this.#parts.inquire();
    return (await this.#network.start()).diagnosis();
  }

  async peers(): Promise<PeerInfo[]> {
    if (this.#online !== undefined) return this.#online.peers();
    const remembered = await new PeerFile(this.#ledger.store, systemClock).load();
    return remembered.map((record) => rememberedPeer(record));
  }

  async addPeer(address: string): Promise<AddPeerResult> {
    if (this.#network !== undefined) return await (await this.#network.start()).addPeer(address);
    throw new UserError(EXIT.unreachable, "No node runs here: start it with moim start");
  }

  balance(who: string): Promise<Balance> {
    return ownerBalance(this.#ledger, this.#ledger.keystore.resolve(who));
  }

  balances(): Promise<Balance[]> {
    const owners = this.#ledger.keystore.keys().map((key) => ({ ...key, key }));
    return Promise.all(owners.map((owner) => ownerBalance(this.#ledger, owner)));
  }

  history(
    who: string,
    page: { before?: string | undefined; limit: number },
  ): Promise<HistoryPage> {
    const owner = this.#ledger.keystore.resolve(who);
    return ownerHistory({ ...this.#ledger, views: this.#views }, owner, page);
  }

  async send(request: SendRequest, onLine: OnLine = () => {}): Promise<SendResult> {
    this.#ledger.checkHealthy();
    const { peer } = request;
    if (peer !== undefined && this.#network === undefined) {
      throw new UserError(EXIT.unreachable, "Cannot reach a peer: no network is open");
    }
    if (peer !== undefined) {
      await (await this.#network!.start()).reach(peer, this.#closing.signal);
    }
    const payment = await makePayment(this.#ledger, request);
    const peers = this.#online?.peerCount ?? 0;
    const result: SendResult = {
      txId: payment.transaction.id,
      from: payment.from,
      to: payment.to,
      amount: request.amount,
      fee: payment.fee,
      change: payment.change,
      state: peers > 0 ? "announced" : "queued",
      peers,
    };
    if (peer !== undefined) {
      await this.#online!.delivered(payment.transaction.id, this.#closing.signal);
    }
    if (request.mint) await this.#mintOne(this.#ledger.keystore.resolveOwn(request.from));
    if (request.wait && !request.mint) await this.#untilMined(payment, onLine);
    return await this.#whereItIs(result);
  }

  async mint(request: MintRequest, onLine: OnLine = () => {}): Promise<MintResult> {
    this.#ledger.checkHealthy();
    const { count = 1 } = request;
    if (!Number.isSafeInteger(count) || count < 1 || count > MINT_COUNT_MAX) {
      throw new UserError(EXIT.usage, `Cannot mint ${count} blocks: give 1 to ${MINT_COUNT_MAX}`);
    }
    const owner = this.#ledger.keystore.resolve(request.to);
    const blocks: MintResult["blocks"] = [];
    for (let made = 0; made < count; made++) {
      const { block, height } = await this.#mintOne(owner, onLine);
      const [coinbase] = block.transactions;
      const reward = coinbase!.outputs.reduce((sum, output) => sum + output.amount, 0);
      blocks.push({ id: block.id, height, reward, transactions: block.transactions.length });
      if (count > 1) {
        onLine(`block ${height} (${made + 1} of ${count}): ${formatCoins(reward)} coins`);
      }
    }
    return {
      address: owner.address,
      ...(owner.key && { name: owner.key.name }),
      blocks,
      peers: this.#online?.peerCount ?? 0,
    };
  }

  async submitBlock(bytes: Uint8Array): Promise<SubmitResult> {
    this.#ledger.checkHealthy();
    const outcome = await (this.#online?.offer(bytes) ?? this.#ledger.chain.accept(bytes));
    if (outcome.kind !== "rejected") {
      const { kind, id } = outcome;
      const height = this.#ledger.chain.header(id)?.height;
      const missing = kind === "orphan" && { missing: outcome.missing };
      return { kind, id, ...(height !== undefined && { height }), ...missing };
    }
    throw new UserError(
      EXIT.rejected,
      `The block was refused (${outcome.rule}): ${outcome.detail}; make another on the newest block`,
    );
  }

  async submitBlocks(blocks: readonly Uint8Array[]): Promise<BlockIntake[]> {
    this.#ledger.checkHealthy();
    return await this.#parts.intake.take(blocks);
  }

  chain(page: { before?: number | undefined; limit: number }): Promise<ChainPage> {
    return this.#reading.page(page);
  }

  block(idOrHeight: string): Promise<BlockInfo> {
    return this.#reading.block(idOrHeight);
  }

  rawBlock(idOrHeight: string): Promise<Uint8Array> {
    return this.#reading.rawBlock(idOrHeight);
  }

  rawBlocks(page: { from: number; limit: number }): Promise<Uint8Array[]> {
    return this.#reading.rawBlocks(page);
  }

  transaction(id: string): Promise<TransactionInfo> {
    return this.#reading.transaction(id);
  }

  rawTransaction(id: string): Promise<Uint8Array> {
    return this.#reading.rawTransaction(id);
  }

  proof(txId: string): Promise<TransactionProof> {
    return this.#reading.proof(txId);
  }

  async submitTransaction(bytes: Uint8Array): Promise<SubmitTransactionResult> {
    this.#ledger.checkHealthy();
    return { ...await takePayment(this.#ledger, bytes), peers: this.#online?.peerCount ?? 0 };
  }

  async coins(
    who: string,
    page: { before?: string | undefined; limit: number },
  ): Promise<CoinPage> {
    return await ownerCoinPage(this.#ledger, this.#ledger.keystore.resolve(who), page);
  }

  forks(options: { blocks: number }): Promise<ForkTree> {
    return this.#surveys.forks(options);
  }

  spacing(options: { blocks: number }): Promise<SpacingSeries> {
    return this.#surveys.spacing(options);
  }

  minters(options: { blocks: number }): Promise<MinterShare[]> {
    return this.#surveys.minters(options);
  }

  search(text: string): Promise<SearchResult> {
    return this.#surveys.search(text);
  }

  events(page: { since: number; limit: number }): Promise<EventPage> {
    return this.#parts.news.events(page);
  }

  watch(options: { since?: number | undefined; signal: AbortSignal }): AsyncIterable<NodeNews> {
    return this.#parts.news.watch(options);
  }

  mempool(page: { limit: number }): Promise<MempoolPage> {
    const { mempool } = this.#ledger;
    const entries = mempool.entries()
      .map(({ transaction, fee, addedMs }) => ({
        txId: transaction.id,
        bytes: transaction.bytes.length,
        fee,
        addedMs,
      }))
      .sort((a, b) => b.fee / b.bytes - a.fee / a.bytes);
    return Promise.resolve({
      transactions: mempool.size,
      bytes: mempool.bytes,
      entries: entries.slice(0, page.limit),
    });
  }

  async walletNew(alias?: string): Promise<WalletNewResult> {
    const { key, mnemonic } = await this.#ledger.keystore.newKey(alias);
    return {
      key: keyInfo(key),
      ...(mnemonic !== undefined && { mnemonic }),
      file: this.#ledger.keystore.path,
    };
  }

  walletList(): Promise<WalletKeyInfo[]> {
    return Promise.resolve(this.#ledger.keystore.keys().map(keyInfo));
  }

  async walletImport(name: string, secret: string): Promise<WalletKeyInfo> {
    return keyInfo(await this.#ledger.keystore.import(name, secret));
  }

  walletExport(name?: string): Promise<WalletExportResult> {
    return Promise.resolve(exported(this.#ledger.keystore, name));
  }

  async walletRestore(mnemonic: string): Promise<WalletKeyInfo[]> {
    const { keystore, chain } = this.#ledger;
    const keys = await keystore.restore(mnemonic, async (lock) => {
      if ((await chain.coinsOf(lock)).length > 0) return true;
      return (await chain.history(lock, { limit: 1 })).entries.length > 0;
    });
    return keys.map(keyInfo);
  }

  async reindex(onLine: OnLine = () => {}): Promise<ReindexReport> {
    const { chain } = this.#ledger;
    const startMs = systemClock.monotonicMs();
    const { rebuiltInMs } = this.#parts;
    if (rebuiltInMs === undefined) {
      await chain.reindex(progressLine(onLine));
      this.#parts.news.catchUp();
    }
    const elapsedMs = Math.round(rebuiltInMs ?? elapsed(startMs));
    return { blocks: chain.tip().height + 1, elapsedMs };
  }

  async verify(onLine: OnLine = () => {}): Promise<VerifyReport> {
    const startMs = systemClock.monotonicMs();
    const report = await this.#ledger.chain.verify(progressLine(onLine));
    return { ...report, problems: [...report.problems], elapsedMs: elapsed(startMs) };
  }

  stop(): Promise<void> {
    this.#parts.onStop();
    return Promise.resolve();
  }

  /** Ends the node; calls under way are given up. Safe to call twice. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.#closed ??= this.#parts.onClose();
  }

  async #goOnline(): Promise<void> {
    await this.#network?.start();
    if (!this.#closing.signal.aborted) this.#parts.onOnline();
  }

  async #mintOne(owner: { lock: WalletKey["lock"] }, onLine: OnLine = () => {}) {
    const minted = await this.#minter.mintNow(
      owner.lock,
      this.#closing.signal,
      (waitMs) => onLine(`waiting ${Math.ceil(waitMs / 1000)} s: blocks need a minimum gap`),
    );
    if (minted !== undefined) return minted;
    throw new UserError(EXIT.interrupted, "Minting was interrupted: no block was made");
  }

  async #untilMined({ transaction }: MadePayment, onLine: OnLine): Promise<void> {
    if (this.#network === undefined) {
      throw new UserError(
        EXIT.unreachable,
        `No node runs here: payment ${transaction.id} is queued and goes out with moim start`,
      );
    }
    await (await this.#network.start()).untilReached(this.#closing.signal);
    onLine("waiting for a block with this payment");
    const { mempool } = this.#ledger;
    const gone = new AbortController();
    const unsubscribe = mempool.subscribe(({ removed }) => {
      if (removed?.transaction.id === transaction.id) gone.abort(removed.reason);
    });
    if (mempool.has(transaction.id)) {
      await aborted(AbortSignal.any([gone.signal, this.#closing.signal]));
    }
    unsubscribe();
    if (gone.signal.aborted && gone.signal.reason !== "mined") {
      throw new UserError(
        EXIT.rejected,
        `Payment ${transaction.id} was dropped (${gone.signal.reason}): look at the balance and ` +
          "send again",
      );
    }
  }

  async #whereItIs(result: SendResult): Promise<SendResult> {
    const found = await this.#ledger.chain.transaction(asTxId(result.txId));
    if (found === undefined) return result;
    return { ...result, state: "minted", block: { id: found.blockId, height: found.height } };
  }
}

/** `isStarting`: the chain is open and the API answers, but libp2p is still on its way. */
function statusWithoutNetwork(height: number, isStarting: boolean) {
  return {
    sync: {
      phase: isStarting ? "starting" as const : "offline" as const,
      height,
      targetHeight: height,
    },
    peers: 0,
    peersKnown: 0,
    addresses: [],
    reachability: isStarting ? "the network is starting" : "no node runs here",
    discovery: [],
  };
}

function progressLine(onLine: OnLine) {
  return ({ phase, done, total }: { phase: string; done: number; total: number }) =>
    onLine(`${phase}: ${done} of ${total}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function elapsed(startMs: number): number {
  return Math.round(systemClock.monotonicMs() - startMs);
}
