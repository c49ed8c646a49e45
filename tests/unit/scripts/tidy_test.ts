import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { tidy } from "../../../scripts/tidy.ts";

/** A project that keeps every rule; each test adds or replaces what it is about. */
const GOOD: Record<string, string> = {
  "main.ts": 'import { run } from "./lib/cli/run.ts";\nDeno.exit(run());\n',
  "lib/cli/run.ts": [
    'import { node } from "../node/mod.ts";',
    'import { Command } from "@commander-js/extra-typings";',
    "export const run = () => (console.log(node, Command), setTimeout(() => {}, 1), 0);",
  ].join("\n"),
  "lib/node/mod.ts": [
    'import { chain } from "../chain/chain.ts";',
    'import { host } from "../net/host.ts";',
    'import { sync } from "../sync/sync.ts";',
    "export const node = [chain, host, sync];",
    'export const start = () => new Worker(new URL("../minter/nonce_worker.ts", import.meta.url));',
  ].join("\n"),
  "lib/minter/nonce_worker.ts": "self.onmessage = () => {};",
  "lib/net/host.ts": 'import { createLibp2p } from "libp2p";\nexport const host = createLibp2p;',
  "lib/net/transport.ts": "export type Transport = { dial(): void };",
  "lib/sync/sync.ts": [
    'import type { Transport } from "../net/transport.ts";',
    "export const sync = (transport: Transport) => transport.dial();",
  ].join("\n"),
  "lib/chain/chain.ts": [
    'import { keys } from "../store/keys.ts";',
    'import { rule } from "../consensus/rule.ts";',
    "export const chain = [keys, rule];",
  ].join("\n"),
  "lib/store/keys.ts": [
    'import type { Rule } from "../consensus/rule.ts";',
    "export const keys = (rule: Rule): Deno.KvKey => [rule];",
  ].join("\n"),
  "lib/consensus/rule.ts": [
    'import { now } from "../base/clock.ts";',
    "/** Says what Date.now(), console.log and async would do. */",
    "export type Rule = string; // Deno.exit() is only a word here",
    'export const rule = now() + "Math.random() in a text";',
  ].join("\n"),
  "lib/base/clock.ts": "export const now = () => Date.now();",
};

