/** The explorer's routes: ask the node, render a page, set the headers. */
import type { Context, Hono, Next } from "hono";
import { type Clock, EXIT, systemClock, UserError } from "../../base/mod.ts";
import { qrSvg } from "../../base/qr.ts";
import type { NodeApi, NodeStatus } from "../../node/mod.ts";
import { problemOf, RequestError } from "../problem.ts";
import { ASSETS } from "./assets.ts";
import { shortId } from "./format.ts";
import { joinCommands, sharedUrl } from "./join.ts";
import { KeptAnswers } from "./kept_answers.ts";
import { Layout, type PageContent } from "./layout.tsx";
import { AddressBody } from "./pages/address.tsx";
import { BlockBody, blockTitle } from "./pages/block.tsx";
import { pagesOf, TransactionLists } from "./pages/block_transactions.tsx";
import { ChainBody } from "./pages/chain.tsx";
import { CLASS_BLOCKS, CLASS_FORK_HEIGHTS, ClassBody } from "./pages/classroom.tsx";
import { FORK_HEIGHTS, ForksBody } from "./pages/forks.tsx";
import { MempoolBody, PAYMENTS_TOLD } from "./pages/mempool.tsx";
import { PeersBody } from "./pages/peers.tsx";
import { ProblemBody, problemTitle } from "./pages/problem.tsx";
import { SearchBody } from "./pages/search.tsx";
import { STATS_RANGES, StatsBody } from "./pages/stats.tsx";
import { TransactionBody, transactionPages } from "./pages/transaction.tsx";
import { WalletBody } from "./pages/wallet.tsx";
import {
  addressOf,
  blockName,
  cursor,
  hashName,
  HEIGHT_MAX,
  pageNumber,
  queryInteger,
} from "./request.ts";
import { type View, viewOf } from "./view.ts";

export type ExplorerOptions = {
  /** Of the program, for the footer. */
  version: string;
  /** The explorer's own address, as `moim start` prints it: told to a class when it can reach it. */
  homeUrl: () => string;
  clock?: Clock;
};

/** Entries of one page of a list. */
const BLOCKS_PER_PAGE = 20;
const ENTRIES_PER_PAGE = 25;
const MEMPOOL_SHOWN = 100;
/** Longest text that is searched for. */
const SEARCH_LENGTH_MAX = 200;

/** Nothing but our own files, and no script or style in a page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** What a page's handler may use. */
type Call = {
  api: NodeApi;
  homeUrl: () => string;
  kept: KeptAnswers;
  lists: TransactionLists;
  view: View;
  status: Promise<NodeStatus>;
  param: (name: string) => string;
  query: (name: string) => string | undefined;
};

type Handler = (call: Call) => Promise<PageContent> | PageContent;

const PAGES: Readonly<Record<string, Handler>> = {
  "/": chainPage,
  "/block/:id": blockPage,
  "/tx/:id": transactionPage,
  "/address/:address": addressPage,
  "/mempool": mempoolPage,
  "/peers": peersPage,
  "/forks": forksPage,
  "/stats": statsPage,
  "/wallet": ({ view }) => ({
    title: view.texts.wallet,
    news: "connected disconnected mempool",
    body: <WalletBody view={view} />,
  }),
  "/class": classPage,
};

/** Adds all pages and their files. Whoever wants no HTML is left to the routes after these. */
export function addExplorer(app: Hono, api: NodeApi, options: ExplorerOptions): void {
  const clock = options.clock ?? systemClock;
  const parts: Parts = {
    ...options,
    clock,
    kept: new KeptAnswers(api),
    lists: new TransactionLists(),
  };
  const answer = (handler: Handler) => (context: Context, next: Next) =>
    wantsHtml(context) ? render(context, api, { ...parts, handler }) : next();
  for (const { path, type, content } of ASSETS) {
    app.get(path, (context) => {
      setHeaders(context, "public, max-age=31536000, immutable");
      return context.body(content, 200, { "content-type": type });
    });
  }
  app.get("/address/:address/qr.svg", (context) => {
    setHeaders(context, "private, max-age=86400");
    const address = addressOf(context.req.param("address"));
    return context.body(qrSvg(address), 200, { "content-type": "image/svg+xml" });
  });
  app.get("/search", (context, next) => {
    return wantsHtml(context) ? search(context, api, parts) : next();
  });
  for (const [path, handler] of Object.entries(PAGES)) app.get(path, answer(handler));
  app.get("*", (context, next) => {
    if (/^\/(?:api|metrics)(?:\/|$)/.test(context.req.path)) return next();
    return answer(({ view }) => {
      throw new RequestError(404, view.texts.errorNoPage);
    })(context, next);
  });
}

