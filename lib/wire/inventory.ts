/** `inv`, `getdata` and `notfound`: lists of things by kind and id. */
import { type ByteReader, type ByteWriter, CodecError } from "../base/bytes.ts";
import {
  asBlockId,
  asTxId,
  type BlockId,
  HASH_BYTES,
  idBytes,
  type TxId,
} from "../primitives/ids.ts";
import { type Codec, readList, writeList } from "./codec.ts";

export const MAX_INV_ITEMS = 5000;
/** Also the most items of a `notfound`, which answers a `getdata`. */
export const MAX_GETDATA_ITEMS = 500;
const ITEM_BYTES = 1 + HASH_BYTES;
export const MAX_INV_BYTES = 2 + MAX_INV_ITEMS * ITEM_BYTES;
export const MAX_GETDATA_BYTES = 2 + MAX_GETDATA_ITEMS * ITEM_BYTES;

const TX = 1;
const BLOCK = 2;

export type InvItem =
  | { readonly kind: "tx"; readonly id: TxId }
  | { readonly kind: "block"; readonly id: BlockId };

export interface InventoryBody {
  readonly items: readonly InvItem[];
}

export const invCodec = inventoryCodec(MAX_INV_ITEMS);
export const getDataCodec = inventoryCodec(MAX_GETDATA_ITEMS);

function inventoryCodec(itemsMax: number): Codec<InventoryBody> {
  return {
    read: (reader) => ({ items: readList(reader, itemsMax, readItem) }),
    write: (writer, { items }) => writeList(writer, itemsMax, items, writeItem),
  };
}

function readItem(reader: ByteReader): InvItem {
  const kind = reader.u8();
  if (kind === TX) return { kind: "tx", id: asTxId(reader.take(HASH_BYTES)) };
  if (kind === BLOCK) return { kind: "block", id: asBlockId(reader.take(HASH_BYTES)) };
  throw new CodecError(`Cannot decode item: no kind has the number ${kind}`);
}

function writeItem(writer: ByteWriter, item: InvItem): void {
  writer.u8(item.kind === "tx" ? TX : BLOCK).bytes(idBytes(item.id));
}
