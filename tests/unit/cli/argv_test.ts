import { strict as assert } from "node:assert";
import { refuseSecret, withCommand, withDoubleDashes } from "../../../lib/cli/argv.ts";

const VALUES = new Set(["--alias", "--rendezvous", "--amount", "--memo", "--peer", "--minter"]);

Deno.test("no command, or an option first, means start", () => {
  assert.deepEqual(withCommand([]), ["start"]);
  assert.deepEqual(withCommand(["--rendezvous", "tuto"]), ["start", "--rendezvous", "tuto"]);
  assert.deepEqual(withCommand(["-rendezvous", "tuto"]), ["start", "-rendezvous", "tuto"]);
  assert.deepEqual(withCommand(["--help"]), ["--help"]);
  assert.deepEqual(withCommand(["--version"]), ["version"]);
});

Deno.test("the tutorial's commands have today's names", () => {
  const cases: [string, string][] = [
    ["getbalance -address A", "balance -address A"],
    ["printchain", "chain --all"],
    ["createwallet -alias w1", "wallet new -alias w1"],
    ["listaddresses", "wallet list"],
    ["reindexutxo", "reindex"],
    ["startp2p -rendezvous tuto", "start -rendezvous tuto"],
    ["send -from a", "send -from a"],
    ["constructor", "constructor"],
  ];
  for (const [typed, meant] of cases) {
    assert.deepEqual(withCommand(typed.split(" ")), meant.split(" "));
  }
});

Deno.test("single-dash flags get their second dash, values stay as they are", () => {
  const dashed = (text: string) => withDoubleDashes(text.split(" "), VALUES).args.join(" ");
  assert.equal(dashed("wallet new -alias w1"), "wallet new --alias w1");
  assert.equal(dashed("send -amount -1 -mint"), "send --amount -1 --mint");
  assert.equal(dashed("send -memo -hello -h"), "send --memo -hello -h");
  assert.equal(dashed("start -rendezvous=tuto --peer x"), "start --rendezvous=tuto --peer x");
  assert.equal(dashed("send --memo -- -x"), "send --memo -- --x".replace("--x", "-x"));
  assert.equal(dashed("tx -- -alias"), "tx -- -alias");
});

Deno.test("-secio is dropped with a note, unless it is a value", () => {
  const dropped = withDoubleDashes(["start", "-secio", "-minter", "w1"], VALUES);
  assert.deepEqual(dropped.args, ["start", "--minter", "w1"]);
  assert.equal(dropped.notes.length, 1);
  const kept = withDoubleDashes(["start", "-minter", "-secio"], VALUES);
  assert.deepEqual(kept, { args: ["start", "--minter", "-secio"], notes: [] });
});

Deno.test("a secret among the arguments is refused, and not repeated", () => {
  const check = (text: string) => refuseSecret(text.split(" "), VALUES);
  for (const text of ["start --secret hunter2", "start --secret=hunter2 --solo"]) {
    assert.throws(() => check(text), (error) => {
      assert.match(String(error), /--secret-file FILE or MOIM_SECRET/);
      return !String(error).includes("hunter2");
    });
  }
  const fine = [
    "start --secret",
    "start --secret --solo",
    "send --memo --secret x",
    "tx -- --secret x",
  ];
  for (const text of fine) check(text);
});
