/** Small files that must survive a power cut: whole before or whole after, never half. */
import { basename, dirname, join } from "node:path";

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
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}.new`);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    const file = await Deno.open(temporary, { write: true, createNew: true, mode });
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
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
