/** Line and dot charts as vector drawings that can be read without a ruler. */

/** What to draw: `ys` at `xs`, both of the same length, two at least. */
export type ChartData = {
  xs: readonly number[];
  ys: readonly number[];
  /** dots: a value each; steps: a value that holds until the next. */
  as: "dots" | "steps";
  /** A level to compare with, and what it is called. */
  level?: { value: number; label: string };
  /** Values above it are drawn hollow at the upper edge, so that one of them hides no others. */
  yMost?: number;
  formatX: (value: number) => string;
  formatY: (value: number) => string;
  /** What a screen reader says of the whole. */
  summary: string;
};

/** Measures in the drawing's own units: on a phone about three quarters of a pixel. */
const WIDTH = 440;
const HEIGHT = 250;
const LEFT = 58;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 30;

export function Chart({ data }: { data: ChartData }) {
  const { xs, level, yMost: cap = Infinity } = data;
  const ys = data.ys.map((y) => Math.min(y, cap));
  const all = level === undefined ? ys : [...ys, level.value];
  const least = Math.min(0, ...ys);
  const yTicks = ticks(least, Math.max(...all, 1e-9), 5);
  const xTicks = ticks(xs[0]!, xs.at(-1)!, 5).filter((tick) => tick >= xs[0]!);
  const yMost = Math.max(yTicks.at(-1)!, ...all);
  const scaleX = scale(xs[0]!, xs.at(-1)!, LEFT, WIDTH - RIGHT);
  const scaleY = scale(Math.min(least, yTicks[0]!), yMost, HEIGHT - BOTTOM, TOP);
  return (
    <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={data.summary}>
      {yTicks.map((tick) => (
        <>
          <path class="grid" d={`M${LEFT} ${scaleY(tick)}H${WIDTH - RIGHT}`} />
          <text x={LEFT - 8} y={scaleY(tick) + 4} text-anchor="end">{data.formatY(tick)}</text>
        </>
      ))}
      {xTicks.filter((tick) => tick <= xs.at(-1)!).map((tick) => (
        <text x={scaleX(tick)} y={HEIGHT - 8} text-anchor={anchorAt(scaleX(tick))}>
          {data.formatX(tick)}
        </text>
      ))}
      {level !== undefined && (
        <>
          <path class="level" d={`M${LEFT} ${scaleY(level.value)}H${WIDTH - RIGHT}`} />
          <text class="level" x={WIDTH - RIGHT} y={scaleY(level.value) - 6} text-anchor="end">
            {level.label}
          </text>
        </>
      )}
      {data.as === "dots"
        ? xs.map((x, at) => (
          <circle
            key={x}
            class={data.ys[at]! > cap ? "dot over" : "dot"}
            cx={scaleX(x)}
            cy={scaleY(ys[at]!)}
            r={xs.length > 300 ? 1.6 : 2.6}
          />
        ))
        : <path class="line" d={stepPath(xs.map(scaleX), ys.map(scaleY))} />}
    </svg>
  );
}

/** A label near the edge stays inside. */
function anchorAt(x: number): "start" | "middle" | "end" {
  return x < LEFT + 16 ? "start" : x > WIDTH - RIGHT - 20 ? "end" : "middle";
}

function scale(fromLeast: number, fromMost: number, toLeast: number, toMost: number) {
  const range = fromMost - fromLeast || 1;
  return (value: number) =>
    Number((toLeast + (value - fromLeast) / range * (toMost - toLeast)).toFixed(1));
}

function stepPath(xs: readonly number[], ys: readonly number[]): string {
  return xs.map((x, at) => at === 0 ? `M${x} ${ys[0]}` : `H${x}V${ys[at]}`).join("");
}

/** About `count` round numbers (1, 2, 5 times a power of ten) from `least` to past `most`. */
export function ticks(least: number, most: number, count: number): number[] {
  const rough = (most - least) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  const found: number[] = [];
  for (let at = Math.floor(least / step); at * step < most + step; at++) found.push(at * step);
  return found;
}
