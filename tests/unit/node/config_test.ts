import { strict as assert } from "node:assert";
import { EXIT, UserError } from "../../../lib/base/mod.ts";
import { type ConfigSources, resolveConfig } from "../../../lib/node/config.ts";

type Given = Partial<ConfigSources> & { files?: Record<string, unknown> };

function resolved({ files = {}, ...given }: Given) {
  return resolveConfig({
    flags: {},
    env: { HOME: "/home/ada" },
    os: "linux",
    readText: (path) => {
      const content = files[path];
      return content === undefined || typeof content === "string"
        ? content
        : JSON.stringify(content);
    },
    ...given,
  });
}

function refused(given: Given, exitCode: number, line: RegExp) {
  assert.throws(() => resolved(given), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.exitCode, exitCode);
    assert.match(error.message, line);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

Deno.test("mintThreads is one a core if not said, and 1 to 64", () => {
  const { mintThreads } = resolved({});
  assert.equal(mintThreads, Math.min(64, navigator.hardwareConcurrency));
  assert.equal(resolved({ env: { MOIM_DATA_DIR: "/d", MOIM_MINT_THREADS: "64" } }).mintThreads, 64);
  const file = { "/d/config.json": { mintThreads: 3 } };
  assert.equal(resolved({ files: file, env: { MOIM_DATA_DIR: "/d" } }).mintThreads, 3);
  assert.equal(resolved({ flags: { mintThreads: "1" } }).mintThreads, 1);
  for (const wrong of ["0", "65", "-1", "1.5", "two", ""]) {
    const line = new RegExp(`^Cannot use --mint-threads "${wrong}": give a number from 1 to 64$`);
    refused({ flags: { mintThreads: wrong } }, EXIT.usage, line);
  }
  refused(
    { env: { MOIM_DATA_DIR: "/d", MOIM_MINT_THREADS: "many" } },
    EXIT.usage,
    /^Cannot use MOIM_MINT_THREADS "many": /,
  );
});

Deno.test("flags over environment over config.json over remembered over built in", () => {
  const files = {
    "/d/config.json": { port: 1, lan: false, dht: "private", peer: ["host.example:3000"] },
    "/d/state.json": { port: 2, network: { kind: "phrase", phrase: "before" } },
  };
  const env = { MOIM_DATA_DIR: "/d", MOIM_DHT: "off", MOIM_LAN: "on" };
  const config = resolved({ files, env, flags: { lan: "off", solo: true } });
  assert.equal(config.lan, false);
  assert.equal(config.origins.lan, "flag");
  assert.equal(config.dht, "off");
  assert.equal(config.origins.dht, "environment");
  assert.equal(config.port, 1);
  assert.equal(config.portRequested, true);
  assert.deepEqual(config.peers, ["host.example:3000"]);
  assert.equal(config.solo, true);
  assert.deepEqual(config.networkChoice, { kind: "phrase", phrase: "before" });
  assert.equal(config.networkRequested, false);
  assert.equal(config.mintWhen, "pending");
  assert.equal(config.origins.mintWhen, "built in");
});

Deno.test("the first network is the phrase moim, on port 3000 or the remembered one", () => {
  const fresh = resolved({});
  assert.deepEqual(fresh.networkChoice, { kind: "phrase", phrase: "moim" });
  assert.equal(fresh.port, 3000);
  assert.equal(fresh.portRequested, false);
  const files = { "/home/ada/.local/share/moim/state.json": { port: 3007 } };
  assert.equal(resolved({ files }).port, 3007);
  assert.equal(resolved({ files }).portRequested, false);
});

Deno.test("NODE_ID gives the port and a folder of its own", () => {
  const config = resolved({ env: { MOIM_DATA_DIR: "/d", NODE_ID: "3001" } });
  assert.equal(config.dataDir, "/d/3001");
  assert.equal(config.port, 3001);
  assert.equal(config.portRequested, true);
  const other = resolved({ env: { MOIM_DATA_DIR: "/d", NODE_ID: "3001" }, flags: { port: "0" } });
  assert.equal(other.port, 0);
  for (const NODE_ID of ["../x", "0", "03000", "65536", "3000 ", "abc", "-1", "/etc"]) {
    refused({ env: { MOIM_DATA_DIR: "/d", NODE_ID } }, EXIT.usage, /NODE_ID.*port number/);
  }
});

Deno.test("the level that names a network decides its phrase too", () => {
  const env = { HOME: "/h", MOIM_NETWORK: "dev" };
  assert.deepEqual(resolved({ env }).networkChoice, { kind: "dev" });
  const phrase = resolved({ env, flags: { rendezvous: " tuto " } });
  assert.deepEqual(phrase.networkChoice, { kind: "phrase", phrase: "tuto" });
  assert.equal(phrase.networkRequested, true);
  const both = resolved({ env, flags: { rendezvous: "point", network: "club.json" } });
  assert.deepEqual(both.networkChoice, { kind: "file", path: "club.json" });
  assert.equal(both.rendezvous, "point");
  const files = { "/d/config.json": { network: "club.json" } };
  const file = resolved({ files, flags: { dataDir: "/d" } });
  assert.deepEqual(file.networkChoice, { kind: "file", path: "/d/club.json" });
});

Deno.test("each platform's usual folder", () => {
  const dirOf = (os: string, env: Record<string, string>) => resolved({ os, env }).dataDir;
  assert.equal(dirOf("linux", { HOME: "/home/ada" }), "/home/ada/.local/share/moim");
  assert.equal(dirOf("linux", { HOME: "/h", XDG_DATA_HOME: "/x" }), "/x/moim");
  assert.equal(dirOf("darwin", { HOME: "/u" }), "/u/Library/Application Support/moim");
  assert.match(dirOf("windows", { APPDATA: "C:\\Roaming" }), /^C:\\Roaming.moim$/);
  refused({ env: {} }, EXIT.failed, /--data-dir/);
});

Deno.test("wrong values and unknown keys are told with their place", () => {
  const flags = { dataDir: "/d" };
  const withFile = (content: unknown) => ({ flags, files: { "/d/config.json": content } });
  refused(withFile({ prot: 1 }), EXIT.usage, /unknown key "prot".*port/);
  refused(withFile([]), EXIT.usage, /one JSON object/);
  refused(withFile("{"), EXIT.damaged, /not JSON/);
  refused(withFile({ port: { a: 1 } }), EXIT.usage, /"port"/);
  refused(withFile({ dht: "maybe" }), EXIT.usage, /config.json "dht".*public, private or off/);
  refused({ env: { HOME: "/h", MOIM_PORT: "70000" } }, EXIT.usage, /MOIM_PORT "70000"/);
  refused({ flags: { dataDir: "/d", port: "x" } }, EXIT.usage, /--port "x"/);
  refused({ flags: { dataDir: "/d", lan: "perhaps" } }, EXIT.usage, /--lan.*on or off/);
  refused({ flags: { dataDir: "/d", rendezvous: "  " } }, EXIT.usage, /--rendezvous/);
  refused({ flags: { dataDir: "/d", http: "1.2.3.4:99999" } }, EXIT.usage, /--http/);
  refused({ flags: { dataDir: "/d", peer: ["/ip4/1.2.3/tcp/1"] } }, EXIT.usage, /--peer/);
  refused({ flags: { dataDir: "/d", dhtProtocol: "kad" } }, EXIT.usage, /--dht-protocol/);
});

Deno.test("a damaged or strange state.json is told, never taken for another network", () => {
  for (
    const state of ["{", "null", { network: { kind: "folder", folder: "../x" } }, { port: -1 }]
  ) {
    const place = { flags: { dataDir: "/d" }, files: { "/d/state.json": state } };
    refused(place, EXIT.damaged, /state\.json.*--rendezvous/);
  }
});

Deno.test("the secret: flag over environment over config.json, a text over a file", () => {
  const secretOf = (given: Given) => resolved(given).secret;
  const env = { MOIM_DATA_DIR: "/d" };
  assert.equal(secretOf({ env }), undefined);
  assert.deepEqual(secretOf({ env, flags: { secret: "a" } }), {
    kind: "text",
    text: "a",
    given: "--secret",
  });
  assert.deepEqual(secretOf({ env, flags: { secret: false } }), { kind: "none" });
  const both = { ...env, MOIM_SECRET: "b", MOIM_SECRET_FILE: "/b" };
  assert.deepEqual(secretOf({ env: both }), { kind: "text", text: "b", given: "MOIM_SECRET" });
  assert.deepEqual(secretOf({ env: { ...both, MOIM_SECRET: "" } }), {
    kind: "file",
    path: "/b",
    given: "MOIM_SECRET_FILE",
  });
  const flags = { secretFile: "here/c" };
  assert.deepEqual(secretOf({ env: both, flags }), {
    kind: "file",
    path: "here/c",
    given: "--secret-file",
  });
  assert.deepEqual(secretOf({ env: both, flags: { secret: false } }), { kind: "none" });
  const inFile = (secretFile: string) => ({ "/d/config.json": { secretFile } });
  const given = 'config.json "secretFile"';
  assert.deepEqual(secretOf({ env, files: inFile("s") }), { kind: "file", path: "/d/s", given });
  assert.deepEqual(secretOf({ env, files: inFile("/s") }), { kind: "file", path: "/s", given });
  const files = { "/d/config.json": { secret: "never here" } };
  refused({ env, files }, EXIT.usage, /a secret does not belong into it; name its file as/);
});
