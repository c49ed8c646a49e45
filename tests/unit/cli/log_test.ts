import { strict as assert } from "node:assert";
import { getLogger, sendLogTo } from "../../../lib/base/mod.ts";
import { LogOutput } from "../../../lib/cli/log.ts";
import { run } from "../../../lib/cli/mod.ts";
import type { Terminal } from "../../../lib/cli/terminal.ts";
import { withTempDir } from "../../support/moim.ts";

function terminal(): Terminal & { lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    out: () => assert.fail("nothing goes to stdout"),
    talk: (line) => lines.push(line),
    style: (style, text) => `<${style}>${text}`,
    isScreen: true,
  };
}

Deno.test("JSON logs: one object a line, whatever the values hold", () => {
  const shown = terminal();
  const output = new LogOutput(shown);
  output.format = "json";
  output.start("info");
  try {
    getLogger("chain", "sync").warn('Peer said "{text}" at {height}: {error}', {
      text: "line\nbreak\u001b[31m",
      height: 7,
      error: new Error("no\nroom"),
      work: 12n,
    });
    getLogger("chain").debug("too little");
    getLogger("chain").info("plain");
    output.terminal.talk(output.terminal.style("red", "something"));
    output.complain("the end");
  } finally {
    sendLogTo("error", () => {});
  }
  assert.ok(shown.lines.every((line) => !line.includes("\n")));
  const [warning, plain, talk, end] = shown.lines.map((line) => JSON.parse(line));
  assert.equal(shown.lines.length, 4);
  assert.match(warning.time, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual([warning.level, warning.category], ["warning", "chain.sync"]);
  assert.match(warning.message, /^Peer said "line\nbreak.*" at 7: Error: no\nroom/s);
  assert.deepEqual([warning.values.height, warning.values.work], [7, "12n"]);
  assert.match(warning.values.error, /^Error: no\nroom/);
  assert.deepEqual([plain.message, "values" in plain], ["plain", false]);
  assert.deepEqual([talk.level, talk.message], ["info", "something"]);
  assert.deepEqual([end.level, end.category, end.message], ["error", "cli", "the end"]);
});

Deno.test("text logs stay as they are", () => {
  const shown = terminal();
  const output = new LogOutput(shown);
  output.start("error");
  try {
    getLogger("net").error("Lost {peer}", { peer: "x" });
    output.complain(output.terminal.style("red", "the end"));
  } finally {
    sendLogTo("error", () => {});
  }
  assert.match(shown.lines[0]!, /^\S+Z error net: Lost x$/);
  assert.equal(shown.lines[1], "<red>the end");
});

Deno.test("a failing command says so in the log's format", () =>
  withTempDir(async (dir) => {
    const shown = terminal();
    const serveApi = () => Promise.reject(new Error("Nothing is served here"));
    const args = ["open", "--data-dir", dir];
    assert.equal(await run(args, { serveApi, terminal: shown }), 4);
    assert.match(shown.lines.at(-1)!, /No node runs here: start it with moim start$/);
    const asJson = [...args, "--log-format", "json"];
    assert.equal(await run(asJson, { serveApi, terminal: shown }), 4);
    assert.equal(JSON.parse(shown.lines.at(-1)!).level, "error");
    assert.equal(await run([...args, "--log-format", "xml"], { serveApi, terminal: shown }), 2);
    assert.match(shown.lines.at(-1)!, /--log-format "xml": give text or json/);
    sendLogTo("error", () => {});
  }));
