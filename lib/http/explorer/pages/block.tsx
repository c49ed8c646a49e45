import type { Child } from "hono/jsx";
import type { BlockInfo } from "../../../node/mod.ts";
import { formatBytes, formatNumber } from "../format.ts";
import { AddressLink, Amount, Fact, SettledBadge, Time, WholeId } from "../parts.tsx";
import type { View } from "../view.ts";

/** A block, and a page of its transactions as `TransactionLists` renders it. */
export type BlockData = { block: BlockInfo; transactions: Child };

export function blockTitle(view: View, height: number): string {
  return view.texts.blockTitle(formatNumber(height, view.language));
}

export function BlockBody({ view, data }: { view: View; data: BlockData }) {
  const { texts } = view;
  const { block } = data;
  return (
    <>
      <header class="title">
        <h1>{blockTitle(view, block.height)}</h1>
        <p class="badges" data-live="state">
          <BlockBadges view={view} block={block} />
        </p>
        <nav class="steps" aria-label={texts.block} data-live="steps">
          {block.height > 0 && (
            <a class="button" rel="prev" href={`/block/${block.previous}`}>
              <span aria-hidden="true">←</span> {texts.previousBlock}
            </a>
          )}
          {block.next !== undefined && (
            <a class="button" rel="next" href={`/block/${block.next}`}>
              {texts.nextBlock} <span aria-hidden="true">→</span>
            </a>
          )}
        </nav>
      </header>
      {!block.onMainChain && <p class="notice">{texts.sideBranchHelp}</p>}
      <BlockFacts view={view} block={block} />
      {data.transactions}
    </>
  );
}

function BlockBadges({ view, block }: { view: View; block: BlockInfo }) {
  const { texts, language } = view;
  if (!block.onMainChain) return <span class="badge side">{texts.sideBranch}</span>;
  return (
    <>
      <SettledBadge view={view} settled={block.settled} />{" "}
      <span>{texts.confirmationsOf(formatNumber(block.confirmations, language))}</span>
    </>
  );
}

function BlockFacts({ view, block }: { view: View; block: BlockInfo }) {
  const { texts, language } = view;
  return (
    <section class="card" aria-label={texts.block}>
      <dl class="facts">
        <Fact name={texts.blockId}>
          <WholeId view={view} id={block.id} />
        </Fact>
        <Fact name={texts.time}>
          <Time view={view} ms={block.timeMs} />
        </Fact>
        <Fact name={texts.minter}>
          {block.minter === undefined ? texts.nobody : <AddressLink address={block.minter} />}
        </Fact>
        <Fact name={texts.minted}>
          <span title={texts.mintedHelp}>
            <Amount view={view} grains={block.minted} />
          </span>
        </Fact>
        <Fact name={texts.paid}>
          <Amount view={view} grains={block.paid} />
        </Fact>
        <Fact name={texts.size}>{formatBytes(block.bytes, language)}</Fact>
        <Fact name={texts.checks}>
          <Check view={view} name={texts.proofOfWork} isGood={block.proofOfWorkValid} />{" "}
          <Check view={view} name={texts.signatures} isGood={block.signaturesValid} />{" "}
          <Check view={view} name={texts.merkleRoot} isGood={block.merkleRootValid} />
        </Fact>
      </dl>
      <details>
        <summary>{texts.technical}</summary>
        <dl class="facts">
          <Fact name={texts.previousBlock}>
            {block.height === 0
              ? <WholeId view={view} id={block.previous} />
              : <WholeId view={view} id={block.previous} href={`/block/${block.previous}`} />}
          </Fact>
          <Fact name={texts.merkleRoot}>
            <WholeId view={view} id={block.merkleRoot} />
          </Fact>
          <Fact name={texts.bits}>
            <code>0x{block.bits.toString(16).padStart(8, "0")}</code>
          </Fact>
          <Fact name={texts.nonce}>
            <code>{block.nonce}</code>
          </Fact>
          <Fact name={texts.work}>{formatNumber(BigInt(block.work), language)}</Fact>
          <Fact name={texts.totalWork}>{formatNumber(BigInt(block.totalWork), language)}</Fact>
          <Fact name="API">
            <a href={`/api/v1/blocks/${block.id}`}>{texts.json}</a> ·{" "}
            <a href={`/api/v1/blocks/${block.id}/raw`} download={`${block.id}.block`}>
              {texts.raw}
            </a>
          </Fact>
        </dl>
      </details>
    </section>
  );
}

/** One check made while answering, with its result in words. */
export function Check({ view, name, isGood }: { view: View; name: string; isGood: boolean }) {
  const { texts } = view;
  return (
    <span class={isGood ? "check good" : "check bad"}>
      <span aria-hidden="true">{isGood ? "✓" : "✕"}</span> {name}{" "}
      <span class="unseen">{isGood ? texts.valid : texts.invalid}</span>
    </span>
  );
}
