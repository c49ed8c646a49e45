/** The calls of `NodeApi`, asked of a running node over its HTTP API. */
import { packParts, unpackParts } from "../base/packed.ts";
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
  NodeHandle,
  NodeNews,
  NodeStatus,
  OnLine,
  PeerInfo,
  ReindexReport,
  SearchResult,
  SendRequest,
  SendResult,
  SpacingSeries,
  SubmitResult,
  SubmitTransactionResult,
  TransactionInfo,
  TransactionProof,
  VerifyReport,
  WalletExportResult,
  WalletKeyInfo,
  WalletNewResult,
} from "./api.ts";
import { callApi, type Endpoint, watchApi } from "./api_client.ts";

/** A running node; every call throws the `UserError` that the node threw, or unreachable (4). */
export class RemoteNode implements NodeHandle {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  status(): Promise<NodeStatus> {
    return this.#get("status");
  }

  network(): Promise<NetworkInfo> {
    return this.#get("network");
  }

  diagnosis(): Promise<NodeDiagnosis> {
    return this.#get("diagnosis");
  }

  peers(): Promise<PeerInfo[]> {
    return this.#get("peers");
  }

  addPeer(address: string): Promise<AddPeerResult> {
    return this.#post("peers", { address });
  }

  balance(who: string): Promise<Balance> {
    return this.#get(`addresses/${encodeURIComponent(who)}`);
  }

  balances(): Promise<Balance[]> {
    return this.#get("wallet/balances");
  }

  history(
    who: string,
    page: { before?: string | undefined; limit: number },
  ): Promise<HistoryPage> {
    return this.#get(`addresses/${encodeURIComponent(who)}/history${query(page)}`);
  }

  send(request: SendRequest, onLine?: OnLine): Promise<SendResult> {
    return this.#post("transactions/send", request, onLine);
  }

  mint(request: MintRequest, onLine?: OnLine): Promise<MintResult> {
    return this.#post("mint", request, onLine);
  }

  submitBlock(bytes: Uint8Array): Promise<SubmitResult> {
    return this.#post("blocks", bytes);
  }

  submitBlocks(blocks: readonly Uint8Array[]): Promise<BlockIntake[]> {
    return this.#post("blocks/packed", packParts(blocks));
  }

  chain(page: { before?: number | undefined; limit: number }): Promise<ChainPage> {
    return this.#get(`blocks${query(page)}`);
  }

  block(idOrHeight: string): Promise<BlockInfo> {
    return this.#get(`blocks/${encodeURIComponent(idOrHeight)}`);
  }

  transaction(id: string): Promise<TransactionInfo> {
    return this.#get(`transactions/${encodeURIComponent(id)}`);
  }

  mempool(page: { limit: number }): Promise<MempoolPage> {
    return this.#get(`mempool${query(page)}`);
  }

  coins(who: string, page: { before?: string | undefined; limit: number }): Promise<CoinPage> {
    return this.#get(`addresses/${encodeURIComponent(who)}/coins${query(page)}`);
  }

  rawBlock(idOrHeight: string): Promise<Uint8Array> {
    return this.#get(`blocks/${encodeURIComponent(idOrHeight)}/raw`);
  }

  async rawBlocks(page: { from: number; limit: number }): Promise<Uint8Array[]> {
    return unpackParts(await this.#get<Uint8Array>(`blocks/packed${query(page)}`));
  }

  rawTransaction(id: string): Promise<Uint8Array> {
    return this.#get(`transactions/${encodeURIComponent(id)}/raw`);
  }

  proof(txId: string): Promise<TransactionProof> {
    return this.#get(`transactions/${encodeURIComponent(txId)}/proof`);
  }

  submitTransaction(bytes: Uint8Array): Promise<SubmitTransactionResult> {
    return this.#post("transactions", bytes);
  }

  forks(options: { blocks: number }): Promise<ForkTree> {
    return this.#get(`forks${query(options)}`);
  }

  spacing(options: { blocks: number }): Promise<SpacingSeries> {
    return this.#get(`spacing${query(options)}`);
  }

  minters(options: { blocks: number }): Promise<MinterShare[]> {
    return this.#get(`minters${query(options)}`);
  }

  search(text: string): Promise<SearchResult> {
    return this.#get(`search${query({ q: text })}`);
  }

  events(page: { since: number; limit: number }): Promise<EventPage> {
    return this.#get(`events${query({ ...page, format: "json" })}`);
  }

  watch(options: { since?: number | undefined; signal: AbortSignal }): AsyncIterable<NodeNews> {
    return watchApi(this.#endpoint, `events${query({ since: options.since })}`, options.signal);
  }

  walletNew(alias?: string): Promise<WalletNewResult> {
    return this.#post("wallet/new", { alias });
  }

  walletList(): Promise<WalletKeyInfo[]> {
    return this.#get("wallet/keys");
  }

  walletImport(name: string, secret: string): Promise<WalletKeyInfo> {
    return this.#post("wallet/import", { name, secret });
  }

  walletExport(name?: string): Promise<WalletExportResult> {
    return this.#post("wallet/export", { name });
  }

  walletRestore(mnemonic: string): Promise<WalletKeyInfo[]> {
    return this.#post("wallet/restore", { mnemonic });
  }

  reindex(onLine?: OnLine): Promise<ReindexReport> {
    return this.#post("reindex", {}, onLine);
  }

  verify(onLine?: OnLine): Promise<VerifyReport> {
    return this.#post("verify", {}, onLine);
  }

  async stop(): Promise<void> {
    await this.#post("stop", {});
  }

  /** Nothing is held open between calls. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #get<Result>(path: string): Promise<Result> {
    return callApi(this.#endpoint, { method: "GET", path });
  }

  #post<Result>(path: string, body: unknown, onLine?: OnLine): Promise<Result> {
    return callApi(this.#endpoint, { method: "POST", path, body, onLine });
  }
}

function query(values: Record<string, string | number | undefined>): string {
  const parts = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
