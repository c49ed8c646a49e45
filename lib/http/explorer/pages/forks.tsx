import type { ForkTree } from "../../../node/mod.ts";
import { type ForkEdge, type ForkLayout, layOutForks, type PlacedBlock } from "../fork_layout.ts";
import { formatNumber, shortId } from "../format.ts";
import { AddressLink, Cell, Head, IdLink, Time } from "../parts.tsx";
import type { View } from "../view.ts";

/** Heights that the tree reaches back. */
export const FORK_HEIGHTS = 100;

export function ForksBody({ view, data }: { view: View; data: ForkTree }) {
  const { texts, language } = view;
  const layout = layOutForks(data);
  const number = (count: number) => formatNumber(count, language);
  const heights = number(new Set(data.blocks.map(({ height }) => height)).size);
  const { length } = layout.sideBlocks;
  return (
    <section aria-labelledby="forks-title">
      <h1 id="forks-title">{texts.forks}</h1>
      <p class="lead">{texts.forksLead}</p>
      <div data-live="forks">
        <p class="total">
          {length === 0 ? texts.forksNone(heights) : texts.forksSome(number(length), heights)}
        </p>
        <div class={length === 0 ? undefined : "tree-side"}>
          <div class="card">
            <p class="legend" aria-hidden="true">
              <span class="dot main"></span> {texts.mainChain}
              <span class="dot side"></span> {texts.sideBranch}
            </p>
            <ForkDrawing view={view} layout={layout} tipId={data.tipId} />
          </div>
          {length > 0 && <SideTable view={view} layout={layout} />}
        </div>
      </div>
    </section>
  );
}

/** Measures of the drawing in its own units, about pixels. */
const ROW = 34;
const LANE = 28;
const LEFT = 84;
const LABEL = 150;

const x = (lane: number) => LEFT + lane * LANE;
const y = (row: number) => ROW / 2 + row * ROW;

function ForkDrawing(
  { view, layout, tipId }: { view: View; layout: ForkLayout; tipId: string },
) {
  const { texts, language } = view;
  const { rows, placed, edges, lanes } = layout;
  const [width, height] = [x(lanes - 1) + LABEL, rows.length * ROW];
  return (
    <svg
      class="tree"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="group"
      aria-label={texts.forksPicture}
    >
      {edges.map((edge) => <Edge key={edge.from.block.id} edge={edge} bottom={height} />)}
      {rows.map((row, at) =>
        "hidden" in row
          ? (
            <text class="hidden" x={x(0) + 18} y={y(at) + 4}>
              {texts.forksHidden(formatNumber(row.hidden, language))}
            </text>
          )
          : (
            <text class="height" x={LEFT - 20} y={y(at) + 4} text-anchor="end">
              {formatNumber(row.height, language)}
            </text>
          )
      )}
      {placed.map((each) => (
        <Node view={view} placed={each} isTip={each.block.id === tipId} labelX={x(lanes - 1)} />
      ))}
    </svg>
  );
}

function Edge({ edge: { from, to }, bottom }: { edge: ForkEdge; bottom: number }) {
  const [x1, y1] = [x(from.lane), y(from.row)];
  const [x2, y2] = to === undefined ? [x1, bottom] : [x(to.lane), y(to.row)];
  const path = x1 === x2
    ? `M${x1} ${y1}V${y2}`
    : `M${x1} ${y1}V${y2 - ROW}C${x1} ${y2 - ROW / 3} ${x2} ${y2 - ROW * 0.6} ${x2} ${y2}`;
  return <path class={from.lane === 0 ? "edge" : "edge side"} d={path} />;
}

type NodeParts = { view: View; placed: PlacedBlock; isTip: boolean; labelX: number };

function Node({ view, placed: { block, lane, row }, isTip, labelX }: NodeParts) {
  const { texts, language } = view;
  const [cx, cy] = [x(lane), y(row)];
  const kind = !block.valid ? "bad" : lane === 0 ? "main" : "side";
  const where = { main: texts.mainChain, side: texts.sideBranch, bad: texts.invalidBlock }[kind];
  const label = `${where}: ${formatNumber(block.height, language)}, ${shortId(block.id)}`;
  return (
    <a href={`/block/${block.id}`} class={isTip ? `${kind} tip` : kind} aria-label={label}>
      <circle class="halo" cx={cx} cy={cy} r="12" />
      <circle class="node" cx={cx} cy={cy} r={isTip ? 8 : 6} />
      {lane === 0 && <text x={labelX + 20} y={cy + 4}>{shortId(block.id)}</text>}
    </a>
  );
}

function SideTable({ view, layout }: { view: View; layout: ForkLayout }) {
  const { texts, language } = view;
  return (
    <section class="stack" aria-labelledby="side-title">
      <h2 id="side-title">{texts.sideBlocks}</h2>
      <table>
        <thead>
          <tr>
            <Head text={texts.height} />
            <Head text={texts.block} />
            <Head text={texts.time} />
            <Head text={texts.buildsOn} wide />
            <Head text={texts.minter} wide />
          </tr>
        </thead>
        <tbody>
          {layout.sideBlocks.map((block) => (
            <tr data-key={block.id}>
              <th scope="row">{formatNumber(block.height, language)}</th>
              <Cell>
                <IdLink href={`/block/${block.id}`} id={block.id} />{" "}
                {!block.valid && <span class="badge bad">{texts.invalidBlock}</span>}
              </Cell>
              <Cell>
                <Time view={view} ms={block.timeMs} />
              </Cell>
              <Cell wide>
                <IdLink href={`/block/${block.previous}`} id={block.previous} />
              </Cell>
              <Cell wide>
                {block.minter === undefined ? texts.nobody : <AddressLink address={block.minter} />}
              </Cell>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
