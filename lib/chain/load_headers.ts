/** The header tree from the disk, with damaged records made again from the blocks themselves. */
import { getLogger } from "../base/log.ts";
import { checkHeader } from "../consensus/check_header.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import { type Rule, RuleError, RULES } from "../consensus/rules.ts";
import type { Block, BlockHeader } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { HEADERS_PER_RECORD } from "../store/header_log.ts";
import type { PlacedId } from "../store/keys.ts";
import { DamagedRecord, type HeaderRecord } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { HeaderIndex } from "./header_index.ts";
import { HeaderTree } from "./header_tree.ts";
import type { OnProgress } from "./outcome.ts";

/** Blocks between two reports of progress. */
const PROGRESS_BLOCKS = 100;
const log = getLogger("chain");

/** All headers of stored blocks, with the marks of those that are invalid. */
export async function loadHeaders(
  store: Store,
  genesis: HeaderContext,
  network: Network,
): Promise<HeaderTree> {
  const saved = await store.headers.loadPages();
  const index = saved && HeaderIndex.restore(saved, genesis);
  const tree = index === undefined
    ? grow(genesis, await readRecords(store, genesis, network))
    : new HeaderTree(genesis, { index });
  for (const [id, rule] of await store.headers.invalids()) {
    if (tree.isStored(id) && isRule(rule)) tree.markInvalid(id, rule);
  }
  return tree;
}

/** Every header record, with those that are damaged made again. */
async function readRecords(
  store: Store,
  genesis: HeaderContext,
  network: Network,
): Promise<HeaderRecord[]> {
  const records: HeaderRecord[] = [];
  const damagedTo: number[] = [];
  for await (const each of store.headers.all()) {
    if ("damagedTo" in each) damagedTo.push(each.damagedTo);
    else records.push(...each);
  }
  if (damagedTo.length === 0) return records;
  const whole = new Set(records.map(({ header }) => header.id));
  const lost = new Map<BlockId, BlockHeader>();
  for (const height of damagedTo) {
    const blocks = await store.blocksBetween(height - HEADERS_PER_RECORD + 1, height);
    for (const { id, header } of blocks) if (!whole.has(id)) lost.set(id, header);
  }
  const remade = remake([...lost.values()], records, genesis, network);
  await store.putHeaders(remade);
  for (const { header: { id } } of remade) {
    log.warn("The header record of block {id} was damaged: made again from the block", { id });
  }
  return [...records, ...remade];
}

/**
 * Headers of stored blocks that follow each other from `height` on, the damaged ones made again.
 * Throws `DamagedRecord` when a block is damaged as well.
 */
export async function headersOf(
  store: Store,
  tree: HeaderTree,
  ids: readonly BlockId[],
  height: number,
): Promise<BlockHeader[]> {
  const found = await store.headers.find(ids, height);
  const lost: HeaderRecord[] = [];
  const headers: BlockHeader[] = [];
  for (const [at, id] of ids.entries()) {
    let header = found.get(id);
    if (header === undefined) {
      header = (await wholeBlock(store, { id, height: height + at }))?.header;
      if (header === undefined) throw new DamagedRecord(`headers ${height + at} ${id}`);
      lost.push({ header, context: tree.get(id)! });
      log.warn("The header record of block {id} was damaged: made again from the block", { id });
    }
    headers.push(header);
  }
  if (lost.length > 0) await store.putHeaders(lost);
  return headers;
}

/**
 * The same from the blocks alone: a block that is damaged, or builds on a damaged one, is forgotten
 * and will be fetched again; marks are forgotten too, every block will be judged anew.
 */
export async function reloadHeaders(
  store: Store,
  genesis: HeaderContext,
  network: Network,
  onProgress: OnProgress,
): Promise<HeaderTree> {
  const headers: BlockHeader[] = [];
  const doomed: PlacedId[] = [];
  let done = 0;
  for await (const place of store.blockPlaces()) {
    const block = await wholeBlock(store, place);
    if (block === undefined) doomed.push(place);
    else headers.push({ ...block.header, bytes: block.header.bytes.slice() });
    if (++done % PROGRESS_BLOCKS === 0) onProgress({ phase: "blocks", done, total: done });
  }
  const records = remake(headers, [], genesis, network);
  const tree = grow(genesis, records);
  for (const { id, height } of headers) if (!tree.isStored(id)) doomed.push({ id, height });
  for (const { id } of doomed) log.warn("Block {id} is damaged: it will be fetched again", { id });
  await store.forgetBlocks(doomed);
  await store.replaceHeaders(records);
  return tree;
}

function grow(genesis: HeaderContext, records: readonly HeaderRecord[]): HeaderTree {
  const tree = new HeaderTree(genesis);
  for (const { context } of records.toSorted(byHeight)) {
    if (context.height > 0 && tree.isStored(context.previous)) tree.addStored(context);
  }
  return tree;
}

function byHeight(a: HeaderRecord, b: HeaderRecord): number {
  return a.context.height - b.context.height;
}

/** Records of `headers`, checked as when they came; those whose parents are unknown are left out. */
function remake(
  headers: readonly BlockHeader[],
  whole: readonly HeaderRecord[],
  genesis: HeaderContext,
  network: Network,
): HeaderRecord[] {
  const contexts = new Map(whole.map(({ context }) => [context.id, context]));
  contexts.set(genesis.id, genesis);
  const remade: HeaderRecord[] = [];
  for (const header of headers.toSorted((a, b) => a.height - b.height)) {
    const parent = contexts.get(header.previous);
    if (parent === undefined) continue;
    try {
      // They were not too early when they were stored, whatever the clock says now.
      const context = checkHeader(header, parent, network, header.timeMs);
      contexts.set(context.id, context);
      remade.push({ header, context });
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      log.warn("The header of block {id} is wrong: {why}", { id: header.id, why: error.message });
    }
  }
  return remade;
}

async function wholeBlock(store: Store, place: PlacedId): Promise<Block | undefined> {
  try {
    return await store.block(place);
  } catch (error) {
    if (error instanceof DamagedRecord) return undefined;
    throw error;
  }
}

function isRule(text: string): text is Rule {
  return Object.hasOwn(RULES, text);
}
