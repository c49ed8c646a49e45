/** Routes over the keystore: its owner's business, so all of them need the token. */
import { z } from "@hono/zod-openapi";
import {
  walletExportBody,
  walletImportBody,
  walletNewBody,
  walletRestoreBody,
} from "../schemas/requests.ts";
import {
  balanceSchema,
  walletExportResult,
  walletKey,
  walletNewResult,
} from "../schemas/wallet.ts";
import type { Router } from "./router.ts";

/** `onNewNames` is called when keys have got names. */
export function addWallet(router: Router, onNewNames: () => void): void {
  const { api } = router.parts;
  router.read({
    path: "/wallet/keys",
    id: "walletKeys",
    tag: "wallet",
    summary: "All keys, without their secrets",
    needsToken: true,
    answer: z.array(walletKey),
  }, () => api.walletList());
  router.read({
    path: "/wallet/balances",
    id: "walletBalances",
    tag: "wallet",
    summary: "The coins of every key",
    needsToken: true,
    answer: z.array(balanceSchema),
  }, () => api.balances());
  router.act({
    path: "/wallet/new",
    id: "walletNew",
    tag: "wallet",
    summary: "Makes a key, and the keystore where there is none",
    body: walletNewBody,
    answer: walletNewResult,
  }, ({ alias }) => api.walletNew(alias).finally(onNewNames));
  router.act({
    path: "/wallet/import",
    id: "walletImport",
    tag: "wallet",
    summary: "Takes in a key by its secret",
    body: walletImportBody,
    answer: walletKey,
  }, ({ name, secret }) => api.walletImport(name, secret).finally(onNewNames));
  router.act({
    path: "/wallet/export",
    id: "walletExport",
    tag: "wallet",
    summary: "A key's secret, or without a name the mnemonic",
    body: walletExportBody,
    answer: walletExportResult,
  }, ({ name }) => api.walletExport(name));
  router.act({
    path: "/wallet/restore",
    id: "walletRestore",
    tag: "wallet",
    summary: "Makes the keystore again from its mnemonic, where there is none",
    body: walletRestoreBody,
    answer: z.array(walletKey),
  }, ({ mnemonic }) => api.walletRestore(mnemonic).finally(onNewNames));
}
