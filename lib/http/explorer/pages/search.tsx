import { Inert } from "../parts.tsx";
import { inertText } from "../format.ts";
import type { View } from "../view.ts";

/** What was searched for without finding anything; empty: nothing was asked. */
export type SearchData = { text: string };

/** Longest search that is repeated to its asker. */
const SHOWN_MAX = 120;

export function SearchBody({ view, data }: { view: View; data: SearchData }) {
  const { texts } = view;
  const text = data.text.length > SHOWN_MAX ? `${data.text.slice(0, SHOWN_MAX)}…` : data.text;
  return (
    <section class="card prose" aria-labelledby="search-title">
      <h1 id="search-title">{data.text === "" ? texts.searchEmpty : texts.error404}</h1>
      {data.text !== "" && (
        <p class="lead">
          <Inert text={texts.searchNone(inertText(text))} />
        </p>
      )}
      <h2>{texts.searchHints}</h2>
      <ul>
        <li>{texts.searchHintHeight}</li>
        <li>{texts.searchHintId}</li>
        <li>{texts.searchHintAddress}</li>
        <li>{texts.searchHintName}</li>
        <li>{texts.searchHintPending}</li>
      </ul>
    </section>
  );
}
