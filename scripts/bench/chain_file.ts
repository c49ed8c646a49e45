/**
 * Made chains kept between runs, in a folder outside of the sources: each as one flat file of
 * blocks (length as u32 little endian, then the block), and as data folders that a node has filled
 * from it, which are good as long as the store's code stays as it is.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../../lib/base/clock.ts";
import { resolveConfig } from "../../lib/node/config.ts";
import { Ledger } from "../../lib/node/ledger.ts";
import { type ChainShape, GENESIS_ID, heightOf, makeChain, NETWORK } from "./payment_chain.ts";

const ROOT = join(import.meta.dirname!, "../..");
const LENGTH_BYTES = 4;
/** Handed to the chain at a time. */
const FILL_BLOCKS = 500;
const READ_BYTES = 4 << 20;
const TELL_EVERY_MS = 2_000;
const INDEX_POLL_MS = 20;

export type Tell = (line: string) => void;

/** Where chains are kept unless a folder is named. */
export function defaultWorkFolder(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? ".", ".cache");
  return join(cache, "moim-bench");
}

/** What tells one chain from another in the names of its files. */
export function shapeName({ warmup, blocks, paymentsPerBlock, keys }: ChainShape): string {
  return `${GENESIS_ID.slice(0, 8)}-${warmup}+${blocks}x${paymentsPerBlock}-k${keys}`;
}

/** The flat file of a chain, made the first time. */
export async function chainFile(work: string, shape: ChainShape, tell: Tell): Promise<string> {
  return await keptFile(
    work,
    shapeName(shape),
    heightOf(shape),
    makeChain(shape, Date.now()),
    tell,
  );
}

/** The flat file `name` of `count` blocks, written from `blocks` unless it is there already. */
export async function keptFile(
  work: string,
  name: string,
  count: number,
  blocks: Iterable<Uint8Array>,
  tell: Tell,
): Promise<string> {
  await Deno.mkdir(work, { recursive: true });
  const path = join(work, `${name}.blocks`);
  if (await isThere(path)) return path;
  const partial = `${path}.${Deno.pid}`;
  using file = await Deno.open(partial, { write: true, create: true, truncate: true });
  const progress = new Progress(`making ${count} blocks`, count, tell);
  for (const block of blocks) {
    const record = new Uint8Array(LENGTH_BYTES + block.length);
    new DataView(record.buffer).setUint32(0, block.length, true);
    record.set(block, LENGTH_BYTES);
    for (let at = 0; at < record.length;) at += file.writeSync(record.subarray(at));
    progress.step();
  }
  await Deno.rename(partial, path);
  return path;
}

/** The blocks of a flat file, lowest first, without holding more than a few MB of them. */
export function* readChain(path: string): Generator<Uint8Array> {
  using file = Deno.openSync(path);
  let rest: Uint8Array = new Uint8Array();
  for (;;) {
    const chunk = new Uint8Array(READ_BYTES);
    const count = file.readSync(chunk);
    if (count === null) break;
    const bytes = new Uint8Array(rest.length + count);
    bytes.set(rest);
    bytes.set(chunk.subarray(0, count), rest.length);
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (at + LENGTH_BYTES <= bytes.length) {
      const end = at + LENGTH_BYTES + view.getUint32(at, true);
      if (end > bytes.length) break;
      yield bytes.slice(at + LENGTH_BYTES, end);
      at = end;
    }
    rest = bytes.subarray(at);
  }
  if (rest.length > 0) throw new Error(`${path} ends early: remove it and run again`);
}

/** A data folder that holds the chain of `path`, filled the first time. Do not change it. */
export async function filledFolder(path: string, tell: Tell): Promise<string> {
  const stem = path.replace(/\.blocks$/, "");
  const folder = `${stem}.data-${storeVersion()}`;
  if (await isThere(folder)) return folder;
  await removeStale(stem);
  const partial = `${stem}.filling-${Deno.pid}`;
  await Deno.remove(partial, { recursive: true }).catch(() => {});
  await fillFolder(partial, path, tell);
  await Deno.rename(partial, folder);
  return folder;
}

/** Fills the data folder `dataDir` with the blocks of a flat file, as a node takes blocks in. */
export async function fillFolder(dataDir: string, path: string, tell: Tell): Promise<void> {
  const ledger = await openLedger(dataDir);
  try {
    const progress = new Progress("filling a data folder", undefined, tell);
    let batch: Uint8Array[] = [];
    const take = async () => {
      const outcomes = await ledger.chain.acceptMany(batch);
      const bad = outcomes.find(({ kind }) => kind !== "connected");
      if (bad) throw new Error(`Cannot make a chain: ${JSON.stringify(bad)}`);
      progress.step(batch.length);
      batch = [];
    };
    for (const block of readChain(path)) if (batch.push(block) === FILL_BLOCKS) await take();
    await take();
    while (!ledger.chain.indexesReady()) {
      await new Promise((resolve) => setTimeout(resolve, INDEX_POLL_MS));
    }
  } finally {
    await ledger.close();
  }
}

/** Opens a data folder as a command does. The caller closes it. */
export async function openLedger(dataDir: string): Promise<Ledger> {
  const config = resolveConfig({
    flags: { network: NETWORK.name, dataDir },
    env: { HOME: dataDir },
    readText: () => undefined,
    os: Deno.build.os,
  });
  return await Ledger.open(config, { clock: systemClock, onLine: () => {} });
}

/** Changes with every change of the code that writes the store. */
function storeVersion(): string {
  const hash = createHash("sha256");
  for (const room of ["store", "chain"]) {
    const folder = join(ROOT, "lib", room);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    for (const name of names) hash.update(Deno.readFileSync(join(folder, name)));
  }
  return hash.digest("hex").slice(0, 8);
}

async function removeStale(stem: string): Promise<void> {
  const folder = join(stem, "..");
  const prefix = `${stem.slice(folder.length + 1)}.data-`;
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith(prefix)) await Deno.remove(join(folder, name), { recursive: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Tells now and then how far something is. */
class Progress {
  #done = 0;
  #toldMs = performance.now();

  constructor(readonly what: string, readonly total: number | undefined, readonly tell: Tell) {}

  step(count = 1): void {
    this.#done += count;
    if (performance.now() - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = performance.now();
    this.tell(`${this.what}: ${this.#done}${this.total === undefined ? "" : ` of ${this.total}`}`);
  }
}
