import { type Finding, type Import, importsOf, type Source } from "./source.ts";

/** The rooms of lib by level. Imports point down only; within a level only as BESIDE says. */
const LEVELS: readonly (readonly string[])[] = [
  ["base"],
  ["primitives"],
  ["consensus", "wire"],
  ["store"],
  ["chain", "mempool", "peers", "wallet"],
  ["net", "sync", "minter"],
  ["node"],
  ["http", "cli"],
];

/** What a room may see in one of its own level: a port, not what implements it; what it sits on. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  sync: ["lib/net/transport.ts", "lib/net/hub.ts"],
  mempool: ["lib/chain/"],
};

/** Rooms below that may not be seen, although they are below. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  http: ["store", "net"],
  cli: ["store", "net"],
};

/** What `main.ts` may see: it hands the two rooms that may not see each other to one another. */
const MAIN_SEES = ["cli", "http", "base"];

/** Rooms of which only types may be seen. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = { store: ["consensus"] };

/** Imports between rooms that point up, sideways or where they may not. */
export function checkArrows(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = [];
  for (const source of sources.filter(({ path }) => isProgram(path))) {
    for (const imported of importsOf(source)) {
      const complaint = judge(source.path, imported);
      if (complaint) findings.push({ path: source.path, line: imported.line, ...complaint });
    }
  }
  return findings;
}

type Complaint = Pick<Finding, "what" | "instead">;

function judge(path: string, imported: Import): Complaint | undefined {
  const { specifier, target, typeOnly } = imported;
  if (/^(?:https?|jsr):/.test(specifier)) {
    return { what: `import of "${specifier}"`, instead: "a package from npm named in deno.json" };
  }
  if (target === undefined || target === "deno.json") return undefined;
  const from = roomOf(path);
  const to = roomOf(target);
  if (to === undefined) return { what: `import of ${target}`, instead: "a file of lib" };
  if (from === undefined) {
    if (MAIN_SEES.includes(to)) return undefined;
    return { what: `main.ts sees ${to}`, instead: "lib/cli" };
  }
  if (from === to) return undefined;
  if (BESIDE[from]?.some((start) => target.startsWith(start))) return undefined;
  const [fromLevel, toLevel] = [levelOf(from), levelOf(to)];
  if (fromLevel === -1) return { what: `unknown room "${from}"`, instead: "a room of LEVELS" };
  if (toLevel > fromLevel) {
    return { what: `${from} sees ${to}, which is above it`, instead: "a port or an argument" };
  }
  if (toLevel === fromLevel) {
    return { what: `${from} sees ${to}, which is beside it`, instead: "a port or an argument" };
  }
  if (HIDDEN[from]?.includes(to)) return { what: `${from} sees ${to}`, instead: "node's facade" };
  if (TYPES_ONLY[from]?.includes(to) && !typeOnly) {
    return { what: `${from} runs code of ${to}`, instead: "import type" };
  }
  return undefined;
}

function isProgram(path: string): boolean {
  return path === "main.ts" || path.startsWith("lib/");
}

/** The room of a file in lib. */
export function roomOf(path: string): string | undefined {
  return /^lib\/(\w+)\//.exec(path)?.[1];
}

function levelOf(room: string): number {
  return LEVELS.findIndex((rooms) => rooms.includes(room));
}

/** Groups of files that import each other in a circle, type imports included. */
export function checkCycles(sources: readonly Source[]): Finding[] {
  const graph = graphOf(sources);
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (const path of graph.keys()) {
    if (told.has(path)) continue;
    const circle = shortestCircle(graph, path);
    if (circle === undefined) continue;
    circle.forEach((member) => told.add(member));
    const line = graph.get(path)!.find(({ target }) => target === circle[1])!.line;
    const what = `import circle ${circle.join(" > ")}`;
    findings.push({ path, line, what, instead: "a third file for what they share" });
  }
  return findings;
}

/** The simulated twin of a port lies beside the real one, and only tests use it. */
const SIMULATED_PORT = /\/memory_[a-z]+\.ts$/;

/**
 * Files of lib that neither `main.ts` nor anything it imports or starts as a worker needs. A
 * room's `mod.ts` may lie unused, being its front page too, but keeps nothing alive by that.
 */
export function checkDeadFiles(sources: readonly Source[]): Finding[] {
  const graph = graphOf(sources);
  if (!graph.has("main.ts")) {
    return [{
      path: "main.ts",
      line: 1,
      what: "missing",
      instead: "a program that starts lib/cli",
    }];
  }
  const alive = new Set(["main.ts"]);
  for (const path of alive) {
    for (const { target } of graph.get(path) ?? []) if (target !== undefined) alive.add(target);
  }
  const dead = [...graph.keys()].filter((path) =>
    path.startsWith("lib/") && !path.endsWith("/mod.ts") && !SIMULATED_PORT.test(path) &&
    !alive.has(path)
  );
  return dead.map((path) => {
    return { path, line: 1, what: "dead file", instead: "an import, or git rm" };
  });
}

function graphOf(sources: readonly Source[]): Map<string, Import[]> {
  return new Map(sources.map((source) => [source.path, importsOf(source)]));
}

/** The shortest way over imports from a file back to itself, by breadth-first search. */
function shortestCircle(graph: Map<string, Import[]>, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const path of queue) {
    for (const { target } of graph.get(path) ?? []) {
      if (target === start) return [...wayBack(cameFrom, start, path), start];
      if (target === undefined || cameFrom.has(target) || !graph.has(target)) continue;
      cameFrom.set(target, path);
      queue.push(target);
    }
  }
  return undefined;
}

function wayBack(cameFrom: Map<string, string>, start: string, end: string): string[] {
  const way = [end];
  while (way[0] !== start) way.unshift(cameFrom.get(way[0]!)!);
  return way;
}
