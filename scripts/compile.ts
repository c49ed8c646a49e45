/**
 * Makes the executable: bundles `main.ts` and the workers with esbuild, then compiles the bundle
 * into one file, `dist/moim` (`dist/moim.exe` for Windows).
 *
 * Why a bundle: compiled straight from the sources, the executable carries every file of every
 * package and reads hundreds of them before it prints a line of help. In the bundle, what is
 * imported dynamically becomes a chunk of its own, read by the commands that ask for it.
 *
 * With `--bundle` it ends with the bundle, which `deno run --unstable-kv` with the permissions below
 * runs as the executable would: for measuring and profiling.
 *
 * Environment:
 * - `DENO_FOR_COMPILE`: the Deno that compiles; the running one if not set;
 * - `DENORT_BIN`: the runtime image to append to, of exactly that Deno's version; if not set,
 *   Deno fetches the image from its vendor.
 *
 * @module
 */
import * as esbuild from "esbuild";
import { builtinModules } from "node:module";
import { basename, join } from "node:path";
import { filesUnder } from "./files.ts";

const ROOT = join(import.meta.dirname!, "..");
const BUILD = join(ROOT, ".build");
const BUNDLE = join(BUILD, "bundle");
const DIST = join(ROOT, "dist");

/** The release promise. The runtime image alone takes 92 MB of it. */
const EXECUTABLE_BYTES_MAX = 100_000_000;

/** What the executable may do, for good. Without `run` it can never start another program. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  "--allow-env",
  "--allow-sys=networkInterfaces",
  "--allow-read",
  "--allow-write",
];

/** The URL by which a module names a worker beside it, in the one form that is bundled. */
const WORKER_URL = /new URL\("(?:\.{1,2}\/)+(?:\w+\/)*(\w+_worker)\.ts", import\.meta\.url\)/g;

/**
 * V8's heap of each thread: a small nursery, and a whole collection only when the heap has grown to two
 * and a half times what it held. In a first sync steps of a fifth take a tenth more time, V8's own settings
 * half as much memory again.
 */
const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=4,--max-old-space-size=1024,--heap-growing-percent=150";

