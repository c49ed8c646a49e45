/**
 * The keys of a data folder without any network: what `wallet` commands need where no node runs.
 * No network's folder is made or opened, so keys can be made and saved whatever state chains are in.
 */
import { toHex } from "../base/bytes.ts";
import { DataFolder } from "../store/folder.ts";
import { Keystore, type WalletKey } from "../wallet/keystore.ts";
import type { WalletExportResult, WalletHandle, WalletKeyInfo, WalletNewResult } from "./api.ts";

/** Opens the keystore in `dataDir`. Throws `UserError`: in use, unwritable, damaged. */
export async function openWallet(dataDir: string): Promise<WalletHandle> {
  const folder = await DataFolder.open(dataDir);
  try {
    return new WalletFolder(folder, await Keystore.open(folder.filePath("wallets.json")));
  } catch (error) {
    folder.close();
    throw error;
  }
}

class WalletFolder implements WalletHandle {
  readonly #folder: DataFolder;
  readonly #keystore: Keystore;

  constructor(folder: DataFolder, keystore: Keystore) {
    this.#folder = folder;
    this.#keystore = keystore;
  }

  async walletNew(alias?: string): Promise<WalletNewResult> {
    const { key, mnemonic } = await this.#keystore.newKey(alias);
    return {
      key: keyInfo(key),
      ...(mnemonic !== undefined && { mnemonic }),
      file: this.#keystore.path,
    };
  }

  walletList(): Promise<WalletKeyInfo[]> {
    return Promise.resolve(this.#keystore.keys().map(keyInfo));
  }

  async walletImport(name: string, secret: string): Promise<WalletKeyInfo> {
    return keyInfo(await this.#keystore.import(name, secret));
  }

  walletExport(name?: string): Promise<WalletExportResult> {
    return Promise.resolve(exported(this.#keystore, name));
  }

  close(): Promise<void> {
    return Promise.resolve(this.#folder.close());
  }
}

/** What of a key is told: never its secret. */
export function keyInfo({ name, address, publicKey, path }: WalletKey): WalletKeyInfo {
  return {
    name,
    address,
    publicKey: toHex(publicKey),
    ...(path !== undefined && { path }),
    imported: path === undefined,
  };
}

/** A key's secret, or without a name the mnemonic of all. Throws `UserError` (not found). */
export function exported(keystore: Keystore, name: string | undefined): WalletExportResult {
  if (name === undefined) return { kind: "mnemonic", mnemonic: keystore.exportMnemonic() };
  const { key, secret } = keystore.exportSecret(name);
  return { kind: "key", name: key.name, address: key.address, secret };
}
