/**
 * Cuts a stream of sorted records into leaves. Leaves that come one after the other are filled well
 * but not to the brim, so that the next few records find room; what is left at the end of a run
 * is cut evenly.
 */
import { equalAt, lowerBound, recordBytes, type RecordShape } from "./packed_records.ts";
import type { SortedChanges } from "./sorted_changes.ts";

/** Of the room in a leaf, how much a run of new leaves fills. */
const FILL = 0.9;
/** A leaf with less than this share of its room is joined with the next one. */
const JOIN_BELOW = 0.25;

export class LeafStream {
  readonly #stride: number;
  readonly #keyBytes: number;
  readonly #emit: (records: Uint8Array) => void;
  /** Records in a full leaf, in one of a run, and in one that is too empty. */
  readonly #most: number;
  readonly #usual: number;
  readonly #fewest: number;
  readonly #buffer: Uint8Array;
  #length = 0;

  /** `emit` gets the records of a leaf, and must copy them. */
  constructor(shape: RecordShape, leafBytes: number, emit: (records: Uint8Array) => void) {
    this.#stride = recordBytes(shape);
    this.#keyBytes = shape.keyBytes;
    this.#emit = emit;
    this.#most = Math.max(2, Math.floor(leafBytes / this.#stride));
    this.#usual = Math.max(1, Math.floor(this.#most * FILL));
    this.#fewest = Math.floor(this.#most * JOIN_BELOW);
    this.#buffer = new Uint8Array((this.#most + this.#usual) * this.#stride);
  }

  /** Whether what is left would make a leaf so small that it should be joined with the next. */
  get wantsMore(): boolean {
    return this.#length > 0 && this.#length < this.#fewest * this.#stride;
  }

  /** Adds the records of `leaf` as changes `from` to `to` leave them. */
  merge(leaf: Uint8Array, changes: SortedChanges, from: number, to: number): void {
    const stride = this.#stride;
    const records = { bytes: leaf, stride, count: leaf.length / stride };
    let next = 0;
    for (let number = from; number < to; number++) {
      const offset = changes.offset(number);
      const at = lowerBound(records, changes.bytes, offset, this.#keyBytes, next);
      this.push(leaf, next * stride, at * stride);
      next = at;
      const isThere = at < records.count &&
        equalAt(leaf, at * stride, changes.bytes, offset, this.#keyBytes);
      if (isThere) next++;
      if (!changes.isDeleted(number)) this.push(changes.bytes, offset, offset + stride);
    }
    this.push(leaf, next * stride, leaf.length);
  }

  /** Adds the records between two places of `bytes`. */
  push(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const end = Math.min(to, at + this.#buffer.length - this.#length);
      this.#buffer.set(bytes.subarray(at, end), this.#length);
      this.#length += end - at;
      at = end;
      if (this.#length === this.#buffer.length) this.#emitFront(this.#usual);
    }
  }

  /** Emits what is left. */
  finish(): void {
    const count = this.#length / this.#stride;
    const pieces = Math.ceil(count / this.#most);
    for (let piece = 0; piece < pieces; piece++) {
      const left = this.#length / this.#stride;
      this.#emitFront(Math.ceil(left / (pieces - piece)));
    }
  }

  #emitFront(count: number): void {
    const end = count * this.#stride;
    this.#emit(this.#buffer.subarray(0, end));
    this.#buffer.copyWithin(0, end, this.#length);
    this.#length -= end;
  }
}