const BUNDLED_WORKER = /new Worker\(new URL\("\.\/\w+\.js", import\.meta\.url\)/g;

/** CommonJS packages inside the bundle call `require` for Node's own modules. */
const REQUIRE_BANNER = `import { createRequire as createRequire_ } from "node:module";
const require = createRequire_(import.meta.url);`;

/** Points modules at the bundled workers, which lie beside every chunk. */
const workerUrls: esbuild.Plugin = {
  name: "worker-urls",
  setup(build) {
    build.onLoad({ filter: /[\\/]lib[\\/].*\.tsx?$/ }, async ({ path }) => {
      const source = await Deno.readTextFile(path);
      const contents = source.replaceAll(WORKER_URL, 'new URL("./$1.js", import.meta.url)');
      if (occurrences(contents, /new Worker\(/g) !== occurrences(contents, BUNDLED_WORKER)) {
        return {
          errors: [{ text: `Cannot bundle the worker started in ${path}: see WORKER_URL` }],
        };
      }
      return { contents, loader: path.endsWith("x") ? "tsx" : "ts" };
    });
  },
};

function occurrences(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

/** Gives Node's modules their full name, so that the executable needs no unstable flag for them. */
const nodeBuiltins: esbuild.Plugin = {
  name: "node-builtins",
  setup(build) {
    const names = builtinModules.filter((name) => !name.startsWith("_")).join("|");
    build.onResolve({ filter: new RegExp(`^(?:node:)?(?:${names})$`) }, ({ path }) => {
      return { path: path.startsWith("node:") ? path : `node:${path}`, external: true };
    });
  },
};

/**
 * Commander can start other programs, which costs a tenth of each start although the executable may
 * start none: it gets empty modules for it.
 */
const noPrograms: esbuild.Plugin = {
  name: "no-programs",
  setup(build) {
    build.onResolve({ filter: /^node:(?:child_process|fs)$/ }, ({ path, importer }) => {
      return /[\\/]commander[\\/]lib[\\/]/.test(importer)
        ? { path, namespace: "empty" }
        : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "export default {};" }));
  },
};

/**
 * libp2p sorts a few ASCII keys with `localeCompare`, whose first call loads the rules of a language: a
 * hundredth of a second of each start. Here they are sorted by their characters' codes.
 */
const plainOrder: esbuild.Plugin = {
  name: "plain-order",
  setup(build) {
    const filter =
      /[\\/]peer-store[\\/]dist[\\/]src[\\/]utils[\\/](?:to-peer-pb|dedupe-addresses)\.js$/;
    build.onLoad({ filter }, async ({ path }) => {
      const contents = (await Deno.readTextFile(path)).replaceAll(
        /return (.+)\.localeCompare\((.+)\);/g,
        "const one = $1, other = $2; return one < other ? -1 : one > other ? 1 : 0;",
      );
      if (contents.includes("localeCompare")) {
        return { errors: [{ text: `Cannot rewrite the order in ${path}: see plainOrder` }] };
      }
      return { contents, loader: "js" };
    });
  },
};

/** Lays the locked packages out as a folder, the only form in which esbuild finds them. */
async function layOutPackages(): Promise<string> {
  const folder = join(BUILD, "packages");
  await Deno.mkdir(folder, { recursive: true });
  const config = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  config.nodeModulesDir = "auto";
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(config));
  await Deno.copyFile(join(ROOT, "deno.lock"), join(folder, "deno.lock"));
  await run(Deno.execPath(), ["install", "--frozen", "--quiet"], folder);
  return join(folder, "node_modules");
}

/** Bundles main and the workers into flat `.js` files; returns the names of the workers' files. */
async function bundle(packages: string): Promise<string[]> {
  const workers = (await filesUnder(join(ROOT, "lib"))).filter((path) =>
    path.endsWith("_worker.ts")
  );
  await Deno.remove(BUNDLE, { recursive: true }).catch(() => {});
  await esbuild.build({
    entryPoints: [join(ROOT, "main.ts"), ...workers],
    outdir: BUNDLE,
    entryNames: "[name]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "esnext",
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    // Names stay, so that a stack trace in a bug report can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    banner: { js: REQUIRE_BANNER },
    nodePaths: [packages],
    plugins: [workerUrls, noPrograms, plainOrder, nodeBuiltins],
    logLevel: "warning",
  });
  return workers.map((path) => basename(path, ".ts") + ".js");
}

/** Compiles the bundle in its own folder, where no package and no settings can be found. */
async function compile(workers: string[]): Promise<string> {
  const deno = Deno.env.get("DENO_FOR_COMPILE") ?? Deno.execPath();
  const output = join(DIST, Deno.build.os === "windows" ? "moim.exe" : "moim");
  await Deno.mkdir(DIST, { recursive: true });
  const includes = workers.flatMap((file) => ["--include", file]);
  const options = ["--quiet", "--no-config", "--no-lock", "--no-check", "--unstable-kv"];
  // The code cache would lie under a fixed name in the temporary folder, which is everybody's on a
  // shared machine, and what lies there is run. It saves 0.07 s of a start and nothing of --help.
  options.push("--no-code-cache");
  await run(
    deno,
    ["compile", ...options, V8_FLAGS, ...PERMISSIONS, ...includes, "--output", output, "main.js"],
    BUNDLE,
  );
  return output;
}

async function run(program: string, args: string[], cwd: string): Promise<void> {
  const { success, code } = await new Deno.Command(program, { args, cwd }).spawn().status;
  if (!success) throw new Error(`Cannot run "${program} ${args[0]}": exit code ${code}`);
}

async function main(): Promise<void> {
  const packages = await layOutPackages();
  const workers = await bundle(packages);
  await esbuild.stop();
  if (Deno.args.includes("--bundle")) return console.log(join(BUNDLE, "main.js"));
  const output = await compile(workers);
  const { size } = await Deno.stat(output);
  console.log(`${output}: ${(size / 1e6).toFixed(1)} MB`);
  if (size >= EXECUTABLE_BYTES_MAX) {
    throw new Error(`Executable is too large: ${size} bytes, at most ${EXECUTABLE_BYTES_MAX}`);
  }
}

await main();
