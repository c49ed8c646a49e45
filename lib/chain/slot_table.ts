/** From a header's id to its slot: an open hash table of numbers (linear probing). */
import { putHex } from "../base/bytes.ts";
import { type BlockId, HASH_BYTES } from "../primitives/ids.ts";

/** Who keeps the ids of the slots. */
export interface SlotIds {
  /** Whether a slot has the id of these 32 bytes. */
  isAt(slot: number, id: Uint8Array): boolean;
  /**
   * The last four bytes of a slot's id, big endian: the first ones are zeros, that is what the work is
   * for.
   */
  tailAt(slot: number): number;
}

/** The id that is looked for: each block is looked for a dozen times, so nothing is made for it. */
const wanted = new Uint8Array(HASH_BYTES);
const wantedView = new DataView(wanted.buffer);

export class SlotTable {
  readonly #placesFirst: number;
  readonly #ids: SlotIds;
  /** Slot + 1 at each place, 0 where it is free. Never more than half full. */
  #places: Uint32Array;
  #size = 0;

  /** `placesFirst` is a power of two; `ids` know the slots that are in the table. */
  constructor(placesFirst: number, ids: SlotIds) {
    this.#placesFirst = placesFirst;
    this.#ids = ids;
    this.#places = new Uint32Array(placesFirst);
  }

  get size(): number {
    return this.#size;
  }

  /** The slot of `id`, or undefined. */
  find(id: BlockId): number | undefined {
    const entry = this.#places[this.#placeOf(id)]!;
    return entry === 0 ? undefined : entry - 1;
  }

  /** Adds a slot (below 2^32 - 1) whose id is known and not in the table. */
  add(slot: number): void {
    if (2 * (this.#size + 1) > this.#places.length) this.#resize(2 * this.#places.length);
    this.#put(slot);
    this.#size++;
  }

  /** Adds many slots whose ids are not in the table. */
  addAll(slots: Iterable<number>, count: number): void {
    let places = this.#places.length;
    while (places < 2 * (this.#size + count)) places *= 2;
    if (places > this.#places.length) this.#resize(places);
    for (const slot of slots) this.add(slot);
  }

  /** Removes a slot that is in the table. */
  delete(slot: number): void {
    let place = this.#homeOf(slot);
    while (this.#places[place] !== slot + 1) place = this.#after(place);
    this.#empty(place);
    this.#size--;
    if (this.#size === 0) this.#places = new Uint32Array(this.#placesFirst);
  }

  #resize(places: number): void {
    const former = this.#places;
    this.#places = new Uint32Array(places);
    for (const entry of former) if (entry !== 0) this.#put(entry - 1);
  }

  #put(slot: number): void {
    let place = this.#homeOf(slot);
    while (this.#places[place] !== 0) place = this.#after(place);
    this.#places[place] = slot + 1;
  }

  /** Where `id` is, or the free place where it belongs. */
  #placeOf(id: BlockId): number {
    putHex(id, wanted, 0);
    const tail = wantedView.getUint32(HASH_BYTES - 4);
    for (let place = tail & (this.#places.length - 1);; place = this.#after(place)) {
      const entry = this.#places[place]!;
      if (entry === 0 || this.#ids.isAt(entry - 1, wanted)) return place;
    }
  }

  /** Those behind move up, so that no search ends at the hole. */
  #empty(place: number): void {
    const mask = this.#places.length - 1;
    let hole = place;
    for (let at = this.#after(hole);; at = this.#after(at)) {
      const entry = this.#places[at]!;
      if (entry === 0) break;
      const home = this.#homeOf(entry - 1);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#places[hole] = entry;
      hole = at;
    }
    this.#places[hole] = 0;
  }

  #homeOf(slot: number): number {
    return this.#ids.tailAt(slot) & (this.#places.length - 1);
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1);
  }
}
