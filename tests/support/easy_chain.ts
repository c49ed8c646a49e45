/** Blocks for tests, made fast: on this network every second hash meets the target. */
import { checkHeader } from "../../lib/consensus/check_header.ts";
import { requiredBits } from "../../lib/consensus/difficulty.ts";
import { genesisContext, type HeaderContext } from "../../lib/consensus/header_context.ts";
import { DEV_NETWORK, type Network } from "../../lib/consensus/network.ts";
import { hashMeetsBits } from "../../lib/consensus/work.ts";
import { rewardAt } from "../../lib/consensus/reward.ts";
import { type Amount, sumAmounts } from "../../lib/primitives/amount.ts";
import {
  type Block,
  coinbaseMemo,
  encodeBlock,
  encodeHeader,
  type HeaderFields,
  transactionsRoot,
} from "../../lib/primitives/block.ts";
import { asLock, type Lock } from "../../lib/primitives/ids.ts";
import { encodeTransaction, type Transaction } from "../../lib/primitives/transaction.ts";
import { utf8 } from "../../lib/base/bytes.ts";

export const EASY_NETWORK: Network = { ...DEV_NETWORK, name: "easy", limitBits: 0x207f_ffff };

const SOMEBODY = asLock("11".repeat(20));

export interface MintOptions {
  /** Milliseconds after the parent; one spacing unless said otherwise. */
  readonly gapMs?: number;
  readonly transactions?: readonly Transaction[];
  readonly fees?: Amount;
  readonly lock?: Lock;
  /** Makes blocks on one parent differ. */
  readonly mark?: string;
  readonly network?: Network;
}

export interface Minted {
  readonly block: Block;
  readonly context: HeaderContext;
}

/** A valid child of `parent` as long as `transactions` and `fees` are right. */
export function mint(parent: HeaderContext, options: MintOptions = {}): Minted {
  const network = options.network ?? EASY_NETWORK;
  const height = parent.height + 1;
  const coinbase = encodeTransaction({
    spends: [],
    outputs: [{
      amount: sumAmounts([rewardAt(height, network), options.fees ?? (0 as Amount)]),
      lock: options.lock ?? SOMEBODY,
    }],
    memo: coinbaseMemo(height, utf8(options.mark ?? "")),
    signatures: [],
  });
  const transactions = [coinbase, ...options.transactions ?? []];
  const timeMs = parent.timeMs + (options.gapMs ?? network.spacingMs);
  const header = grind({
    version: 1,
    height,
    previous: parent.id,
    merkleRoot: transactionsRoot(transactions),
    timeMs,
    bits: requiredBits(parent, timeMs, network),
    nonce: 0n,
  });
  const block = encodeBlock({ header, transactions });
  return { block, context: checkHeader(block.header, parent, network, Infinity) };
}

/** `count` blocks on `parent` (genesis unless said otherwise), one on the other. */
export function mintBranch(
  count: number,
  options: MintOptions & { readonly on?: HeaderContext } = {},
): Minted[] {
  const minted: Minted[] = [];
  let parent = options.on ?? genesisContext(options.network ?? EASY_NETWORK);
  for (let made = 0; made < count; made++) {
    const next = mint(parent, options);
    minted.push(next);
    parent = next.context;
  }
  return minted;
}

/** The first nonce from `fields.nonce` on that meets the target. */
export function grind(fields: HeaderFields): HeaderFields {
  for (let nonce = fields.nonce;; nonce++) {
    const header = encodeHeader({ ...fields, nonce });
    if (hashMeetsBits(header.id, header.bits)) return header;
  }
}
