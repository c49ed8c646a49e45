/** What is answered about an owner's coins and keys, and about long work. */
import { z } from "@hono/zod-openapi";
import type {
  Balance,
  CoinInfo,
  CoinPage,
  HistoryEntry,
  HistoryPage,
  MintResult,
  ReindexReport,
  SendResult,
  VerifyReport,
  WalletExportResult,
  WalletKeyInfo,
  WalletNewResult,
} from "../../node/api.ts";
import {
  absent,
  address,
  count,
  grains,
  grainsChange,
  hashHex,
  height,
  hex,
  keyName,
  oneOf,
  quantity,
  schemaOf,
} from "./common.ts";
import { confirmationSchema } from "./chain.ts";

export const balanceSchema = schemaOf<Balance>("Balance")(z.object({
  name: absent(keyName),
  address,
  confirmed: grains,
  maturing: grains,
  pendingIn: grains,
  pendingOut: grains,
  total: grainsChange,
  height,
}));

const coinInfo = schemaOf<CoinInfo>("Coin")(z.object({
  txId: hashHex,
  index: count,
  amount: grains,
  height,
  coinbase: z.boolean(),
  mature: z.boolean(),
}));

const nextCursor = absent(z.string()).openapi({
  description: "The `before` of the page after this",
});

export const coinPage = schemaOf<CoinPage>("CoinPage")(z.object({
  name: absent(keyName),
  address,
  coins: z.array(coinInfo),
  next: nextCursor,
  height,
}));

const historyEntry = schemaOf<HistoryEntry>("HistoryEntry")(z.object({
  ...confirmationSchema.shape,
  txId: hashHex,
  kind: oneOf("minted", "received", "sent", "self"),
  amount: grainsChange,
  fee: absent(grains),
  others: z.array(address),
  memo: absent(z.string()),
}));

export const historyPage = schemaOf<HistoryPage>("HistoryPage")(z.object({
  name: absent(keyName),
  address,
  entries: z.array(historyEntry),
  next: nextCursor,
  indexedHeight: absent(height).openapi({
    description: "While the index is behind the chain: how far it is",
  }),
}));

export const walletKey = schemaOf<WalletKeyInfo>("WalletKey")(z.object({
  name: z.string(),
  address,
  publicKey: hex,
  path: absent(z.string()),
  imported: z.boolean(),
}));

export const walletNewResult = schemaOf<WalletNewResult>("WalletNewResult")(z.object({
  key: walletKey,
  mnemonic: absent(z.string()).openapi({ description: "Shown once, when the keystore is made" }),
  file: z.string(),
}));

export const walletExportResult = schemaOf<WalletExportResult>("WalletExportResult")(
  z.union([
    z.object({
      kind: z.literal("key"),
      name: z.string(),
      address,
      secret: hex,
    }),
    z.object({ kind: z.literal("mnemonic"), mnemonic: z.string() }),
  ]),
);

export const sendResult = schemaOf<SendResult>("SendResult")(z.object({
  txId: hashHex,
  from: z.string(),
  to: z.string(),
  amount: grains,
  fee: grains,
  change: grains,
  state: oneOf("announced", "queued", "minted"),
  peers: count,
  block: absent(z.object({ id: hashHex, height })),
}));

export const mintResult = schemaOf<MintResult>("MintResult")(z.object({
  address,
  name: absent(z.string()),
  blocks: z.array(z.object({ id: hashHex, height, reward: grains, transactions: count })),
  peers: count,
}));

export const reindexReport = schemaOf<ReindexReport>("ReindexReport")(z.object({
  blocks: count,
  elapsedMs: quantity,
}));

export const verifyReport = schemaOf<VerifyReport>("VerifyReport")(z.object({
  blocks: count,
  transactions: count,
  coins: count,
  problems: z.array(z.string()),
  elapsedMs: quantity,
}));
