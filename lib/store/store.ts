/** Typed reads and writes over the key-value store: what the schema page says, as methods. */
import { ByteWriter } from "../base/bytes.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { CoinName, OwnedCoin } from "../consensus/coins.ts";
import { type Block, type BlockHeader, decodeBlock } from "../primitives/block.ts";
import {
  asBlockId,
  asLock,
  asTxId,
  type BlockId,
  type Lock,
  type TxId,
} from "../primitives/ids.ts";
import { cutChunks, partMutations, readParts } from "./chunks.ts";
import { keys, META, prefixes, SCHEMA_VERSION } from "./keys.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import {
  DamagedRecord,
  decodeRecord,
  decodeUndo,
  encodeBlockId,
  encodeEvent,
  encodeHeaderRecord,
  encodeIdentity,
  encodeTipMove,
  encodeUndo,
  type EventRecord,
  type HeaderRecord,
  opened,
  readBlockId,
  readCoin,
  readEvent,
  readHeaderRecord,
  readIdentity,
  readTipMove,
  sealed,
} from "./records.ts";

/** Clients that were away longer than this many steps of the chain read it anew. */
const EVENTS_KEPT = 10_000;
/** Headers of one page of `HeaderIndex`. */
export const HEADERS_PER_PAGE = 4_096;
const log = getLogger("store");

/** A block with what connecting it found out. */
export interface StoredBlock {
  readonly block: Block;
  readonly record: HeaderRecord;
  /** The coins it spent; absent for a block that was not connected. */
  readonly undo?: readonly OwnedCoin[];
  /** Its bytes and header are on disk already. */
  readonly isStored: boolean;
}

interface PlacedId {
  readonly id: BlockId;
  readonly height: number;
}

/** A move of the main chain's end. */
export interface TipStep {
  readonly from: BlockId;
  readonly to: PlacedId;
  /** From the former tip down. */
  readonly disconnected: readonly PlacedId[];
  /** Upwards. */
  readonly connected: readonly PlacedId[];
}

export class Store {
  #nextEvent = 0;
  /** Whether the header pages hold every header. */
  #hasHeaderPages = false;

  private constructor(readonly kv: KvStore, readonly genesisId: BlockId) {}

  /**
   * Opens a network's store over `kv`, marking a new one as this network's.
   * Throws `UserError` "damaged" when it belongs to another network or a newer program.
   */
  static async open(kv: KvStore, genesisId: BlockId): Promise<Store> {
    const store = new Store(kv, genesisId);
    const value = await kv.get(keys.meta(META.identity));
    if (value === null) {
      const identity = encodeIdentity({ schema: SCHEMA_VERSION, genesisId });
      await kv.commit([{ set: keys.meta(META.identity), value: identity }]);
    } else {
      checkIdentity(decodeIdentity(value), genesisId);
    }
    store.#hasHeaderPages = await kv.get(keys.meta(META.headerPages)) !== null;
    for await (const { key } of kv.list({ prefix: prefixes.events, limit: 1, reverse: true })) {
      store.#nextEvent = (key[1] as number) + 1;
    }
    return store;
  }

  /** The block that the main chain ends with; undefined in a new store. */
  tip(): Promise<BlockId | undefined> {
    return this.#metaId(META.tip);
  }

  coinsTip(): Promise<BlockId | undefined> {
    return this.#metaId(META.coinsTip);
  }

  /** A move of the tip that was begun and not finished. */
  async tipMove(): Promise<{ from: BlockId; to: BlockId; firstEvent: number } | undefined> {
    const value = await this.kv.get(keys.meta(META.tipMove));
    return value === null ? undefined : decodeRecord(value, "meta tip-move", readTipMove);
  }

  async isRebuilding(): Promise<boolean> {
    return await this.kv.get(keys.meta(META.rebuilding)) !== null;
  }