/** Programs that name what they want, and not HTML, are answered by the API. */
function wantsHtml(context: Context): boolean {
  const accept = context.req.header("accept");
  return accept === undefined || /text\/html|text\/\*|\*\/\*/.test(accept);
}

type Rendering = Parts & { handler: Handler };

/** What all requests share. */
type Parts = ExplorerOptions & { clock: Clock; kept: KeptAnswers; lists: TransactionLists };

async function render(
  context: Context,
  api: NodeApi,
  { handler, clock, version, homeUrl, kept, lists }: Rendering,
): Promise<Response> {
  const view = viewOf(context, clock.nowMs());
  const status = api.status();
  let content: PageContent;
  try {
    [content] = await Promise.all([
      handler({
        api,
        homeUrl,
        kept,
        lists,
        view,
        status,
        param: (name) => context.req.param(name) ?? "",
        query: (name) => context.req.query(name),
      }),
      status,
    ]);
  } catch (error) {
    content = problemPage(view, error);
  }
  setHeaders(context, "private, no-cache");
  context.header("vary", "cookie, accept-language");
  const html = String(
    <Layout
      view={view}
      content={content}
      status={await status.catch(() => undefined)}
      version={version}
    />,
  );
  return context.html(`<!DOCTYPE html>\n${inHtmlStyle(html)}`, statusOf(content));
}

/**
 * Rendered JSX as HTML is written: no slash in empty elements, no value of attributes that are set
 * by being there. Texts and values are escaped, so that none of it can be part of one.
 */
function inHtmlStyle(html: string): string {
  return html.replaceAll("/>", ">").replaceAll(/ (hidden|required|download)=""/g, " $1");
}

function statusOf({ status = 200 }: PageContent) {
  return status as 200 | 400 | 404 | 500 | 503;
}

function setHeaders(context: Context, caching: string): void {
  context.header("content-security-policy", CONTENT_SECURITY_POLICY);
  context.header("cache-control", caching);
  context.header("x-content-type-options", "nosniff");
  context.header("referrer-policy", "no-referrer");
  context.header("cross-origin-opener-policy", "same-origin");
}

/** Expected failures are told in the node's own line; of others the log knows more than a page. */
function problemPage(view: View, error: unknown): PageContent {
  const { status, detail } = problemOf(error);
  const data = { status, detail: error instanceof UserError ? detail : undefined };
  return {
    title: problemTitle(view, status),
    status,
    body: <ProblemBody view={view} data={data} />,
  };
}

async function chainPage({ kept, view, status, query }: Call): Promise<PageContent> {
  const before = queryInteger(query("before"), "before", { min: 0, max: HEIGHT_MAX });
  const [page, state] = await Promise.all([
    kept.chain({ before, limit: BLOCKS_PER_PAGE }),
    status,
  ]);
  return {
    title: view.texts.chain,
    news: "connected disconnected mempool peers",
    body: <ChainBody view={view} data={{ status: state, page, before }} />,
  };
}

async function blockPage({ kept, view, param, query, lists }: Call): Promise<PageContent> {
  const page = pageNumber(query("page"));
  const block = await kept.block(blockName(param("id")));
  if (page > pagesOf(block)) throw new RequestError(404, view.texts.errorNoPage);
  const transactions = lists.of({ view, block, page });
  return {
    title: blockTitle(view, block.height),
    // A settled block with a child shows nothing that can change but a count.
    ...(!(block.settled && block.next) && { news: "connected disconnected" }),
    body: <BlockBody view={view} data={{ block, transactions }} />,
  };
}

async function transactionPage({ api, view, param, query }: Call): Promise<PageContent> {
  const page = pageNumber(query("page"));
  const transaction = await api.transaction(hashName(param("id"), "transaction id"));
  if (page > transactionPages(transaction)) {
    throw new RequestError(404, view.texts.errorNoPage);
  }
  return {
    title: `${view.texts.transaction} ${shortId(transaction.id)}`,
    news: "connected disconnected",
    body: <TransactionBody view={view} data={{ transaction, page }} />,
  };
}

