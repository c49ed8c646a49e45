/** Typed reads and writes over the key-value store: what the schema page says, as methods. */
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { OwnedCoin } from "../consensus/coins.ts";
import { type Block, decodeBlock } from "../primitives/block.ts";
import { asBlockId, asTxId, type BlockId, type TxId } from "../primitives/ids.ts";
import { cutChunks, partMutations, readParts, readPartsMany } from "./chunks.ts";
import { EventLog, type EventRecord } from "./event_log.ts";
import { HeaderLog } from "./header_log.ts";
import { keys, META, type PlacedId, prefixes, SCHEMA_VERSION } from "./keys.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import {
  DamagedRecord,
  decodeRecord,
  decodeUndo,
  encodeBlockId,
  encodeIdentity,
  encodeUndo,
  type HeaderRecord,
  opened,
  readBlockId,
  readIdentity,
  sealed,
} from "./records.ts";

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

/** A move of the main chain's end. */
export interface TipStep {
  readonly to: PlacedId;
  /** From the former tip down. */
  readonly disconnected: readonly PlacedId[];
  /** Upwards. */
  readonly connected: readonly PlacedId[];
}

export class Store {
  /** Headers of stored blocks. */
  readonly headers: HeaderLog;
  /** What happened to the chain. */
  readonly events: EventLog;