  async setRebuilding(isRebuilding: boolean): Promise<void> {
    const key = keys.meta(META.rebuilding);
    const value = sealed(new Uint8Array([1]));
    await this.kv.commit([isRebuilding ? { set: key, value } : { delete: key }]);
  }

  /** All headers whose blocks are here, in no useful order; a damaged one by its id alone. */
  async *headers(): AsyncGenerator<HeaderRecord | { readonly damaged: BlockId }> {
    for await (const { key, value } of this.kv.list({ prefix: prefixes.headers })) {
      const id = asBlockId(key[1] as Uint8Array);
      let record: HeaderRecord | undefined;
      try {
        record = decodeRecord(value, `header ${id}`, readHeaderRecord);
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error;
      }
      yield record?.header.id === id ? record : { damaged: id };
    }
  }

  /** Headers of stored blocks by id, damaged ones out of the block. Throws `DamagedRecord`. */
  async headersOf(ids: readonly BlockId[]): Promise<BlockHeader[]> {
    const values = await this.kv.getMany(ids.map((id) => keys.header(id)));
    const headers: BlockHeader[] = [];
    for (const [at, id] of ids.entries()) headers.push(await this.#header(id, values[at] ?? null));
    return headers;
  }

  /** Deletes the list of the main chain, for rebuilding. */
  async clearMain(): Promise<void> {
    const mutations: KvMutation[] = [{ delete: keys.meta(META.tipMove) }];
    for await (const { key } of this.kv.list({ prefix: prefixes.main })) {
      mutations.push({ delete: key });
    }
    await this.#commitAll(mutations);
  }

  /** Makes blocks as if they had never come. What is left of their parts is overwritten later. */
  async forgetBlocks(ids: readonly BlockId[]): Promise<void> {
    await this.#commitAll(this.#changingHeaders(ids.flatMap((id): KvMutation[] => [
      { delete: keys.header(id) },
      { delete: keys.block(id, 0) },
    ])));
  }

  async putHeaders(records: readonly HeaderRecord[]): Promise<void> {
    await this.#commitAll(this.#changingHeaders(records.map(headerMutation)));
  }

  /**
   * The header pages as they were saved, or undefined: reading ten thousand headers one by one
   * takes a quarter of a second, their pages a few milliseconds.
   */
  async loadHeaderPages(): Promise<{ count: number; pages: Uint8Array[] } | undefined> {
    const value = await this.kv.get(keys.meta(META.headerPages));
    if (value === null) return undefined;
    try {
      const count = decodeRecord(value, "meta header-pages", (reader) => reader.varint());
      const pages: Uint8Array[] = [];
      for (let page = 0; page * HEADERS_PER_PAGE < count; page++) {
        const name = `header-page ${page}`;
        const bytes = await readParts(this.kv, name, (part) => keys.headerPage(page, part));
        if (bytes === undefined) throw new DamagedRecord(name);
        pages.push(bytes);
      }
      return { count, pages };
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error;
      log.warn("{why}: reading the headers one by one", { why: error.message });
      return undefined;
    }
  }

  /** Saves the pages that have changed; with those saved before they hold all `count` headers. */
  async saveHeaderPages(count: number, changed: ReadonlyMap<number, Uint8Array>): Promise<void> {
    if (this.#hasHeaderPages && changed.size === 0) return;
    const mutations = [...changed].flatMap(([page, bytes]) =>
      partMutations(bytes, (part) => keys.headerPage(page, part))
    );
    await this.#commitAll(mutations);
    const value = sealed(new ByteWriter(8).varint(count).finish());
    await this.kv.commit([{ set: keys.meta(META.headerPages), value }]);
    this.#hasHeaderPages = true;
  }

  /** Ids of all blocks whose first part is here, for rebuilding. */
  async *blockIds(): AsyncGenerator<BlockId> {
    for await (const { key } of this.kv.list({ prefix: prefixes.blocks })) {
      if (key[2] === 0) yield asBlockId(key[1] as Uint8Array);
    }
  }

  /** Throws `DamagedRecord`. */
  blockBytes(id: BlockId): Promise<Uint8Array | undefined> {
    return readParts(this.kv, `block ${id}`, (part) => keys.block(id, part));
  }

  /** Throws `DamagedRecord`, also when the bytes are not the block of that id. */
  async block(id: BlockId): Promise<Block | undefined> {
    const bytes = await this.blockBytes(id);
    if (bytes === undefined) return undefined;
    const block = decodeOrDamaged(() => decodeBlock(bytes), `block ${id}`);
    if (block.id !== id) throw new DamagedRecord(`block ${id}`);
    return block;
  }

  /** The coins that `block` spent, in order. Throws `DamagedRecord`. */
  async undo(block: Block): Promise<OwnedCoin[]> {
    if (!hasPayments(block)) return [];
    const record = `undo ${block.id}`;
    const bytes = await readParts(this.kv, record, (part) => keys.undo(block.id, part));
    if (bytes === undefined) throw new DamagedRecord(record);
    return decodeOrDamaged(() => decodeUndo(bytes), record);
  }

  /** The coins among `wanted` that are on disk. Throws `DamagedRecord`. */
  async coins(wanted: readonly CoinName[]): Promise<OwnedCoin[]> {
    const values = await this.kv.getMany(
      wanted.map(({ lock, outPoint }) => keys.coin(lock, outPoint)),
    );
    const found: OwnedCoin[] = [];
    for (const [at, value] of values.entries()) {
      if (value === null) continue;
      const { lock, outPoint } = wanted[at]!;
      const record = `coin ${outPoint.txId} ${outPoint.index}`;
      found.push({ ...decodeRecord(value, record, readCoin), lock, outPoint });
    }
    return found;
  }

  /** Coins on disk, of one lock or all, in key order. Throws `DamagedRecord`. */
  async *listCoins(lock?: Lock): AsyncGenerator<OwnedCoin> {
    const prefix = lock === undefined ? prefixes.coins : prefixes.coinsOf(lock);
    for await (const { key, value } of this.kv.list({ prefix })) {
      const owner = lock ?? asLock(key[1] as Uint8Array);
      const outPoint = { txId: asTxId(key[2] as Uint8Array), index: key[3] as number };
      const record = `coin ${outPoint.txId} ${outPoint.index}`;
      yield { ...decodeRecord(value, record, readCoin), lock: owner, outPoint };
    }
  }

  /** Stores blocks that are not (yet) on the main chain. */
  async putBlocks(blocks: readonly StoredBlock[]): Promise<void> {
    await this.#commitAll(this.#changingHeaders(blocks.flatMap(blockMutations)));
  }

  /**
   * Stores `blocks` and moves the main chain's end, in one commit where it fits. Where it does not,
   * blocks and undo data go first, which nothing refers to yet; and a move that alone is too
   * large runs under a marker, by which `finishTipMove` completes it after a power cut.
   */
  async commitTip(step: TipStep, blocks: readonly StoredBlock[]): Promise<void> {
    const early = this.#changingHeaders(blocks.flatMap(blockMutations));
    const firstEvent = this.#nextEvent;
    const late = tipMutations(step, firstEvent);
    const whole = cutChunks([...early, ...late]);
    if (whole.length === 1) {
      await this.kv.commit(whole[0]!);
    } else {
      await this.#commitAll(early);
      await this.#commitMove(step, late, firstEvent);
    }
    this.#nextEvent = firstEvent + step.disconnected.length + step.connected.length;
  }

  /** Writes again what a begun move may lack, and ends it. */
  async finishTipMove(step: TipStep, firstEvent: number): Promise<void> {
    await this.#commitMove(step, tipMutations(step, firstEvent), firstEvent);
    this.#nextEvent = firstEvent + step.disconnected.length + step.connected.length;
  }

  /** Steps of the chain from `number` on; the number of the next one to come ends the list. */
  async events(from: number, limit: number): Promise<{ number: number; event: EventRecord }[]> {
    const range = { prefix: prefixes.events, start: keys.event(from), limit };
    const events: { number: number; event: EventRecord }[] = [];
    for await (const { key, value } of this.kv.list(range)) {
      const number = key[1] as number;
      events.push({ number, event: decodeRecord(value, `event ${number}`, readEvent) });
    }
    return events;
  }

  nextEvent(): number {
    return this.#nextEvent;
  }

  /** What was saved for each peer id. A damaged record is left out, and said. */
  async loadPeers(): Promise<Map<string, Uint8Array>> {
    const records = new Map<string, Uint8Array>();
    for await (const { key, value } of this.kv.list({ prefix: prefixes.peers })) {
      const peerId = String(key[1]);
      try {
        records.set(peerId, opened(value, `peer ${peerId}`));
      } catch {
        log.warn("The record of peer {peerId} is damaged: it is left out", { peerId });
      }
    }
    return records;
  }

  /** Writes each record, or removes it where the value is undefined. */
  async savePeers(records: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    const mutations = [...records].map(([peerId, record]): KvMutation =>
      record === undefined
        ? { delete: keys.peer(peerId) }
        : { set: keys.peer(peerId), value: sealed(record) }
    );
    await this.#commitAll(mutations);
  }

  /** Bytes kept for each pending transaction. A damaged record is left out, and said. */
  async loadMempool(): Promise<Map<TxId, Uint8Array>> {
    const records = new Map<TxId, Uint8Array>();
    for (const id of await this.#mempoolIds()) {
      try {
        const bytes = await readParts(this.kv, `mempool ${id}`, (part) => keys.mempool(id, part));
        if (bytes !== undefined) records.set(id, bytes);
      } catch {
        log.warn("The record of pending transaction {id} is damaged: it is left out", { id });
      }
    }
    return records;
  }

  /** Makes `records` the only ones kept. Those that were kept already are not written again. */
  async saveMempool(records: ReadonlyMap<TxId, Uint8Array>): Promise<void> {
    const mutations: KvMutation[] = [];
    const kept = new Set<TxId>();
    for await (const { key } of this.kv.list({ prefix: prefixes.mempool })) {
      const id = asTxId(key[1] as Uint8Array);
      if (records.has(id)) kept.add(id);
      else mutations.push({ delete: key });
    }
    for (const [id, bytes] of records) {
      if (kept.has(id)) continue;
      mutations.push(...partMutations(bytes, (part) => keys.mempool(id, part)));
    }
    await this.#commitAll(mutations);
  }

  close(): void {
    this.kv.close();
  }

  async #mempoolIds(): Promise<TxId[]> {
    const ids: TxId[] = [];
    for await (const { key } of this.kv.list({ prefix: prefixes.mempool })) {
      if (key[2] === 0) ids.push(asTxId(key[1] as Uint8Array));
    }
    return ids;
  }

  async #header(id: BlockId, value: Uint8Array | null): Promise<BlockHeader> {
    try {
      return decodeRecord(value, `header ${id}`, readHeaderRecord).header;
    } catch (error) {
      const block = error instanceof DamagedRecord ? await this.block(id) : undefined;
      if (block === undefined) throw error;
      return block.header;
    }
  }

  async #metaId(name: typeof META.tip | typeof META.coinsTip): Promise<BlockId | undefined> {
    const value = await this.kv.get(keys.meta(name));
    return value === null ? undefined : decodeRecord(value, `meta ${name}`, readBlockId);
  }

  /** The same, after what makes the header pages count no more. */
  #changingHeaders(mutations: KvMutation[]): KvMutation[] {
    if (!this.#hasHeaderPages || mutations.length === 0) return mutations;
    this.#hasHeaderPages = false;
    return [{ delete: keys.meta(META.headerPages) }, ...mutations];
  }

  async #commitAll(mutations: readonly KvMutation[]): Promise<void> {
    for (const chunk of cutChunks(mutations)) await this.kv.commit(chunk);
  }

  async #commitMove(
    step: TipStep,
    late: readonly KvMutation[],
    firstEvent: number,
  ): Promise<void> {
    const marker = keys.meta(META.tipMove);
    const chunks = cutChunks(late);
    const last = chunks.pop() ?? [];
    if (chunks.length > 0) {
      const value = encodeTipMove({ from: step.from, to: step.to.id, firstEvent });
      await this.kv.commit([{ set: marker, value }]);
    }
    for (const chunk of chunks) await this.kv.commit(chunk);
    await this.kv.commit([...last, { delete: marker }]);
  }
}

