/** From a header's id to its slot: an open hash table of numbers (linear probing). */
import type { BlockId } from "../primitives/ids.ts";

export class SlotTable {
  readonly #placesFirst: number;
  readonly #idAt: (slot: number) => BlockId;
  /** Slot + 1 at each place, 0 where it is free. Never more than half full. */
  #places: Uint32Array;
  #size = 0;

  /** `placesFirst` is a power of two; `idAt` tells the id of a slot that is in the table. */
  constructor(placesFirst: number, idAt: (slot: number) => BlockId) {
    this.#placesFirst = placesFirst;
    this.#idAt = idAt;
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

  /** Adds a slot (below 2^32 - 1) whose id is not in the table. */
  add(slot: number, id: BlockId): void {
    if (2 * (this.#size + 1) > this.#places.length) this.#resize(2 * this.#places.length);
    this.#places[this.#placeOf(id)] = slot + 1;
    this.#size++;
  }

  /** Adds many slots whose ids are not in the table. */
  addAll(slots: Iterable<number>, count: number): void {
    let places = this.#places.length;
    while (places < 2 * (this.#size + count)) places *= 2;
    if (places > this.#places.length) this.#resize(places);
    for (const slot of slots) this.add(slot, this.#idAt(slot));
  }

  /** Removes an id that is in the table. */
  delete(id: BlockId): void {
    this.#empty(this.#placeOf(id));
    this.#size--;
    if (this.#size === 0) this.#places = new Uint32Array(this.#placesFirst);
  }

  #resize(places: number): void {
    const former = this.#places;
    this.#places = new Uint32Array(places);
    for (const entry of former) {
      if (entry !== 0) this.#places[this.#placeOf(this.#idAt(entry - 1))] = entry;
    }
  }

  /** Where `id` is, or the free place where it belongs. */
  #placeOf(id: BlockId): number {
    for (let place = this.#homeOf(id);; place = this.#after(place)) {
      const entry = this.#places[place]!;
      if (entry === 0 || this.#idAt(entry - 1) === id) return place;
    }
  }

  /** Those behind move up, so that no search ends at the hole. */
  #empty(place: number): void {
    const mask = this.#places.length - 1;
    let hole = place;
    for (let at = this.#after(hole);; at = this.#after(at)) {
      const entry = this.#places[at]!;
      if (entry === 0) break;
      const home = this.#homeOf(this.#idAt(entry - 1));
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#places[hole] = entry;
      hole = at;
    }
    this.#places[hole] = 0;
  }

  /** By the id's last bytes: the first ones are zeros, that is what the work is for. */
  #homeOf(id: BlockId): number {
    return Number.parseInt(id.slice(-8), 16) & (this.#places.length - 1);
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1);
  }
}
