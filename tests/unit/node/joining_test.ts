import { strict as assert } from "node:assert";
import { join } from "node:path";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { DEV_NETWORK, type Network, networkFromPhrase } from "../../../lib/consensus/network.ts";
import { networkToJson } from "../../../lib/consensus/network_json.ts";
import { type NodeConfig, resolveConfig } from "../../../lib/node/config.ts";
import {
  masterKeyOfSecret,
  masterKeyOfWords,
  readMembership,
} from "../../../lib/node/group_keys.ts";
import { groupNameOf, knownNetworks, rememberNetwork } from "../../../lib/node/groups.ts";
import { type GroupName, type Invitation, parametersHash } from "../../../lib/node/invitation.ts";
import { wordsOfEntropy } from "../../../lib/node/invitation_words.ts";
import { joinNetwork } from "../../../lib/node/joining.ts";
import { DataFolder } from "../../../lib/store/folder.ts";
import { withTempDir } from "../../support/moim.ts";

const PEER = "12D3KooWGRUVh3TdMVYoYZ5zqRLHoEX8dJLbqbHqEbmqoVHQYgVE";
const ENTROPY = new Uint8Array(8).fill(5);
const BY_WORDS: GroupName = { kind: "words", words: wordsOfEntropy(ENTROPY), entropy: ENTROPY };
const MASTER_KEY = await masterKeyOfWords(ENTROPY);
const GROUP = networkFromPhrase(groupNameOf(MASTER_KEY));
const TUTO = networkFromPhrase("tuto");

function configOf(dataDir: string, env: Record<string, string> = {}): NodeConfig {
  return resolveConfig({ flags: { dataDir }, env, readText: () => undefined, os: "linux" });
}

function linkTo(group: GroupName, network: Network): Invitation {
  return {
    group,
    details: {
      peerId: PEER,
      addresses: ["/ip4/192.168.0.7/tcp/3000"],
      genesisId: genesisBlock(network).header.id,
      parametersHash: parametersHash(network),
    },
  };
}

/** Joins without asking anybody: a search would end at once. */
function joined(config: NodeConfig, invitation: Invitation, network?: string): Promise<NodeConfig> {
  const signal = AbortSignal.abort();
  return joinNetwork(config, invitation, { network, onLine: () => {}, signal });
}

async function refused(promise: Promise<unknown>, exitCode: number, line: RegExp): Promise<void> {
  await assert.rejects(promise, (error: UserError) => {
    assert.match(error.message, line);
    assert.equal(error.exitCode, exitCode);
    return true;
  });
}

Deno.test("a link to default parameters needs nobody, and its key is kept", () =>
  withTempDir(async (dir) => {
    const env = { MOIM_RENDEZVOUS: "other" };
    const config = await joined(configOf(dir, env), linkTo(BY_WORDS, GROUP));
    const [known] = knownNetworks(dir);
    assert.deepEqual(known!.network, GROUP);
    assert.deepEqual(config.networkChoice, { kind: "folder", folder: known!.folder });
    assert.deepEqual([config.networkRequested, config.rendezvous], [true, undefined]);
    assert.equal(config.secret, undefined);
    assert.deepEqual(config.hints, [`/ip4/192.168.0.7/tcp/3000/p2p/${PEER}`]);
    assert.deepEqual(config.peers, []);
    assert.deepEqual(readMembership(join(dir, "networks", known!.folder)), {
      masterKey: MASTER_KEY,
      words: wordsOfEntropy(ENTROPY).join(" "),
      meetingPhrase: GROUP.name,
    });
    // What the folder knows needs nobody either.
    const again = await joined(configOf(dir), { group: BY_WORDS });
    assert.deepEqual(again.networkChoice, config.networkChoice);
  }));

Deno.test("a public link names a phrase, or the dev network, as the user would", () =>
  withTempDir(async (dir) => {
    const phrase: GroupName = { kind: "phrase", phrase: "tuto" };
    const config = await joined(configOf(dir), linkTo(phrase, TUTO));
    assert.deepEqual(config.networkChoice, { kind: "phrase", phrase: "tuto" });
    const dev = await joined(configOf(dir), linkTo({ kind: "phrase", phrase: "dev" }, DEV_NETWORK));
    assert.deepEqual([dev.networkChoice, dev.rendezvous], [{ kind: "dev" }, undefined]);
    const elsewhere = await joined(configOf(dir), linkTo(phrase, DEV_NETWORK));
    assert.deepEqual([elsewhere.networkChoice, elsewhere.rendezvous], [{ kind: "dev" }, "tuto"]);
    assert.deepEqual(knownNetworks(dir), []);
  }));

