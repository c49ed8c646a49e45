import { strict as assert } from "node:assert";
import { run, type Terminal } from "../../../lib/cli/mod.ts";

/** Runs a command that needs no node, with what it printed. */
async function ran(...args: string[]) {
  const out: string[] = [];
  const talk: string[] = [];
  const terminal: Terminal = {
    out: (line) => out.push(line),
    talk: (line) => talk.push(line),
    style: (_style, text) => text,
    isScreen: false,
  };
  const serveApi = () => Promise.reject(new Error("Nothing is served here"));
  const code = await run(args, { serveApi, terminal });
  return { code, out: out.join("\n"), talk };
}

Deno.test("help is data: stdout, exit 0, with examples for every command", async () => {
  const { code, out, talk } = await ran("--help");
  assert.equal(code, 0);
  assert.deepEqual(talk, []);
  for (const name of ["start", "send", "demo", "verify"]) assert.match(out, new RegExp(name));
  const commands = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1]!);
  assert.ok(commands.length >= 16);
  for (const name of commands.filter((name) => name !== "help" && name !== "version")) {
    const help = await ran(name, "--help");
    assert.equal(help.code, 0, name);
    assert.match(help.out, /Examples:/, name);
  }
});

Deno.test("help knows the tutorial's names and subcommands", async () => {
  assert.match((await ran("help", "getbalance")).out, /^Usage: moim balance /);
  assert.match((await ran("help", "wallet", "new")).out, /^Usage: moim wallet new /);
  assert.equal((await ran("help")).out, (await ran("--help")).out);
});

Deno.test("usage errors: one line, exit 2, a suggestion for a typing error", async () => {
  const cases: [string[], RegExp][] = [
    [["sned"], /^Unknown command "sned"; did you mean send\?$/],
    [["wallet", "lst"], /^Unknown command "lst"; did you mean list\?$/],
    [["send", "--ammount", "1"], /^Unknown option "--ammount"; did you mean --amount\?$/],
    [["send", "-form", "w1"], /^Unknown option "--form"; did you mean --from\?$/],
    [["send"], /^Say who pays: --from NAME$/],
    [["balance", "a", "b"], /^Too many arguments/],
    [["chain", "--limit"], /argument missing; see moim chain --help$/],
    [["chain", "--limit", "0"], /whole number/],
    [["wallet"], /^Name a subcommand; moim help wallet lists them$/],
    [["help", "sned"], /^Unknown command "sned"; did you mean send\?$/],
    [["sned", "--help"], /^Unknown command "sned"; did you mean send\?$/],
    [["start", "--bogus"], /^Unknown option "--bogus"; see moim start --help$/],
    [["balance", ""], /^Cannot use an empty name/],
    [["balance", "moin1q8pslvqrykwhwrx2qqq9km28cu8kn22dw07lhae"], /typing errors|begins with/],
    [["tx", "xyz"], /64 hex digits/],
    [["mint"], /^Name who gets the coins/],
  ];
  for (const [args, line] of cases) {
    const { code, out, talk } = await ran(...args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(out, "");
    assert.equal(talk.length, 1, talk.join("\n"));
    assert.match(talk[0]!, line);
  }
});

Deno.test("version and network answer without a node", async () => {
  assert.match((await ran("version")).out, /^moim \d+\.\d+\.\d+/);
  assert.match((await ran("--version")).out, /^moim \d+\.\d+\.\d+/);
  const { out } = await ran("network", "--rendezvous", "tuto", "--json");
  const network = JSON.parse(out);
  assert.equal(network.name, "tuto");
  assert.match(network.genesisId, /^[0-9a-f]{64}$/);
  assert.match(network.rendezvousCid, /^bafkrei/);
});
