import type { MempoolPage, TransactionInfo } from "../../../node/mod.ts";
import { formatBytes, formatNumber } from "../format.ts";
import { Amount, Cell, Empty, Head, Time, TransactionLink } from "../parts.tsx";
import type { View } from "../view.ts";

/** Payments at the top of the list whose content is looked up. */
export const PAYMENTS_TOLD = 25;

/** The pool, and the content of its first payments that still wait. */
export type MempoolData = { page: MempoolPage; payments: readonly TransactionInfo[] };

/** What a payment gives to others: not the change, which goes back to whoever pays. */
function paidBy({ spends, outputs }: TransactionInfo): number {
  const payers = new Set(spends.map(({ address }) => address));
  return outputs.filter(({ address }) => !payers.has(address))
    .reduce((sum, { amount }) => sum + amount, 0);
}

export function MempoolBody(
  { view, data: { page: data, payments } }: { view: View; data: MempoolData },
) {
  const paid = new Map(payments.map((payment) => [payment.id, paidBy(payment)]));
  const { texts, language } = view;
  const number = (count: number) => formatNumber(count, language);
  const hidden = data.transactions - data.entries.length;
  return (
    <section aria-labelledby="mempool-title">
      <h1 id="mempool-title">{texts.mempool}</h1>
      <p class="lead">{texts.mempoolLead}</p>
      <div data-live="mempool">
        <p class="total">
          {texts.mempoolTotal(number(data.transactions), formatBytes(data.bytes, language))}
        </p>
        {data.entries.length === 0 ? <Empty text={texts.mempoolNone} /> : (
          <table>
            <thead>
              <tr>
                <Head text={texts.transaction} />
                <Head text={texts.amount} right />
                <Head text={texts.fee} right wide />
                <Head text={texts.feeRate} right wide />
                <Head text={texts.size} right wide />
                <Head text={texts.seen} />
              </tr>
            </thead>
            <tbody>
              {data.entries.map(({ txId, bytes, fee, addedMs }) => (
                <tr data-key={txId}>
                  <th scope="row">
                    <TransactionLink id={txId} />
                  </th>
                  <Cell right>
                    <Paid view={view} grains={paid.get(txId)} />
                  </Cell>
                  <Cell right wide>
                    <Amount view={view} grains={fee} />
                  </Cell>
                  <Cell right wide>{texts.grainsPerByte((fee / bytes).toFixed(2))}</Cell>
                  <Cell right wide>{formatBytes(bytes, language)}</Cell>
                  <Cell>
                    <Time view={view} ms={addedMs} />
                  </Cell>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {hidden > 0 && <p class="pale">{texts.firstShown(number(data.entries.length))}</p>}
      </div>
    </section>
  );
}

function Paid({ view, grains }: { view: View; grains: number | undefined }) {
  if (grains === undefined) return <span class="pale">–</span>;
  return <Amount view={view} grains={grains} />;
}
