/** The header tree from the disk, with damaged records made again from the blocks themselves. */
import { getLogger } from "../base/log.ts";
import { checkHeader } from "../consensus/check_header.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import { type Rule, RuleError, RULES } from "../consensus/rules.ts";
import type { Block, BlockHeader } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
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
  const saved = await store.loadHeaderPages();
  const index = saved && HeaderIndex.restore(saved, genesis);
  // Which rule an invalid block broke stands in its record only; there is hardly ever one.
  if (index !== undefined && !index.hasInvalid()) return new HeaderTree(genesis, { index });
  const records: HeaderRecord[] = [];
  const damaged: BlockId[] = [];
  for await (const record of store.headers()) {
    if ("damaged" in record) damaged.push(record.damaged);
    else records.push(record);
  }
  if (damaged.length > 0) {
    const headers = (await readBlocks(store, damaged)).map((block) => block.header);
    const remade = remake(headers, records, genesis, network);
    await store.putHeaders(remade);
    for (const { header: { id } } of remade) {
      log.warn("The header record of block {id} was damaged: made again from the block", { id });
    }
    records.push(...remade);
  }
  return grow(genesis, records);
}

/** Headers of stored blocks, the damaged ones made again. Throws `DamagedRecord` if a block is. */
export async function mendHeaders(
  store: Store,
  tree: HeaderTree,
  ids: readonly BlockId[],
): Promise<BlockHeader[]> {
  const headers: BlockHeader[] = [];
  for (const id of ids) {
    try {
      headers.push(...await store.headersOf([id]));
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error;
      const [{ header }] = await readBlocks(store, [id]) as [Block];
      await store.putHeaders([{ header, context: tree.get(id)! }]);
      log.warn("The header record of block {id} was damaged: made again from the block", { id });
      headers.push(header);
    }
  }
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
  const doomed: BlockId[] = [];
  let done = 0;
  for await (const id of store.blockIds()) {
    const block = await wholeBlock(store, id);
    if (block === undefined) doomed.push(id);
    else headers.push({ ...block.header, bytes: block.header.bytes.slice() });
    if (++done % PROGRESS_BLOCKS === 0) onProgress({ phase: "blocks", done, total: done });
  }
  const records = remake(headers, [], genesis, network);
  const tree = grow(genesis, records);
  for (const { id } of headers) if (!tree.isStored(id)) doomed.push(id);
  for (const id of doomed) log.warn("Block {id} is damaged: it will be fetched again", { id });
  await store.forgetBlocks(doomed);
  await store.putHeaders(records);
  return tree;
}

function grow(genesis: HeaderContext, records: readonly HeaderRecord[]): HeaderTree {
  const tree = new HeaderTree(genesis);
  for (const { context, brokenRule } of records.toSorted(byHeight)) {
    if (context.height === 0 || !tree.isStored(context.previous)) continue;
    tree.addStored(context);
    if (isRule(brokenRule)) tree.markInvalid(context.id, brokenRule);
  }
  return tree;
}

function byHeight(a: HeaderRecord, b: HeaderRecord): number {
  return a.context.height - b.context.height;
}

function isRule(text: string | undefined): text is Rule {
  return text !== undefined && Object.hasOwn(RULES, text);
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

/** Throws `DamagedRecord` when one cannot be read. */
async function readBlocks(store: Store, ids: readonly BlockId[]): Promise<Block[]> {
  const blocks: Block[] = [];
  for (const id of ids) {
    const block = await store.block(id);
    if (block === undefined) throw new DamagedRecord(`header ${id}`);
    blocks.push(block);
  }
  return blocks;
}

async function wholeBlock(store: Store, id: BlockId): Promise<Block | undefined> {
  try {
    return await store.block(id);
  } catch (error) {
    if (error instanceof DamagedRecord) return undefined;
    throw error;
  }
}
