/**
 * Runs schemathesis (https://schemathesis.io), all of its checks, against a running node and the
 * description that the node gives of itself: once without the token, once with it.
 *
 *     deno run -A scripts/schemathesis.ts [MORE OPTIONS OF "st run"]
 *
 * It starts a node of its own on loopback, with a chain of some blocks and payments, and ends it
 * afterwards. `SCHEMATHESIS` names the program when it is not in the PATH as `st`; `--seed` and
 * `--max-examples` are options worth knowing.
 *
 * What no description can say is told to schemathesis here: which texts are peers' addresses (those
 * of loopback only: a node dials what it is given) and mnemonics, and that bytes may be refused by
 * the rules of the chain (422) although they are bytes. `stop` is called without the token only.
 *
 * @module
 */
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "..");
const HOST = "127.0.0.1";
const POLL_MS = 50;
const PATIENCE_MS = 60_000;
const BLOCKS = 30;
const PAYMENTS = 5;
/** Below what callers without the token may ask in a second. */
const OPEN_RATE = "90/s";

/** Few texts are both of many scripts and a name: to look for them longer is no failure of ours. */
const PATIENT = ["--suppress-health-check", "filter_too_much,too_slow"];

const INSTALL = `Cannot find schemathesis. Install it once, outside of this folder:
  python3 -m venv ~/.schemathesis && ~/.schemathesis/bin/pip install schemathesis
  export SCHEMATHESIS=~/.schemathesis/bin/st`;

/** What schemathesis makes of formats that only we know. */
const HOOKS = `
import json
import schemathesis
from hypothesis import strategies as st

ports = st.integers(min_value=1, max_value=65535)
schemathesis.openapi.format(
    "peer-address",
    st.one_of(
        ports.map(lambda port: f"127.0.0.1:{port}"),
        ports.map(lambda port: f"/ip4/127.0.0.1/tcp/{port}"),
    ),
)
schemathesis.openapi.format("mnemonic", st.just("abandon " * 11 + "about"))


@schemathesis.deserializer("application/x-ndjson")
def last_line(ctx, response):
    return json.loads(response.content.decode().strip().split("\\n")[-1])


# A payment to a peer that is not there waits ten seconds for it, and one that waits for a block
# waits until there is one.
@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.operation.path.endswith("/send") and isinstance(case.body, dict):
        if isinstance(case.body.get("peer"), str):
            del case.body["peer"]
        if case.body.get("wait") is True:
            del case.body["wait"]
`;

const CONFIG = `
hooks = "hooks.py"

[checks.positive_data_acceptance]
# What a valid payment or block is stands in the rules of the chain, not in a schema.
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429, "5xx"]
`;

type Entry = { port: number; token: string };

async function main(): Promise<number> {
  const program = Deno.env.get("SCHEMATHESIS") ?? "st";
  if (!await isThere(program)) {
    console.error(INSTALL);
    return 1;
  }
  const folder = await Deno.makeTempDir({ prefix: "moim-schemathesis-" });
  const dataDir = join(folder, "data");
  const node = startNode(dataDir);
  try {
    const entry = await untilServing(dataDir);
    await fill(entry);
    await Deno.writeTextFile(join(folder, "hooks.py"), HOOKS);
    await Deno.writeTextFile(join(folder, "schemathesis.toml"), CONFIG);
    const url = `http://${HOST}:${entry.port}/api/v1/openapi.json`;
    const run = async (title: string, options: string[]) => {
      console.log(`\n=== ${title} ===`);
      const args = ["run", url, "--checks", "all", ...PATIENT, ...options, ...Deno.args];
      const env = { NO_COLOR: "1", PYTHONPATH: folder };
      const child = new Deno.Command(program, { args, cwd: folder, env }).spawn();
      return (await child.status).code;
    };
    const open = await run("without the token", ["--rate-limit", OPEN_RATE]);
    const owner = await run("with the token", [
      "--header",
      `Authorization: Bearer ${entry.token}`,
      "--exclude-operation-id",
      "stop",
    ]);
    await post(entry, "stop", {});
    await node.status;
    console.log(open === 0 && owner === 0 ? "\nNo failures" : "\nThere are failures");
    return open || owner;
  } finally {
    try {
      node.kill();
    } catch {
      // Ended already.
    }
    await node.status;
    await Deno.remove(folder, { recursive: true });
  }
}

async function isThere(program: string): Promise<boolean> {
  try {
    const options: Deno.CommandOptions = { args: ["--version"], stdout: "null", stderr: "null" };
    return (await new Deno.Command(program, options).output()).success;
  } catch {
    return false;
  }
}

function startNode(dataDir: string): Deno.ChildProcess {
  const start = ["start", "--network", "dev", "--port", "0", "--http", "0"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", join(ROOT, "main.ts"), ...start],
    env: { MOIM_DATA_DIR: dataDir, MOIM_LAN: "off", MOIM_DHT: "off", MOIM_GOSSIP: "off" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

async function untilServing(dataDir: string): Promise<Entry> {
  const endMs = Date.now() + PATIENCE_MS;
  while (Date.now() < endMs) {
    try {
      return JSON.parse(await Deno.readTextFile(join(dataDir, "api.json")));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  throw new Error("The node does not start");
}

/** Keys, blocks and payments, so that there is something to find. */
async function fill(entry: Entry): Promise<void> {
  await post(entry, "wallet/new", { alias: "w1" });
  await post(entry, "wallet/new", { alias: "w2" });
  await post(entry, "mint", { to: "w1", count: BLOCKS });
  for (let at = 1; at <= PAYMENTS; at++) {
    const payment = { from: "w1", to: "w2", amount: at * 1_000_000, memo: `payment ${at}` };
    await post(entry, "transactions/send", { ...payment, mint: at < PAYMENTS });
  }
}

async function post({ port, token }: Entry, path: string, body: object): Promise<void> {
  const response = await fetch(`http://${HOST}:${port}/api/v1/${path}`, {
    method: "POST",
    headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok || text.includes('{"problem"')) throw new Error(`${path}: ${text}`);
}

Deno.exit(await main());
