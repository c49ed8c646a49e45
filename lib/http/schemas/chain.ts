/** What is answered about blocks and transactions. */
import { z } from "@hono/zod-openapi";
import type {
  BlockInfo,
  BlockIntake,
  BlockSummary,
  ChainEvent,
  ChainPage,
  Confirmation,
  EventPage,
  ForkBlock,
  ForkTree,
  MinterShare,
  SearchResult,
  SpacingSeries,
  SubmitResult,
  SubmitTransactionResult,
  TransactionInfo,
  TransactionProof,
} from "../../node/api.ts";
import {
  absent,
  address,
  bigNumber,
  count,
  grains,
  hashHex,
  height,
  hex,
  keyName,
  oneOf,
  quantity,
  schemaOf,
  timeMs,
} from "./common.ts";

const confirmationFields = {
  state: oneOf("pending", "confirmed"),
  confirmations: count,
  settled: z.boolean().openapi({ description: "True once there is enough work above" }),
  blockId: absent(hashHex),
  height: absent(height),
  position: absent(count),
  timeMs: absent(timeMs),
};

/** How deep something lies; part of several answers. */
export const confirmationSchema = schemaOf<Confirmation>("Confirmation")(
  z.object(confirmationFields),
);

const coinReference = z.object({ txId: hashHex, index: count, amount: absent(grains) });

export const transactionSchema = schemaOf<TransactionInfo>("Transaction")(z.object({
  ...confirmationFields,
  id: hashHex,
  kind: oneOf("coinbase", "payment"),
  bytes: count,
  fee: absent(grains),
  memo: absent(z.string()).openapi({ description: "When it is printable text" }),
  memoHex: hex,
  spends: z.array(z.object({
    address,
    name: absent(keyName),
    publicKey: hex,
    coins: z.array(coinReference),
  })),
  outputs: z.array(z.object({
    index: count,
    amount: grains,
    address,
    name: absent(keyName),
    spent: absent(z.boolean()),
  })),
  signaturesValid: z.boolean().openapi({ description: "Checked again while answering" }),
}));

const summaryFields = {
  id: hashHex,
  height,
  previous: hashHex,
  timeMs,
  bits: count,
  nonce: bigNumber,
  bytes: count,
  transactions: count,
  minter: absent(address),
  minterName: absent(keyName),
  minted: grains,
  paid: grains,
  proofOfWorkValid: z.boolean(),
  signaturesValid: z.boolean(),
  settled: z.boolean(),
};

const blockSummary = schemaOf<BlockSummary>("BlockSummary")(z.object(summaryFields));

export const blockSchema = schemaOf<BlockInfo>("Block")(z.object({
  ...summaryFields,
  version: count,
  merkleRoot: hashHex,
  merkleRootValid: z.boolean(),
  work: bigNumber,
  totalWork: bigNumber,
  confirmations: count,
  onMainChain: z.boolean().openapi({ description: "False for a block on a side branch" }),
  next: absent(hashHex),
  details: z.array(transactionSchema),
}));

export const chainPage = schemaOf<ChainPage>("ChainPage")(z.object({
  blocks: z.array(blockSummary),
  height,
  next: absent(height).openapi({ description: "The `before` of the page after this" }),
}));

export const proofSchema = schemaOf<TransactionProof>("TransactionProof")(
  z.object({
    txId: hashHex,
    blockId: hashHex,
    height,
    position: count,
    transactions: count.openapi({ description: "Leaves of the tree" }),
    path: z.array(hashHex).openapi({ description: "Hashes beside the way, from the leaf up" }),
    merkleRoot: hashHex,
    header: hex.openapi({ description: "The block header's 92 bytes: its hash is the block id" }),
    transaction: hex,
  }).openapi({
    description: "What a light client needs to check that a block holds a transaction (RFC 6962)",
  }),
);

export const submitResult = schemaOf<SubmitResult>("SubmitResult")(z.object({
  kind: oneOf("connected", "reorganized", "side-branch", "orphan", "known"),
  id: hashHex,
  height: absent(height),
  missing: absent(hashHex),
}));

export const blockIntake = schemaOf<BlockIntake>("BlockIntake")(z.union([
  z.object({
    kind: oneOf("connected", "reorganized", "side-branch", "known"),
    id: hashHex,
    height,
  }),
  z.object({ kind: z.literal("orphan"), id: hashHex, missing: hashHex }),
  z.object({
    kind: z.literal("refused"),
    id: absent(hashHex),
    rule: z.string(),
    detail: z.string(),
  }),
]));

export const submitTransactionResult = schemaOf<SubmitTransactionResult>(
  "SubmitTransactionResult",
)(z.object({ txId: hashHex, state: oneOf("accepted", "known"), peers: count }));

const forkBlock = schemaOf<ForkBlock>("ForkBlock")(z.object({
  id: hashHex,
  previous: hashHex,
  height,
  timeMs,
  onMainChain: z.boolean(),
  valid: z.boolean(),
  minter: absent(address),
  minterName: absent(keyName),
}));

export const forkTree = schemaOf<ForkTree>("ForkTree")(z.object({
  tipId: hashHex,
  from: height,
  blocks: z.array(forkBlock),
}));

export const spacingSeries = schemaOf<SpacingSeries>("SpacingSeries")(z.object({
  targetSpacingMs: count,
  points: z.array(z.object({
    height,
    timeMs,
    spacingMs: z.int(),
    difficulty: quantity.openapi({ description: "Hashes that such a block takes on average" }),
    bits: count,
  })),
}));

export const minterShare = schemaOf<MinterShare>("MinterShare")(z.object({
  address,
  name: absent(keyName),
  blocks: count,
  lastHeight: height,
}));

export const searchResult = schemaOf<SearchResult>("SearchResult")(z.object({
  kind: oneOf("block", "transaction", "address", "none"),
  id: absent(z.string()),
  height: absent(height),
}));

const chainEvent = schemaOf<ChainEvent>("ChainEvent")(z.object({
  number: count,
  kind: oneOf("connected", "disconnected"),
  id: hashHex,
  height,
}));

export const eventPage = schemaOf<EventPage>("EventPage")(z.object({
  events: z.array(chainEvent),
  oldest: count.openapi({ description: "The first number that is still kept" }),
  next: count.openapi({ description: "The number of the event to come" }),
}));

/** One event of the stream, as a client gets it. */
export const sentEvent = z.object({
  id: absent(z.string()).openapi({ description: "Its number, where it has one" }),
  event: absent(oneOf("connected", "disconnected", "mempool", "peers")),
  data: absent(z.string()).openapi({ description: "What happened, as JSON" }),
  retry: absent(z.int()),
});
