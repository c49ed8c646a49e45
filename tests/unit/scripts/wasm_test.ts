import assert from "node:assert/strict";
import { join } from "node:path";
import { buildModule, MODULES } from "../../../scripts/wasm/build.ts";

const ROOT = join(import.meta.dirname!, "../../..");

for (const module of MODULES) {
  Deno.test(`${module.target} is what deno task wasm makes`, async () => {
    const committed = await Deno.readTextFile(join(ROOT, module.target));
    assert.ok(committed === await buildModule(module), "Run deno task wasm and commit the file");
  });
}