async function addressPage({ api, view, param, query }: Call): Promise<PageContent> {
  const address = addressOf(param("address"));
  const cursors = { history: cursor(query("before")), coins: cursor(query("coins")) };
  const limit = ENTRIES_PER_PAGE;
  const [balance, history, coins] = await Promise.all([
    api.balance(address),
    api.history(address, { before: cursors.history, limit }),
    api.coins(address, { ...(cursors.coins !== undefined && { before: cursors.coins }), limit }),
  ]);
  return {
    title: `${view.texts.address} ${shortId(balance.address)}`,
    news: "connected disconnected mempool",
    body: <AddressBody view={view} data={{ balance, history, coins, cursors }} />,
  };
}

async function mempoolPage({ api, view }: Call): Promise<PageContent> {
  const page = await api.mempool({ limit: MEMPOOL_SHOWN });
  const told = page.entries.slice(0, PAYMENTS_TOLD).map(({ txId }) =>
    // A block may have taken it since.
    api.transaction(txId).catch(() => undefined)
  );
  const payments = (await Promise.all(told)).filter((payment) => payment !== undefined);
  return {
    title: view.texts.mempool,
    news: "connected disconnected mempool",
    body: <MempoolBody view={view} data={{ page, payments }} />,
  };
}

async function peersPage({ api, view, status }: Call): Promise<PageContent> {
  const [peers, state] = await Promise.all([api.peers(), status]);
  return {
    title: view.texts.peers,
    news: "peers",
    body: <PeersBody view={view} data={{ status: state, peers }} />,
  };
}

async function forksPage({ api, view }: Call): Promise<PageContent> {
  const data = await api.forks({ blocks: FORK_HEIGHTS });
  return {
    title: view.texts.forks,
    news: "connected disconnected",
    body: <ForksBody view={view} data={data} />,
  };
}

async function statsPage({ api, view, query }: Call): Promise<PageContent> {
  const [range = 100] = STATS_RANGES;
  const most = Math.max(...STATS_RANGES);
  const blocks = queryInteger(query("blocks"), "blocks", { min: 2, max: most }) ?? range;
  const [spacing, minters] = await Promise.all([api.spacing({ blocks }), api.minters({ blocks })]);
  return {
    title: view.texts.stats,
    news: "connected disconnected",
    body: <StatsBody view={view} data={{ spacing, minters, range: blocks }} />,
  };
}

async function classPage({ api, kept, view, status, homeUrl }: Call): Promise<PageContent> {
  const [state, network, { blocks: [newest] }, minters, forks] = await Promise.all([
    status,
    api.network(),
    kept.chain({ before: undefined, limit: 1 }),
    api.minters({ blocks: CLASS_BLOCKS }),
    api.forks({ blocks: CLASS_FORK_HEIGHTS }),
  ]);
  const join = { ...joinCommands(network, state), watchUrl: sharedUrl(homeUrl()) };
  return {
    title: view.texts.classTitle,
    news: "connected disconnected peers",
    isBare: true,
    body: <ClassBody view={view} data={{ status: state, network, join, newest, minters, forks }} />,
  };
}

/** Sends the reader to what is found. Names of keys are found for the owner only, by the script. */
async function search(
  context: Context,
  api: NodeApi,
  parts: Parts,
): Promise<Response> {
  const text = (context.req.query("q") ?? "").trim();
  const handler: Handler = ({ view }) => ({
    title: view.texts.search,
    status: text === "" ? 200 : 404,
    body: <SearchBody view={view} data={{ text }} />,
  });
  const isName = !/^(?:[0-9]+|[0-9a-f]{64}|moim1[0-9a-z]+)$/i.test(text);
  if (isName || text.length > SEARCH_LENGTH_MAX) {
    return await render(context, api, { ...parts, handler });
  }
  const found = await api.search(text).catch((error) => {
    // What is no address after all was not found either.
    if (error instanceof UserError && error.exitCode !== EXIT.failed) return undefined;
    throw error;
  });
  const folder = { block: "block", transaction: "tx", address: "address" };
  if (found === undefined || found.kind === "none" || found.id === undefined) {
    return await render(context, api, { ...parts, handler });
  }
  setHeaders(context, "private, no-cache");
  return context.redirect(`/${folder[found.kind]}/${encodeURIComponent(found.id)}`, 303);
}
