/**
 * Checks the house rules that no formatter, linter or compiler knows: which room may see which,
 * that no files import each other in a circle, that each outside technology has one owner, and
 * that no file lies dead. One line a finding; exit code 1 if there is one. What has merely grown
 * long is listed at the end and fails nothing.
 *
 *     deno task tidy [FOLDER]
 *
 * @module
 */
import { join } from "node:path";
import { checkArrows, checkCycles, checkDeadFiles } from "./tidy/arrows.ts";
import { checkBans } from "./tidy/bans.ts";
import { checkLengths } from "./tidy/lengths.ts";
import { type Finding, readSources } from "./tidy/source.ts";

/** The findings on the project under `root`: those that fail, and those to notice. */
export async function tidy(root: string): Promise<{ errors: string[]; warnings: string[] }> {
  const sources = await readSources(root);
  const errors = [checkArrows, checkCycles, checkBans, checkDeadFiles].flatMap((check) =>
    check(sources)
  );
  return { errors: inOrder(errors), warnings: inOrder(checkLengths(sources)) };
}

function inOrder(findings: Finding[]): string[] {
  findings.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line);
  const lines = findings.map(({ path, line, what, instead }) =>
    `${path}:${line}: ${what}; use ${instead} instead`
  );
  return [...new Set(lines)];
}

if (import.meta.main) {
  const { errors, warnings } = await tidy(Deno.args[0] ?? join(import.meta.dirname!, ".."));
  for (const error of errors) console.error(error);
  if (warnings.length > 0) console.error("\nTo notice (no failure):");
  for (const warning of warnings) console.error(warning);
  console.log(`tidy: ${errors.length} findings, ${warnings.length} warnings`);
  Deno.exit(errors.length === 0 ? 0 : 1);
}
