import { relative } from "node:path";
import { filesUnder } from "../files.ts";
import { maskText } from "./mask.ts";

/** One file of the project. */
export type Source = {
  /** Path from the project's root, with forward slashes: `lib/base/clock.ts`. */
  path: string;
  text: string;
  /** The text with comments, strings and regular expressions blanked; same length, same lines. */
  code: string;
};

/** One thing that breaks a house rule. */
export type Finding = { path: string; line: number; what: string; instead: string };

/** One import, re-export, dynamic import or worker URL. */
export type Import = {
  specifier: string;
  /** The file it names, as a path from the root; undefined for packages and built-ins. */
  target: string | undefined;
  line: number;
  /** Erased by the compiler: `import type`, `export type`, or nothing but `type` names. */
  typeOnly: boolean;
};

/** Reads `main.ts` and all of lib, scripts and tests under a project's root. */
export async function readSources(root: string): Promise<Source[]> {
  const paths: string[] = [];
  for (const folder of ["lib", "scripts", "tests"]) {
    paths.push(...await filesUnder(`${root}/${folder}`).catch(emptyIfMissing));
  }
  paths.push(...[`${root}/main.ts`].filter(isFile));
  return await Promise.all(paths.map(async (path) => {
    return source(relative(root, path).replaceAll("\\", "/"), await Deno.readTextFile(path));
  }));
}

export function source(path: string, text: string): Source {
  return { path, text, code: maskText(text) };
}

/** The line, counted from 1, on which a position stands. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < position; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

const IMPORT = /\b(?:from\s*|import\s*\(\s*|import\s*|new URL\(\s*)(["'])/g;

/** All imports of a file, in order; of dynamic ones those with a literal string. */
export function importsOf({ path, text, code }: Source): Import[] {
  const found: Import[] = [];
  for (const match of code.matchAll(IMPORT)) {
    const start = match.index + match[0].length;
    const specifier = text.slice(start, code.indexOf(match[1]!, start));
    if (match[0].startsWith("new URL") && !/^\.{1,2}\/.*\.tsx?$/.test(specifier)) continue;
    found.push({
      specifier,
      target: specifier.startsWith(".") ? resolve(path, specifier) : undefined,
      line: lineAt(text, match.index),
      typeOnly: match[0].startsWith("from") && isTypeOnly(code.slice(0, match.index)),
    });
  }
  return found;
}

/** Whether the import clause that ends here is erased by the compiler. */
function isTypeOnly(before: string): boolean {
  const start = Math.max(before.lastIndexOf("import "), before.lastIndexOf("export "));
  const clause = before.slice(start).replace(/^(?:import|export)\s+/, "").trim();
  if (/^type\s+[^,]/.test(clause)) return true;
  const names = /^\{([^]*)\}$/.exec(clause)?.[1]?.split(",").map((name) => name.trim());
  return names?.filter((name) => name !== "").every((name) => name.startsWith("type ")) ?? false;
}

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function emptyIfMissing(error: unknown): string[] {
  if (error instanceof Deno.errors.NotFound) return [];
  throw error;
}
