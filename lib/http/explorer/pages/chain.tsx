import type { BlockSummary, ChainPage, NodeStatus, SyncStatus } from "../../../node/mod.ts";
import { formatBytes, formatNumber } from "../format.ts";
import {
  AddressLink,
  Amount,
  Cell,
  Count,
  Head,
  type PageLink,
  Pager,
  SettledBadge,
  Time,
} from "../parts.tsx";
import type { View } from "../view.ts";

/** What the chain page shows; `before` when it is not the newest page. */
export type ChainData = { status: NodeStatus; page: ChainPage; before: number | undefined };

/** The newest blocks under the state of the node, or a page of earlier ones. */
export function ChainBody({ view, data }: { view: View; data: ChainData }) {
  const { texts } = view;
  const { status, page, before } = data;
  const title = before === undefined ? texts.newestBlocks : texts.olderBlocks;
  return (
    <>
      {before === undefined && <StatusStrip view={view} status={status} />}
      <section aria-labelledby="blocks-title">
        <h1 id="blocks-title">{title}</h1>
        <div data-live={before === undefined ? "blocks" : undefined}>
          <BlockTable view={view} blocks={page.blocks} />
          <Pager view={view} of={texts.newestBlocks} links={pageLinks(view, data)} />
        </div>
      </section>
    </>
  );
}

function pageLinks(view: View, { page, before }: ChainData): PageLink[] {
  const { texts } = view;
  const links: PageLink[] = [];
  if (before !== undefined) links.push({ text: texts.newer, href: "/", rel: "prev" });
  if (page.next !== undefined) {
    links.push({ text: texts.older, href: `/?before=${page.next}`, rel: "next" });
  }
  return links;
}

function StatusStrip({ view, status }: { view: View; status: NodeStatus }) {
  const { texts, language } = view;
  const number = (count: number) => formatNumber(count, language);
  return (
    <section aria-label={texts.status} data-live="status">
      <dl class="strip">
        <div>
          <dt>{texts.height}</dt>
          <dd class="big">
            <a href={`/block/${status.tipId}`}>{number(status.height)}</a>
          </dd>
          <dd class="note">
            {texts.newestBlock} <Time view={view} ms={status.tipTimeMs} />
          </dd>
        </div>
        <div>
          <dt>{texts.peers}</dt>
          <dd class="big">
            <a href="/peers">{number(status.peers)}</a>
          </dd>
          <dd class="note">{texts.knownPeers(number(status.peersKnown))}</dd>
        </div>
        <div>
          <dt>{texts.mempool}</dt>
          <dd class="big">
            <a href="/mempool">{number(status.mempool.transactions)}</a>
          </dd>
          <dd class="note">{formatBytes(status.mempool.bytes, language)}</dd>
        </div>
        <div>
          <dt>{texts.sync}</dt>
          <dd class={status.sync.phase === "synced" ? "phase good" : "phase"}>
            {texts[`sync_${status.sync.phase}`]}
          </dd>
          <SyncNote view={view} sync={status.sync} />
        </div>
      </dl>
    </section>
  );
}

function SyncNote({ view, sync }: { view: View; sync: SyncStatus }) {
  const { height, targetHeight } = sync;
  if (targetHeight <= height) return null;
  const number = (count: number) => formatNumber(count, view.language);
  const text = view.texts.syncOf(number(height), number(targetHeight));
  return (
    <dd class="note">
      <progress max={targetHeight} value={height} aria-label={text}></progress> {text}
    </dd>
  );
}

/** Blocks threaded like beads, newest first: full beads are settled. */
export function BlockTable({ view, blocks }: { view: View; blocks: readonly BlockSummary[] }) {
  const { texts } = view;
  return (
    <table class="blocks">
      <thead>
        <tr>
          <Head text={texts.height} />
          <Head text={texts.time} />
          <Head text={texts.transactionsShort} right />
          <Head text={texts.paid} right wide />
          <Head text={texts.minter} />
          <Head text={texts.size} right wide />
          <Head text={texts.state} wide />
        </tr>
      </thead>
      <tbody>
        {blocks.map((block) => <BlockRow key={block.id} view={view} block={block} />)}
      </tbody>
    </table>
  );
}

function BlockRow({ view, block }: { view: View; block: BlockSummary }) {
  const { texts, language } = view;
  return (
    <tr data-key={block.id} class={block.settled ? "bead full" : "bead"}>
      <th scope="row">
        <a href={`/block/${block.id}`}>{formatNumber(block.height, language)}</a>
      </th>
      <Cell>
        <Time view={view} ms={block.timeMs} />
      </Cell>
      <Cell right>
        <Count view={view} of={block.transactions} />
      </Cell>
      <Cell right wide>
        {block.paid === 0
          ? <span class="pale">–</span>
          : <Amount view={view} grains={block.paid} />}
      </Cell>
      <Cell>
        {block.minter === undefined
          ? <span class="pale">{texts.nobody}</span>
          : <AddressLink address={block.minter} />}
      </Cell>
      <Cell right wide>{formatBytes(block.bytes, language)}</Cell>
      <Cell wide>
        <SettledBadge view={view} settled={block.settled} />
      </Cell>
    </tr>
  );
}
