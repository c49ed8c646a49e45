/** Measurements as a table for people, as markdown for docs/performance.md, and judged. */
import { type Measurement, rounded, type Target } from "./measurement.ts";

/** What btcd made of the same thing just before and just after. */
export interface Comparison {
  readonly value: number;
  readonly runs: readonly number[];
}

/** btcd's figures, by the id of ours that they stand beside. */
export type Comparisons = ReadonlyMap<string, Comparison>;

interface Row {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly btcd: string;
  readonly ratio: string;
  readonly verdict: string;
}

const HEADINGS: Record<keyof Row, string> = {
  what: "",
  target: "Target",
  measured: "Measured",
  btcd: "btcd",
  ratio: "Ratio",
  verdict: "Met",
};

/** A table with aligned columns. */
export function textTable(found: readonly Measurement[], comparisons: Comparisons): string {
  const rows = [HEADINGS, ...found.map((each) => rowOf(each, comparisons))];
  const columns = Object.keys(HEADINGS) as (keyof Row)[];
  const widths = columns.map((name) => Math.max(...rows.map((row) => row[name].length)));
  return rows.map((row) =>
    columns.map((name, at) => row[name].padEnd(widths[at]!)).join("  ").trimEnd()
  ).join("\n");
}

/** The same as a markdown table. */
export function markdownTable(found: readonly Measurement[], comparisons: Comparisons): string {
  const columns = Object.keys(HEADINGS) as (keyof Row)[];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map((name) => HEADINGS[name])),
    line(columns.map(() => "---")),
    ...found.map((each) => {
      const row = rowOf(each, comparisons);
      return line(columns.map((name) => row[name]));
    }),
  ].join("\n");
}

/** Whether the target is met; undefined without one, or without btcd's figure to hold it against. */
export function isMet(found: Measurement, comparisons: Comparisons): boolean | undefined {
  const { target } = found;
  if (target === undefined) return undefined;
  const value = target.of === "value" ? found.value : ratioOf(found, comparisons);
  if (value === undefined) return undefined;
  return target.kind === "least" ? value >= target.bound : value <= target.bound;
}

function ratioOf({ id, value }: Measurement, comparisons: Comparisons): number | undefined {
  const beside = comparisons.get(id);
  return beside && rounded(value / beside.value);
}

function rowOf(found: Measurement, comparisons: Comparisons): Row {
  const beside = comparisons.get(found.id);
  const ratio = ratioOf(found, comparisons);
  const met = isMet(found, comparisons);
  return {
    what: found.name,
    target: found.target === undefined ? "stated" : targetText(found.target, found.unit),
    measured: withUnit(found.value, found.unit),
    btcd: beside === undefined ? "" : withUnit(rounded(beside.value), found.unit),
    ratio: ratio === undefined ? "" : `${ratio.toPrecision(3)}x`,
    verdict: met === undefined ? "" : met ? "yes" : "no",
  };
}

function targetText({ kind, of, bound }: Target, unit: string): string {
  const sign = kind === "least" ? ">=" : "<=";
  return of === "btcd" ? `${sign} ${bound}x btcd` : `${sign} ${withUnit(bound, unit)}`;
}

function withUnit(value: number, unit: string): string {
  return `${value.toLocaleString("en", { maximumSignificantDigits: 4 })} ${unit}`;
}
