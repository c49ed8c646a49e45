/** What a chain takes on the disk, record by record. */
import { join } from "node:path";
import { MAPS } from "../../lib/store/keys.ts";
import { chainFile } from "./chain_file.ts";
import { fanOutFile } from "./fan_out_chain.ts";
import { type BenchContext, measured, type Measurement, megabytes } from "./measurement.ts";
import { type ChainShape, emptyShape, heightOf, paymentShape } from "./payment_chain.ts";
import { filledCopy } from "./sync.ts";

const EMPTY_BLOCKS = 10_000;
/** Kinds of records that take less are not worth a word. */
const TOLD_BYTES = 10_000;
const FAN_OUT = { coins: 1_000_000, owners: 100_000 };

export async function benchDisk(context: BenchContext): Promise<Measurement[]> {
  const shape = paymentShape(context.payments);
  const full = await measureFolder(context, shape);
  const empty = await measureFolder(context, emptyShape(EMPTY_BLOCKS));
  const coinsPath = await fanOutFile(context.work, FAN_OUT, context.tell);
  const coins = await recordsIn(await filledCopy(context, coinsPath, "disk-coins"));
  const coinBytes = coins.get(`page ${MAPS.coins}`)!.bytes;
  return [
    measured({
      id: "disk.chain-mb",
      name: `Disk after ${context.payments.toLocaleString("en")} payments`,
      unit: "MB",
      runs: [megabytes(full.diskBytes)],
      details: { blocksMb: megabytes(full.blockBytes), ...full.records },
    }),
    measured({
      id: "disk.bytes-per-coin",
      name: "Disk of a coin, among 1 million",
      unit: "bytes",
      runs: [coinBytes / FAN_OUT.coins],
    }),
    measured({
      id: "disk.bytes-over-block",
      name: "Disk of an empty block over its own size",
      unit: "bytes",
      runs: [(empty.diskBytes - empty.blockBytes) / EMPTY_BLOCKS],
      details: { ...empty.records },
    }),
    measured({
      id: "disk.bytes-over-full-block",
      name: "Disk of a block of 50 payments over its own size, coins and indexes included",
      unit: "bytes",
      runs: [(full.diskBytes - full.blockBytes) / heightOf(shape)],
    }),
  ];
}

/** Sizes of a data folder with the chain, and how many MB each kind of record takes in it. */
async function measureFolder(
  context: BenchContext,
  shape: ChainShape,
): Promise<{ diskBytes: number; blockBytes: number; records: Record<string, number> }> {
  const path = await chainFile(context.work, shape, context.tell);
  const dataDir = await filledCopy(context, path, "disk");
  const lengths = 4 * heightOf(shape);
  const records = await recordsIn(dataDir);
  return {
    diskBytes: await folderBytes(dataDir),
    blockBytes: (await Deno.stat(path)).size - lengths,
    records: Object.fromEntries(
      records.entries().filter(([, { bytes }]) => bytes >= TOLD_BYTES)
        .map(([name, { bytes }]) => [`${name} MB`, megabytes(bytes)]),
    ),
  };
}

/** Bytes of all files below a folder. */
export async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(path)) {
    const child = join(path, entry.name);
    bytes += entry.isDirectory ? await folderBytes(child) : (await Deno.stat(child)).size;
  }
  return bytes;
}

/** Count and bytes (keys and values as they are stored) of each kind of record of a store. */
async function recordsIn(dataDir: string): Promise<Map<string, { count: number; bytes: number }>> {
  const kinds = new Map<string, { count: number; bytes: number }>();
  using kv = await Deno.openKv(await storeFile(dataDir));
  for await (const { key, value } of kv.list({ prefix: [] }, { batchSize: 500 })) {
    // Maps of pages are told apart by what stands second.
    const name = key.slice(0, 2).filter((part) => typeof part === "string").join(" ");
    const kind = kinds.get(name) ?? { count: 0, bytes: 0 };
    kind.count++;
    kind.bytes += bytesOfKey(key) + (value instanceof Uint8Array ? value.length : 8);
    kinds.set(name, kind);
  }
  return kinds;
}

/** As Deno KV encodes keys: a type byte for each part, an end byte for text and bytes. */
function bytesOfKey(key: Deno.KvKey): number {
  return key.reduce<number>((sum, part) => {
    if (typeof part === "string" || part instanceof Uint8Array) return sum + part.length + 2;
    return sum + 9;
  }, 0);
}

/** The store of the one network in a data folder: the largest file there. */
async function storeFile(dataDir: string): Promise<string> {
  let found = { path: "", size: -1 };
  for (const path of await filesBelow(dataDir)) {
    const { size } = await Deno.stat(path);
    if (size > found.size && !/-(?:wal|shm)$/.test(path)) found = { path, size };
  }
  return found.path;
}

async function filesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) paths.push(...await filesBelow(path));
    else paths.push(path);
  }
  return paths;
}
