/** Small pieces that many pages share. Everything a stranger wrote goes through `Inert`. */
import type { Child } from "hono/jsx";
import type { Confirmation } from "../../node/mod.ts";
import {
  coinParts,
  formatAgo,
  formatMoment,
  formatNumber,
  inertPieces,
  inertText,
  isoMoment,
  shortIdParts,
} from "./format.ts";
import type { View } from "./view.ts";

/** A count, grouped. */
export function Count({ view, of }: { view: View; of: number | bigint }) {
  return <span class="num">{formatNumber(of, view.language)}</span>;
}

/** Grains as coins: all six decimals, the idle zeros pale. */
export function Amount(
  { view, grains, signed = false }: { view: View; grains: number; signed?: boolean },
) {
  const { sign, whole, digits, zeros } = coinParts(grains, view.language);
  const shownSign = signed && grains > 0 ? "+" : sign;
  return (
    <span class={signed && grains < 0 ? "amount out" : signed ? "amount in" : "amount"}>
      {shownSign}
      {whole}
      <wbr />
      {digits === "" ? <span class="pale">.{zeros}</span> : (
        <>
          .{digits}
          <span class="pale">{zeros}</span>
        </>
      )}
    </span>
  );
}

/** How long ago, which the script keeps counting; the moment itself in the title. */
export function Time({ view, ms }: { view: View; ms: number }) {
  return (
    <time datetime={isoMoment(ms)} title={formatMoment(ms)} data-ago={ms}>
      {formatAgo(ms, view.nowMs, view.language)}
    </time>
  );
}

/** A text somebody else wrote: isolated, and what cannot be seen in it is spelled out. */
export function Inert({ text }: { text: string }) {
  return (
    <bdi class="inert">
      {inertPieces(text).map((piece, at) =>
        piece.isEscape ? <span key={at} class="escape">{piece.text}</span> : piece.text
      )}
    </bdi>
  );
}

/** A link whose text is an id in short, on a phone its end alone; the whole is in the title. */
export function IdLink({ href, id }: { href: string; id: string }) {
  const { start, end } = shortIdParts(id);
  return (
    <a class="id" href={href} title={id}>
      <span class="start">{start}</span>
      {end}
    </a>
  );
}

export function AddressLink({ address }: { address: string }) {
  return <IdLink href={`/address/${address}`} id={address} />;
}

export function TransactionLink({ id }: { id: string }) {
  return <IdLink href={`/tx/${id}`} id={id} />;
}

/** An id in full, wrapping, with a button that copies it (shown when there is a script). */
export function WholeId({ view, id, href }: { view: View; id: string; href?: string }) {
  return (
    <span class="whole">
      {href === undefined ? <code>{id}</code> : <a href={href}>{<code>{id}</code>}</a>}
      <CopyButton view={view} text={id} />
    </span>
  );
}

/** Copies `text`; not where it holds what its reader cannot see. */
export function CopyButton({ view, text }: { view: View; text: string }) {
  const { texts } = view;
  if (inertText(text) !== text) return null;
  return (
    <button type="button" class="copy" data-copy={text} data-copied={texts.copied}>
      {texts.copy}
    </button>
  );
}

/** How sure a confirmed or pending thing is. */
export function StateBadge(
  { view, of }: { view: View; of: Pick<Confirmation, "state" | "confirmations" | "settled"> },
) {
  const { texts } = view;
  if (of.state === "pending") {
    return <span class="badge pending" title={texts.pendingHelp}>{texts.pending}</span>;
  }
  return <SettledBadge view={view} settled={of.settled} />;
}

export function SettledBadge({ view, settled }: { view: View; settled: boolean }) {
  const { texts } = view;
  return settled
    ? <span class="badge settled" title={texts.settledHelp}>{texts.settled}</span>
    : <span class="badge provisional" title={texts.provisionalHelp}>{texts.provisional}</span>;
}

/** One line of a list of facts. */
export function Fact({ name, children }: { name: string; children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A column's head; `wide` columns are left out on a phone, `right` ones hold numbers. */
export function Head({ text, wide, right }: { text: string; wide?: boolean; right?: boolean }) {
  return <th scope="col" class={columnClass({ wide, right })}>{text}</th>;
}

export function Cell(
  { children, wide, right }: { children?: Child; wide?: boolean; right?: boolean },
) {
  return <td class={columnClass({ wide, right })}>{children}</td>;
}

function columnClass(
  { wide, right }: { wide?: boolean | undefined; right?: boolean | undefined },
): string | undefined {
  const classes = [wide && "wide", right && "right"].filter(Boolean);
  return classes.length === 0 ? undefined : classes.join(" ");
}

/** A link to a neighbouring page of a list. */
export type PageLink = { text: string; href: string; rel: "prev" | "next" };

/** Links to the neighbouring pages of the list called `of`. */
export function Pager({ view, of, links }: { view: View; of: string; links: PageLink[] }) {
  if (links.length === 0) return null;
  return (
    <nav class="pager" aria-label={`${view.texts.pages}: ${of}`}>
      {links.map(({ text, href, rel }) => (
        <a key={href} class="button" href={href} rel={rel}>{text}</a>
      ))}
    </nav>
  );
}

/** A list that has nothing to show. */
export function Empty({ text }: { text: string }) {
  return <p class="empty">{text}</p>;
}
