/** Blocks that come many at a time from a file: through the same door as everybody's. */
import type { Chain } from "../chain/chain.ts";
import type { Outcome } from "../chain/outcome.ts";
import type { BlockIntake } from "./api.ts";

/** From so many at once on, each is not worth a line to whoever watches the node. */
const BULK_BLOCKS = 16;

type Doors = Pick<Chain, "acceptMany" | "expectBlocks" | "header">;

export class Intake {
  readonly #chain: Doors;
  #underWay = 0;

  constructor(chain: Doors) {
    this.#chain = chain;
  }

  /** Whether blocks come by the dozen just now. */
  get isBulk(): boolean {
    return this.#underWay > BULK_BLOCKS;
  }

  /** Takes in encodings of blocks, parents first. Rejects only when the store fails. */
  async take(blocks: readonly Uint8Array[]): Promise<BlockIntake[]> {
    this.#chain.expectBlocks();
    this.#underWay += blocks.length;
    try {
      const outcomes = await this.#chain.acceptMany(blocks);
      return outcomes.map((outcome) => this.#told(outcome));
    } finally {
      this.#underWay -= blocks.length;
    }
  }

  #told(outcome: Outcome): BlockIntake {
    const { kind, id } = outcome;
    if (kind === "rejected") {
      const { rule, detail } = outcome;
      return { kind: "refused", ...(id !== undefined && { id }), rule, detail };
    }
    if (kind === "orphan") return { kind, id: outcome.id, missing: outcome.missing };
    return { kind, id: outcome.id, height: this.#chain.header(outcome.id)?.height ?? 0 };
  }
}
