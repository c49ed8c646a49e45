/**
 * Headers as columns of numbers instead of objects, about 100 bytes each, because a node may know of
 * millions. Whoever keeps them gives each header a slot and divides slots into pages of these.
 */
import { assert } from "../base/assert.ts";
import { putHex, toHex } from "../base/bytes.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { type BlockId, HASH_BYTES } from "../primitives/ids.ts";
import { equalAt, u32At } from "../store/packed_records.ts";

const WORK_BITS = 128n;
const LOW_WORK = (1n << 64n) - 1n;

/** A page of slots, column by column; `at` is a slot's place in its page. */
export class HeaderColumns {
  readonly ids: Uint8Array<ArrayBuffer>;
  /** What the keeper knows the header before by. */
  readonly parents: Uint32Array<ArrayBuffer>;
  readonly heights: Uint32Array<ArrayBuffer>;
  readonly timesMs: Float64Array<ArrayBuffer>;
  readonly bits: Uint32Array<ArrayBuffer>;
  readonly childBits: Uint32Array<ArrayBuffer>;
  /** Two words a slot, high and low. */
  readonly work: BigUint64Array<ArrayBuffer>;

  constructor(slots: number) {
    this.ids = new Uint8Array(slots * HASH_BYTES);
    this.parents = new Uint32Array(slots);
    this.heights = new Uint32Array(slots);
    this.timesMs = new Float64Array(slots);
    this.bits = new Uint32Array(slots);
    this.childBits = new Uint32Array(slots);
    this.work = new BigUint64Array(2 * slots);
  }

  put(at: number, context: HeaderContext, parent: number): void {
    assert(context.totalWork >> WORK_BITS === 0n, "nobody can do 2^128 hashes");
    putHex(context.id, this.ids, at * HASH_BYTES);
    this.parents[at] = parent;
    this.heights[at] = context.height;
    this.timesMs[at] = context.timeMs;
    this.bits[at] = context.bits;
    this.childBits[at] = context.childScheduledBits;
    this.work[2 * at] = context.totalWork >> 64n;
    this.work[2 * at + 1] = context.totalWork & LOW_WORK;
  }

  idAt(at: number): BlockId {
    return idIn(this.ids, at);
  }

  /** Whether a place has the id of these bytes. */
  isAt(at: number, id: Uint8Array): boolean {
    return equalAt(this.ids, at * HASH_BYTES, id, 0, HASH_BYTES);
  }

  /** The last four bytes of an id, big endian. */
  tailAt(at: number): number {
    return u32At(this.ids, (at + 1) * HASH_BYTES - 4);
  }

  workAt(at: number): bigint {
    return (this.work[2 * at]! << 64n) | this.work[2 * at + 1]!;
  }

  /** The header at a place, whose parent has the id `previous`. */
  contextAt(at: number, previous: BlockId): HeaderContext {
    return {
      id: this.idAt(at),
      previous,
      height: this.heights[at]!,
      timeMs: this.timesMs[at]!,
      bits: this.bits[at]!,
      childScheduledBits: this.childBits[at]!,
      totalWork: this.workAt(at),
    };
  }
}

/** The id at a place of a column of ids. */
export function idIn(column: Uint8Array, at: number): BlockId {
  return toHex(column.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)) as BlockId;
}