function decodeIdentity(value: Uint8Array): { schema: number; genesisId: BlockId } {
  try {
    return decodeRecord(value, "meta identity", readIdentity);
  } catch (error) {
    throw new UserError(
      EXIT.damaged,
      `Cannot read the chain's store: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function checkIdentity(
  identity: { schema: number; genesisId: BlockId },
  genesisId: BlockId,
): void {
  if (identity.schema > SCHEMA_VERSION) {
    throw new UserError(
      EXIT.damaged,
      `Cannot read the chain's store: version ${identity.schema} is newer than this program's ` +
        `${SCHEMA_VERSION}, update moim`,
    );
  }
  if (identity.genesisId !== genesisId) {
    throw new UserError(
      EXIT.damaged,
      `Cannot use the chain's store: it holds the network with genesis ${identity.genesisId}, ` +
        `not ${genesisId}; use another data folder`,
    );
  }
}

/** Damage that the checksum did not catch is damage all the same. */
function decodeOrDamaged<Value>(decode: () => Value, record: string): Value {
  try {
    return decode();
  } catch (error) {
    throw new DamagedRecord(record, { cause: error });
  }
}

function headerMutation(record: HeaderRecord): KvMutation {
  return { set: keys.header(record.header.id), value: encodeHeaderRecord(record) };
}