/** Tidies the good project with these files put over it. */
async function tidyWith(changes: Record<string, string | undefined>) {
  const root = await Deno.makeTempDir({ prefix: "moim_tidy_" });
  try {
    for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
      if (text === undefined) continue;
      await Deno.mkdir(join(root, dirname(path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), text);
    }
    return await tidy(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** The good project with `line` put at the end of a file has exactly this finding. */
async function hasFinding(path: string, line: string, finding: string): Promise<void> {
  const text = `${GOOD[path] ?? ""}\n${line}`;
  const { errors } = await tidyWith({ [path]: text });
  const at = `${path}:${text.split("\n").length}: `;
  assert.deepEqual(errors, [at + finding]);
}

Deno.test("tidy: a project that keeps the rules has no finding", async () => {
  assert.deepEqual(await tidyWith({}), { errors: [], warnings: [] });
});

Deno.test("tidy: imports point down", async (t) => {
  const port = "use a port or an argument instead";
  const cases: [path: string, line: string, finding: string][] = [
    [
      "lib/chain/chain.ts",
      'import "../net/host.ts";',
      `chain sees net, which is above it; ${port}`,
    ],
    [
      "lib/chain/chain.ts",
      'const net = await import("../net/host.ts");',
      `chain sees net, which is above it; ${port}`,
    ],
    [
      "lib/sync/sync.ts",
      'export type { host } from "../net/host.ts";',
      `sync sees net, which is beside it; ${port}`,
    ],
    [
      "lib/cli/run.ts",
      'import {\n  keys,\n} from "../store/keys.ts";',
      "cli sees store; use node's facade instead",
    ],
    [
      "lib/store/keys.ts",
      'import { type Rule as R, rule } from "../consensus/rule.ts";',
      "store runs code of consensus; use import type instead",
    ],
    ["main.ts", 'import "./lib/node/mod.ts";', "main.ts sees node; use lib/cli instead"],
    [
      "lib/node/mod.ts",
      'import "../../scripts/x.ts";',
      "import of scripts/x.ts; use a file of lib instead",
    ],
    [
      "lib/node/mod.ts",
      'import "jsr:@std/path";',
      'import of "jsr:@std/path"; use a package from npm named in deno.json instead',
    ],
  ];
  for (const [path, line, finding] of cases) {
    await t.step(`${path}: ${line.replaceAll("\n", " ")}`, () => hasFinding(path, line, finding));
  }
});

Deno.test("tidy: an import of nothing but types counts as one of types", async () => {
  const line = 'import { type Rule as R } from "../consensus/rule.ts";\nexport const s: R = "";';
  const { errors } = await tidyWith({
    "lib/store/keys.ts": `${GOOD["lib/store/keys.ts"]}\n${line}`,
  });
  assert.deepEqual(errors, []);
});

Deno.test("tidy: each owner keeps its words", async (t) => {
  const clock = "use the Clock port of lib/base/clock.ts instead";
  const values = "use plain values as arguments instead";
  const cases: [path: string, line: string, finding: string][] = [
    [
      "lib/net/host.ts",
      "console.log(1);",
      "console; use lib/base/log.ts, or a value returned to lib/cli instead",
    ],
    [
      "lib/node/mod.ts",
      "Deno.exit(1);",
      "end of the program; use an error thrown to lib/cli instead",
    ],
    [
      "lib/chain/chain.ts",
      "const kv = await Deno.openKv(path);",
      "Deno KV; use the KvStore port of lib/store instead",
    ],
    [
      "lib/node/mod.ts",
      'import { identify } from "@libp2p/identify";',
      "libp2p; use the Transport port of lib/net instead",
    ],
    [
      "lib/node/mod.ts",
      'import { noise } from "npm:@chainsafe/libp2p-noise@17.0.0";',
      "libp2p; use the Transport port of lib/net instead",
    ],
    ["lib/node/mod.ts", 'import { Hono } from "hono";', "hono; use a handler in lib/http instead"],
    [
      "lib/chain/chain.ts",
      "const a = `${Math.random()}`;",
      "dice; use the Random port of lib/base/random.ts instead",
    ],
    [
      "lib/chain/chain.ts",
      "crypto.getRandomValues(bytes);",
      "dice of the platform; use the Random port of lib/base/random.ts instead",
    ],
    ["lib/net/host.ts", "const a = Date.now();", `reading of the time; ${clock}`],
    ["lib/net/host.ts", "const a = new Date();", `reading of the time; ${clock}`],
    ["lib/net/host.ts", "const a = performance.now();", `reading of the time; ${clock}`],
    ["lib/net/host.ts", "setTimeout(stop, 5);", `timer; ${clock}`],
    ["lib/net/host.ts", "globalThis.setInterval(stop, 5);", `timer; ${clock}`],
    ["lib/sync/sync.ts", "AbortSignal.timeout(5);", `timer of the platform; ${clock}`],
    [
      "lib/consensus/rule.ts",
      "export async function check() {}",
      `asynchronous code in a pure room; ${values}`,
    ],
    ["lib/consensus/rule.ts", "Deno.readFileSync(path);", `Deno in a pure room; ${values}`],
    [
      "lib/consensus/rule.ts",
      "const a = new Date(5);",
      "Date in a pure room; use milliseconds as an argument instead",
    ],
    ["lib/chain/chain.ts", "// TODO: later", "promise in a comment; use an issue instead"],
  ];
  for (const [path, line, finding] of cases) {
    await t.step(`${path}: ${line}`, () => hasFinding(path, line, finding));
  }
});

Deno.test("tidy: what only looks like a banned word is none", async () => {
  const lines = [
    "const text = 'console.log(1)' + \"Deno.exit()\" + `Date.now() ${host} setTimeout`;",
    "const found = /[/\"]Math.random\\//.test(text) ? 4 / 2 : 1; // console.log('\"')",
    "socket.setTimeout(5, () => {}); const day = new Date(5);",
    "/* Deno.openKv */ export default { text, found, day };",
  ];
  const { errors } = await tidyWith({
    "lib/net/host.ts": `${GOOD["lib/net/host.ts"]}\n${lines.join("\n")}`,
  });
  assert.deepEqual(errors, []);
});

Deno.test("tidy: files that import each other in a circle are told once", async () => {
  const { errors } = await tidyWith({
    "lib/chain/chain.ts": 'export const chain = 1;\nimport { b } from "./b.ts";\nb;',
    "lib/chain/b.ts": 'import type { c } from "./c.ts";\nexport const b: typeof c = 1;',
    "lib/chain/c.ts": 'export { chain as c } from "./chain.ts";',
    "lib/store/keys.ts": GOOD["lib/base/clock.ts"]!.replace("Date.now()", "1"),
    "lib/node/mod.ts": GOOD["lib/node/mod.ts"] + '\nimport "../store/keys.ts";' +
      '\nimport "../consensus/rule.ts";',
  });
  const circle = "lib/chain/b.ts > lib/chain/c.ts > lib/chain/chain.ts > lib/chain/b.ts";
  assert.deepEqual(errors, [
    `lib/chain/b.ts:1: import circle ${circle}; use a third file for what they share instead`,
  ]);
});

Deno.test("tidy: a file that nothing needs is dead, though it is tested and exported", async () => {
  const { errors } = await tidyWith({
    "lib/chain/old.ts": "export const old = 1;",
    "lib/chain/mod.ts": 'export * from "./old.ts";',
    "tests/unit/chain/old_test.ts": 'import "../../../lib/chain/old.ts";',
  });
  assert.deepEqual(errors, [
    "lib/chain/old.ts:1: dead file; use an import, or git rm instead",
  ]);
});

Deno.test("tidy: a project without main.ts is told so", async () => {
  const { errors } = await tidyWith({ "main.ts": undefined });
  assert.deepEqual(errors, [
    "main.ts:1: missing; use a program that starts lib/cli instead",
  ]);
});

Deno.test("tidy: long files and functions are warnings", async () => {
  const body = "  now();\n".repeat(75);
  const long = [
    `export function plain({ a }: { a: number }): { b: number } {\n${body}  return { b: a };\n}`,
    `export class C {\n  method<T>(t: T): Map<string, () => T> {\n${body}    return t as never;\n  }\n}`,
    `export const arrow = (a: number): (() => void) => {\n${body}  a;\n};`,
    `if (now()) {\n${body}}`,
  ];
  const { errors, warnings } = await tidyWith({
    "lib/base/clock.ts": `${GOOD["lib/base/clock.ts"]}\n${long.join("\n")}`,
    "lib/base/bytes.ts": "// line\n".repeat(501),
    "lib/consensus/rule.ts": `import "../base/bytes.ts";\n${GOOD["lib/consensus/rule.ts"]}`,
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(warnings, [
    "lib/base/bytes.ts:1: file of 501 lines; use one file for each concept instead",
    "lib/base/clock.ts:2: plain: function of 78 lines; use named steps instead",
    "lib/base/clock.ts:81: method: function of 78 lines; use named steps instead",
    "lib/base/clock.ts:160: anonymous: function of 78 lines; use named steps instead",
  ]);
});
