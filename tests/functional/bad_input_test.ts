/**
 * Bad input: one line on stderr, the right exit code, nothing changed. Real processes; each test
 * has its own copy of a folder with two keys and one minted block.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../lib/base/mod.ts";
import { run } from "../../lib/cli/mod.ts";
import {
  freePort,
  moim,
  moimJson,
  MoimNode,
  type MoimOptions,
  snapshot,
  until,
  withTempDir,
} from "../support/moim.ts";

const DEV = { MOIM_NETWORK: "dev" };

type Place = { options: MoimOptions; dir: string; networkDir: string };
type Refusal = { code: number; line: RegExp; env?: Record<string, string>; input?: string };

/** Made once for the whole file: a folder on the dev network, w1 with 20 coins, w2 with none. */
let prepared: Promise<string> | undefined;

async function prepare(): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "moim-test-" });
  const options = { dataDir: dir, env: DEV };
  for (const args of [["wallet", "new", "w1"], ["wallet", "new", "w2"], ["mint", "w1"]]) {
    const { code, stderr } = await moim(args, options);
    assert.equal(code, 0, stderr);
  }
  // The first start makes the identity.
  const node = await MoimNode.start(["start", "--port", "0"], options);
  assert.equal(await node.interrupt(), 0);
  return dir;
}

Deno.test.afterAll(async () => {
  if (prepared !== undefined) await Deno.remove(await prepared, { recursive: true });
});

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  prepared ??= prepare();
  const source = await prepared;
  await withTempDir(async (parent) => {
    const dir = join(parent, "data");
    await copyFolder(source, dir);
    const [network] = [...Deno.readDirSync(join(dir, "networks"))];
    const networkDir = join(dir, "networks", network!.name);
    await use({ dir, networkDir, options: { dataDir: dir, env: DEV } });
  });
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, target);
    else await Deno.copyFile(source, target);
  }
}

/** The folder's files, but for the store: opening it may tidy its log. */
async function files(dir: string): Promise<Record<string, string>> {
  const all = Object.entries(await snapshot(dir));
  return Object.fromEntries(all.filter(([path]) => !/\.kv(-wal|-shm)?$/.test(path)));
}

/** Runs what must be refused, and shows that files and chain are as before. */
async function refused({ options, dir }: Place, args: string[], refusal: Refusal): Promise<void> {
  const before = await files(dir);
  const result = await moim(args, {
    ...options,
    env: { ...options.env, ...refusal.env },
    ...(refusal.input !== undefined && { input: refusal.input }),
  });
  oneLine(args, result, refusal);
  if (args[0] !== "start") assert.equal(result.stdout, "");
  assert.deepEqual(await files(dir), before, args.join(" "));
}

/** As `refused`, without a process: for what is wrong before any folder is opened. */
async function refusedHere(
  { dir }: Place,
  args: string[],
  refusal: { code: number; line: RegExp },
): Promise<void> {
  const before = await files(dir);
  const [out, talk]: string[][] = [[], []];
  const code = await run([...args, "--data-dir", dir, "--network", "dev"], {
    serveApi: () => Promise.reject(new Error("Nothing is served here")),
    terminal: {
      out: (line) => void out!.push(line),
      talk: (line) => void talk!.push(line),
      style: (_style, text) => text,
      isScreen: false,
    },
  });
  oneLine(args, { code, stderr: talk!.join("\n") }, refusal);
  assert.deepEqual(out, []);
  assert.deepEqual(await files(dir), before, args.join(" "));
}

function oneLine(
  args: string[],
  { code, stderr }: { code: number; stderr: string },
  wanted: Refusal,
): void {
  assert.equal(code, wanted.code, `moim ${args.join(" ")}: ${stderr}`);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0]!, wanted.line);
}

async function chainState({ options }: Place) {
  const { height, tipId, mempool } = await moimJson(["status"], options);
  return { height, tipId, mempool, balances: await moimJson(["balance"], options) };
}

Deno.test("unknown command: a suggestion, exit 2", () =>
  withPlace(async (place) => {
    await refused(place, ["balanse"], { code: EXIT.usage, line: /did you mean balance\?$/ });
  }));

Deno.test("unknown option: a suggestion, exit 2", () =>
  withPlace(async (place) => {
    const line = /Unknown option "--mintr"; did you mean --minter\?$/;
    await refused(place, ["mint", "-mintr", "w1"], { code: EXIT.usage, line });
  }));

