/** `--help` and `version` start fast because what is heavy is not even loaded. */
import { strict as assert } from "node:assert";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..", "..", "..");
const HEAVY = /libp2p|hono|\/store\/|\/net\/|\/chain\/|\/consensus\/|multiformats|logtape/;

type Module = {
  specifier: string;
  dependencies?: { isDynamic?: boolean; code?: { specifier: string } }[];
};

/** Everything that importing `file` loads at once. */
async function loadedBy(file: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", resolve(ROOT, file)],
    cwd: ROOT,
  }).output();
  const graph: { roots: string[]; modules: Module[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const pending = [...graph.roots];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (loaded.has(next)) continue;
    loaded.add(next);
    for (const { isDynamic, code } of modules.get(next)?.dependencies ?? []) {
      if (!isDynamic && code !== undefined) pending.push(code.specifier);
    }
  }
  return [...loaded];
}

Deno.test("help and version load no network, store, HTTP server or rules", async () => {
  const loaded = [
    ...await loadedBy("main.ts"),
    ...await loadedBy("lib/cli/commands/version.ts"),
  ];
  assert.ok(loaded.length > 10);
  assert.deepEqual(loaded.filter((specifier) => HEAVY.test(specifier)), []);
});
