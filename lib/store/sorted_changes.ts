/**
 * Changes to a map of sorted pages, put in the order of their keys: by the byte at which they part
 * while there are many, then by four bytes at a time in native code.
 */
import { yieldToOthers } from "../base/clock.ts";
import { compareAt, equalAt } from "./packed_records.ts";

/** Fewer than this are sorted in one go, which takes about a millisecond. */
const SLICE = 8_192;
/** Fewer than this are sorted by comparing. */
const FEW = 16;
/** Other work of this thread waits for sorting no longer than this many records take. */
const RECORDS_BETWEEN_YIELDS = 40_000;
/** More places than there are in a slice. */
const PLACES = 2 ** 20;

/** Packed records in any order, each to be set or deleted. */
export interface Changes {
  readonly bytes: Uint8Array;
  readonly stride: number;
  readonly keyBytes: number;
  /** Which records of `bytes` there are, the earlier change first. */
  readonly slots: Uint32Array;
  isDeleted(slot: number): boolean;
}

/** Changes by number, in the order of their keys, one for each key. */
export class SortedChanges {
  readonly bytes: Uint8Array;
  readonly #changes: Changes;
  readonly #slots: Uint32Array;

  private constructor(changes: Changes, slots: Uint32Array) {
    this.bytes = changes.bytes;
    this.#changes = changes;
    this.#slots = slots;
  }

  /** Sorts `changes`, which must not change any more. Of several to one key the last counts. */
  static async of(changes: Changes): Promise<SortedChanges> {
    const sorter = new Sorter(changes);
    await sorter.sort(0, changes.slots.length, 0);
    return new SortedChanges(changes, withoutOverruled(changes, sorter.slots));
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Where in `bytes` the record of a change begins. */
  offset(number: number): number {
    return this.#slots[number]! * this.#changes.stride;
  }

  isDeleted(number: number): boolean {
    return this.#changes.isDeleted(this.#slots[number]!);
  }

  /** The first change from `from` on whose key is not below the one at `keyAt` of `key`. */
  lowerBound(key: Uint8Array, keyAt: number, from: number): number {
    let low = from;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = compareAt(
        this.bytes,
        this.offset(middle),
        key,
        keyAt,
        this.#changes.keyBytes,
      );
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A stable sort of slots by their keys. */
class Sorter {
  readonly slots: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #stride: number;
  readonly #keyBytes: number;
  readonly #scratch: Uint32Array;
  readonly #words: Float64Array;
  #sinceYield = 0;

  constructor({ bytes, stride, keyBytes, slots }: Changes) {
    this.slots = slots.slice();
    this.#bytes = bytes;
    this.#stride = stride;
    this.#keyBytes = keyBytes;
    this.#scratch = new Uint32Array(slots.length);
    this.#words = new Float64Array(Math.min(slots.length, SLICE));
  }

  /** Sorts those from number `from` to `to`, whose keys are alike up to byte `offset`. */
  async sort(from: number, to: number, offset: number): Promise<void> {
    if (to - from <= SLICE) return this.#sortFew(from, to, offset);
    const parting = this.#partingByte(from, to, offset);
    if (parting === this.#keyBytes) return;
    const starts = this.#partition(from, to, parting);
    for (let byte = 0; byte < 256; byte++) {
      const [start, end] = [starts[byte]!, starts[byte + 1]!];
      if (end - start > 1) await this.sort(start, end, parting + 1);
      if ((this.#sinceYield += end - start) < RECORDS_BETWEEN_YIELDS) continue;
      await yieldToOthers();
      this.#sinceYield = 0;
    }
  }

  /** The first byte from `offset` on in which some keys differ. */
  #partingByte(from: number, to: number, offset: number): number {
    const first = this.slots[from]! * this.#stride;
    let end = this.#keyBytes;
    for (let at = from + 1; at < to && end > offset; at++) {
      const key = this.slots[at]! * this.#stride;
      let byte = offset;
      while (byte < end && this.#bytes[first + byte] === this.#bytes[key + byte]) byte++;
      end = byte;
    }
    return end;
  }

  /** Puts them in the order of their bytes at `offset`. Returns where each byte's begin. */
  #partition(from: number, to: number, offset: number): Uint32Array {
    const starts = new Uint32Array(257);
    for (let at = from; at < to; at++) {
      starts[this.#bytes[this.slots[at]! * this.#stride + offset]! + 1]!++;
    }
    starts[0] = from;
    for (let byte = 0; byte < 256; byte++) starts[byte + 1]! += starts[byte]!;
    const next = starts.slice();
    this.#scratch.set(this.slots.subarray(from, to), from);
    for (let at = from; at < to; at++) {
      const slot = this.#scratch[at]!;
      this.slots[next[this.#bytes[slot * this.#stride + offset]!]!++] = slot;
    }
    return starts;
  }

  #sortFew(from: number, to: number, alikeBytes: number): void {
    if (to - from <= FEW) return this.#insert(from, to, alikeBytes);
    const offset = this.#partingByte(from, to, alikeBytes);
    if (offset === this.#keyBytes) return;
    // A double holds four bytes and a place exactly, and sorts in native code.
    const words = this.#words.subarray(0, to - from);
    for (let at = from; at < to; at++) {
      words[at - from] = this.#word(at, offset) * PLACES + (at - from);
    }
    words.sort();
    this.#scratch.set(this.slots.subarray(from, to), from);
    const alike: number[] = [];
    for (let at = from, before = -1, start = from; at <= to; at++) {
      const word = at < to ? Math.floor(words[at - from]! / PLACES) : -1;
      if (at < to) this.slots[at] = this.#scratch[from + words[at - from]! - word * PLACES]!;
      if (word === before) continue;
      if (at - start > 1) alike.push(start, at);
      before = word;
      start = at;
    }
    for (let run = 0; run < alike.length; run += 2) {
      this.#sortFew(alike[run]!, alike[run + 1]!, offset + 4);
    }
  }

  #insert(from: number, to: number, offset: number): void {
    const { slots } = this;
    const length = this.#keyBytes - offset;
    for (let at = from + 1; at < to; at++) {
      const slot = slots[at]!;
      const key = slot * this.#stride + offset;
      let hole = at;
      for (; hole > from; hole--) {
        const other = slots[hole - 1]! * this.#stride + offset;
        if (compareAt(this.#bytes, other, this.#bytes, key, length) <= 0) break;
        slots[hole] = slots[hole - 1]!;
      }
      slots[hole] = slot;
    }
  }

  /** Up to four bytes of the key as a number that sorts as they do. */
  #word(at: number, offset: number): number {
    const start = this.slots[at]! * this.#stride + offset;
    const end = start - offset + this.#keyBytes;
    let word = 0;
    for (let byte = start; byte < start + 4; byte++) {
      word = word * 256 + (byte < end ? this.#bytes[byte]! : 0);
    }
    return word;
  }
}

/** Leaves out what a later change to the same key overrules. */
function withoutOverruled({ bytes, stride, keyBytes }: Changes, slots: Uint32Array): Uint32Array {
  let kept = 0;
  for (let at = 0; at < slots.length; at++) {
    const isOverruled = at + 1 < slots.length &&
      equalAt(bytes, slots[at]! * stride, bytes, slots[at + 1]! * stride, keyBytes);
    if (!isOverruled) slots[kept++] = slots[at]!;
  }
  return slots.subarray(0, kept);
}
