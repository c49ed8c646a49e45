/**
 * The data folder: one node's identity, keystore, settings and any number of networks. While a
 * process uses it, it holds an advisory lock that the system frees when the process dies, however
 * it dies: there is never a stale lock to remove.
 */
import { join } from "node:path";
import { fromHex, toHex } from "../base/bytes.ts";
import { delay, systemClock } from "../base/clock.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { openLocked, PRIVATE_MODE, readTextIfThere, writeFileAtomic } from "../base/files.ts";
import { systemRandom } from "../base/random.ts";
import type { NetworkJson } from "../consensus/network_json.ts";
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
    await makeFolder(path);
    const untilMs = systemClock.monotonicMs() + waitMs;
    for (;;) {
      const lock = await openLock(path);
      if (lock !== undefined) return new DataFolder(path, lock);
      if (systemClock.monotonicMs() >= untilMs) throw inUse(path);
      await delay(systemClock, LOCK_RETRY_MS);
    }
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
   * The folder of the network with these parameters, made the first time. Its `network.json` must be that network's.
   * Throws `UserError`: "damaged" when it is not, "failed" when it cannot be written.
   */
  async openNetwork(parameters: NetworkJson, genesisId: BlockId): Promise<NetworkFolder> {
    const path = join(this.path, "networks", networkFolderName(parameters.name, genesisId));
    const file = join(path, "network.json");
    try {
      await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
      const text = await readTextIfThere(file);
      if (text === undefined) {
        await writeFileAtomic(file, `${JSON.stringify(parameters, null, 2)}\n`);
      } else checkNetworkFile(file, text, parameters);
    } catch (error) {
      cannotUse(path, error);
    }
    return { path, kvPath: join(path, "node.kv") };
  }

  /** Gives the folder back: the lock goes with its file. Harmless when done already. */
  close(): void {
    if (!this.#isClosed) this.#lock.close();
    this.#isClosed = true;
  }
}

/** A name for the folder of a network: readable, safe as a path, and never the same for two. */
export function networkFolderName(name: string, genesisId: BlockId): string {
  const safe = [...name.replace(/[^\p{L}\p{N}_-]+/gu, "_")].slice(0, NAME_CHARACTERS).join("");
  return `${safe}-${genesisId.slice(0, GENESIS_DIGITS)}`;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    cannotUse(path, error);
  }
}

async function openLock(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await openLocked(join(path, "lock"), { exclusive: true, create: true });
  } catch (error) {
    return cannotUse(path, error);
  }
}

function inUse(path: string): UserError {
  return new UserError(
    EXIT.inUse,
    `Cannot use data folder "${path}": another moim uses it; stop that one or name another ` +
      `folder with --data-dir`,
  );
}

function cannotUse(path: string, error: unknown): never {
  if (error instanceof UserError) throw error;
  throw new UserError(
    EXIT.failed,
    `Cannot use "${path}": ${messageOf(error)}; make it writable or use --data-dir`,
    { cause: error },
  );
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
