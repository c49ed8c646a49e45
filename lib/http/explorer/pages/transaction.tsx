import type { TransactionInfo } from "../../../node/mod.ts";
import { formatBytes, formatNumber } from "../format.ts";
import { shownMemo } from "../memo.ts";
import {
  AddressLink,
  Amount,
  Fact,
  IdLink,
  Inert,
  Pager,
  StateBadge,
  Time,
  WholeId,
} from "../parts.tsx";
import type { View } from "../view.ts";
import { Check } from "./block.tsx";

/** Coins and outputs of one page: a transaction may have thousands. */
export const LINES_PER_PAGE = 100;

/** A transaction, and which page of its coins and outputs, from 1. */
export type TransactionData = { transaction: TransactionInfo; page: number };

/** How many pages the longer of both sides takes. */
export function transactionPages({ spends, outputs }: TransactionInfo): number {
  const coins = spends.reduce((sum, spend) => sum + spend.coins.length, 0);
  return Math.max(1, Math.ceil(Math.max(coins, outputs.length) / LINES_PER_PAGE));
}

export function TransactionBody({ view, data }: { view: View; data: TransactionData }) {
  const { texts, language } = view;
  const { transaction, page } = data;
  const pages = transactionPages(transaction);
  const links = [
    { text: texts.previous, page: page - 1, rel: "prev" as const },
    { text: texts.next, page: page + 1, rel: "next" as const },
  ].filter((link) => link.page >= 1 && link.page <= pages);
  return (
    <>
      <header class="title">
        <h1>{texts.transaction}</h1>
        <p class="badges" data-live="state">
          <StateBadge view={view} of={transaction} />{" "}
          {transaction.state === "confirmed" && (
            <span>{texts.confirmationsOf(formatNumber(transaction.confirmations, language))}</span>
          )}
        </p>
      </header>
      <TransactionFacts view={view} transaction={transaction} />
      <Memo view={view} transaction={transaction} />
      <div class="sides" data-live="sides">
        <Spends view={view} data={data} />
        <Outputs view={view} data={data} />
      </div>
      <Pager
        view={view}
        of={texts.transaction}
        links={links.map((link) => ({ ...link, href: `/tx/${transaction.id}?page=${link.page}` }))}
      />
    </>
  );
}

type TransactionParts = { view: View; transaction: TransactionInfo };

function TransactionFacts({ view, transaction }: TransactionParts) {
  const { texts, language } = view;
  const { id, fee, bytes } = transaction;
  return (
    <section class="card" aria-label={texts.transaction} data-live="facts">
      <dl class="facts">
        <Fact name={texts.transactionId}>
          <WholeId view={view} id={id} />
        </Fact>
        <Fact name={texts.kind}>
          {transaction.kind === "coinbase" ? texts.coinbase : texts.payment}
        </Fact>
        {transaction.blockId !== undefined && (
          <Fact name={texts.inBlock}>
            <IdLink href={`/block/${transaction.blockId}`} id={transaction.blockId} />{" "}
            <span class="pale">
              {texts.height} {formatNumber(transaction.height ?? 0, language)}
            </span>
          </Fact>
        )}
        {transaction.timeMs !== undefined && (
          <Fact name={texts.time}>
            <Time view={view} ms={transaction.timeMs} />
          </Fact>
        )}
        {fee !== undefined && (
          <Fact name={texts.fee}>
            <Amount view={view} grains={fee} />{" "}
            <span class="pale">{texts.grainsPerByte((fee / bytes).toFixed(2))}</span>
          </Fact>
        )}
        <Fact name={texts.size}>{formatBytes(bytes, language)}</Fact>
        <Fact name={texts.checks}>
          <Check view={view} name={texts.signatures} isGood={transaction.signaturesValid} />
        </Fact>
        <Fact name="API">
          <a href={`/api/v1/transactions/${id}`}>{texts.json}</a> ·{" "}
          <a href={`/api/v1/transactions/${id}/raw`} download={`${id}.transaction`}>{texts.raw}</a>
          {transaction.state === "confirmed" && (
            <>
              {" · "}
              <a href={`/api/v1/transactions/${id}/proof`}>{texts.proof}</a>
            </>
          )}
        </Fact>
      </dl>
    </section>
  );
}

function Memo({ view, transaction }: TransactionParts) {
  const { texts } = view;
  const memo = shownMemo(transaction);
  if (memo === undefined) return null;
  return (
    <section aria-labelledby="memo-title">
      <h2 id="memo-title">{"text" in memo ? texts.memo : texts.memoBytes}</h2>
      <blockquote class="memo" title={texts.memoInert}>
        {"text" in memo ? <Inert text={memo.text} /> : <code>{memo.hex}</code>}
      </blockquote>
    </section>
  );
}

function Spends({ view, data: { transaction, page } }: { view: View; data: TransactionData }) {
  const { texts } = view;
  const lines = transaction.spends.flatMap(({ address, coins }) =>
    coins.map((coin) => ({ address, ...coin }))
  );
  const shown = lines.slice((page - 1) * LINES_PER_PAGE, page * LINES_PER_PAGE);
  return (
    <section aria-labelledby="spends-title">
      <h2 id="spends-title">{texts.spends}</h2>
      <ul class="coins">
        {lines.length === 0 && <li class="card pale">{texts.spendsNothing}</li>}
        {shown.map(({ address, txId, index, amount }) => (
          <li class="card">
            <p class="line">
              <AddressLink address={address} />
              <span class="end">
                {amount === undefined ? texts.unknown : <Amount view={view} grains={amount} />}
              </span>
            </p>
            <p class="pale">
              {texts.coin} <a class="id" href={`/tx/${txId}`} title={txId}>{txId.slice(0, 8)}…</a>
              :{index}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Outputs({ view, data: { transaction, page } }: { view: View; data: TransactionData }) {
  const { texts } = view;
  const { outputs } = transaction;
  const shown = outputs.slice((page - 1) * LINES_PER_PAGE, page * LINES_PER_PAGE);
  return (
    <section aria-labelledby="outputs-title">
      <h2 id="outputs-title">{texts.outputs}</h2>
      <ul class="coins">
        {outputs.length === 0 && <li class="card pale">{texts.outputsNone}</li>}
        {shown.map(({ index, address, amount, spent }) => (
          <li class="card">
            <p class="line">
              <AddressLink address={address} />
              <span class="end">
                <Amount view={view} grains={amount} />
              </span>
            </p>
            <p class="pale">
              #{index}
              {spent !== undefined && ` · ${spent ? texts.spent : texts.unspent}`}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
