/** The cost curve as a picture: three small charts in a row, readable on light and dark pages. */

/** The medians at one length of chain. */
export interface CurvePoint {
  readonly payments: number;
  readonly paymentsPerSecond: number;
  readonly peakMb: number;
  readonly diskMb: number;
}

const CHART = { width: 250, height: 190, gap: 30, left: 16, top: 64, plot: 96 };
const WIDTH = 3 * CHART.width + 2 * CHART.gap + 2 * CHART.left;
const HEIGHT = CHART.height + CHART.top - 20;
const BAR = 46;

const STYLE = `
    .page { fill: #ffffff } .ink { fill: #1f2328 } .dim { fill: #59636e } .bar { fill: #0969da }
    .line { stroke: #d1d9e0 }
    text { font: 13px system-ui, sans-serif } .head { font-size: 15px; font-weight: 600 }
    .mid { text-anchor: middle }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } .ink { fill: #f0f6fc } .dim { fill: #9198a1 } .bar { fill: #4493f8 }
      .line { stroke: #3d444d }
    }
  `;

/** An SVG document. Bars stand on zero; each chart has its own scale. */
export function curvePicture(points: readonly CurvePoint[]): string {
  const charts = [
    chart(0, "Payments a second", points, ({ paymentsPerSecond }) => paymentsPerSecond),
    chart(1, "Peak memory, MB", points, ({ peakMb }) => peakMb),
    chart(2, "Disk a payment, bytes", points, bytesPerPayment),
  ];
  const told = points.map((point) =>
    `${point.payments} payments: ${point.paymentsPerSecond} a second, ${point.peakMb} MB of ` +
    `memory, ${point.diskMb} MB of disk`
  ).join("; ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" ` +
    `viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${told}">`,
    `  <style>${STYLE}</style>`,
    `  <rect class="page" width="${WIDTH}" height="${HEIGHT}" rx="6"/>`,
    `  <text class="ink head" x="${CHART.left}" y="28">` +
    `Initial sync over chains of growing length</text>`,
    ...charts,
    "</svg>",
    "",
  ].join("\n");
}

function bytesPerPayment({ diskMb, payments }: CurvePoint): number {
  return Math.round(diskMb * 1_000_000 / payments);
}

function chart(
  place: number,
  title: string,
  points: readonly CurvePoint[],
  valueOf: (point: CurvePoint) => number,
): string {
  const x = CHART.left + place * (CHART.width + CHART.gap);
  const floor = CHART.top + 30 + CHART.plot;
  const most = Math.max(...points.map(valueOf));
  const step = CHART.width / points.length;
  const bars = points.map((point, at) => {
    const value = valueOf(point);
    const height = Math.max(1, Math.round(CHART.plot * value / most));
    const middle = Math.round(x + step * (at + 0.5));
    return [
      `  <rect class="bar" x="${middle - BAR / 2}" y="${floor - height}" width="${BAR}" ` +
      `height="${height}" rx="2"/>`,
      `  <text class="ink mid" x="${middle}" y="${floor - height - 6}">` +
      `${value.toLocaleString("en")}</text>`,
      `  <text class="dim mid" x="${middle}" y="${floor + 18}">${
        shortCount(point.payments)
      }</text>`,
    ].join("\n");
  });
  return [
    `  <text class="ink" x="${x}" y="${CHART.top}">${title}</text>`,
    ...bars,
    `  <line class="line" x1="${x}" y1="${floor}" x2="${x + CHART.width}" y2="${floor}"/>`,
    `  <text class="dim mid" x="${x + CHART.width / 2}" y="${floor + 38}">payments</text>`,
  ].join("\n");
}

function shortCount(count: number): string {
  if (count >= 1_000_000) return `${count / 1_000_000} million`;
  return count.toLocaleString("en");
}
