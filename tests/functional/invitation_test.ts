/**
 * Groups joined by invitation: real processes on one machine, each in a folder of its own, that
 * have nothing in common but the words, the link, its picture or its file.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { networkFromJson } from "../../lib/consensus/network_json.ts";
import { readLink, writeLink } from "../../lib/node/invitation.ts";
import { wordsOfEntropy } from "../../lib/node/invitation_words.ts";
import { DhtProcess } from "../support/dht_process.ts";
import { moim, moimJson, MoimNode, type MoimOptions, until, withTempDir } from "../support/moim.ts";
import { readQrSvg } from "../support/qr_reader.ts";

/** Each round asks all nodes. */
const POLL_MS = 200;
const ANY_PORT = ["--port", "0"];

/** Folders and nodes of one test; whatever runs at its end is killed. */
class Place {
  readonly nodes: MoimNode[] = [];

  constructor(readonly dir: string) {}

  options(name: string, env: Record<string, string> = {}): MoimOptions {
    return { dataDir: join(this.dir, name), env };
  }

  /** Runs a node in the folder of that name until it says that it is ready. */
  async run(args: string[], options: MoimOptions): Promise<MoimNode> {
    const node = this.spawn(args, options);
    await node.waitFor(/^ready: /m);
    return node;
  }

  spawn(args: string[], options: MoimOptions): MoimNode {
    const node = MoimNode.spawn([...args, ...ANY_PORT], options);
    this.nodes.push(node);
    return node;
  }
}

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const place = new Place(dir);
    try {
      await use(place);
    } finally {
      await Promise.all(place.nodes.map((node) => node.kill()));
    }
  });
}

function haveMet(nodes: MoimNode[]): Promise<true> {
  return until(async () => {
    const all = await Promise.all(nodes.map((node) => node.get("status")));
    const isOne = all.every((each) => each?.genesisId === all[0]?.genesisId && each?.peers > 0);
    return isOne || undefined;
  }, {
    what: () => `one network:\n${nodes.map((node) => node.output).join("\n")}`,
    pollMs: POLL_MS,
  });
}

/** The address of a node on loopback, with its peer id. */
async function addressOf(node: MoimNode): Promise<string> {
  return (await node.waitFor(/(\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+)/))[1]!;
}

Deno.test("a group is joined by words, by link, by its picture and by file", () =>
  withPlace(async (place) => {
    await using dht = await DhtProcess.start();
    const meeting = { MOIM_DHT: "private", MOIM_PEER: dht.address };
    const founding = place.options("founder", meeting);
    const { words } = await moimJson(["invite", "--new"], founding);
    const founder = await place.run(["start"], founding);

    const [svg, file] = [join(place.dir, "code.svg"), join(place.dir, "group.txt")];
    const shown = await moimJson(["invite", "--qr", svg, "--out", file], founding);
    assert.equal(shown.words, words);
    assert.equal(shown.running, true);
    assert.ok(shown.addresses.length > 0);
    assert.equal(readLink(shown.link).details.peerId, (await founder.get("status")).peerId);
    const picture = readQrSvg(await Deno.readTextFile(svg));
    assert.equal(picture, shown.link);

    const refused = await moim(["invite", "--new"], founding);
    assert.equal(refused.code, 8, refused.stderr);

    // Only those with words alone need to be told where others meet.
    const joiners = await Promise.all([
      place.run(["join", ...words.split(" ")], place.options("words", meeting)),
      place.run(["join", picture!], place.options("picture")),
      place.run(["join", file], place.options("file")),
    ]);
    await haveMet([founder, ...joiners]);
    const status = await founder.get("status");
    assert.equal(status.access, "words");
    assert.equal(status.network, shown.network);

    // A restart asks nothing, and neither does joining again what the folder knows.
    assert.equal(await joiners[2]!.interrupt(), 0);
    const again = await place.run(["start"], place.options("file"));
    assert.equal(await joiners[0]!.interrupt(), 0);
    const known = await place.run(["join", words], place.options("words"));
    assert.doesNotMatch(known.output, /looking for somebody/);
    await haveMet([founder, again, known]);
  }));

