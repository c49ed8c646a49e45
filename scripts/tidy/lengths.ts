import { type Finding, lineAt, type Source } from "./source.ts";

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

/** Files and functions that have outgrown the house numbers: to notice, not to fail. */
export function checkLengths(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = [];
  for (const source of sources.filter(({ path }) => !path.startsWith("tests/"))) {
    const lines = source.text.trimEnd().split("\n").length;
    if (lines > FILE_LINES_MAX) {
      const what = `file of ${lines} lines`;
      findings.push({ path: source.path, line: 1, what, instead: "one file for each concept" });
    }
    for (const { name, line, lines } of functionsOf(source)) {
      if (lines <= FUNCTION_LINES_MAX) continue;
      const what = `${name}: function of ${lines} lines`;
      findings.push({ path: source.path, line, what, instead: "named steps" });
    }
  }
  return findings;
}

const NOT_A_FUNCTION = new Set(["if", "for", "while", "switch", "catch", "with", "await"]);

/** The functions, methods and arrow functions of a file that have a body in braces. */
export function functionsOf({ code }: Source): { name: string; line: number; lines: number }[] {
  const found: { name: string; line: number; lines: number }[] = [];
  for (const match of code.matchAll(/([\w$#]*)\s*(?:<[\w\s,=]+>)?\(/g)) {
    const name = match[1]!;
    if (NOT_A_FUNCTION.has(name)) continue;
    const open = match.index + match[0].length - 1;
    const body = bodyAfter(code, closing(code, open) + 1);
    if (body === undefined) continue;
    const line = lineAt(code, open);
    const lines = lineAt(code, closing(code, body)) - line + 1;
    found.push({ name: name || "anonymous", line, lines });
  }
  return found;
}

/** Where the body begins after a parameter list: past a return type and an arrow, if any. */
function bodyAfter(code: string, start: number): number | undefined {
  const rest = /^\s*(=>\s*)?\{/.exec(code.slice(start, start + 200));
  if (rest) return start + rest[0].length - 1;
  if (!/^\s*:/.test(code.slice(start, start + 50))) return undefined;
  let typeMayFollow = true;
  for (let at = code.indexOf(":", start) + 1; at < code.length; at++) {
    const char = code[at]!;
    if (/\s/.test(char)) continue;
    if (char === "{" && !typeMayFollow) return at;
    if (";,)=}".includes(char) && !code.startsWith("=>", at)) return undefined;
    if ("{([<".includes(char)) at = char === "<" ? closingAngle(code, at) : closing(code, at);
    if (code.startsWith("=>", at)) {
      at++;
      if (/^=>\s*\{/.test(code.slice(at - 1))) return code.indexOf("{", at);
      typeMayFollow = true;
    } else {
      typeMayFollow = "|&:".includes(char);
    }
  }
  return undefined;
}

const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** The position of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  const [opener, closer] = [code[open]!, CLOSING[code[open]!]!];
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === opener) depth++;
    if (code[at] === closer && --depth === 0) return at;
  }
  return code.length;
}

function closingAngle(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === "<") depth++;
    if (code[at] === ">" && code[at - 1] !== "=" && --depth === 0) return at;
  }
  return code.length;
}
