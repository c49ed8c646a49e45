/** Figures, ids, times and tables as people read them. */
import { formatCoins } from "../primitives/mod.ts";

/** `1 coin`, `20.000226 coins`. */
export function coins(grains: number): string {
  return `${formatCoins(grains)} ${Math.abs(grains) === 1_000_000 ? "coin" : "coins"}`;
}

/** An amount with its sign, as a change. */
export function signedCoins(grains: number): string {
  return (grains > 0 ? "+" : "") + coins(grains);
}

/** `1 block`, `3 blocks`, `0 blocks`. */
export function count(number: number, one: string, many = one + "s"): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** What brings something to peers that none has heard of yet. */
export function nextWay(isRunning: boolean): string {
  return isRunning ? "the first peer that connects" : "moim start";
}

/** The first characters of an id, enough to tell two apart. */
export function shortId(id: string): string {
  return id.slice(0, 12) + "…";
}

/** The last characters of a peer id: the first are the same for everybody. */
export function shortPeer(peerId: string): string {
  return "…" + peerId.slice(-8);
}

/** Local time, `2026-11-23 09:30:00`. */
export function dateTime(timeMs: number): string {
  const time = new Date(timeMs);
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date} ${clockTime(time)}`;
}

/** Local time of day, `09:30:00`. */
export function clockTime(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
}

/** `850 ms`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `850 bytes`, `12 kB`, `3.4 MB`. */
export function fileSize(bytes: number): string {
  if (bytes < 1_000) return count(bytes, "byte");
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Rows in columns as wide as their widest cell; the named columns are set right. */
export function table(rows: string[][], rightColumns: number[] = []): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(0, ...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row.map((cell, column) =>
      rightColumns.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
    ).join("  ").trimEnd()
  );
}

/** Text of strangers (memos, agents, phrases) without control characters that move a cursor. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "·");
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
