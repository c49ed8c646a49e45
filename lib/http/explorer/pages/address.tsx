import type { Balance, CoinPage, HistoryEntry, HistoryPage } from "../../../node/mod.ts";
import { formatNumber } from "../format.ts";
import {
  AddressLink,
  Amount,
  Cell,
  Empty,
  Head,
  Inert,
  type PageLink,
  Pager,
  StateBadge,
  Time,
  TransactionLink,
  WholeId,
} from "../parts.tsx";
import { QrCode } from "../qr.tsx";
import type { View } from "../view.ts";

/** What is known of an address; the cursors are those that were asked for. */
export type AddressData = {
  balance: Balance;
  history: HistoryPage;
  coins: CoinPage;
  cursors: { history: string | undefined; coins: string | undefined };
};

export function AddressBody({ view, data }: { view: View; data: AddressData }) {
  const { texts } = view;
  const { address } = data.balance;
  return (
    <>
      <section class="card owner" aria-labelledby="address-title">
        <div>
          <h1 id="address-title">{texts.address}</h1>
          <p>
            <WholeId view={view} id={address} />
          </p>
          <BalanceFacts view={view} balance={data.balance} />
        </div>
        <QrCode text={address} label={texts.qrOfAddress} />
      </section>
      <History view={view} data={data} />
      <Coins view={view} data={data} />
    </>
  );
}

function BalanceFacts({ view, balance }: { view: View; balance: Balance }) {
  const { texts } = view;
  const parts = [
    { name: texts.maturing, grains: balance.maturing },
    { name: texts.arriving, grains: balance.pendingIn },
    { name: texts.leaving, grains: -balance.pendingOut },
  ].filter(({ grains }) => grains !== 0);
  return (
    <dl class="balance" data-live="balance">
      <div class="main">
        <dt>{texts.balance}</dt>
        <dd>
          <Amount view={view} grains={balance.total} /> <small>{texts.coins}</small>
        </dd>
      </div>
      <div>
        <dt>{texts.spendable}</dt>
        <dd>
          <Amount view={view} grains={balance.confirmed} />
        </dd>
      </div>
      {parts.map(({ name, grains }) => (
        <div>
          <dt>{name}</dt>
          <dd>
            <Amount view={view} grains={grains} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function History({ view, data: { history, cursors } }: { view: View; data: AddressData }) {
  const { texts, language } = view;
  const page = `/address/${history.address}`;
  const links: PageLink[] = [];
  if (cursors.history !== undefined) links.push({ text: texts.newer, href: page, rel: "prev" });
  if (history.next !== undefined) {
    const href = `${page}?before=${encodeURIComponent(history.next)}`;
    links.push({ text: texts.older, href, rel: "next" });
  }
  return (
    <section aria-labelledby="history-title" data-live="history">
      <h2 id="history-title">{texts.history}</h2>
      {history.indexedHeight !== undefined && (
        <p class="notice">{texts.historyBehind(formatNumber(history.indexedHeight, language))}</p>
      )}
      {history.entries.length === 0 ? <Empty text={texts.historyNone} /> : (
        <table class="history">
          <thead>
            <tr>
              <Head text={texts.kind} />
              <Head text={texts.amount} right />
              <Head text={texts.others} wide />
              <Head text={texts.time} />
              <Head text={texts.state} wide />
              <Head text={texts.transaction} wide />
            </tr>
          </thead>
          <tbody>
            {history.entries.map((entry) => (
              <HistoryRow key={entry.txId} view={view} entry={entry} />
            ))}
          </tbody>
        </table>
      )}
      <Pager view={view} of={texts.history} links={links} />
    </section>
  );
}

function HistoryRow({ view, entry }: { view: View; entry: HistoryEntry }) {
  const { texts, language } = view;
  const [other, ...more] = entry.others;
  return (
    <tr data-key={`${entry.txId}${entry.state}`}>
      <th scope="row">
        <a href={`/tx/${entry.txId}`}>{texts[`kind_${entry.kind}`]}</a>
        {entry.memo !== undefined && (
          <div class="memo">
            <Inert text={entry.memo} />
          </div>
        )}
      </th>
      <Cell right>
        <Amount view={view} grains={entry.amount} signed />
      </Cell>
      <Cell wide>
        {other === undefined ? <span class="pale">–</span> : <AddressLink address={other} />}
        {more.length > 0 && (
          <span class="pale">&nbsp;{texts.more(formatNumber(more.length, language))}</span>
        )}
      </Cell>
      <Cell>
        {entry.timeMs === undefined
          ? (
            <span class="narrow">
              <StateBadge view={view} of={entry} />
            </span>
          )
          : <Time view={view} ms={entry.timeMs} />}
      </Cell>
      <Cell wide>
        <StateBadge view={view} of={entry} />
      </Cell>
      <Cell wide>
        <TransactionLink id={entry.txId} />
      </Cell>
    </tr>
  );
}

function Coins({ view, data: { coins, cursors } }: { view: View; data: AddressData }) {
  const { texts, language } = view;
  const page = `/address/${coins.address}`;
  const links: PageLink[] = [];
  if (cursors.coins !== undefined) {
    links.push({ text: texts.newer, href: `${page}#coins-title`, rel: "prev" });
  }
  if (coins.next !== undefined) {
    const href = `${page}?coins=${encodeURIComponent(coins.next)}#coins-title`;
    links.push({ text: texts.older, href, rel: "next" });
  }
  return (
    <section aria-labelledby="coins-title" data-live="coins">
      <h2 id="coins-title">{texts.coinsHere}</h2>
      {coins.coins.length === 0 ? <Empty text={texts.coinsNone} /> : (
        <table>
          <thead>
            <tr>
              <Head text={texts.coin} />
              <Head text={texts.amount} right />
              <Head text={texts.height} right />
              <Head text={texts.state} wide />
            </tr>
          </thead>
          <tbody>
            {coins.coins.map((coin) => (
              <tr>
                <th scope="row">
                  <TransactionLink id={coin.txId} />
                  <span class="pale">:{coin.index}</span>
                </th>
                <Cell right>
                  <Amount view={view} grains={coin.amount} />
                </Cell>
                <Cell right>
                  <a href={`/block/${coin.height}`}>{formatNumber(coin.height, language)}</a>
                </Cell>
                <Cell wide>{coin.mature ? texts.spendable : texts.maturing}</Cell>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Pager view={view} of={texts.coinsHere} links={links} />
    </section>
  );
}
