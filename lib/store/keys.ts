/**
 * The whole schema. Everything this program keeps in its key-value store is on this page; no key is
 * spelled anywhere else. Every value ends in a checksum (`records.ts`).
 *
 * key                            value                                        written by
 * meta    <name>                 see META below                               commit, flush
 * headers <height> <id>          a run of headers with work and schedule,     blocks stored
 *                                under the last of them
 * invalid <id>                   the rule that a stored block breaks          block judged
 * header-page <n> <part>         columns of up to 4,096 headers in parts          close
 * block   <height> <id> <part>   block bytes in parts of <= 60 KB             block stored, before it
 *                                                                             is referred to
 * undo    <height> <id> <part>   coins the block spent; none if it spent none connect
 * page    <map> <number>         sorted records of a map, or a section of its flush
 *                                directory
 * page-root <map> <part>         the pages of the directory's sections        flush, as the last
 * index   <name>                 block it has reached                         each index
 * peer    <peer id>              opaque to the store                          peer book
 * mempool <txid> <part>          time it came, transaction bytes in parts     stop, now and then
 * event   <number>               what happened to which blocks, under the     connect, reorganise
 *                                number of the first event
 *
 * Blocks, undo data and headers are filed under their height first: a chain that grows writes at
 * the end of each table, which is several times as fast as writing at random.
 * Coins and the indexes are maps of sorted pages (`sorted_pages.ts`), told apart by name:
 *
 * coins         <lock> <txid> <index>       coinbase flag, amount, height
 * transactions  <txid>                      height, position
 * history       <lock> <height> <position>  txid
 *
 * A coin is filed under its owner, so a balance is one range read and a spend names its own key.
 * Ids and locks are bytes; heights, parts, positions and numbers are numbers, which sort right.
 * Retired names, never to be used again: header, main, coin,
 * tx, history.
 */
import { type BlockId, idBytes, type TxId } from "../primitives/ids.ts";
import type { KvKey } from "./kv.ts";

/** Goes up with every change of this page; an older program then refuses the store. */
export const SCHEMA_VERSION = 2;

/** A block by its id, and where in a chain it stands. */
export interface PlacedId {
  readonly id: BlockId;
  readonly height: number;
}

/** The names under `meta`. */
export const META = {
  /** Schema version and genesis id: which store this is. */
  identity: "identity",
  /** Id of the block that the main chain ends with. */
  tip: "tip",
  /** Id of the block whose coins the map "coins" holds. May be behind `tip` or on a branch. */
  coinsTip: "coins-tip",
  /** Count of headers in the pages; there only while the pages hold every header. */
  headerPages: "header-pages",
  /** There while `reindex` runs: coins and indexes are incomplete. */
  rebuilding: "rebuilding",
} as const;

export type MetaName = (typeof META)[keyof typeof META];

/** The maps of sorted pages. */
export const MAPS = { coins: "coins", transactions: "transactions", history: "history" } as const;

export const keys = {
  meta: (name: MetaName) => ["meta", name],
  headers: (height: number, id: BlockId) => ["headers", height, idBytes(id)],
  /** Before the records that end at `height`, and above all that end lower. */
  headersTo: (height: number) => ["headers", height],
  invalid: (id: BlockId) => ["invalid", idBytes(id)],
  headerPage: (page: number, part: number) => ["header-page", page, part],
  block: ({ height, id }: PlacedId, part: number) => ["block", height, idBytes(id), part],
  /** Before all blocks at `height`, and above all that are lower. */
  blocksFrom: (height: number) => ["block", height],
  undo: ({ height, id }: PlacedId, part: number) => ["undo", height, idBytes(id), part],
  page: (map: string, number: number) => ["page", map, number],
  pageRoot: (map: string, part: number) => ["page-root", map, part],
  index: (name: string) => ["index", name],
  peer: (peerId: string) => ["peer", peerId],
  mempool: (id: TxId, part: number) => ["mempool", idBytes(id), part],
  event: (number: number) => ["event", number],
} satisfies Record<string, (...parts: never[]) => KvKey>;

export const prefixes = {
  headers: ["headers"],
  invalids: ["invalid"],
  blocks: ["block"],
  pages: (map: string) => ["page", map],
  pageRoots: (map: string) => ["page-root", map],
  indexes: ["index"],
  peers: ["peer"],
  mempool: ["mempool"],
  events: ["event"],
} satisfies Record<string, KvKey | ((...parts: never[]) => KvKey)>;
