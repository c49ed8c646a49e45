import type { Command } from "@commander-js/extra-typings";
import { EXIT } from "../../base/mod.ts";
import {
  type ApiFile,
  httpUrl,
  newCredentials,
  type NodeConfig,
  type NodeEvent,
  type NodeHandle,
  refuseSecondNode,
  removeApiFile,
  type ServedApi,
  startNode,
  writeApiFile,
} from "../../node/mod.ts";
import { type Cli, type Declare, examples, MINT_THREADS_HELP, withCommon } from "../cli.ts";
import { EventLines } from "../event_lines.ts";
import { count } from "../format.ts";
import { untilInterrupted } from "../interrupt.ts";
import { joinLines } from "../join.ts";
import { askedSecret } from "../secret_input.ts";

/** Adds the options of a node that goes on running: of `start` and of `join`. */
export function withNodeOptions(command: Command) {
  return withCommon(command)
    .option("--port <port>", "P2P port, 0 picks one [NODE_ID, MOIM_PORT] (3000, or the next free)")
    .option("--peer <address...>", "peers: multiaddr, host:port or peer id [MOIM_PEER]")
    .option("--dht <kind>", "public, private or off [MOIM_DHT] (public)")
    .option("--dht-protocol <id>", "another DHT, by its protocol id [MOIM_DHT_PROTOCOL]")
    .option("--lan <on|off>", "find peers on the local network [MOIM_LAN] (on)")
    .option("--gossip <on|off>", "exchange addresses with peers [MOIM_GOSSIP] (on)")
    .option(
      "--map-port <on|off>",
      "ask the router for a way in (UPnP, NAT-PMP) [MOIM_MAP_PORT] (on)",
    )
    .option("--relay <on|off>", "pass data on for members behind a router [MOIM_RELAY] (on)")
    .option("--announce <address...>", "public addresses of this node [MOIM_ANNOUNCE]")
    .option("--minter <who>", "mint; the coins go to this key or address [MOIM_MINTER]")
    .option(
      "--mint-when <when>",
      "pending: when payments wait, or always [MOIM_MINT_WHEN] (pending)",
    )
    .option("--mint-threads <number>", MINT_THREADS_HELP)
    .option("--solo", "mint without waiting for a peer [MOIM_SOLO]")
    .option("--http <[host:]port>", "where the API listens, or off [MOIM_HTTP] (P2P port + 5000)");
}

export const declare: Declare = (command, cli) => {
  withNodeOptions(command)
    .option("--secret", "ask for the secret of a private network [MOIM_SECRET]")
    .option("--secret-file <file>", "read it from a file [MOIM_SECRET_FILE]")
    .option("--no-secret", "forget the secret: the network is open to everyone again")
    .addHelpText(
      "after",
      examples(
        ["moim start --rendezvous tuto", "join (or found) the network of a phrase"],
        ["moim start --rendezvous tuto --minter w1", "and mint when payments wait"],
        ["moim start --rendezvous tuto --secret", "only with those who know the secret too"],
        ["moim start --peer 192.0.2.7:3000", "with the address of somebody on it"],
        ["NODE_ID=3001 moim start", "a second node here: port 3001, its own folder"],
      ),
    )
    .action(async (options) => {
      const { json: _json, dataDir: _dataDir, rendezvous: _phrase, network: _network, ...rest } =
        options;
      const flags = { ...rest, secret: await askedSecret(options.secret, cli.terminal) };
      const config = await cli.configure(options, flags);
      await runNode(config, { isJson: options.json === true, cli });
    });
};

/** How `runNode` runs; `interrupted` when the caller listens for Ctrl-C already. */
export type RunNodeOptions = {
  isJson: boolean;
  cli: Cli;
  interrupted?: ReturnType<typeof untilInterrupted>;
};

/** From the first line to the last: opens, serves, tells what happens, and closes in order. */
export async function runNode(config: NodeConfig, options: RunNodeOptions): Promise<void> {
  await refuseSecondNode(config);
  const { isJson, cli } = options;
  const { terminal } = cli;
  const interrupted = options.interrupted ?? untilInterrupted(terminal);
  const lines = new EventLines(terminal);
  let isStopping = false;
  const tell = (event: NodeEvent) => {
    if (isStopping) return;
    if (isJson) terminal.out(JSON.stringify(event));
    else for (const line of lines.of(event)) terminal.out(line);
  };
  const credentials = newCredentials();
  const node = await startNode(config, {
    mode: "online",
    instanceId: credentials.instanceId,
    onEvent: tell,
    onStop: interrupted.stop,
  });
  let served: ServedApi | undefined;
  let written: Promise<void> | undefined;
  try {
    served = await cli.serveApi(node, {
      setting: config.http,
      preferredPort: node.p2pPort + HTTP_PORT_OFFSET,
      ...credentials,
    });
    const entry = { host: reachableHost(served.host), port: served.port, ...credentials };
    written = writeApiFile(config.dataDir, entry);
    // The API answers from here on; libp2p is loaded only now, so that it holds up nothing.
    const up = Promise.all([written, node.goOnline()]).then(async () => {
      if (!isStopping) await tellReady(node, { config, entry, isJson, lines }, cli);
      await interrupted.done;
    });
    await Promise.race([up, interrupted.done]);
    isStopping = true;
    if (!isJson) terminal.out("stopping …");
  } finally {
    await written?.catch(() => {}); // Told by whoever waited for it.
    await removeApiFile(config.dataDir);
    await served?.close();
    await node.close();
  }
  if (!isJson) terminal.out("stopped");
  cli.exitCode = EXIT.ok;
}

/** The API's port when none is asked for: this much above the P2P port. */
const HTTP_PORT_OFFSET = 5000;

/** A host that a program on this machine may connect to. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

type Readiness = { config: NodeConfig; entry: ApiFile; isJson: boolean; lines: EventLines };

async function tellReady(
  node: NodeHandle,
  { config, entry, isJson, lines }: Readiness,
  cli: Cli,
): Promise<void> {
  const { terminal } = cli;
  const status = await node.status();
  const url = httpUrl(entry);
  if (isJson) {
    terminal.out(JSON.stringify({
      kind: "ready",
      network: status.network,
      peerId: status.peerId,
      addresses: status.addresses,
      http: config.http.kind === "off" ? null : url,
    }));
    return;
  }
  for (const line of lines.begin(status.discovery)) terminal.out(line);
  const isOpen = config.http.kind === "on";
  terminal.out(`http        ${isOpen ? `${url}/api/v1/status` : "off"}`);
  if (isOpen) terminal.out(`explorer    ${url}/  (moim open wallet: with your keys)`);
  const isLocal = ["127.0.0.1", "localhost", "::1"].includes(entry.host);
  if (isOpen && (!isLocal || config.http.kind === "on" && config.http.host === "0.0.0.0")) {
    terminal.talk(
      "Warning: other machines can read this node's API; what acts still needs its token",
    );
  }
  for (const line of joinLines(status, config)) terminal.out(line);
  const peers = status.peers === 0 ? "looking for peers" : count(status.peers, "peer");
  terminal.out(
    terminal.style(
      "bold",
      `ready: ${status.network}, height ${status.height}, ${peers}; ` +
        "Ctrl-C stops",
    ),
  );
}
