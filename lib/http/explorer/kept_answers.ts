/**
 * Blocks and pages of the chain, kept while the chain stands still: a node checks every signature
 * in them again for each answer, and all who watch a page ask for the same after each block.
 */
import type { BlockInfo, ChainPage, NodeApi } from "../../node/mod.ts";

/** Answers kept at once, and transactions of a block beyond which it is not: some ten MB in all. */
const KEPT_MAX = 32;
const TRANSACTIONS_MAX = 200;

export class KeptAnswers {
  readonly #api: Pick<NodeApi, "status" | "block" | "chain">;
  #kept = new Map<string, Promise<unknown>>();
  #tipId = "";

  constructor(api: Pick<NodeApi, "status" | "block" | "chain">) {
    this.#api = api;
  }

  /** As `NodeApi.block`. */
  async block(idOrHeight: string): Promise<BlockInfo> {
    const name = `block ${idOrHeight}`;
    const block = await this.#answer(name, () => this.#api.block(idOrHeight));
    if (block.transactions > TRANSACTIONS_MAX) this.#kept.delete(name);
    return block;
  }

  /** As `NodeApi.chain`. */
  chain(page: { before: number | undefined; limit: number }): Promise<ChainPage> {
    return this.#answer(`chain ${page.before} ${page.limit}`, () => this.#api.chain(page));
  }

  /** What `ask` gives, asked for once however many wait; failures are not kept. */
  async #answer<Answer>(name: string, ask: () => Promise<Answer>): Promise<Answer> {
    const { tipId } = await this.#api.status();
    if (tipId !== this.#tipId) {
      this.#tipId = tipId;
      this.#kept = new Map();
    }
    const kept = this.#kept;
    const known = kept.get(name);
    if (known !== undefined) return await (known as Promise<Answer>);
    for (const oldest of kept.keys()) {
      if (kept.size < KEPT_MAX) break;
      kept.delete(oldest);
    }
    const asked = ask();
    kept.set(name, asked);
    asked.catch(() => kept.delete(name));
    return await asked;
  }
}
