/**
 * Found by strangers: a plain rust-libp2p program and a Moim node meet under a phrase by the
 * standard provider record, in both directions, through DHT servers that are the program's.
 * Needs cargo and its registry the first time; without cargo the tests are skipped.
 */

import assert from "node:assert/strict";
import { CID } from "multiformats/cid";
import * as raw from "multiformats/codecs/raw";
import { sha256 } from "multiformats/hashes/sha2";
import {
  buildStranger,
  hasCargo,
  runStranger,
  startServers,
  Stranger,
  type StrangerEvent,
} from "./stranger.ts";
import { MoimNode, withTempDir } from "../support/moim.ts";

const ignore = !hasCargo();
const why = ignore ? " (skipped: cargo is not installed)" : "";

/** The protocol that makes a libp2p peer a Moim node. */
const PROTOCOL = "/moim/1.0.0";

/** What the record must be made of, by an implementation that is neither ours nor the program's. */
async function standardCid(phrase: string): Promise<CID> {
  return CID.createV1(raw.code, await sha256.digest(new TextEncoder().encode(phrase)));
}

async function standardKey(phrase: string): Promise<string> {
  return (await standardCid(phrase)).multihash.bytes.toHex();
}

/** A phrase nobody else uses, with Korean text in it. */
function freshPhrase(): string {
  return `모임 ${crypto.randomUUID()}`.normalize("NFC");
}

/** A Moim node that meets others through the private DHT alone. */
function startNode(phrase: string, dataDir: string, server: string): Promise<MoimNode> {
  const env = { MOIM_DHT: "private", MOIM_PEER: server };
  return MoimNode.start(["start", "--rendezvous", phrase, "--port", "0"], { dataDir, env });
}

Deno.test({ name: `interop: a phrase's record has the standard key${why}`, ignore }, async () => {
  await buildStranger();
  const decomposed = "한글 모임".normalize("NFD");
  const phrases = [
    "tuto",
    "a phrase with  spaces",
    "모임",
    decomposed.normalize("NFC"),
    "🎲é",
    "x".repeat(200),
  ];
  for (const phrase of phrases) {
    const { code, lines } = await runStranger(["key", "--phrase", phrase]);
    assert.equal(code, 0);
    const expected = {
      key: await standardKey(phrase),
      cid: (await standardCid(phrase)).toString(),
    };
    assert.deepEqual(lines, [expected], phrase);
  }
});

Deno.test(
  { name: `interop: a stranger's look-up finds our node${why}`, ignore },
  () =>
    withTempDir(async (dir) => {
      await buildStranger();
      await using stack = new AsyncDisposableStack();
      const phrase = freshPhrase();
      const { servers, addresses } = await startServers(stack, 3);
      stack.use(await startNode(phrase, dir, addresses[0]!));

      const options = ["--phrase", phrase, "--bootstrap", addresses[2]!, "--expect", PROTOCOL];
      const { code, lines } = await runStranger(["lookup", ...options]);
      const events = lines as StrangerEvent[];
      assert.equal(code, 0, JSON.stringify(lines, undefined, 1));

      const met = events.find(({ event }) => event === "met");
      assert.ok(met, "It has met nobody");
      assert.ok(met.protocols?.includes(PROTOCOL));
      const record = events.find(({ event, peer }) => event === "provider" && peer === met.peer);
      assert.ok(record?.addresses?.length, "The record carries no address");
      const identity = events.find(({ event, peer }) =>
        event === "identified" && peer === met.peer
      );
      assert.match(identity?.agent ?? "", /^moim\//);

      // What our node really sent, as a server of another make has read it.
      const stored = await servers[0]!.event(
        "stored",
        ({ event, peer }) => event === "stored" && peer === met.peer,
      );
      assert.equal(stored.key, await standardKey(phrase));
    }),
);

Deno.test(
  { name: `interop: our node finds a stranger who advertises${why}`, ignore },
  () =>
    withTempDir(async (dir) => {
      await buildStranger();
      await using stack = new AsyncDisposableStack();
      const phrase = freshPhrase();
      const { addresses } = await startServers(stack, 3);
      const options = ["--phrase", phrase, "--bootstrap", addresses[2]!];
      const advertiser = stack.use(new Stranger(["advertise", ...options]));
      await advertiser.event("provided", ({ event }) => event === "provided");

      // The advertiser answers no DHT query and dials nobody any more: only its record leads to it.
      const node = stack.use(await startNode(phrase, dir, addresses[0]!));
      const identity = await advertiser.event(
        "identified as moim",
        ({ event, agent }) => event === "identified" && (agent ?? "").startsWith("moim/"),
      );
      const connection = await advertiser.event(
        "connected",
        ({ event, peer }) => event === "connected" && peer === identity.peer,
      );
      assert.equal(connection.direction, "inbound");
      assert.ok(identity.protocols?.includes(PROTOCOL));
      // kad-dht dials whom it finds by itself; that our node knows whom it has found, it says here.
      await node.waitFor(/dht .*found 1 peer/);
    }),
);
