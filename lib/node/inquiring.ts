/** What known peers tell the doctor where no node runs. */
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { freePort, PortBusyError } from "../net/libp2p/free_port.ts";
import type { InquiryResult } from "../net/inquiry.ts";
import type { NodeDiagnosis } from "./api.ts";
import type { NodeConfig } from "./config.ts";
import { settingsOf, targetsOf } from "./evidence.ts";
import type { Ledger } from "./ledger.ts";
import { PeerFile, rememberedPeer } from "./peer_file.ts";
import { proverOf } from "./prover.ts";
import { VERSION } from "./version.ts";

/** Loading the network library takes half a second more; the doctor has 5 s in all. */
const ASKING_MS = 3_500;

const log = getLogger("node", "doctor");

/** Asks bootstraps, named peers and those of the book, and who holds the port. */
export async function inquiredEvidence(
  config: NodeConfig,
  ledger: Ledger,
): Promise<NodeDiagnosis> {
  const records = await new PeerFile(ledger.store, systemClock).load();
  const targets = targetsOf(config, records.map((record) => rememberedPeer(record)));
  const isBusy = isPortBusy(config.port);
  const holder = `/ip4/127.0.0.1/tcp/${config.port}`;
  const asked = await ask(ledger, targets, isBusy ? holder : undefined);
  const holds = asked?.answers.find(({ target }) => target === holder);
  const answers = asked?.answers.filter(({ target }) => target !== holder) ?? [];
  const servers = answers.filter(({ protocols }) => protocols.some((id) => id.includes("/kad/")));
  const count = `${servers.length} of ${targets.length} known addresses`;
  return {
    running: false,
    network: ledger.network.name,
    settings: settingsOf(config),
    port: {
      port: config.port,
      state: isBusy ? "busy" : "free",
      ...(isBusy && { by: holds?.agent ?? "another program" }),
    },
    peers: asked?.members ?? 0,
    addresses: [],
    observed: asked?.observed ?? [],
    clocksMs: asked?.witness.clocksMs() ?? [],
    foreign: asked?.witness.foreign() ?? [],
    dht: config.dht === "off" || targets.length === 0 ? [] : [{
      name: "dht",
      answers: servers.length > 0,
      text: `${config.dht} DHT: ${count} answer as a server`,
    }],
    secretMismatches: asked?.secretMismatches ?? 0,
    neighbours: [],
    targets,
  };
}

/** Undefined where the network library cannot even begin, say without any interface. */
async function ask(
  ledger: Ledger,
  targets: string[],
  stranger: string | undefined,
): Promise<InquiryResult | undefined> {
  if (targets.length === 0 && stranger === undefined) return undefined;
  const { id: tipId, height: tipHeight, totalWork } = ledger.chain.tip();
  try {
    const { inquire } = await import("../net/inquiry.ts");
    return await inquire({
      identitySeed: await ledger.folder.identitySeed(),
      agent: `moim/${VERSION}`,
      targets,
      stranger,
      local: {
        genesisId: ledger.chain.genesisId,
        networkName: ledger.network.name,
        agent: `moim/${VERSION}`,
        tipId,
        tipHeight,
        totalWork,
      },
      proverOf: (ownPeerId) => proverOf(ledger, ownPeerId),
      clock: systemClock,
      random: systemRandom,
      limitMs: ASKING_MS,
    });
  } catch (error) {
    log.warn("Cannot ask anybody: {reason}", { reason: messageOf(error) });
    return undefined;
  }
}

function isPortBusy(port: number): boolean {
  try {
    freePort(port);
    return false;
  } catch (error) {
    if (error instanceof PortBusyError) return true;
    throw error;
  }
}
