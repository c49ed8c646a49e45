/**
 * Blocks as JSON, kept while the chain stands still: to answer one, its signatures are checked again,
 * which takes far longer than to send it.
 */
import type { NodeApi } from "../node/api.ts";
import { withoutKeyNames } from "./privacy.ts";

/** Characters of all kept blocks; some hundreds of ordinary blocks, or some ten full ones. */
const KEPT_CHARACTERS_MAX = 8 * 1024 * 1024;

/** A block's JSON, and the id of the tip that its confirmations count from. */
export type BlockText = { text: string; id: string; tipId: string };

export class Blocks {
  readonly #api: NodeApi;
  readonly #kept = new Map<string, { text: string; id: string }>();
  #keptCharacters = 0;
  #tipId = "";
  /** Counts what makes kept answers wrong. */
  #era = 0;

  constructor(api: NodeApi) {
    this.#api = api;
  }

  /** Key names may have changed: answers made before are not given any more. */
  forget(): void {
    this.#era += 1;
    this.#kept.clear();
    this.#keptCharacters = 0;
  }

  /** By id or height; throws as `NodeApi.block`. */
  async text(idOrHeight: string, hasToken: boolean): Promise<BlockText> {
    const { tipId } = await this.#api.status();
    if (tipId !== this.#tipId) {
      this.forget();
      this.#tipId = tipId;
    }
    const key = `${hasToken ? "+" : "-"}${idOrHeight.toLowerCase()}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return { ...kept, tipId };
    const era = this.#era;
    const block = await this.#api.block(idOrHeight);
    const text = JSON.stringify(hasToken ? block : withoutKeyNames(block));
    if (era === this.#era) this.#keep(key, { text, id: block.id });
    return { text, id: block.id, tipId };
  }

  #keep(key: string, block: { text: string; id: string }): void {
    const room = KEPT_CHARACTERS_MAX - block.text.length;
    if (room < 0 || this.#kept.has(key)) return;
    for (const [oldest, { text }] of this.#kept) {
      if (this.#keptCharacters <= room) break;
      this.#kept.delete(oldest);
      this.#keptCharacters -= text.length;
    }
    this.#kept.set(key, block);
    this.#keptCharacters += block.text.length;
  }
}
