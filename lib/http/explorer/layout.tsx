/** The frame of every page: head, header with search and switches, main part, footer. */
import type { Child } from "hono/jsx";
import type { NodeStatus } from "../../node/mod.ts";
import { ICON_ASSET, SCRIPT_ASSET, STYLE_ASSET } from "./assets.ts";
import { inertText, shortId } from "./format.ts";
import { Mark } from "./mark.tsx";
import { Inert } from "./parts.tsx";
import { LANGUAGES } from "./texts.ts";
import { addressWith, THEMES, type View } from "./view.ts";

/** What a page hands to its frame. */
export type PageContent = {
  title: string;
  body: Child;
  /** HTTP status; 200 when absent. */
  status?: number;
  /** News on which the page is worth fetching again, of the event stream's kinds. */
  news?: string;
  /** For big screens: without menu and search. */
  isBare?: boolean;
};

const SECTIONS = [
  { key: "chain", href: "/" },
  { key: "mempool", href: "/mempool" },
  { key: "peers", href: "/peers" },
  { key: "forks", href: "/forks" },
  { key: "stats", href: "/stats" },
  { key: "wallet", href: "/wallet" },
  { key: "classroom", href: "/class" },
] as const;

const LANGUAGE_NAMES = { ko: "한국어", en: "English" } as const;

type Frame = {
  view: View;
  content: PageContent;
  /** Absent when the node could not even tell its status. */
  status: NodeStatus | undefined;
  version: string;
};

/** A whole document. */
export function Layout({ view, content, status, version }: Frame) {
  const { texts } = view;
  return (
    <html lang={view.language} data-theme={view.theme === "auto" ? undefined : view.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{titleOf({ view, content, status })}</title>
        <link rel="icon" href={ICON_ASSET.path} type="image/svg+xml" />
        <link rel="stylesheet" href={STYLE_ASSET.path} integrity={STYLE_ASSET.integrity} />
        <script type="module" src={SCRIPT_ASSET.path} integrity={SCRIPT_ASSET.integrity}></script>
      </head>
      <body
        class={content.isBare ? "bare" : undefined}
        data-news={content.news}
        data-block={texts.newsBlock("{}")}
        data-reorganized={texts.newsReorganized}
        data-live-on={texts.live}
        data-live-off={texts.liveOff}
      >
        <a class="skip" href="#content">{texts.skip}</a>
        <Header view={view} status={status} isBare={content.isBare ?? false} />
        <main id="content" tabindex={-1}>{content.body}</main>
        <Footer view={view} status={status} version={version} />
        <p id="news" class="unseen" role="status"></p>
      </body>
    </html>
  );
}

/** Longest title and network name in a browser's tab: names may be 200 bytes long. */
const TITLE_MAX = 34;
const NETWORK_MAX = 22;

function titleOf({ view, content, status }: Omit<Frame, "version">): string {
  const network = status === undefined ? [] : [shortened(inertText(status.network), NETWORK_MAX)];
  return [shortened(content.title, TITLE_MAX), ...network, view.texts.brand].join(" · ");
}

function shortened(text: string, lengthMax: number): string {
  const letters = [...text];
  return letters.length <= lengthMax ? text : `${letters.slice(0, lengthMax - 1).join("")}…`;
}

type HeaderParts = { view: View; status: NodeStatus | undefined; isBare: boolean };

function Header({ view, status, isBare }: HeaderParts) {
  const { texts } = view;
  return (
    <header class="top">
      <div class="masthead">
        <a class="brand" href="/">
          <Mark />
          <span>{texts.brand}</span>
          {status && <Inert text={status.network} />}
        </a>
        {!isBare && <SearchForm view={view} />}
        <Switches view={view} />
      </div>
      {!isBare && (
        <nav class="sections" aria-label={texts.navigation}>
          <ul>
            {SECTIONS.map(({ key, href }) => (
              <li>
                <a href={href} aria-current={isHere(view.address, href) ? "page" : undefined}>
                  {texts[key]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      )}
    </header>
  );
}

function isHere(address: string, href: string): boolean {
  return address.split("?")[0] === href;
}

function SearchForm({ view }: { view: View }) {
  const { texts } = view;
  return (
    <form class="search" role="search" action="/search" method="get">
      <label class="unseen" for="q">{texts.searchLabel}</label>
      <input
        id="q"
        name="q"
        type="search"
        maxlength={200}
        placeholder={texts.searchHint}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
      />
      <button type="submit">{texts.search}</button>
    </form>
  );
}

function Switches({ view }: { view: View }) {
  const { texts, address } = view;
  return (
    <div class="switches">
      <nav aria-label={texts.language}>
        {LANGUAGES.map((language) => (
          <a
            href={addressWith(address, "lang", language)}
            lang={language}
            hreflang={language}
            aria-current={language === view.language ? "true" : undefined}
          >
            {LANGUAGE_NAMES[language]}
          </a>
        ))}
      </nav>
      <nav aria-label={texts.theme}>
        {THEMES.map((theme) => (
          <a
            href={addressWith(address, "theme", theme)}
            data-set-theme={theme}
            aria-current={theme === view.theme ? "true" : undefined}
          >
            {texts[`theme_${theme}`]}
          </a>
        ))}
      </nav>
    </div>
  );
}

type FooterParts = { view: View; status: NodeStatus | undefined; version: string };

function Footer({ view, status, version }: FooterParts) {
  const { texts } = view;
  return (
    <footer>
      <p>
        <span>{texts.brand} {version}</span>
        {status && (
          <span>
            {texts.genesis}{" "}
            <a href="/block/0" class="id" title={status.genesisId}>{shortId(status.genesisId)}</a>
          </span>
        )}
        <a href="/api/v1/openapi.json">{texts.apiDescription}</a>
        <span id="live" hidden></span>
      </p>
    </footer>
  );
}
