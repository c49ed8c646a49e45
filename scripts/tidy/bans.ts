import { roomOf } from "./arrows.ts";
import { type Finding, importsOf, lineAt, type Source } from "./source.ts";

/** Words that may stand only where their one owner is. */
type Ban = {
  /** Searched in the code, or with `of: "imports"` in what is imported, or in the whole text. */
  pattern: RegExp;
  of?: "imports" | "text";
  what: string;
  instead: string;
  /** Whether a file is under the ban; `room` is undefined for `main.ts`. */
  in: (room: string | undefined, path: string) => boolean;
};

const PURE = ["primitives", "consensus", "wire"];

/** Rooms that a simulation runs: there even a library's own timer would be a second clock. */
const SIMULATED = ["chain", "mempool", "peers", "wallet", "sync", "minter", "store"];

const isPure = (room: string | undefined) => PURE.includes(room ?? "");
const readsClock = (room: string | undefined, path: string) =>
  room !== undefined && room !== "cli" && path !== "lib/base/clock.ts";
const outside = (...rooms: string[]) => (room: string | undefined) =>
  room !== undefined && !rooms.includes(room);

export const BANS: readonly Ban[] = [
  {
    pattern: /\bconsole\s*\./g,
    what: "console",
    instead: "lib/base/log.ts, or a value returned to lib/cli",
    in: outside("cli"),
  },
  {
    pattern: /\b(?:Deno|process)\s*\.\s*(?:exit|exitCode)\b/g,
    what: "end of the program",
    instead: "an error thrown to lib/cli",
    in: outside("cli"),
  },
  {
    pattern: /\bDeno\s*\.\s*(?:Kv\w*|openKv|AtomicOperation)\b/g,
    what: "Deno KV",
    instead: "the KvStore port of lib/store",
    in: outside("store"),
  },
  {
    pattern: /^(?:npm:\/?)?(?:libp2p|@libp2p\/.*|@chainsafe\/libp2p-.*)(?:@[\d.]+)?(?:\/.*)?$/g,
    of: "imports",
    what: "libp2p",
    instead: "the Transport port of lib/net",
    in: outside("net"),
  },
  {
    pattern: /^(?:npm:\/?)?(?:@hono\/.*|hono)(?:@[\d.]+)?(?:\/.*)?$/g,
    of: "imports",
    what: "hono",
    instead: "a handler in lib/http",
    in: outside("http"),
  },
  {
    pattern: /^(?:npm:\/?)?(?:@commander-js\/.*|commander)(?:@[\d.]+)?(?:\/.*)?$/g,
    of: "imports",
    what: "commander",
    instead: "a command in lib/cli",
    in: outside("cli"),
  },
  {
    pattern: /\bMath\s*\.\s*random\b/g,
    what: "dice",
    instead: "the Random port of lib/base/random.ts",
    in: (room, path) => room !== undefined && path !== "lib/base/random.ts",
  },
  {
    pattern: /\bcrypto\s*\.\s*(?:getRandomValues|randomUUID)\b/g,
    what: "dice of the platform",
    instead: "the Random port of lib/base/random.ts",
    in: (room) => SIMULATED.includes(room ?? ""),
  },
  {
    pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|(?!\s*\())|\bperformance\s*\.\s*now\b/g,
    what: "reading of the time",
    instead: "the Clock port of lib/base/clock.ts",
    in: readsClock,
  },
  {
    pattern: /(?<!(?<!\b(?:globalThis|self))\.)\b(?:setTimeout|setInterval)\b/g,
    what: "timer",
    instead: "the Clock port of lib/base/clock.ts",
    in: readsClock,
  },
  {
    pattern: /\bAbortSignal\s*\.\s*timeout\b/g,
    what: "timer of the platform",
    instead: "the Clock port of lib/base/clock.ts",
    in: (room) => SIMULATED.includes(room ?? ""),
  },
  {
    pattern: /\b(?:async|await|Promise)\b/g,
    what: "asynchronous code in a pure room",
    instead: "plain values as arguments",
    in: isPure,
  },
  {
    pattern: /\bDeno\s*\./g,
    what: "Deno in a pure room",
    instead: "plain values as arguments",
    in: isPure,
  },
  {
    pattern: /\bDate\b/g,
    what: "Date in a pure room",
    instead: "milliseconds as an argument",
    in: isPure,
  },
  {
    pattern: /\b(?:TODO|FIXME|XXX)\b/g,
    of: "text",
    what: "promise in a comment",
    instead: "an issue",
    in: () => true,
  },
];

/** Every banned word in lib and `main.ts`. */
export function checkBans(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = [];
  for (const source of sources) {
    const room = roomOf(source.path);
    if (room === undefined && source.path !== "main.ts") continue;
    for (const ban of BANS) {
      if (!ban.in(room, source.path)) continue;
      for (const line of linesBreaking(ban, source)) {
        findings.push({ path: source.path, line, what: ban.what, instead: ban.instead });
      }
    }
  }
  return findings;
}

function linesBreaking(ban: Ban, source: Source): number[] {
  if (ban.of === "imports") {
    const broken = importsOf(source).filter(({ specifier }) => specifier.match(ban.pattern));
    return broken.map(({ line }) => line);
  }
  const searched = ban.of === "text" ? source.text : source.code;
  return [...searched.matchAll(ban.pattern)].map(({ index }) => lineAt(searched, index));
}
