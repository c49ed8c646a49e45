/**
 * Changed coins by transaction id and index, packed: about 90 bytes each where a map of objects
 * takes five hundred. A hash table with open addressing over records in one array; what is hashed
 * is multiplied by random numbers first, so that nobody can choose coins that collide.
 */
import { type Random, systemRandom } from "../base/random.ts";
import type { CoinName, OwnedCoin } from "../consensus/coins.ts";
import { type Lock, LOCK_BYTES } from "../primitives/ids.ts";
import { COIN_RECORD_BYTES, coinNameAt, coinOf, type CoinRecord, COINS } from "./coin_record.ts";
import type { Changes } from "./sorted_changes.ts";

const RECORD_WORDS = COIN_RECORD_BYTES / 4;
/** Transaction id and index are words 5 to 13 of a record, the lock those before. */
const LOCK_WORDS = LOCK_BYTES / 4;
const KEY_WORDS = COINS.keyBytes / 4;
const VALUE_AT = COINS.keyBytes;
const LIVE = 1;
const SPENT = 2;
const STORED = 4;
const CAPACITY_FIRST = 1_024;

export class CoinTable {
  readonly #factors: Uint32Array;
  #capacity = CAPACITY_FIRST;
  #records = new Uint8Array(CAPACITY_FIRST * COIN_RECORD_BYTES);
  #words = new Uint32Array(this.#records.buffer);
  #flags = new Uint8Array(CAPACITY_FIRST);
  /** Slot + 1 of the record that hashes to about here, 0 for none. At most half full. */
  #places = new Uint32Array(2 * CAPACITY_FIRST);
  /** Slots below `#used` that are empty. */
  #freeSlots: number[] = [];
  #used = 0;

  constructor(random: Random = systemRandom) {
    this.#factors = new Uint32Array(random.bytes(16).buffer).map((factor) => factor | 1);
  }

  /** Coins in the table. */
  get size(): number {
    return this.#used - this.#freeSlots.length;
  }

  /** Where the coin is that has the transaction id and index of `key`, whoever owns it; or -1. */
  find(key: CoinRecord): number {
    const mask = this.#places.length - 1;
    for (let place = this.#hash(key.words, 0) & mask;; place = (place + 1) & mask) {
      const slot = this.#places[place]! - 1;
      if (slot < 0 || this.#isOutPoint(slot, key.words)) return slot;
    }
  }

  /** Puts a coin in the place of the one at `slot`, where `find` says it is. */
  setMade(record: CoinRecord, isStored: boolean, slot = this.find(record)): void {
    this.#set(record, isStored ? LIVE | STORED : LIVE, slot);
  }

  /** Notes that a coin is to be taken from the disk. */
  setSpent(record: CoinRecord, slot = this.find(record)): void {
    this.#set(record, LIVE | SPENT | STORED, slot);
  }

  delete(key: CoinRecord): void {
    const mask = this.#places.length - 1;
    let hole = this.#hash(key.words, 0) & mask;
    for (;; hole = (hole + 1) & mask) {
      const slot = this.#places[hole]! - 1;
      if (slot < 0) return;
      if (!this.#isOutPoint(slot, key.words)) continue;
      this.#flags[slot] = 0;
      this.#freeSlots.push(slot);
      break;
    }
    // Those behind move up, so that no search ends at the hole.
    for (let place = (hole + 1) & mask;; place = (place + 1) & mask) {
      const entry = this.#places[place]!;
      if (entry === 0) break;
      const home = this.#hash(this.#words, (entry - 1) * RECORD_WORDS) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      this.#places[hole] = entry;
      hole = place;
    }
    this.#places[hole] = 0;
  }

  isSpent(slot: number): boolean {
    return (this.#flags[slot]! & SPENT) !== 0;
  }

  /** Whether its key is on disk. */
  isStored(slot: number): boolean {
    return (this.#flags[slot]! & STORED) !== 0;
  }

  hasLock(slot: number, key: CoinRecord): boolean {
    for (let word = 0; word < LOCK_WORDS; word++) {
      if (this.#words[slot * RECORD_WORDS + word] !== key.words[word]) return false;
    }
    return true;
  }

  /** The coin at `slot`, whose name is known. */
  coin(slot: number, name: CoinName): OwnedCoin {
    return coinOf(name, this.#records, slot * COIN_RECORD_BYTES + VALUE_AT);
  }

  /** Coins of the owner of `key`, spent or not. */
  *ofLock(key: CoinRecord, lock: Lock): Generator<{ coin: OwnedCoin; spent: boolean }> {
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#flags[slot] === 0 || !this.hasLock(slot, key)) continue;
      const name = coinNameAt(this.#records, slot * COIN_RECORD_BYTES, lock);
      yield { coin: this.coin(slot, name), spent: this.isSpent(slot) };
    }
  }

  /** All of it as changes to the coins on disk; the table must not change until they are made. */
  changes(): Changes {
    const slots = new Uint32Array(this.size);
    let count = 0;
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#flags[slot] !== 0) slots[count++] = slot;
    }
    return {
      bytes: this.#records,
      stride: COIN_RECORD_BYTES,
      keyBytes: COINS.keyBytes,
      slots,
      isDeleted: (slot) => this.isSpent(slot),
    };
  }

  /** Empties the table and keeps its memory. */
  clear(): void {
    this.#places.fill(0);
    this.#flags.fill(0);
    this.#freeSlots = [];
    this.#used = 0;
  }

  #set(record: CoinRecord, flags: number, found: number): void {
    const slot = found < 0 ? this.#freeSlots.pop() ?? this.#used++ : found;
    if (slot >= this.#capacity) this.#grow();
    this.#records.set(record.bytes, slot * COIN_RECORD_BYTES);
    if (found < 0) this.#place(slot);
    this.#flags[slot] = flags;
  }

  #isOutPoint(slot: number, words: Uint32Array): boolean {
    const start = slot * RECORD_WORDS;
    for (let word = LOCK_WORDS; word < KEY_WORDS; word++) {
      if (this.#words[start + word] !== words[word]) return false;
    }
    return true;
  }

  /** Of the record that begins at word `start`. */
  #hash(words: Uint32Array, start: number): number {
    const at = start + LOCK_WORDS;
    const factors = this.#factors; // Not taken apart: that would make an iterator for each coin.
    const sum = Math.imul(words[at]!, factors[0]!) + Math.imul(words[at + 1]!, factors[1]!) +
      Math.imul(words[at + 2]!, factors[2]!) +
      Math.imul(words[start + KEY_WORDS - 1]!, factors[3]!);
    return sum ^ (sum >>> 15);
  }

  #place(slot: number): void {
    const mask = this.#places.length - 1;
    let place = this.#hash(this.#words, slot * RECORD_WORDS) & mask;
    while (this.#places[place] !== 0) place = (place + 1) & mask;
    this.#places[place] = slot + 1;
  }

  #grow(): void {
    this.#capacity *= 2;
    const records = new Uint8Array(this.#capacity * COIN_RECORD_BYTES);
    records.set(this.#records);
    this.#records = records;
    this.#words = new Uint32Array(records.buffer);
    const flags = new Uint8Array(this.#capacity);
    flags.set(this.#flags);
    this.#flags = flags;
    this.#places = new Uint32Array(2 * this.#capacity);
    for (let slot = 0; slot < this.#used; slot++) if (this.#flags[slot] !== 0) this.#place(slot);
  }
}
