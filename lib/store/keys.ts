/**
 * The whole schema. Everything this program keeps in its key-value store is on this page; no key is
 * spelled anywhere else. Every value ends in a checksum (`records.ts`).
 *
 * key                            value                                        written by
 * meta    <name>                 see META below                               commit, flush
 * header  <id>                   header, total work, schedule, broken rule    block stored
 * header-page <n> <part>         columns of up to 4,096 headers in parts          close
 * main    <height>               block id                                     connect, reorganise
 * block   <id> <part>            block bytes in parts of <= 60 KB             block stored, before it
 *                                                                             is referred to
 * undo    <id> <part>            coins the block spent; none if it spent none connect
 * coin    <lock> <txid> <index>  amount, height, coinbase flag                flush
 * tx      <txid>                 height, position                             transaction index
 * history <lock> <height> <pos>  txid                                         history index
 * index   <name>                 block it has reached, block it is at work on each index
 * peer    <peer id>              opaque to the store                          peer book
 * mempool <txid> <part>          time it came, transaction bytes in parts     stop, now and then
 * event   <number>               what happened to which block                 connect, reorganise
 *
 * A coin is filed under its owner, so a balance is one range read and a spend names its own key.
 * Ids and locks are bytes; heights, parts, positions and numbers are numbers, which sort right.
 * Retired names, never to be used again: none yet.
 */
import { type BlockId, idBytes, type Lock, type TxId } from "../primitives/ids.ts";
import type { OutPoint } from "../primitives/transaction.ts";
import type { KvKey } from "./kv.ts";

/** Goes up with every change of this page; an older program then refuses the store. */
export const SCHEMA_VERSION = 1;

/** The names under `meta`. */
export const META = {
  /** Schema version and genesis id: which store this is. */
  identity: "identity",
  /** Id of the block that the main chain ends with. */
  tip: "tip",
  /** Id of the block whose coins the `coin` records are. May be behind `tip` or on a branch. */
  coinsTip: "coins-tip",
  /** {from, to} while the `coin` records are between the coins of two blocks. */
  coinsMove: "coins-move",
  /** {from, to, first event} while `main`, `event` and `tip` are between two chains. */
  tipMove: "tip-move",
  /** Count of headers in the pages; there only while the pages hold every header. */
  headerPages: "header-pages",
  /** There while `reindex` runs: coins and indexes are incomplete. */
  rebuilding: "rebuilding",
} as const;

export type MetaName = (typeof META)[keyof typeof META];

export const keys = {
  meta: (name: MetaName) => ["meta", name],
  header: (id: BlockId) => ["header", idBytes(id)],
  headerPage: (page: number, part: number) => ["header-page", page, part],
  main: (height: number) => ["main", height],
  block: (id: BlockId, part: number) => ["block", idBytes(id), part],
  undo: (id: BlockId, part: number) => ["undo", idBytes(id), part],
  coin: (lock: Lock, { txId, index }: OutPoint) => ["coin", idBytes(lock), idBytes(txId), index],
  tx: (id: TxId) => ["tx", idBytes(id)],
  history: (lock: Lock, height: number, position: number) => [
    "history",
    idBytes(lock),
    height,
    position,
  ],
  index: (name: string) => ["index", name],
  peer: (peerId: string) => ["peer", peerId],
  mempool: (id: TxId, part: number) => ["mempool", idBytes(id), part],
  event: (number: number) => ["event", number],
} satisfies Record<string, (...parts: never[]) => KvKey>;

export const prefixes = {
  headers: ["header"],
  main: ["main"],
  blocks: ["block"],
  coins: ["coin"],
  coinsOf: (lock: Lock) => ["coin", idBytes(lock)],
  txs: ["tx"],
  histories: ["history"],
  historyOf: (lock: Lock) => ["history", idBytes(lock)],
  indexes: ["index"],
  peers: ["peer"],
  mempool: ["mempool"],
  events: ["event"],
} satisfies Record<string, KvKey | ((...parts: never[]) => KvKey)>;
