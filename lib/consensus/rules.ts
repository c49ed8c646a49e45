/** Every rule that a transaction, header or block can break: one code each, in one table. */

/**
 * What breaking a rule says about the sender. `invalid`: an honest node never sends this.
 * `too-early`: may be right later. `incomplete`: something it builds on is not here.
 */
export type Fault = "invalid" | "too-early" | "incomplete";

export const RULES = {
  // A loose transaction, by its bytes alone.
  "malformed-transaction": "invalid",
  "transaction-too-large": "invalid",
  "no-outputs": "invalid",
  "repeated-key": "invalid",
  "repeated-coin": "invalid",
  "output-sum-too-high": "invalid",
  "bad-signature": "invalid",

  // A transaction and the coins it spends. Outside a block a missing or unripe coin may only mean
  // that this node is behind; inside a block it is the block's fault, under a code of its own.
  "loose-coinbase": "invalid",
  "missing-coin": "incomplete",
  "immature-coin": "too-early",
  "input-sum-too-high": "invalid",
  "overspend": "invalid",

  // A header and its parent.
  "malformed-header": "invalid",
  "header-version": "invalid",
  "missing-parent": "incomplete",
  "header-height": "invalid",
  "time-too-soon": "invalid",
  "wrong-bits": "invalid",
  "insufficient-work": "invalid",
  "time-in-future": "too-early",

  // A block, by its bytes alone.
  "bad-body": "invalid",
  "block-too-large": "invalid",
  "no-coinbase": "invalid",
  "extra-coinbase": "invalid",
  "coinbase-height": "invalid",
  "too-many-signatures": "invalid",
  "too-many-coins": "invalid",
  "child-before-parent": "invalid",

  // A block and the coins it spends.
  "block-missing-coin": "invalid",
  "block-immature-coin": "invalid",
  "fee-sum-too-high": "invalid",
  "coinbase-too-high": "invalid",
} as const satisfies Record<string, Fault>;

export type Rule = keyof typeof RULES;

/** A rule is broken. `detail` tells where, for people; programs look at `rule` and `fault`. */
export class RuleError extends Error {
  readonly fault: Fault;

  constructor(readonly rule: Rule, readonly detail: string) {
    super(`${detail} (${rule})`);
    this.name = "RuleError";
    this.fault = RULES[rule];
  }

  /**
   * The failure condemns whoever sent the bytes, never the id they came under: the body was not
   * the one that the header names, so the block itself may still be good.
   */
  get senderOnly(): boolean {
    return this.rule === "bad-body";
  }
}

/** Throws `RuleError` for `rule` unless `holds`; `detail` is built only then. */
export function enforce(holds: boolean, rule: Rule, detail: () => string): asserts holds {
  if (!holds) throw new RuleError(rule, detail());
}