  private constructor(readonly kv: KvStore, readonly genesisId: BlockId) {
    this.headers = new HeaderLog(kv);
    this.events = new EventLog(kv);
  }

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
    await store.headers.open();
    await store.events.open();
    return store;
  }

  /** The block that the main chain ends with; undefined in a new store. */
  tip(): Promise<BlockId | undefined> {
    return this.#metaId(META.tip);
  }

  coinsTip(): Promise<BlockId | undefined> {
    return this.#metaId(META.coinsTip);
  }

  async isRebuilding(): Promise<boolean> {
    return await this.kv.get(keys.meta(META.rebuilding)) !== null;
  }

  async setRebuilding(isRebuilding: boolean): Promise<void> {
    const key = keys.meta(META.rebuilding);
    const value = sealed(new Uint8Array([1]));
    await this.kv.commit([isRebuilding ? { set: key, value } : { delete: key }]);
  }

  /** Makes `records` all headers there are, and forgets which blocks were invalid. */
  async replaceHeaders(records: readonly HeaderRecord[]): Promise<void> {
    await this.#commitAll([...await this.headers.clear(), ...this.headers.mutations(records)]);
  }

  async putHeaders(records: readonly HeaderRecord[]): Promise<void> {
    await this.#commitAll(this.headers.mutations(records));
  }

  /** Saves the pages of the header index that have changed: see `HeaderLog.savePages`. */
  async saveHeaderPages(count: number, changed: ReadonlyMap<number, Uint8Array>): Promise<void> {
    await this.headers.savePages(count, changed, (mutations) => this.#commitAll(mutations));
  }

  /** All blocks whose first part is here, lowest first, for rebuilding. */
  async *blockPlaces(): AsyncGenerator<PlacedId> {
    for await (const { key } of this.kv.list({ prefix: prefixes.blocks })) {
      const [, height, id, part] = key;
      if (part === 0) yield { id: asBlockId(id as Uint8Array), height: height as number };
    }
  }

  /** Blocks at the heights from `from` up to and with `to`, those that are damaged left out. */
  async blocksBetween(from: number, to: number): Promise<Block[]> {
    const places: PlacedId[] = [];
    const range = { prefix: prefixes.blocks, start: keys.blocksFrom(from) };
    for await (const { key: [, height, id, part] } of this.kv.list(range)) {
      if ((height as number) > to) break;
      if (part === 0) places.push({ id: asBlockId(id as Uint8Array), height: height as number });
    }
    const blocks: Block[] = [];
    for (const place of places) {
      try {
        blocks.push((await this.block(place))!);
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error;
      }
    }
    return blocks;
  }

  /** Makes blocks as if they had never come. What is left of their parts is overwritten later. */
  async forgetBlocks(places: readonly PlacedId[]): Promise<void> {
    await this.#commitAll(places.map((place) => ({ delete: keys.block(place, 0) })));
  }

  /** Bytes of stored blocks in the order of `places`. Throws `DamagedRecord`. */
  blockBytesMany(places: readonly PlacedId[]): Promise<(Uint8Array | undefined)[]> {
    return readPartsMany(
      this.kv,
      places.map((place) => ({
        record: `block ${place.id}`,
        key: (part) => keys.block(place, part),
      })),
    );
  }

  /** Throws `DamagedRecord`, also when the bytes are not the block of that id. */
  async block(place: PlacedId): Promise<Block | undefined> {
    const record = `block ${place.id}`;
    const bytes = await readParts(this.kv, record, (part) => keys.block(place, part));
    if (bytes === undefined) return undefined;
    const block = decodeOrDamaged(() => decodeBlock(bytes), record);
    if (block.id !== place.id) throw new DamagedRecord(record);
    return block;
  }

  /** The coins that `block` spent, in order. Throws `DamagedRecord`. */
  async undo(block: Block): Promise<OwnedCoin[]> {
    if (!hasPayments(block)) return [];
    const record = `undo ${block.id}`;
    const bytes = await readParts(this.kv, record, (part) => keys.undo(placeOf(block), part));
    if (bytes === undefined) throw new DamagedRecord(record);
    return decodeOrDamaged(() => decodeUndo(bytes), record);
  }

  /** Stores blocks that are not (yet) on the main chain. */
  async putBlocks(blocks: readonly StoredBlock[]): Promise<void> {
    await this.#commitAll(this.#blockMutations(blocks));
  }

  /**
   * Stores `blocks` and moves the main chain's end. Where that takes more than one commit, blocks and
   * undo data go first, which nothing refers to yet; the move itself always fits into one.
   */
  async commitTip(step: TipStep, blocks: readonly StoredBlock[]): Promise<void> {
    const events = eventsOf(step);
    const early = cutChunks(this.#blockMutations(blocks));
    const move = [
      ...await this.events.mutations(events),
      { set: keys.meta(META.tip), value: encodeBlockId(step.to.id) },
    ];
    const last = early.pop() ?? [];
    for (const chunk of early) await this.kv.commit(chunk);
    const whole = cutChunks([...last, ...move]);
    if (whole.length === 1) {
      await this.kv.commit(whole[0]!);
    } else {
      await this.kv.commit(last);
      await this.kv.commit(move);
    }
    this.events.added(events.length);
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

  async #metaId(name: typeof META.tip | typeof META.coinsTip): Promise<BlockId | undefined> {
    const value = await this.kv.get(keys.meta(name));
    return value === null ? undefined : decodeRecord(value, `meta ${name}`, readBlockId);
  }

  /** In the order in which they must reach the disk: a header refers to its block's parts. */
  #blockMutations(blocks: readonly StoredBlock[]): KvMutation[] {
    const mutations: KvMutation[] = [];
    for (const { block, undo, isStored } of blocks) {
      const place = placeOf(block);
      if (!isStored) {
        mutations.push(...partMutations(block.bytes, (part) => keys.block(place, part)));
      }
      if (undo !== undefined && hasPayments(block)) {
        mutations.push(...partMutations(encodeUndo(undo), (part) => keys.undo(place, part)));
      }
    }
    const fresh = blocks.filter(({ isStored }) => !isStored);
    return [...mutations, ...this.headers.mutations(fresh.map(({ record }) => record))];
  }

  async #commitAll(mutations: readonly KvMutation[]): Promise<void> {
    for (const chunk of cutChunks(mutations)) await this.kv.commit(chunk);
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
  if (identity.schema !== SCHEMA_VERSION) {
    const isNewer = identity.schema > SCHEMA_VERSION;
    throw new UserError(
      EXIT.damaged,
      `Cannot read the chain's store: version ${identity.schema} is ` +
        (isNewer
          ? `newer than this program's ${SCHEMA_VERSION}, update moim`
          : `older than this program's ${SCHEMA_VERSION}; move the folder "networks" away and ` +
            `start again to fetch the chain anew`),
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

/** Blocks without payments spend nothing, and have no undo record. */
function hasPayments(block: Block): boolean {
  return block.transactions.some((transaction) => transaction.spends.length > 0);
}

function placeOf({ id, header: { height } }: Block): PlacedId {
  return { id, height };
}

function eventsOf(step: TipStep): EventRecord[] {
  const event = (kind: EventRecord["kind"]) => ({ id, height }: PlacedId) => ({ kind, id, height });
  return [
    ...step.disconnected.map(event("disconnected")),
    ...step.connected.map(event("connected")),
  ];
}
