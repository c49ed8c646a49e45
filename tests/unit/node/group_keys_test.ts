import assert from "node:assert/strict";
import { join } from "node:path";
import { fromHex, toHex } from "../../../lib/base/bytes.ts";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { networkFromPhrase } from "../../../lib/consensus/network.ts";
import {
  accessOf,
  groupKeys,
  masterKeyOfSecret,
  masterKeyOfWords,
  MEMBERSHIP_FILE,
  readMembership,
  removeMembership,
  rendezvousOf,
  writeMembership,
} from "../../../lib/node/group_keys.ts";
import { describeNetwork } from "../../../lib/node/network_choice.ts";
import { chooseMembership } from "../../../lib/node/secret.ts";
import type { SecretChoice } from "../../../lib/node/settings.ts";
import { withTempDir } from "../../support/moim.ts";

/** Computed by Python's hashlib.scrypt and hmac, from the description in group_keys.ts alone. */
const COMPUTED = {
  masterKey: "7af42a47841df51cb0bf27a03904c6d1c6242ab098e7607ca6ecf47686a1ca7d",
  ofWords: "fe089ae38eb5dc2dd1fc6df91739c0eb233b6ba9d4448202b2a681cb1278b6ed",
  rendezvousKey: "7594965db4fc0f758102bff3399457d6a19fe201a9d08d1e145a0033a6b576e7",
  membership: "e385a1eadb359f49e9a15093c99cd333477947497a45f930c74273e919970cbc",
  meetingPoint: "17b280d9a2dc27d711555153380e9a0ce92106b6c847630e723ef43c20adae94",
};

Deno.test("group keys: as an independent program computes them", async () => {
  const masterKey = await masterKeyOfSecret("neun Igel", "hedgehogs");
  assert.equal(toHex(masterKey), COMPUTED.masterKey);
  const keys = groupKeys(masterKey);
  assert.equal(toHex(keys.rendezvousKey), COMPUTED.rendezvousKey);
  assert.equal(toHex(keys.membership), COMPUTED.membership);
  assert.equal(rendezvousOf(keys, "hedgehogs"), COMPUTED.meetingPoint);
  const entropy = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  assert.equal(toHex(await masterKeyOfWords(entropy)), COMPUTED.ofWords);
});

Deno.test("group keys: typed on another system the secret is the same, elsewhere it is not", async () => {
  const key = async (secret: string, phrase: string) =>
    toHex(await masterKeyOfSecret(secret, phrase));
  const composed = await key("Bär", "모임");
  assert.equal(await key(" Ba\u0308r\n", "모임".normalize("NFD")), composed);
  assert.notEqual(await key("bär", "모임"), composed);
  assert.notEqual(await key("Bär", "모임 2"), composed);
});

Deno.test("a private network's DHT key tells nothing of its phrase", () => {
  const network = networkFromPhrase("hedgehogs");
  const open = describeNetwork(network, { rendezvous: undefined, folder: "" });
  const membership = { masterKey: fromHex(COMPUTED.masterKey) };
  const hidden = describeNetwork(network, { rendezvous: undefined, folder: "", membership });
  assert.equal(open.access, "open");
  assert.equal(hidden.access, "secret");
  assert.equal(hidden.genesisId, open.genesisId);
  assert.equal(hidden.rendezvous, "hedgehogs");
  assert.notEqual(hidden.rendezvousCid, open.rendezvousCid);
});

Deno.test("membership.json: whole, for the owner alone, refused when it is damaged", () =>
  withTempDir(async (dir) => {
    assert.equal(readMembership(dir), undefined);
    const membership = {
      masterKey: fromHex(COMPUTED.masterKey),
      words: "a b c d e f",
      meetingPhrase: "group 1",
    };
    await writeMembership(dir, membership);
    assert.deepEqual(readMembership(dir), membership);
    assert.equal(accessOf(readMembership(dir)), "words");
    const path = join(dir, MEMBERSHIP_FILE);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    const bad = ["", "null", "{}", '{ "masterKey": "00" }', '{ "masterKey": 7 }'];
    for (const text of bad) {
      await Deno.writeTextFile(path, text);
      assert.throws(() => readMembership(dir), (error) => {
        assert.ok(error instanceof UserError && error.exitCode === EXIT.damaged);
        return /--secret/.test(error.message);
      });
    }
    await removeMembership(dir);
    await removeMembership(dir);
    assert.equal(readMembership(dir), undefined);
  }));

Deno.test("which secret is used: the one given, unless another was accepted or words made it", () =>
  withTempDir(async (networkFolder) => {
    const lines: string[] = [];
    const choose = (choice?: SecretChoice) =>
      chooseMembership({ choice, networkFolder, phrase: "p", onLine: (line) => lines.push(line) });
    const typed = (text: string): SecretChoice => ({ kind: "text", text, given: "MOIM_SECRET" });
    assert.equal(await choose(), undefined);
    assert.equal(await choose({ kind: "none" }), undefined);
    const first = await choose(typed("a long secret"));
    assert.deepEqual(await choose(), first);
    assert.deepEqual(await choose(typed("a long secret")), first);
    assert.deepEqual(lines, []);
    const second = await choose(typed("short"));
    assert.match(
      lines.join("\n"),
      /takes the place of the one remembered.*\n.*short \(5 characters\)/,
    );
    await writeMembership(networkFolder, { ...second!, isAccepted: true });
    await assert.rejects(choose(typed("a third secret")), /members have accepted another one/);
    assert.equal((await choose(typed("short")))?.isAccepted, true);
    await choose({ kind: "none" });
    assert.match(lines.at(-1)!, /open to everyone/);
    assert.equal(readMembership(networkFolder), undefined);
    await writeMembership(networkFolder, { ...first!, words: "a b c d e f" });
    await assert.rejects(
      choose(typed("a third secret")),
      /^UserError: Leave out MOIM_SECRET: this group's words/,
    );
    await assert.rejects(choose({ kind: "none" }), /its words are its secret/);
    for (const text of ["", " \n", "a\nb", "x".repeat(1_001), "\ud800"]) {
      await assert.rejects(choose(typed(text)), UserError);
    }
  }));
