/**
 * Compiles the AssemblyScript under `assembly/` into WebAssembly and writes each module, as
 * base64, into a TypeScript file that is committed: nothing is compiled when Moim runs.
 *
 *     deno task wasm
 *
 * @module
 */
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { nonceSearch } from "./lanes.ts";
import { scalarFunctions } from "./unrolled.ts";

const HERE = import.meta.dirname!;

/** One module: its source, the sources written by a program, and the file it goes to. */
interface WasmModule {
  entry: string;
  written: Record<string, () => string>;
  /** Path from the project's root. */
  target: string;
  options: string[];
}

export const MODULES: readonly WasmModule[] = [
  {
    entry: "hashing.ts",
    written: { "unrolled.ts": scalarFunctions },
    target: "lib/primitives/hashing_wasm.ts",
    options: ["--initialMemory", "8", "--maximumMemory", "8"],
  },
  {
    entry: "nonces.ts",
    written: { "lanes.ts": nonceSearch },
    target: "lib/minter/nonces_wasm.ts",
    options: ["--enable", "simd", "--initialMemory", "1", "--maximumMemory", "1"],
  },
];

const OPTIONS = ["-O3", "--noAssert", "--runtime", "stub", "--outFile", "out.wasm"];

/** The text of a module's TypeScript file. Throws an Error with the compiler's messages. */
export async function buildModule({ entry, written, options }: WasmModule): Promise<string> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([entry, ...OPTIONS, ...options], {
    readFile: (name) => written[name]?.() ?? readIfThere(join(HERE, "assembly", name)),
    writeFile: (name, contents) => {
      if (name === "out.wasm") binary = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`Cannot compile ${entry}: ${error}\n${stderr}`);
  return [
    `/** Made by \`deno task wasm\` from scripts/wasm/assembly/${entry}. */`,
    "// deno-fmt-ignore-file",
    `export const WASM = "${binary.toBase64()}";\n`,
  ].join("\n");
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

if (import.meta.main) {
  for (const module of MODULES) {
    const text = await buildModule(module);
    await Deno.writeTextFile(join(HERE, "../..", module.target), text);
    console.log(`${module.target}: ${text.length} characters`);
  }
}