Deno.test("parameters of a group's own travel, and are held against the link's hash", () =>
  withPlace(async (place) => {
    const club = join(place.dir, "club.json");
    const make = ["network", "make", "--name", "club", "--spacing", "5", "--out", club];
    assert.equal((await moim(make, place.options("tools"))).code, 0);
    const founding = place.options("founder");
    await moimJson(["invite", "--new", "--network", club], founding);
    const founder = await place.run(["start"], founding);
    const { words, link } = await moimJson(["invite"], founding);
    const at = ["--peer", await addressOf(founder)];

    const { group, details } = readLink(link);
    const other = networkFromJson({ name: "club", spacingMs: 7_000 });
    const wrong = writeLink(group, {
      ...details,
      genesisId: genesisBlock(other).header.id,
      parametersHash: new Uint8Array(32),
    });
    const stranger = wordsOfEntropy(new Uint8Array(8));
    const [byWords, byLink, byWrongLink, byWrongWords] = [
      place.spawn(["join", words, ...at], place.options("words")),
      place.spawn(["join", link], place.options("link")),
      place.spawn(["join", wrong], place.options("wrong link")),
      place.spawn(["join", ...stranger, ...at], place.options("wrong words")),
    ];
    for (const node of [byWords, byLink]) {
      await node.waitFor(/^ready: club/m);
      assert.match(node.output, /has the parameters of network "club"/);
    }
    await haveMet([founder, byWords, byLink]);
    const { parameters } = await byWords.get("network");
    assert.equal(parameters.spacingMs, 5_000);

    assert.equal(await byWrongLink.ended(), 5);
    assert.match(byWrongLink.stderr, /^Cannot join: member …\w+ is of a network with other param/);
    await byWrongWords.waitFor(/is of another group, or has another secret/);
    assert.equal(await byWrongWords.interrupt(), 130);
    assert.match(byWrongWords.stderr, /^Interrupted: nobody was found and nothing was joined/);
    for (const name of ["wrong link", "wrong words"]) {
      await assert.rejects(Deno.stat(join(place.dir, name, "networks")), Deno.errors.NotFound);
    }
  }));

Deno.test("a public network with parameters of its own is joined by its link", () =>
  withPlace(async (place) => {
    const club = join(place.dir, "club.json");
    await Deno.writeTextFile(club, JSON.stringify({ name: "open club", message: "hello" }));
    const founding = place.options("founder");
    const founder = await place.run(["start", "--network", club], founding);
    const { link, access } = await moimJson(["invite"], founding);
    assert.equal(access, "open");
    const joiner = await place.run(["join", link], place.options("joiner"));
    assert.match(joiner.output, /^network {5}open club/m);
    await haveMet([founder, joiner]);
  }));

Deno.test("a phrase with a secret is joined by its link, without typing either", () =>
  withPlace(async (place) => {
    const founding = place.options("founder", { MOIM_SECRET: "nobody guesses this one" });
    const founder = await place.run(["start", "--rendezvous", "our class"], founding);
    const { link, access } = await moimJson(["invite"], place.options("founder"));
    assert.equal(access, "secret");
    const joiner = await place.run(["join", link], place.options("joiner"));
    await haveMet([founder, joiner]);
    assert.equal((await joiner.get("status")).access, "secret");
  }));

Deno.test("a wrong word and a link of another version: one line, exit 2, nothing made", () =>
  withPlace(async (place) => {
    const options = place.options("none");
    const words = wordsOfEntropy(new Uint8Array(8).fill(9));
    const mistyped = await moim(["join", ...words.with(1, "zebrra")], options);
    assert.equal(mistyped.code, 2);
    assert.match(mistyped.stderr, /^Cannot .* word 2, "zebrra", .* did you mean zebra\?\n$/);
    const later = await moim(["join", "moim:2+words=a+check=b"], options);
    assert.equal(later.code, 2);
    assert.match(later.stderr, /^Cannot use this link: it is of version 2 .*\n$/);
    await assert.rejects(Deno.stat(options.dataDir), Deno.errors.NotFound);
  }));

Deno.test("a secret beside words is told alike by join and by a later start", () =>
  withPlace(async (place) => {
    await moimJson(["invite", "--new"], place.options("group"));
    const { words } = await moimJson(["invite"], place.options("group"));
    const env = { MOIM_SECRET: "not of this group" };
    for (const args of [["join", ...words.split(" ")], ["start"]]) {
      const { code, stderr } = await moim([...args, ...ANY_PORT], place.options("group", env));
      assert.equal(code, 2);
      assert.match(stderr, /^Leave out MOIM_SECRET: this .* secret.*\n$/);
    }
  }));