/** Blocks without payments spend nothing, and have no undo record. */
function hasPayments(block: Block): boolean {
  return block.transactions.some((transaction) => transaction.spends.length > 0);
}

/** In the order in which they must reach the disk: the header refers to the block's parts. */
function blockMutations({ block, record, undo, isStored }: StoredBlock): KvMutation[] {
  const mutations: KvMutation[] = [];
  if (!isStored) {
    mutations.push(...partMutations(block.bytes, (part) => keys.block(block.id, part)));
  }
  if (undo !== undefined && hasPayments(block)) {
    mutations.push(...partMutations(encodeUndo(undo), (part) => keys.undo(block.id, part)));
  }
  if (!isStored) mutations.push(headerMutation(record));
  return mutations;
}

/** `main`, `event`, and as the very last `tip`. */
function tipMutations(step: TipStep, firstEvent: number): KvMutation[] {
  const mutations: KvMutation[] = [];
  for (const { height } of step.disconnected) {
    if (height > step.to.height) mutations.push({ delete: keys.main(height) });
  }
  for (const { id, height } of step.connected) {
    mutations.push({ set: keys.main(height), value: encodeBlockId(id) });
  }
  let number = firstEvent;
  const addEvent = (event: EventRecord) => {
    mutations.push({ set: keys.event(number), value: encodeEvent(event) });
    if (number >= EVENTS_KEPT) mutations.push({ delete: keys.event(number - EVENTS_KEPT) });
    number++;
  };
  for (const block of step.disconnected) addEvent({ kind: "disconnected", ...block });
  for (const block of step.connected) addEvent({ kind: "connected", ...block });
  mutations.push({ set: keys.meta(META.tip), value: encodeBlockId(step.to.id) });
  return mutations;
}
