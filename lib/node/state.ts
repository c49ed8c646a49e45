/**
 * What a data folder remembers between runs without anybody having set it: which network was used
 * last and the port that an unrequested default moved to. Kept in state.json, apart from
 * config.json, which belongs to the user.
 */
import { join } from "node:path";
import { EXIT, UserError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";

/** Which network to open. */
export type NetworkChoice =
  | { kind: "phrase"; phrase: string }
  | { kind: "dev" }
  /** A network file of the user's. */
  | { kind: "file"; path: string }
  /** The network.json of a folder under `networks/`, when the file it came from may be gone. */
  | { kind: "folder"; folder: string };

export type RememberedState = {
  network?: NetworkChoice | undefined;
  /** The point to meet under, when it is not the network's name. */
  rendezvous?: string | undefined;
  port?: number | undefined;
};

const STATE_FILE = "state.json";

/**
 * The remembered state; without a file an empty memory. Throws `UserError` (damaged): to go on
 * without it could mean another network than the group's.
 */
export function readState(
  dataDir: string,
  readText: (path: string) => string | undefined,
): RememberedState {
  const path = join(dataDir, STATE_FILE);
  const text = readText(path);
  if (text === undefined) return {};
  try {
    return checkState(JSON.parse(text));
  } catch {
    throw new UserError(
      EXIT.damaged,
      `Cannot read ${path}: it is damaged; remove it and name the network with --rendezvous`,
    );
  }
}

/** Throws when `content` is not what `writeState` writes. */
function checkState(content: unknown): RememberedState {
  const { network, rendezvous, port } = content as Record<string, unknown>;
  const choice = asChoice(network);
  const isPort = Number.isInteger(port) && Number(port) > 0 && Number(port) < 65536;
  if (choice === undefined && network !== undefined) throw new Error("No known form of a network");
  if (!isPort && port !== undefined) throw new Error("No port");
  return {
    network: choice,
    rendezvous: typeof rendezvous === "string" ? rendezvous : undefined,
    port: isPort ? Number(port) : undefined,
  };
}

/** Writes the state in one step; the caller holds the folder's lock. */
export async function writeState(dataDir: string, state: RememberedState): Promise<void> {
  await writeFileAtomic(join(dataDir, STATE_FILE), JSON.stringify(state, null, 2) + "\n");
}

/** Forms that a phrase, the dev network and a folder (a plain name, never a path) may take. */
function asChoice(value: unknown): NetworkChoice | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, phrase, folder } = value as Record<string, unknown>;
  if (kind === "dev") return { kind };
  if (kind === "phrase" && typeof phrase === "string" && phrase !== "") return { kind, phrase };
  if (kind === "folder" && typeof folder === "string" && isPlainName(folder)) {
    return { kind, folder };
  }
  return undefined;
}

function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name);
}
