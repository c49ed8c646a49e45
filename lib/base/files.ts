/** Small files that must survive a power cut: whole before or whole after, never half. */
import { basename, dirname, join } from "node:path";
import { delay, systemClock } from "./clock.ts";

/** Only the owner may read what holds a key or a token. */
export const PRIVATE_MODE = 0o600;

/** The text of a file, or undefined when there is none. Throws what the system throws otherwise. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Replaces the file with `content`: written beside it, synced, then renamed over it. The mode is
 * set before a byte is written (it means nothing on Windows).
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = PRIVATE_MODE,
): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await replaceFile(path, mode, (file) => writeAll(file, bytes));
}

/** As `writeFileAtomic`, for what `write` puts into the file. Nothing is left where it throws. */
export async function replaceFile<Result>(
  path: string,
  mode: number,
  write: (file: Deno.FsFile) => Promise<Result>,
): Promise<Result> {
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}.new`);
  let result: Result;
  try {
    const file = await Deno.open(temporary, { write: true, createNew: true, mode });
    try {
      result = await write(file);
      await file.syncData();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // It may never have come to be.
    throw error;
  }
  await syncFolder(dirname(path));
  return result;
}

/** Writes all of `bytes`, however many the system takes at a time. */
export async function writeAll(
  file: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/** Makes a rename last through a power cut, where the system lets a folder be synced. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const folder = await Deno.open(path, { read: true });
  try {
    await folder.sync();
  } finally {
    folder.close();
  }
}

/** How long an older Deno may take to say that a lock is free. */
const FREE_LOCK_MS = 100;

/**
 * The file at `path` opened and locked, or undefined while another process holds it. The system
 * frees the lock when the file is closed or the process dies. Throws what opening throws.
 */
export async function openLocked(
  path: string,
  options: { exclusive: boolean; create: boolean },
): Promise<Deno.FsFile | undefined> {
  const { exclusive, create } = options;
  const file = await Deno.open(path, { read: true, ...(create && { write: true, create }) });
  if (typeof file.tryLock !== "function") return await lockSoon(file, exclusive);
  if (await file.tryLock(exclusive)) return file;
  file.close();
  return undefined;
}

/** Before Deno 2.9 a lock can only be waited for: a wait that lasts is given up. */
async function lockSoon(file: Deno.FsFile, exclusive: boolean): Promise<Deno.FsFile | undefined> {
  const locked = file.lock(exclusive).then(() => true);
  const decided = new AbortController();
  const late = delay(systemClock, FREE_LOCK_MS, decided.signal).then(() => false);
  const isOurs = await Promise.race([locked, late]);
  decided.abort();
  if (isOurs) return file;
  locked.then(() => file.close(), () => {}); // It comes when nobody wants it any more.
  return undefined;
}