Deno.test("malformed address: a typing error is caught, exit 2", () =>
  withPlace(async (place) => {
    const [key] = await moimJson(["wallet", "list"], place.options);
    const swapped = key.address.replace(/(.)(.)$/, "$2$1");
    const wrong = swapped === key.address ? key.address.slice(0, -1) : swapped;
    const refusal = { code: EXIT.usage, line: /address.*typing error/ };
    await refused(place, ["send", "-from", "w1", "-to", wrong, "-amount", "1"], refusal);
    await refusedHere(place, ["getbalance", "-address", wrong], refusal);
  }));

Deno.test("unknown name: names the command that makes it, exit 3", () =>
  withPlace(async (place) => {
    const refusal = { code: EXIT.notFound, line: /wallet new --alias w9/ };
    await refused(place, ["mint", "-minter", "w9"], refusal);
    await refused(place, ["balance", "w9"], refusal);
    await refused(place, ["start", "--port", "0", "--minter", "w9"], refusal);
  }));

Deno.test("amounts that are none: exit 2", () =>
  withPlace(async (place) => {
    const send = ["send", "-from", "w1", "-to", "w2", "-amount"];
    const refusal = { code: EXIT.usage, line: /--amount/ };
    await refused(place, [...send, "0"], refusal);
    for (const amount of ["0", "-1", "1e30", "abc", "1.0000001"]) {
      await refusedHere(place, [...send, amount], refusal);
    }
  }));

Deno.test("more than the balance, and no coins at all: exit 5, nothing changed", () =>
  withPlace(async (place) => {
    const before = await chainState(place);
    const tooMuch = { code: EXIT.rejected, line: /w1 can spend 20 .*send at most 19\.999\d+$/ };
    await refused(place, ["send", "-from", "w1", "-to", "w2", "-amount", "21"], tooMuch);
    const none = { code: EXIT.rejected, line: /w2 has none to spend; .*moim mint --minter w2$/ };
    await refused(place, ["send", "-from", "w2", "-to", "w1", "-amount", "1"], none);
    assert.deepEqual(await chainState(place), before);
  }));

Deno.test("malformed multiaddr: exit 2", () =>
  withPlace(async (place) => {
    const line = /multiaddr|address/;
    await refused(place, ["start", "--peer", "/ip4/1.2.3/tcp/3000"], { code: EXIT.usage, line });
    await refusedHere(place, ["peers", "--add", "nonsense"], { code: EXIT.usage, line });
    const send = ["send", "-from", "w1", "-to", "w2", "-amount", "1", "-peer", "/ip4/x"];
    await refusedHere(place, send, { code: EXIT.usage, line });
  }));

Deno.test("busy port: exit 1, whether P2P or HTTP", () =>
  withPlace(async (place) => {
    const before = await chainState(place);
    const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const port = String(listener.addr.port);
    try {
      const refusal = { code: EXIT.failed, line: new RegExp(`port ${port}.*in use`) };
      await refused(place, ["start", "--port", port], refusal);
      const http = { code: EXIT.failed, line: new RegExp(`${port}.*busy`) };
      await refused(place, ["start", "--port", "0", "--http", `0.0.0.0:${port}`], http);
    } finally {
      listener.close();
    }
    assert.deepEqual(await chainState(place), before);
  }));

Deno.test("NODE_ID that is no port number: exit 2, no folder made", () =>
  withPlace(async (place) => {
    for (const NODE_ID of ["../x", "0", "3000/..", "99999"]) {
      const refusal = { code: EXIT.usage, line: /NODE_ID/, env: { NODE_ID } };
      await refused(place, ["balance"], refusal);
    }
  }));

Deno.test("folder in use by a running node: exit 8", () =>
  withPlace(async (place) => {
    const node = await MoimNode.start(["start", "--port", "0"], place.options);
    try {
      const line = /a node already runs there/;
      await refused(place, ["start", "--port", "0"], { code: EXIT.inUse, line });
      const other = { code: EXIT.inUse, line: /on network "dev", not "other"/ };
      await refused(place, ["balance", "--rendezvous", "other"], other);
    } finally {
      await node.interrupt();
    }
  }));

Deno.test("unwritable folder: exit 1", () =>
  withTempDir(async (dir) => {
    const file = join(dir, "file");
    await Deno.writeTextFile(file, "not a folder");
    const args = ["wallet", "new"];
    const result = await moim(args, { dataDir: join(file, "data") });
    oneLine(args, result, { code: EXIT.failed, line: /data/ });
    assert.deepEqual(Object.keys(await snapshot(dir)), ["file"]);
  }));

