import type { MinterShare, SpacingSeries } from "../../../node/mod.ts";
import { Chart } from "../chart.tsx";
import { formatNumber, formatSeconds, formatShort, formatSpan } from "../format.ts";
import { AddressLink, Cell, Empty, Fact, Head } from "../parts.tsx";
import type { View } from "../view.ts";

/** How many blocks back the pictures may reach. */
export const STATS_RANGES = [100, 300, 1000] as const;

/**
 * A gap counts as twelve times the target spacing at most when the next target is set; longer ones
 * are nights and week-ends, drawn at the edge.
 */
const SPACING_SHOWN_MAX = 12;

/** Minters that are listed one by one. */
const MINTERS_SHOWN = 20;

export type StatsData = { spacing: SpacingSeries; minters: readonly MinterShare[]; range: number };

export function StatsBody({ view, data }: { view: View; data: StatsData }) {
  const { texts, language } = view;
  const spacing = withoutBeginning(data.spacing);
  const { points } = spacing;
  const blocks = data.minters.reduce((sum, share) => sum + share.blocks, 0);
  return (
    <>
      <header class="title">
        <h1>{texts.stats}</h1>
        <nav class="steps" aria-label={texts.range}>
          {STATS_RANGES.map((range) => (
            <a
              class="button"
              href={`/stats?blocks=${range}`}
              aria-current={range === data.range ? "true" : undefined}
            >
              {texts.rangeOf(formatNumber(range, language))}
            </a>
          ))}
        </nav>
      </header>
      <div data-live="stats">
        <p class="lead">{texts.statsLead(formatNumber(points.length, language))}</p>
        {points.length < 2 ? <Empty text={texts.statsNone} /> : (
          <>
            <Summary view={view} spacing={spacing} />
            <Charts view={view} spacing={spacing} />
          </>
        )}
        <section aria-labelledby="minters-title">
          <h2 id="minters-title">{texts.minters}</h2>
          <MinterTable
            view={view}
            minters={data.minters.slice(0, MINTERS_SHOWN)}
            total={blocks}
          />
        </section>
      </div>
    </>
  );
}

/** The genesis block's time is the network's, not that of anybody who minted. */
function withoutBeginning(spacing: SpacingSeries): SpacingSeries {
  return { ...spacing, points: spacing.points.filter(({ height }) => height > 1) };
}

function Summary({ view, spacing }: { view: View; spacing: SpacingSeries }) {
  const { texts, language } = view;
  const spacings = spacing.points.map(({ spacingMs }) => spacingMs);
  const mean = spacings.reduce((sum, each) => sum + each, 0) / spacings.length;
  const median = [...spacings].sort((a, b) => a - b)[spacings.length >> 1]!;
  const { difficulty } = spacing.points.at(-1)!;
  const hashes = spacing.points.reduce((sum, point) => sum + point.difficulty, 0);
  const rate = hashes / Math.max(1e-3, mean * spacings.length / 1000);
  return (
    <dl class="strip figures">
      <Fact name={texts.spacingMean}>{formatSpan(mean, language)}</Fact>
      <Fact name={texts.spacingMedian}>{formatSpan(median, language)}</Fact>
      <Fact name={texts.spacingTarget}>{formatSpan(spacing.targetSpacingMs, language)}</Fact>
      <Fact name={texts.difficultyNow}>{formatShort(difficulty, language)}</Fact>
      <Fact name={texts.hashRate}>{texts.hashesPerSecond(formatShort(rate, language))}</Fact>
    </dl>
  );
}

function Charts({ view, spacing }: { view: View; spacing: SpacingSeries }) {
  const { texts, language } = view;
  const heights = spacing.points.map(({ height }) => height);
  const short = (value: number) => formatShort(value, language);
  const span = (value: number) => formatSpan(value, language);
  const difficulties = spacing.points.map(({ difficulty }) => difficulty);
  const spacings = spacing.points.map(({ spacingMs }) => spacingMs);
  const number = (value: number) => formatNumber(value, language);
  return (
    <div class="charts">
      <figure class="card">
        <figcaption>
          <strong>{texts.difficulty}</strong> <span class="pale">{texts.difficultyUnit}</span>
        </figcaption>
        <Chart
          data={{
            xs: heights,
            ys: difficulties,
            as: "steps",
            formatX: number,
            formatY: short,
            summary: summaryOf(texts.difficulty, difficulties, short),
          }}
        />
      </figure>
      <figure class="card">
        <figcaption>
          <strong>{texts.spacing}</strong> <span class="pale">{texts.spacingHelp}</span>
        </figcaption>
        <Chart
          data={{
            xs: heights,
            ys: spacings,
            as: "dots",
            level: {
              value: spacing.targetSpacingMs,
              label: texts.spacingUnit(span(spacing.targetSpacingMs)),
            },
            formatX: number,
            yMost: spacing.targetSpacingMs * SPACING_SHOWN_MAX,
            formatY: (value) => formatSeconds(value, language),
            summary: summaryOf(texts.spacing, spacings, span),
          }}
        />
      </figure>
    </div>
  );

  function summaryOf(name: string, values: number[], format: (value: number) => string): string {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return texts.chartSummary(name, format(least), format(most), format(values.at(-1)!));
  }
}

type MinterParts = { view: View; minters: readonly MinterShare[]; total: number };

/** Who minted how many, with a bar for each share. */
export function MinterTable({ view, minters, total }: MinterParts) {
  const { texts, language } = view;
  if (minters.length === 0) return <Empty text={texts.none} />;
  return (
    <table class="minters">
      <thead>
        <tr>
          <Head text={texts.minter} />
          <Head text={texts.blocksMinted} right />
          <Head text={texts.share} />
          <Head text={texts.lastMinted} right wide />
        </tr>
      </thead>
      <tbody>
        {minters.map(({ address, blocks, lastHeight }) => (
          <tr data-key={address}>
            <th scope="row">
              <AddressLink address={address} />
            </th>
            <Cell right>{formatNumber(blocks, language)}</Cell>
            <Cell>
              <Share blocks={blocks} total={total} />
            </Cell>
            <Cell right wide>
              <a href={`/block/${lastHeight}`}>{formatNumber(lastHeight, language)}</a>
            </Cell>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Share({ blocks, total }: { blocks: number; total: number }) {
  const percent = total === 0 ? 0 : blocks / total * 100;
  return (
    <span class="share">
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="100" height="8" />
        <rect class="bar" width={percent.toFixed(1)} height="8" />
      </svg>
      <span>{percent.toFixed(0)}%</span>
    </span>
  );
}
