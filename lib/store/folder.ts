/**
 * The data folder: one node's identity, keystore, settings and any number of networks. While a
 * process uses it, it holds an advisory lock that the system frees when the process dies, however
 * it dies: there is never a stale lock to remove.
 */
import { join } from "node:path";
import { fromHex, toHex } from "../base/bytes.ts";
import { delay, systemClock } from "../base/clock.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { PRIVATE_MODE, readTextIfThere, writeFileAtomic } from "../base/files.ts";
import { systemRandom } from "../base/random.ts";
import type { Network } from "../consensus/network.ts";
import type { NetworkJson } from "../consensus/network_json.ts";
import { encodeAddress } from "../primitives/address.ts";
import type { BlockId } from "../primitives/ids.ts";

const FOLDER_MODE = 0o700;
/** Between two tries for a lock that another process holds. */
const LOCK_RETRY_MS = 100;
const IDENTITY_FILE = "identity.key";
const IDENTITY_BYTES = 32;
/** Of the network's name in its folder's name: short enough for every file system. */
const NAME_CHARACTERS = 32;
const GENESIS_DIGITS = 12;

/** Where a network's chain and parameters are. */
export interface NetworkFolder {
  readonly path: string;
  /** The file of its key-value store. */
  readonly kvPath: string;
}

export class DataFolder {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  #isClosed = false;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder if need be and takes its lock, waiting up to `waitMs` for it.
   * Throws `UserError`: "inUse", or "failed" when it cannot be written.
   */
  static async open(path: string, { waitMs = 0 }: { waitMs?: number } = {}): Promise<DataFolder> {
    const lock = await openLock(path);
    try {
      await takeLock(lock, path, waitMs);
    } catch (error) {
      lock.close();
      throw error;
    }
    return new DataFolder(path, lock);
  }

  /** The path of a file in the folder. */
  filePath(name: string): string {
    return join(this.path, name);
  }

  /** The 32-byte Ed25519 seed of the node's identity, made the first time. Throws `UserError`. */
  async identitySeed(): Promise<Uint8Array> {
    const path = this.filePath(IDENTITY_FILE);
    const text = await readTextIfThere(path).catch((error) => cannotUse(path, error));
    if (text === undefined) {
      const seed = systemRandom.bytes(IDENTITY_BYTES);
      const content = `${toHex(seed)}\n`;
      await writeFileAtomic(path, content, PRIVATE_MODE).catch((error) => cannotUse(path, error));
      return seed;
    }
    try {
      const seed = fromHex(text.trim());
      if (seed.length === IDENTITY_BYTES) return seed;
    } catch {
      // Told below: not hex, or not of the right length, is one thing to its reader.
    }
    throw new UserError(
      EXIT.damaged,
      `Cannot read the node's identity "${path}": it is damaged; remove it to get a new one`,
    );
  }

  /**
   * The folder of `network`, made the first time. Its `network.json` must be that network's.
   * Throws `UserError`: "damaged" when it is not, "failed" when it cannot be written.
   */
  async openNetwork(network: Network, genesisId: BlockId): Promise<NetworkFolder> {
    const path = join(this.path, "networks", networkFolderName(network.name, genesisId));
    const file = join(path, "network.json");
    const expected = networkFile(network);
    try {
      await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
      const text = await readTextIfThere(file);
      if (text === undefined) await writeFileAtomic(file, `${JSON.stringify(expected, null, 2)}\n`);
      else checkNetworkFile(file, text, expected);
    } catch (error) {
      cannotUse(path, error);
    }
    return { path, kvPath: join(path, "node.kv") };
  }

  /** Gives the folder back. */
  close(): Promise<void> {
    if (!this.#isClosed) this.#lock.close(); // The lock goes with the file.
    this.#isClosed = true;
    return Promise.resolve();
  }
}

/** A name for the folder of a network: readable, safe as a path, and never the same for two. */
export function networkFolderName(name: string, genesisId: BlockId): string {
  const safe = [...name.replace(/[^\p{L}\p{N}_-]+/gu, "_")].slice(0, NAME_CHARACTERS).join("");
  return `${safe}-${genesisId.slice(0, GENESIS_DIGITS)}`;
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
    return await Deno.open(join(path, "lock"), { create: true, write: true, mode: PRIVATE_MODE });
  } catch (error) {
    return cannotUse(path, error);
  }
}

async function takeLock(lock: Deno.FsFile, path: string, waitMs: number): Promise<void> {
  const untilMs = systemClock.monotonicMs() + waitMs;
  while (!await lock.tryLock(true)) {
    if (systemClock.monotonicMs() >= untilMs) {
      throw new UserError(
        EXIT.inUse,
        `Cannot use data folder "${path}": another moim uses it; stop that one or name another ` +
          `folder with --data-dir`,
      );
    }
    await delay(systemClock, LOCK_RETRY_MS);
  }
}

function cannotUse(path: string, error: unknown): never {
  if (error instanceof UserError) throw error;
  throw new UserError(
    EXIT.failed,
    `Cannot use "${path}": ${messageOf(error)}; make it writable or use --data-dir`,
    { cause: error },
  );
}

/** A network's parameters as the file spells them; its type keeps it complete. */
function networkFile(network: Network): NetworkJson {
  const allocations = network.allocations.map(({ lock, amount }) => ({
    address: encodeAddress(lock),
    amount: Number(amount),
  }));
  return {
    name: network.name,
    timeMs: network.timeMs,
    spacingMs: network.spacingMs,
    minGapMs: network.minGapMs,
    reward: network.reward,
    halvingInterval: network.halvingInterval,
    coinbaseMaturity: network.coinbaseMaturity,
    limitBits: `0x${network.limitBits.toString(16).padStart(8, "0")}`,
    allocations,
    message: network.message,
  };
}

function checkNetworkFile(path: string, text: string, expected: NetworkJson): void {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new UserError(
      EXIT.damaged,
      `Cannot read "${path}": ${messageOf(error)}; remove it to have it written again`,
    );
  }
  if (JSON.stringify(found) === JSON.stringify(expected)) return;
  throw new UserError(
    EXIT.damaged,
    `Cannot use "${path}": it describes another network than its folder's; ` +
      `remove it to have it written again`,
  );
}
