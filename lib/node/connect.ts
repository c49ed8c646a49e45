/**
 * How a command reaches its data folder: the lock first. Free: nobody runs there (an api.json is
 * stale), so the folder is opened here. Held: the node that holds it is asked over HTTP.
 */
import { join } from "node:path";
import { type Clock, delay, systemClock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { openLocked } from "../base/files.ts";
import type { NodeHandle, OnEvent, OpenMode, WalletHandle } from "./api.ts";
import { exchange } from "./api_client.ts";
import { type ApiFile, httpUrl, readApiFile } from "./api_file.ts";
import type { NodeConfig } from "./config.ts";
import { RemoteNode } from "./remote_node.ts";

/** How long a held lock may stay without an api.json: a node that is starting or stopping. */
const API_FILE_WAIT_MS = 10_000;
const POLL_MS = 50;
/** An answer from loopback takes milliseconds; a stopped (SIGSTOP) program gives none. */
const STATUS_TIMEOUT_MS = 5_000;

/** Options of `connect`. */
export type ConnectOptions = {
  /** How to open the folder where no node runs; `send --peer` needs the network. */
  mode?: OpenMode | undefined;
  onEvent?: OnEvent | undefined;
  /** See `OpenOptions`; a running node is asked for it by its own call. */
  rebuild?: boolean | undefined;
  clock?: Clock | undefined;
};

/**
 * The node of `config.dataDir`: the running one, or the folder opened for this command. The caller
 * closes it. Throws `UserError`: inUse (8) when another program holds the folder and does not
 * answer, or the running node is on another network than the one asked for; and what opening throws.
 */
export async function connect(
  config: NodeConfig,
  options: ConnectOptions = {},
): Promise<NodeHandle> {
  return await reach<NodeHandle>(config, options.clock ?? systemClock, async () => {
    const { openNode } = await import("./node.ts");
    const { mode = "offline", onEvent, rebuild } = options;
    return await openNode(config, { mode, onEvent, rebuild });
  });
}

/**
 * As `connect`, for what needs keys alone: where no node runs and none of its networks is named,
 * the keystore is opened without one. Throws as `connect` does.
 */
export async function connectWallet(config: NodeConfig): Promise<WalletHandle> {
  if (config.networkRequested) return await connect(config);
  return await reach<WalletHandle>(config, systemClock, async () => {
    const { openWallet } = await import("./wallet_folder.ts");
    return await openWallet(config.dataDir);
  });
}

/** The running node, or else what `openHere` opens. */
async function reach<Handle>(
  config: NodeConfig,
  clock: Clock,
  openHere: () => Promise<Handle>,
): Promise<Handle | NodeHandle> {
  const endMs = clock.monotonicMs() + API_FILE_WAIT_MS;
  for (;;) {
    if (!await isFolderLocked(config.dataDir)) {
      const opened = await unlessInUse(openHere);
      if (opened !== undefined) return opened;
    }
    const api = await readApiFile(config.dataDir);
    if (api !== undefined && await answersAs(api)) return await remote(config, api);
    if (clock.monotonicMs() >= endMs) throw inUse(config.dataDir);
    await delay(clock, POLL_MS);
  }
}

/**
 * The node that runs here, and where a browser finds it. Throws `UserError`: unreachable (4) when
 * none runs, and failed (1) when it serves no pages.
 */
export async function connectRunning(
  config: NodeConfig,
): Promise<{ node: NodeHandle; url: string; token: string }> {
  const api = await isFolderLocked(config.dataDir) ? await readApiFile(config.dataDir) : undefined;
  if (api === undefined || !await answersAs(api)) {
    throw new UserError(EXIT.unreachable, "No node runs here: start it with moim start");
  }
  const { host, port } = api;
  const { status } = await exchange({ host, port }, { method: "GET", path: "status" });
  if (status === 401) {
    throw new UserError(
      EXIT.failed,
      "The node that runs here serves no pages (--http off): start it without that",
    );
  }
  return { node: await remote(config, api), url: httpUrl(api), token: api.token };
}

/**
 * For `start`: throws `UserError` (inUse) at once when a node already runs in the folder, rather
 * than after waiting for its lock.
 */
export async function refuseSecondNode(config: NodeConfig): Promise<void> {
  if (!await isFolderLocked(config.dataDir)) return;
  const api = await readApiFile(config.dataDir);
  if (api === undefined || !await answersAs(api)) return;
  throw new UserError(
    EXIT.inUse,
    `Cannot start in ${config.dataDir}: a node already runs there (moim status shows it); ` +
      "give another --data-dir, or NODE_ID",
  );
}

/**
 * Whether another process holds the folder's lock, without taking it for longer than a moment
 * (shared, so that two who look do not disturb each other).
 */
export async function isFolderLocked(dataDir: string): Promise<boolean> {
  try {
    const lock = await openLocked(join(dataDir, "lock"), { exclusive: false, create: false });
    lock?.close();
    return lock === undefined;
  } catch {
    // No lock file: nobody has opened it yet. Anything worse is told by the opening that follows.
    return false;
  }
}

/** Undefined when somebody else took the lock in between. */
async function unlessInUse<Handle>(open: () => Promise<Handle>): Promise<Handle | undefined> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EXIT.inUse) return undefined;
    throw error;
  }
}

/**
 * Whether the program on that port is the one that wrote api.json. Asked without the token, so that
 * a program that took a crashed node's port learns nothing. With `--http off` the refusal (401)
 * names the instance.
 */
async function answersAs(api: ApiFile): Promise<boolean> {
  try {
    const { content } = await exchange(
      { host: api.host, port: api.port },
      { method: "GET", path: "status", timeoutMs: STATUS_TIMEOUT_MS },
    );
    return (content as { instanceId?: unknown } | undefined)?.instanceId === api.instanceId;
  } catch {
    return false;
  }
}

async function remote(config: NodeConfig, api: ApiFile): Promise<NodeHandle> {
  const node = new RemoteNode({ host: api.host, port: api.port, token: api.token });
  if (config.networkRequested) await checkNetwork(config, node);
  return node;
}

async function checkNetwork(config: NodeConfig, node: RemoteNode): Promise<void> {
  const { resolveNetwork } = await import("./network_choice.ts");
  const { genesisBlock } = await import("../consensus/genesis.ts");
  const wanted = resolveNetwork(config.networkChoice, config.dataDir);
  const running = await node.status();
  if (genesisBlock(wanted).header.id === running.genesisId) return;
  throw new UserError(
    EXIT.inUse,
    `The node that runs here is on network "${running.network}", not "${wanted.name}": ` +
      "stop it first, or give another --data-dir",
  );
}

function inUse(dataDir: string): UserError {
  return new UserError(
    EXIT.inUse,
    `Cannot use ${dataDir}: another program holds it and does not answer; end that one, ` +
      "or give another --data-dir",
  );
}