Deno.test("damaged network.json: exit 7", () =>
  withPlace(async (place) => {
    await Deno.writeTextFile(join(place.networkDir, "network.json"), '{"name": "dev", ');
    await refused(place, ["balance"], { code: EXIT.damaged, line: /network\.json/ });
  }));

Deno.test("a network file that is not its folder's: exit 7", () =>
  withPlace(async (place) => {
    const path = join(place.networkDir, "network.json");
    const parameters = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...parameters, message: "another" }));
    await refused(place, ["balance"], { code: EXIT.damaged, line: /network\.json/ });
  }));

Deno.test("damaged keystore: exit 7, and it is never written over", () =>
  withPlace(async (place) => {
    await Deno.writeTextFile(join(place.dir, "wallets.json"), '{"version":1,"mnemo');
    const refusal = { code: EXIT.damaged, line: /wallets\.json/ };
    await refused(place, ["wallet", "list"], refusal);
    await refused(place, ["wallet", "new", "w3"], refusal);
  }));

Deno.test("damaged record in the store: exit 7 where it is needed", () =>
  withPlace(async (place) => {
    const kv = await Deno.openKv(join(place.networkDir, "node.kv"));
    let damaged = 0;
    for await (const { key, value } of kv.list<Uint8Array>({ prefix: ["block"] })) {
      const bytes = value.slice();
      bytes[bytes.length >> 1]! ^= 1;
      await kv.set(key, bytes);
      damaged++;
    }
    kv.close();
    assert.ok(damaged > 0);
    await refused(place, ["block", "1"], { code: EXIT.damaged, line: /block/i });
  }));

Deno.test("a store that is no store: exit 7", () =>
  withPlace(async (place) => {
    const path = join(place.networkDir, "node.kv");
    for (const end of ["-wal", "-shm"]) await Deno.remove(path + end).catch(() => {});
    await Deno.writeTextFile(path, "garbage ".repeat(2000));
    await refused(place, ["balance"], { code: EXIT.damaged, line: /node\.kv/ });
  }));

Deno.test("wrong settings and network files: exit 2", () =>
  withPlace(async (place) => {
    const file = join(place.dir, "club.json");
    await Deno.writeTextFile(file, '{"name": "club", "rewrd": 5}');
    await refused(place, ["balance", "--network", file], { code: EXIT.usage, line: /rewrd/ });
    const missing = { code: EXIT.usage, line: /Cannot find network file/ };
    await refused(place, ["balance", "--network", join(place.dir, "none.json")], missing);
    await Deno.writeTextFile(join(place.dir, "config.json"), '{"prot": 3000}');
    await refused(place, ["balance"], { code: EXIT.usage, line: /unknown key "prot"/ });
  }));

Deno.test("ids and heights that are not here: exit 3", () =>
  withPlace(async (place) => {
    await refused(place, ["tx", "ab".repeat(32)], { code: EXIT.notFound, line: /ab/ });
    await refused(place, ["block", "99"], { code: EXIT.notFound, line: /No block 99/ });
  }));

Deno.test("secrets that are none, names that are taken", () =>
  withPlace(async (place) => {
    const secret = { code: EXIT.usage, line: /64 hex/, input: "xyz\n" };
    await refused(place, ["wallet", "import", "w3"], secret);
    const words = { code: EXIT.usage, line: /./, input: "abandon ability\n" };
    await refused(place, ["wallet", "restore"], words);
    await refused(place, ["wallet", "new", "w1"], { code: EXIT.failed, line: /w1/ });
  }));

Deno.test("a peer of another network: both are told, both go on", () =>
  withTempDir(async (dir) => {
    const port = freePort();
    const options = (name: string) => ({ dataDir: join(dir, name) });
    const start = ["start", "--solo"];
    const one = await MoimNode.start(
      [...start, "--rendezvous", "one", "--port", String(port)],
      options("one"),
    );
    const two = await MoimNode.start(
      [...start, "--rendezvous", "two", "--port", "0", "--peer", `127.0.0.1:${port}`],
      options("two"),
    );
    try {
      await one.waitFor(/network.*two/);
      await two.waitFor(/network.*one/);
      await until(async () => (await one.get("status"))?.peers === 0, { what: "no peer" });
      assert.equal(await one.interrupt(), 0);
      assert.equal(await two.interrupt(), 0);
    } finally {
      await one.kill();
      await two.kill();
    }
  }));