Deno.test("a phrase with a secret brings its key", () =>
  withTempDir(async (dir) => {
    const masterKey = new Uint8Array(32).fill(1);
    const group: GroupName = { kind: "phrase", phrase: "tuto", masterKey };
    await joined(configOf(dir), linkTo(group, TUTO));
    assert.deepEqual(knownNetworks(dir)[0]!.membership, { masterKey });
    // One folder cannot serve two groups, nor one that is public as well.
    const other = { ...group, masterKey: new Uint8Array(32).fill(2) };
    await refused(joined(configOf(dir), linkTo(other, TUTO)), EXIT.failed, /with another secret/);
    const open: GroupName = { kind: "phrase", phrase: "tuto" };
    await refused(joined(configOf(dir), linkTo(open, TUTO)), EXIT.failed, /with another secret/);
  }));

Deno.test("a secret that is not the invitation's is told before anything is made", () =>
  withTempDir(async (dir) => {
    const data = join(dir, "data");
    const config = configOf(data, { MOIM_SECRET: "neun Igel" });
    const brings = /^Leave out MOIM_SECRET: this invitation brings its own secret$/;
    await refused(joined(config, linkTo(BY_WORDS, GROUP)), EXIT.usage, brings);
    const phrase = { kind: "phrase", phrase: "tuto" } as const;
    const other = { ...phrase, masterKey: new Uint8Array(32).fill(1) };
    await refused(joined(config, linkTo(other, TUTO)), EXIT.usage, brings);
    await refused(
      joined(config, linkTo(phrase, TUTO)),
      EXIT.usage,
      /MOIM_SECRET: .* open to every/,
    );
    await assert.rejects(Deno.stat(data), Deno.errors.NotFound);
    // Whoever knows it joins by the link of somebody else.
    const same = { ...phrase, masterKey: await masterKeyOfSecret("neun Igel", "tuto") };
    assert.equal((await joined(config, linkTo(same, TUTO))).secret, undefined);
    assert.deepEqual(knownNetworks(data)[0]!.membership, { masterKey: same.masterKey });
  }));

Deno.test("a public network of the folder is not made private", () =>
  withTempDir(async (dir) => {
    const folder = await DataFolder.open(dir);
    await rememberNetwork(folder, TUTO, undefined);
    folder.close();
    const masterKey = new Uint8Array(32).fill(1);
    const invitation = linkTo({ kind: "phrase", phrase: "tuto", masterKey }, TUTO);
    await refused(joined(configOf(dir), invitation), EXIT.failed, /open to everyone/);
  }));

Deno.test("a network file stands in for asking, and must be the link's", () =>
  withTempDir(async (dir) => {
    const club: Network = { ...GROUP, name: "club", spacingMs: 5_000, minGapMs: 500 };
    const file = join(dir, "club.json");
    await Deno.writeTextFile(file, JSON.stringify(networkToJson(club)));
    const data = join(dir, "data");
    await refused(
      joined(configOf(data), linkTo(BY_WORDS, GROUP), file),
      EXIT.usage,
      /of other para/,
    );
    await assert.rejects(Deno.stat(data), Deno.errors.NotFound);
    await joined(configOf(data), linkTo(BY_WORDS, club), file);
    assert.deepEqual(knownNetworks(data)[0]!.network, club);
    const byWords = join(dir, "words");
    await joined(configOf(byWords), { group: BY_WORDS }, file);
    assert.deepEqual(knownNetworks(byWords)[0]!.network, club);
  }));

Deno.test("a link whose genesis is not that of its parameters is refused before anything", () =>
  withTempDir(async (dir) => {
    const data = join(dir, "data");
    const { group, details } = linkTo(BY_WORDS, GROUP);
    const wrong = { group, details: { ...details!, genesisId: genesisBlock(TUTO).header.id } };
    await refused(joined(configOf(data), wrong), EXIT.usage, /genesis does not follow/);
    await assert.rejects(Deno.stat(data), Deno.errors.NotFound);
  }));
