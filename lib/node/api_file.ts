/**
 * api.json: how a command finds the node that runs in its data folder. Holds the port, the token
 * (new at each start) and the instance id, with mode 600; removed at stop.
 */
import { join } from "node:path";
import { toHex } from "../base/bytes.ts";
import { writeFileAtomic } from "../base/files.ts";
import { systemRandom } from "../base/random.ts";

/** Content of api.json. */
export type ApiFile = { host: string; port: number; token: string; instanceId: string };

/** A new token (32 random bytes) and instance id (16) for one run of a node. */
export function newCredentials(): { token: string; instanceId: string } {
  return { token: toHex(systemRandom.bytes(32)), instanceId: toHex(systemRandom.bytes(16)) };
}

/** The running node's entry, or undefined where there is none (or half of one). */
export async function readApiFile(dataDir: string): Promise<ApiFile | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await Deno.readTextFile(pathOf(dataDir)));
  } catch {
    return undefined;
  }
  if (typeof content !== "object" || content === null) return undefined;
  const { host, port, token, instanceId } = content as Record<string, unknown>;
  if (typeof host !== "string" || typeof port !== "number") return undefined;
  if (typeof token !== "string" || typeof instanceId !== "string") return undefined;
  return { host, port, token, instanceId };
}

/** Writes the entry in one step; the caller holds the folder's lock. */
export async function writeApiFile(dataDir: string, entry: ApiFile): Promise<void> {
  await writeFileAtomic(pathOf(dataDir), JSON.stringify(entry) + "\n");
}

/** Where the node serves HTTP, without a slash at the end. */
export function httpUrl({ host, port }: Pick<ApiFile, "host" | "port">): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Removes the entry; harmless when it is gone. */
export async function removeApiFile(dataDir: string): Promise<void> {
  await Deno.remove(pathOf(dataDir)).catch(() => {});
}

function pathOf(dataDir: string): string {
  return join(dataDir, "api.json");
}
