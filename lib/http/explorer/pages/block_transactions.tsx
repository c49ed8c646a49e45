import { raw } from "hono/html";
import type { BlockInfo, TransactionInfo } from "../../../node/mod.ts";
import { formatNumber, shortId } from "../format.ts";
import { shownMemo } from "../memo.ts";
import { AddressLink, Amount, Inert, Pager, TransactionLink } from "../parts.tsx";
import type { View } from "../view.ts";

/** Transactions of one page, and outputs of one of them that are shown. */
export const TRANSACTIONS_PER_PAGE = 50;
const OUTPUTS_SHOWN = 4;

/** Lists that are kept as rendered, of some 50 kB each. */
const LISTS_KEPT = 100;

type ListParts = { view: View; block: BlockInfo; page: number };

export function pagesOf(block: Pick<BlockInfo, "transactions">): number {
  return Math.max(1, Math.ceil(block.transactions / TRANSACTIONS_PER_PAGE));
}

/**
 * The transactions of blocks as rendered: they are most of a block page's work, and nothing in them
 * changes with the time or the tip.
 */
export class TransactionLists {
  readonly #kept = new Map<string, ReturnType<typeof raw>>();

  /** A page, from 1, of a block's transactions. */
  of({ view, block, page }: ListParts): ReturnType<typeof raw> {
    // Beside the main chain fees are not known.
    const key = [view.language, block.id, block.onMainChain, page].join(" ");
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const rendered = raw(String(<Transactions view={view} block={block} page={page} />));
    if (this.#kept.size >= LISTS_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, rendered);
    return rendered;
  }
}

function Transactions({ view, block, page }: ListParts) {
  const { texts, language } = view;
  const pages = pagesOf(block);
  const number = (count: number) => formatNumber(count, language);
  const start = (page - 1) * TRANSACTIONS_PER_PAGE;
  const links = [
    { text: texts.previous, page: page - 1, rel: "prev" as const },
    { text: texts.next, page: page + 1, rel: "next" as const },
  ].filter((link) => link.page >= 1 && link.page <= pages);
  return (
    <section aria-labelledby="transactions-title">
      <h2 id="transactions-title">
        {texts.transactions} <span class="pale">{number(block.transactions)}</span>
      </h2>
      <ol class="payments">
        {block.details.slice(start, start + TRANSACTIONS_PER_PAGE).map((each) => (
          <TransactionItem view={view} transaction={each} />
        ))}
      </ol>
      {pages > 1 && <p class="pale">{texts.pageOf(number(page), number(pages))}</p>}
      <Pager
        view={view}
        of={texts.transactions}
        links={links.map((link) => ({ ...link, href: `/block/${block.id}?page=${link.page}` }))}
      />
    </section>
  );
}

function TransactionItem({ view, transaction }: { view: View; transaction: TransactionInfo }) {
  const { texts, language } = view;
  const { outputs, spends } = transaction;
  const hidden = outputs.length - OUTPUTS_SHOWN;
  const memo = shownMemo(transaction);
  return (
    <li class="card payment">
      <p class="line">
        {transaction.state === "confirmed"
          ? <TransactionLink id={transaction.id} />
          // Beside the main chain the node cannot show it by its id.
          : <span class="id" title={transaction.id}>{shortId(transaction.id)}</span>}
        <span class="pale">
          {transaction.kind === "coinbase" ? texts.coinbase : texts.payment}
        </span>
        {transaction.fee !== undefined && (
          <span class="pale end">
            {texts.fee} <Amount view={view} grains={transaction.fee} />
          </span>
        )}
      </p>
      <div class="flow">
        <ul aria-label={texts.spends}>
          {spends.length === 0 && <li class="pale">{texts.spendsNothing}</li>}
          {spends.slice(0, OUTPUTS_SHOWN).map(({ address }) => (
            <li>
              <AddressLink address={address} />
            </li>
          ))}
          {spends.length > OUTPUTS_SHOWN && (
            <li class="pale">
              {texts.more(formatNumber(spends.length - OUTPUTS_SHOWN, language))}
            </li>
          )}
        </ul>
        <span class="arrow" aria-hidden="true">→</span>
        <ul aria-label={texts.outputs}>
          {outputs.length === 0 && <li class="pale">{texts.outputsNone}</li>}
          {outputs.slice(0, OUTPUTS_SHOWN).map(({ address, amount }) => (
            <li class="line">
              <AddressLink address={address} />
              <span class="end">
                <Amount view={view} grains={amount} />
              </span>
            </li>
          ))}
          {hidden > 0 && <li class="pale">{texts.more(formatNumber(hidden, language))}</li>}
        </ul>
      </div>
      {memo !== undefined && "text" in memo && (
        <p class="memo">
          <Inert text={memo.text} />
        </p>
      )}
    </li>
  );
}
